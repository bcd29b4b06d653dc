import { setTimeout } from 'node:timers/promises';

const LOOK_INTERVAL_MS = 25;
const PATIENCE_MS = 60_000;

/**
 * Looks until there is something to see, and answers it.
 * @param what is waited for, for the error
 * @param look answers undefined or false while it is not there; what it throws counts as that
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
    await setTimeout(LOOK_INTERVAL_MS);
  }
}
