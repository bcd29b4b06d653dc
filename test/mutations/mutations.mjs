/**
 * Shows that a suite can see: takes one safeguard out of the source at a time and runs the suite,
 * which must fail each time. The source on disk is not touched: the code is changed while it is
 * loaded.
 */
import { fileURLToPath } from 'node:url';
import { startVitest } from 'vitest/node';

/**
 * @typedef {object} Edit
 * @property {string} file in the suite's folder
 * @property {string} from must stand in the file exactly once
 * @property {string} to
 *
 * @typedef {Edit & { name: string, also?: readonly Edit[] }} Mutation named for what is missing
 *
 * @typedef {object} Tests
 * @property {string} folder of the files that are changed, from the root
 * @property {string[]} tests files of which one must fail, from the root
 * @property {number} [bail] after so many failures the rest is left out: 1 unless told, 0 for never
 *
 * @typedef {Tests & { mutations: readonly Mutation[] }} Suite
 */

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Runs the suite once for each mutation whose name contains the first argument. The process ends
 * with code 1 when one is not noticed.
 * @param {Suite} suite
 */
export async function showMutationsAreSeen(suite) {
  const filter = process.argv[2] ?? '';
  const chosen = suite.mutations.filter(({ name }) => name.includes(filter));
  process.env.SLUICE_HISTORIES ??= '250';
  process.env.SLUICE_HISTORIES_SHRINK = 'false';
  process.env.SLUICE_HISTORIES_SEED ??= '1';
  let unseen = 0;
  for (const mutation of chosen) {
    const startMs = performance.now();
    const failures = (await failuresWith(suite, mutation)).length;
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    if (failures === 0) unseen += 1;
    process.stdout.write(`${failures > 0 ? 'seen  ' : 'UNSEEN'}  ${seconds} s  ${mutation.name}\n`);
  }
  process.stdout.write(`${chosen.length - unseen} of ${chosen.length} mutations seen\n`);
  process.exitCode = unseen === 0 ? 0 : 1;
}

/**
 * @param {Tests} suite
 * @param {Mutation} mutation
 * @returns {Promise<string[]>} the names of the tests that failed, in their order
 */
export async function failuresWith({ folder, tests, bail = 1 }, mutation) {
  const resolve = { conditions: ['source'] };
  const edits = [mutation, ...(mutation.also ?? [])];
  /** @type {Set<Edit>} */
  const applied = new Set();
  const plugin = {
    name: 'mutation',
    enforce: 'pre',
    /** @param {string} code @param {string} id */
    transform(code, id) {
      let changed = code;
      for (const edit of edits) {
        if (!id.endsWith(`/${folder}/${edit.file}`)) continue;
        const parts = changed.split(edit.from);
        if (parts.length !== 2) throw new Error(`${mutation.name}: its place is not there once`);
        applied.add(edit);
        changed = parts.join(edit.to);
      }
      return changed === code ? undefined : changed;
    },
  };
  const options = { root, config: false, watch: false, bail, include: tests };
  const vitest = await startVitest(
    'test',
    tests,
    { ...options, testTimeout: 120_000, reporters: [{}] },
    { resolve, ssr: { resolve }, plugins: [plugin] },
  );
  const failed = vitest.state
    .getTestModules()
    .flatMap((module) => Array.from(module.children.allTests('failed'), ({ name }) => name));
  await vitest.close();
  process.exitCode = 0;
  const missed = edits.find((edit) => !applied.has(edit));
  if (missed !== undefined) throw new Error(`${mutation.name}: ${missed.file} was not loaded`);
  return failed;
}
