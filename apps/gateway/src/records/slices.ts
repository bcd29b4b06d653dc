/**
 * Long work in slices: large bodies are read in steps between which the event loop turns, so that other
 * requests, timers and lease renewals are not held up. Small bodies are read at once, by other code.
 */

/** Work in steps: at each `yield` the event loop may turn. */
export type SlicedWork<T> = Generator<void, T, void>;

/** Bytes of JSON that one slice reads: a millisecond, and some twenty where every third byte is a fault. */
export const SLICE_BYTES = 256 * 1024;

/** A body of JSON that is no longer than this is read at once. */
export const AT_ONCE_BYTES_MAX = 512 * 1024;

/** Does the work slice by slice; the event loop turns between two slices. */
export async function inSlices<T>(work: SlicedWork<T>): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    await turnOfLoop();
  }
}

/** Resolves when the event loop has turned. */
export function turnOfLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
