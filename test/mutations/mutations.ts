/**
 * Shows that a suite can see: takes one safeguard out of the source at a time and runs the suite,
 * which must fail each time. The source on disk is not touched: the code is changed while it is
 * loaded.
 */
import { fileURLToPath } from 'node:url';
import { startVitest } from 'vitest/node';

/** One place in a file, which must be there exactly once, and its replacement. */
export interface Edit {
  /** Path below the folder of the suite. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** A safeguard that is taken out, named for what is missing then. */
export interface Mutation extends Edit {
  readonly name: string;
  readonly also?: readonly Edit[];
}

export interface Tests {
  /** Folder of the files that are changed, from the root. */
  readonly folder: string;
  /** Files, from the root, of which one must fail. */
  readonly tests: readonly string[];
  /** Failures after which the rest is left out: 1 unless given, 0 for never. */
  readonly bail?: number;
}

export interface Suite extends Tests {
  readonly mutations: readonly Mutation[];
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Runs the suite once for each mutation whose name contains the first argument. The process ends
 * with code 1 when one is not noticed.
 */
export async function showMutationsAreSeen(suite: Suite): Promise<void> {
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

/** @returns the names of the tests that failed, in their order */
export async function failuresWith(
  { folder, tests, bail = 1 }: Tests,
  mutation: Mutation,
): Promise<string[]> {
  const edits = [mutation, ...(mutation.also ?? [])];
  const applied = new Set<Edit>();
  const plugin = {
    name: 'mutation',
    enforce: 'pre' as const,
    transform(code: string, id: string) {
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
  const failed = await failuresOf({ tests, bail }, [plugin]);
  const missed = edits.find((edit) => !applied.has(edit));
  if (missed !== undefined) throw new Error(`${mutation.name}: ${missed.file} was not loaded`);
  return failed;
}

interface RunTests extends Pick<Tests, 'tests' | 'bail'> {
  /** Longest duration of one test, ms: without a defence it may wait for what never comes. */
  readonly testTimeoutMs?: number;
}

/** A plugin that changes code while it is loaded. */
interface CodePlugin {
  readonly name: string;
  readonly enforce: 'pre';
  transform(code: string, id: string): string | undefined;
}

/** @returns the names of the tests that failed, in their order */
export async function failuresOf(
  { tests, bail = 1, testTimeoutMs = 120_000 }: RunTests,
  plugins: CodePlugin[],
): Promise<string[]> {
  const resolve = { conditions: ['source'] };
  const options = { root, config: false as const, watch: false, bail, include: [...tests] };
  const vitest = await startVitest(
    'test',
    [...tests],
    { ...options, testTimeout: testTimeoutMs, hookTimeout: 120_000, reporters: [{}] },
    { resolve, ssr: { resolve }, plugins },
  );
  const failed = vitest.state
    .getTestModules()
    .flatMap((module) => Array.from(module.children.allTests('failed'), ({ name }) => name));
  await vitest.close();
  process.exitCode = 0;
  return failed;
}
