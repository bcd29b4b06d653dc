/**
 * Bundles the client library into libs/client/dist: JavaScript and types for each entry, and
 * modules that they share or load on demand. Nothing in them needs this repository. `npm pack` runs
 * it.
 *
 * An argument names another folder for the bundle.
 */
import { rmSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RolldownBuild, rolldown } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';

const root = fileURLToPath(new URL('..', import.meta.url));
const input = inputOf('index', 'reader', 'writer');
/** The entries of Node.js, which nothing else loads. */
const nodeInput = inputOf('node', 'node/index', 'node/reader', 'node/writer');
const output = process.argv[2] ?? join(root, 'libs/client/dist');
/** The condition under which `imports` of the root name the sources. */
const resolve = { conditionNames: ['source', 'import', 'default'] };
/** Browsers that may lack newer library functions still know this syntax. */
const transform = {
  target: 'es2022',
  // Fields are assigned rather than defined, so that those without a value take no bytes.
  assumptions: { setPublicClassFields: true },
  typescript: { removeClassFieldsWithoutInitializer: true },
};

rmSync(output, { recursive: true, force: true });

const reading = await modulesOf('reader');
const writing = await modulesOf('writer');

const code = await opened({ ...input, ...nodeInput });
await code.write({
  dir: output,
  format: 'esm',
  // An entry loads few modules at first: those that it shares with others, and its own.
  codeSplitting: {
    groups: [
      { name: 'connection', test: (id) => reading.has(id) && writing.has(id), priority: 4 },
      { name: 'reading', test: (id) => reading.has(id), priority: 3 },
      { name: 'writing', test: (id) => writing.has(id), priority: 2 },
      { name: 'client', tags: ['$initial'], test: (id) => !isOfNode(id), priority: 1 },
    ],
  },
  chunkFileNames: '[name].js',
  comments: { legal: true, annotation: true, jsdoc: false },
});
await code.close();

const types = await rolldown({
  input: { ...input, ...inputOf('node') },
  resolve,
  platform: 'neutral',
  external: isBuiltin,
  onLog: refuse,
  plugins: [dts({ emitDtsOnly: true, tsconfig: join(root, 'libs/client/tsconfig.json') })],
});
await types.write({
  dir: output,
  format: 'esm',
  chunkFileNames: '[name].d.ts',
  // The types name Symbol.asyncDispose, which a project need not have in its `lib`.
  banner: '/// <reference lib="esnext.disposable" />',
});
await types.close();

function inputOf(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, join(root, `libs/client/src/${name}.ts`)]));
}

/** True for the sources that need Node.js. */
function isOfNode(id: string): boolean {
  return /\/src\/node(\.ts$|\/)/.test(id);
}

/** The sources that an entry loads at first. */
async function modulesOf(name: string): Promise<ReadonlySet<string>> {
  const build = await opened({ [name]: input[name] ?? '' });
  const { output: chunks } = await build.generate({ format: 'esm' });
  await build.close();
  const all = chunks.filter((one) => one.type === 'chunk');
  const found = all.filter(({ isEntry }) => isEntry);
  for (const { imports } of found) {
    found.push(...all.filter((one) => imports.includes(one.fileName) && !found.includes(one)));
  }
  const sources = found.flatMap(({ modules }) => Object.entries(modules));
  return new Set(sources.filter(([, { renderedLength }]) => renderedLength > 0).map(([id]) => id));
}

function opened(entries: Readonly<Record<string, string>>): Promise<RolldownBuild> {
  return rolldown({
    input: entries,
    resolve,
    transform,
    treeshake: { moduleSideEffects: false },
    platform: 'neutral',
    external: isBuiltin,
    // The target of the root's tsconfig.json is Node.js.
    tsconfig: false,
    onLog: refuse,
  });
}

/** Warnings are faults of the bundle, such as an import that is not resolved. */
function refuse(level: string, log: { readonly code?: string; readonly message: string }): void {
  if (level === 'warn' && log.code !== 'PLUGIN_TIMINGS') throw new Error(log.message);
}
