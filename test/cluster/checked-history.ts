import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CHECKER = ['--import', 'jiti/register', 'test/cluster/check-history.ts'];
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** The result of the checker. */
export interface CheckedHistory {
  readonly counts: Readonly<
    Record<'sent' | 'acknowledged' | 'unknown' | 'failed' | 'read' | 'disturbed', number>
  >;
  /** Violations by kind; all lists are empty when no invariant is broken. */
  readonly violations: Readonly<Record<string, readonly string[]>>;
  readonly unavailability: { readonly longestMs: number; readonly after: string | null };
  readonly isWhole: boolean;
}

/** Runs the checker on a history file, as one would by hand. */
export async function checkedHistory(path: string): Promise<CheckedHistory> {
  const options = { maxBuffer: OUTPUT_BYTES_MAX };
  const ran = await run(process.execPath, [...CHECKER, path, '--json'], options).catch(
    // It ends with 1 when it found something, and prints it all the same.
    (error: { readonly stdout: string }) => error,
  );
  return JSON.parse(ran.stdout) as CheckedHistory;
}

/** The kinds of violations that were found, with a few of each. */
export function found({ violations }: CheckedHistory): Record<string, readonly string[]> {
  return Object.fromEntries(
    Object.entries(violations)
      .filter(([, list]) => list.length > 0)
      .map(([kind, list]) => [kind, list.slice(0, 5)]),
  );
}
