/**
 * The last step of `npm run build`: builds the program that runs, dist/apps/gateway/, from
 * the compiled modules in dist/esm/ (docs/adr/0014-bundle-and-code-cache.md).
 *
 *     main.js            the launcher, CommonJS
 *     gateway.cjs        the gateway and the libraries that it uses, in one file
 *     gateway.cjs.cache  V8's code cache of it, for the version of Node.js that builds
 *     gateway.cjs.lines  the source of each line of it, for stack traces
 *     lease-thread.cjs   the thread that renews the lease of a broker of a cluster
 *
 * and the command line, dist/apps/cli/, whose main.js starts either of the two:
 *
 *     main.js            the entry, CommonJS
 *     command-line.cjs   the command line
 *     *.cjs              what it loads at its start, and parts that are loaded when they are used
 *
 * and dist/apps/THIRD-PARTY-LICENSES.txt, the licences of the packages that are in them.
 *
 * With `--source-map FILE` it also writes the source map of gateway.cjs, and no code cache:
 * functions from a cache have no counters, so V8 measures no coverage inside of them.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin, SourceMap, type SourceMapPayload, type SourceMapping } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  type SourceMap as BundleMap,
  type OutputOptions,
  type Plugin,
  type RolldownBuild,
  rolldown,
} from 'rolldown';
import { licencesOf } from './third-party-licences.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const modules = join(root, 'dist/esm/apps/gateway');
const output = join(root, 'dist/apps/gateway');
const bundlePath = join(output, 'gateway.cjs');
const commandLineModules = join(root, 'dist/esm/apps/cli/src');
const commandLineOutput = join(root, 'dist/apps/cli');
/** Paths of all modules that are in the bundles. */
const bundled = new Set<string>();

/** Packages that load files of their own: a native addon, and the assets of Swagger UI. */
const EXTERNAL = ['@node-rs/crc32', 'fs-native-extensions', 'swagger-ui-dist'];

/** Packages that Nest and its adapter load only when they are installed. None of them is. */
const NOT_INSTALLED =
  /^(@nestjs\/(microservices|platform-express|platform-socket\.io)|@fastify\/(multipart|static|view)|class-transformer)(\/|$)/;

/**
 * Nest would load all of class-validator for its own pipe, which is not used here: the decorators
 * that our classes import are a small part of it.
 */
const isUnusedByNest = (id: string, importer: string | undefined): boolean =>
  id === 'class-validator' && importer?.includes('/node_modules/@nestjs/') === true;

/** Readable ASCII: V8 stores such a text in half the memory and reads it faster. */
const FORMAT = {
  format: 'cjs',
  comments: false,
  minify: {
    compress: false,
    mangle: false,
    codegen: { asciiOnly: true, removeWhitespace: false, legalComments: 'none' },
  },
} as const satisfies OutputOptions;

const { values: options } = parseArgs({ options: { 'source-map': { type: 'string' } } });

if (process.env.BUILD_PROGRESS) process.stderr.write('Compiled; bundling it into one file.\n');
run(join(modules, 'src/write-documents.js'));
mkdirSync(output, { recursive: true });
writeFileSync(join(output, 'package.json'), '{ "type": "commonjs" }\n');
await bundle(join(modules, 'launcher/main.js'), join(output, 'main.js'));
const map = await bundle(join(modules, 'src/main.js'), bundlePath);
await bundle(
  join(root, 'dist/esm/libs/coordination/src/redis/lease-thread-main.js'),
  join(output, 'lease-thread.cjs'),
);
await bundleCommandLine();
writeFileSync(join(root, 'dist/apps/THIRD-PARTY-LICENSES.txt'), licencesOf(bundled));
writeFileSync(`${bundlePath}.lines`, JSON.stringify(linesOf(map)));
if (options['source-map'] === undefined) await writeCodeCache();
else {
  writeFileSync(options['source-map'], map.toString());
  rmSync(`${bundlePath}.cache`, { force: true });
}

/**
 * Bundles the entry of the command line, what its commands need, and, apart from both, the parts
 * that are loaded when they are used: most commands never use them.
 */
async function bundleCommandLine(): Promise<void> {
  mkdirSync(commandLineOutput, { recursive: true });
  writeFileSync(join(commandLineOutput, 'package.json'), '{ "type": "commonjs" }\n');
  const entry = join(commandLineOutput, 'main.js');
  await bundle(join(commandLineModules, 'main.js'), entry);
  writeFileSync(entry, `#!/usr/bin/env node\n${readFileSync(entry, 'utf8')}`);
  chmodSync(entry, 0o755);
  const build = await opened(join(commandLineModules, 'run-command-line.js'));
  const { output: chunks } = await build.write({
    ...FORMAT,
    dir: commandLineOutput,
    entryFileNames: 'command-line.cjs',
    chunkFileNames: '[name].cjs',
    codeSplitting: { groups: [{ name: 'commands', tags: ['$initial'] }] },
  });
  await build.close();
  for (const chunk of chunks) if (chunk.type === 'chunk') addBundled(chunk.moduleIds);
}

/** Bundles a module and all its imports into one CommonJS file; returns its source map. */
async function bundle(entry: string, file: string): Promise<BundleMap> {
  const build = await opened(entry);
  const { output: chunks } = await build.generate({
    ...FORMAT,
    file,
    codeSplitting: false,
    sourcemap: 'hidden',
  });
  await build.close();
  const [chunk] = chunks;
  if (chunk.map === null) throw new Error(`${file} has no source map`);
  addBundled(chunk.moduleIds);
  writeFileSync(file, chunk.code);
  return chunk.map;
}

function addBundled(modules: readonly string[]): void {
  for (const module of modules) bundled.add(module);
}

function opened(entry: string): Promise<RolldownBuild> {
  return rolldown({
    input: entry,
    platform: 'node',
    external: (id, importer) =>
      isBuiltin(id) ||
      EXTERNAL.includes(id) ||
      NOT_INSTALLED.test(id) ||
      isUnusedByNest(id, importer),
    plugins: [ownModules()],
    onLog: (level, log) => {
      // CommonJS packages may use eval and circular imports; a busy machine takes long.
      if (level === 'debug' || level === 'info') return;
      if (['EVAL', 'CIRCULAR_DEPENDENCY', 'PLUGIN_TIMINGS'].includes(log.code ?? '')) return;
      throw new Error(log.message);
    },
  });
}

/** Our own modules, with their source maps and with URLs that point to their assets. */
function ownModules(): Plugin {
  return {
    name: 'own-modules',
    load(id) {
      if (!id.startsWith(modules) && !id.startsWith(join(root, 'dist/esm/libs'))) return null;
      const code = readFileSync(id, 'utf8');
      const at = JSON.stringify(relative(output, id));
      return {
        code: id.startsWith(join(modules, 'launcher'))
          ? code
          : code.replaceAll('import.meta.url', `new URL(${at}, import.meta.url)`),
        map: existsSync(`${id}.map`) ? readFileSync(`${id}.map`, 'utf8') : null,
      };
    },
  };
}

/** Consecutive lines of the bundle that come from one file. */
interface LineRange {
  readonly file: string;
  /** First line in the bundle, from 1. */
  readonly from: number;
  /** Line in the file of each of them. */
  readonly lines: number[];
}

/**
 * The lines of a bundle that come from our own sources, as ranges of consecutive lines with the
 * source line of each. Lines count from 1.
 */
function linesOf(sourceMap: BundleMap): LineRange[] {
  const ranges: LineRange[] = [];
  const found = new SourceMap(JSON.parse(sourceMap.toString()) as SourceMapPayload);
  const count = sourceMap.mappings.split(';').length;
  let range: LineRange | undefined;
  for (let line = 0; line < count; line += 1) {
    const entry = firstEntryOf(found, line);
    // Generated code has no source.
    const origin = entry?.originalSource;
    if (entry === undefined || origin === undefined || origin.includes('node_modules')) {
      range = undefined;
      continue;
    }
    const file = relative(root, join(output, origin));
    if (range?.file !== file) {
      range = { file, from: line + 1, lines: [] };
      ranges.push(range);
    }
    range.lines.push(entry.originalLine + 1);
  }
  return ranges;
}

function firstEntryOf(found: SourceMap, line: number): SourceMapping | undefined {
  const entry = found.findEntry(line, Number.MAX_SAFE_INTEGER);
  return 'generatedLine' in entry && entry.generatedLine === line ? entry : undefined;
}

function run(script: string): void {
  const { status } = spawnSync(process.execPath, [script], { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}

/**
 * Writes the code cache of everything that loading the bundle compiles; a start compiles the rest
 * when it is called.
 */
async function writeCodeCache(): Promise<void> {
  const { CompiledBundle } = (await import(
    join(modules, 'launcher/compiled-bundle.js')
  )) as typeof import('../apps/gateway/launcher/compiled-bundle.js');
  const compiled = CompiledBundle.read(bundlePath);
  compiled.evaluate();
  compiled.writeCache();
}
