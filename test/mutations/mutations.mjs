/**
 * Shows that a suite can see: takes one safeguard out of the source at a time and runs the suite, which
 * must fail each time. The source on disk is not touched: the code is changed while it is loaded.
 */
import { fileURLToPath } from 'node:url';
import { startVitest } from 'vitest/node';

/**
 * @typedef {object} Mutation
 * @property {string} name what is missing
 * @property {string} file in the suite's folder
 * @property {string} from must stand in the file exactly once
 * @property {string} to
 *
 * @typedef {object} Suite
 * @property {string} folder of the files that are changed, from the root
 * @property {string[]} tests files of which one must fail, from the root
 * @property {readonly Mutation[]} mutations
 */

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Runs the suite once for each mutation whose name contains the first argument. The process ends with
 * code 1 when one is not noticed.
 * @param {Suite} suite
 */
export async function showMutationsAreSeen(suite) {
  const filter = process.argv[2] ?? '';
  const chosen = suite.mutations.filter(({ name }) => name.includes(filter));
  process.env.SLUICE_HISTORIES_SHRINK = 'false';
  process.env.SLUICE_HISTORIES_SEED ??= '1';
  let unseen = 0;
  for (const mutation of chosen) {
    const startMs = performance.now();
    const failures = await failuresWith(suite, mutation);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    if (failures === 0) unseen += 1;
    process.stdout.write(`${failures > 0 ? 'seen  ' : 'UNSEEN'}  ${seconds} s  ${mutation.name}\n`);
  }
  process.stdout.write(`${chosen.length - unseen} of ${chosen.length} mutations seen\n`);
  process.exitCode = unseen === 0 ? 0 : 1;
}

/**
 * @param {Suite} suite
 * @param {Mutation} mutation
 * @returns {Promise<number>} how many tests failed
 */
async function failuresWith({ folder, tests }, mutation) {
  const resolve = { conditions: ['source'] };
  let isApplied = false;
  const plugin = {
    name: 'mutation',
    enforce: 'pre',
    /** @param {string} code @param {string} id */
    transform(code, id) {
      if (!id.endsWith(`/${folder}/${mutation.file}`)) return undefined;
      const parts = code.split(mutation.from);
      if (parts.length !== 2) throw new Error(`${mutation.name}: its place is not there once`);
      isApplied = true;
      return parts.join(mutation.to);
    },
  };
  const options = { root, config: false, watch: false, bail: 1, include: tests };
  const vitest = await startVitest(
    'test',
    tests,
    { ...options, testTimeout: 120_000, reporters: [{}] },
    { resolve, ssr: { resolve }, plugins: [plugin] },
  );
  const failures = vitest.state.getCountOfFailedTests();
  await vitest.close();
  process.exitCode = 0;
  if (!isApplied) throw new Error(`${mutation.name}: ${mutation.file} was not loaded`);
  return failures;
}
