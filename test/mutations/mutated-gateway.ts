/** Mutations of the built gateway, for tests that start it in a process of its own. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BUILT, bundledText } from './bundled-text.js';
import { type Edit, failuresOf, type Mutation } from './mutations.js';

/** Enough for the slowest test, on a machine with other work. */
const TEST_TIMEOUT_MS = 20_000;

/**
 * Runs tests against a copy of the built gateway with a change.
 * @returns the names of the tests that failed
 */
export async function failuresWithBuilt(
  tests: readonly string[],
  mutation: Mutation,
): Promise<string[]> {
  // Its packages are found from there.
  const copy = await mkdtemp('dist/apps/mutated-');
  try {
    await cp(BUILT, copy, { recursive: true });
    for (const edit of [mutation, ...(mutation.also ?? [])]) {
      await change(join(copy, edit.file), edit, mutation.name);
    }
    process.env['SLUICE_TEST_GATEWAY'] = join(copy, 'main.js');
    return await failuresOf({ tests, bail: 0, testTimeoutMs: TEST_TIMEOUT_MS }, []);
  } finally {
    delete process.env['SLUICE_TEST_GATEWAY'];
    await rm(copy, { recursive: true, force: true });
  }
}

async function change(path: string, { from, to }: Edit, name: string): Promise<void> {
  // Code that was compiled before the change.
  await rm(`${path}.cache`, { force: true });
  const code = await readFile(path, 'utf8');
  const parts = code.split(bundledText(from));
  if (parts.length !== 2) throw new Error(`${name}: its place is not there once`);
  await writeFile(path, parts.join(to));
}
