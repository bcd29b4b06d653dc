/**
 * The last step of `npm run build`: makes the program that runs, dist/apps/gateway/, from the
 * compiled modules in dist/esm/ (docs/adr/0014-bundle-and-code-cache.md).
 *
 *     main.js            the launcher, CommonJS
 *     gateway.cjs        the gateway and the libraries that it uses, in one file
 *     gateway.cjs.cache  V8's code cache of it, for the version of Node.js that builds
 *     gateway.cjs.lines  where each line of it comes from, for stack traces
 *     lease-thread.cjs   the thread that renews the lease of a broker of a cluster
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isBuiltin, SourceMap } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const modules = join(root, 'dist/esm/apps/gateway');
const output = join(root, 'dist/apps/gateway');
const bundlePath = join(output, 'gateway.cjs');

/** Packages that load files of their own: a native addon, or what Swagger UI serves. */
const EXTERNAL = ['@node-rs/crc32', 'fs-native-extensions', 'swagger-ui-dist'];

/** Packages that Nest and its adapter load only when they are there. We have none of them. */
const NOT_INSTALLED =
  /^(@nestjs\/(microservices|platform-express|platform-socket\.io)|@fastify\/(multipart|static|view)|class-transformer)(\/|$)/;

/**
 * Nest would load all of class-validator for a pipe of its own, which we do not use: the decorators
 * that our classes import are a small part of it.
 */
const isUnusedByNest = (id, importer) =>
  id === 'class-validator' && importer?.includes('/node_modules/@nestjs/');

if (process.env.BUILD_PROGRESS) process.stderr.write('Compiled; making one file of it.\n');
run(join(modules, 'src/write-documents.js'));
mkdirSync(output, { recursive: true });
writeFileSync(join(output, 'package.json'), '{ "type": "commonjs" }\n');
await bundle(join(modules, 'launcher/main.js'), join(output, 'main.js'));
const map = await bundle(join(modules, 'src/main.js'), bundlePath);
await bundle(
  join(root, 'dist/esm/libs/coordination/src/redis/lease-thread-main.js'),
  join(output, 'lease-thread.cjs'),
);
writeFileSync(`${bundlePath}.lines`, JSON.stringify(linesOf(map)));
await writeCodeCache();

/** Makes one CommonJS file of a module and all that it imports; answers its source map. */
async function bundle(entry, file) {
  const build = await rolldown({
    input: entry,
    platform: 'node',
    external: (id, importer) =>
      isBuiltin(id) ||
      EXTERNAL.includes(id) ||
      NOT_INSTALLED.test(id) ||
      isUnusedByNest(id, importer),
    plugins: [ownModules(), withoutSwagger(await decoratorsOfSwagger())],
    onLog: (level, log) => {
      // CommonJS packages may use eval, and packages import each other in circles.
      if (level === 'debug' || level === 'info') return;
      if (['EVAL', 'CIRCULAR_DEPENDENCY'].includes(log.code)) return;
      throw new Error(log.message);
    },
  });
  const { output: chunks } = await build.generate({
    file,
    format: 'cjs',
    codeSplitting: false,
    sourcemap: 'hidden',
    comments: false,
    // Readable, but in ASCII: V8 keeps such a text in half the memory and reads it faster.
    minify: {
      compress: false,
      mangle: false,
      codegen: { asciiOnly: true, removeWhitespace: false, legalComments: 'none' },
    },
  });
  await build.close();
  writeFileSync(file, chunks[0].code);
  return chunks[0].map;
}

/** Our own modules: with their source maps, and finding their assets where these are. */
function ownModules() {
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

/**
 * Replaces @nestjs/swagger by decorators that do nothing: the documents are made already, and it is
 * a fifth of what would be loaded.
 */
function withoutSwagger(decorators) {
  const id = '\0without-swagger';
  return {
    name: 'without-swagger',
    resolveId: (source) => (source === '@nestjs/swagger' ? id : null),
    load: (loaded) =>
      loaded === id
        ? [
            'const nothing = () => () => undefined;',
            "export const getSchemaPath = () => '';",
            ...decorators.map((name) => `export const ${name} = nothing;`),
          ].join('\n')
        : null,
  };
}

async function decoratorsOfSwagger() {
  return Object.keys(await import('@nestjs/swagger')).filter((name) => /^Api[A-Z]/.test(name));
}

/**
 * The lines of a bundle that come from our own sources: ranges of lines that follow each other,
 * with the number of the source line for each. Lines count from 1.
 */
function linesOf(sourceMap) {
  const ranges = [];
  const found = new SourceMap(sourceMap);
  const count = sourceMap.mappings.split(';').length;
  let range;
  for (let line = 0; line < count; line += 1) {
    const entry = firstEntryOf(found, line);
    const source = entry?.originalSource && join(output, entry.originalSource);
    if (!source || source.includes('node_modules')) {
      range = undefined;
      continue;
    }
    const file = relative(root, source);
    if (range?.file !== file) ranges.push((range = { file, from: line + 1, lines: [] }));
    range.lines.push(entry.originalLine + 1);
  }
  return ranges;
}

function firstEntryOf(found, line) {
  const entry = found.findEntry(line, Number.MAX_SAFE_INTEGER);
  return entry.generatedLine === line ? entry : undefined;
}

function run(script) {
  const { status } = spawnSync(process.execPath, [script], { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}

/** The cache of what loading the bundle compiles: a start compiles the rest when it is called. */
async function writeCodeCache() {
  const { CompiledBundle } = await import(join(modules, 'launcher/compiled-bundle.js'));
  const compiled = CompiledBundle.read(bundlePath);
  compiled.evaluate();
  compiled.writeCache();
}
