/**
 * Long work in slices: steps between which the event loop turns, so that requests, timers and lease
 * renewals are not held up.
 */

/** Work in steps: at each `yield` the event loop may turn. */
export type SlicedWork<T> = Generator<void, T, void>;

/** Does the work slice by slice; the event loop turns between two slices. */
export async function inSlices<T>(work: SlicedWork<T>): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    await turnOfLoop();
  }
}

/** Does the work in one go. */
export function atOnce<T>(work: SlicedWork<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** Resolves when the event loop has turned. */
export function turnOfLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
