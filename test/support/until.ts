import { setTimeout } from 'node:timers/promises';

const CHECK_INTERVAL_MS = 25;
const PATIENCE_MS = 120_000;

/**
 * Repeats a check until it returns a value, and returns that.
 * @param what description of the condition, for the error
 * @param look returns undefined or false while the condition is not met; an error counts as that
 * @param patienceMs time after which the condition counts as never met; two minutes by default
 */
export async function until<Seen>(
  what: string,
  look: () => Promise<Seen | undefined | false> | Seen | undefined | false,
  patienceMs = PATIENCE_MS,
): Promise<Seen> {
  const endMs = performance.now() + patienceMs;
  for (;;) {
    let last: unknown;
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
    } catch (error) {
      last = error;
    }
    if (performance.now() > endMs) {
      throw new Error(`waited ${patienceMs} ms for: ${what}`, { cause: last });
    }
    await setTimeout(CHECK_INTERVAL_MS);
  }
}
