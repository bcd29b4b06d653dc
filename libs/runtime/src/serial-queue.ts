/**
 * Runs tasks one after the other, in the order of their calls; a failed task does not stop the
 * next.
 */
export class SerialQueue {
  /** Resolves when all tasks that were added have ended; never rejects. */
  #tail: Promise<unknown> = Promise.resolve();

  /** @returns what the task returns, or its rejection */
  run<T>(task: () => Promise<T> | T): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
