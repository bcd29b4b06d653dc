/**
 * The count of records that are not settled yet, by the flush that they came after, so that a flush
 * waits for the records before it and for none after it.
 *
 * Invariant: `#counts` has no zeros, and its keys ascend.
 */
export class UnsettledRecords {
  readonly #counts = new Map<number, number>();
  readonly #waiters: { readonly epoch: number; readonly resolve: () => void }[] = [];
  #epoch = 0;

  /** Number of records that are not settled. */
  get count(): number {
    let count = 0;
    for (const records of this.#counts.values()) count += records;
    return count;
  }

  /** Counts a record. @returns the epoch to settle it with */
  add(): number {
    this.#counts.set(this.#epoch, (this.#counts.get(this.#epoch) ?? 0) + 1);
    return this.#epoch;
  }

  settle(epoch: number): void {
    const left = (this.#counts.get(epoch) ?? 0) - 1;
    if (left > 0) {
      this.#counts.set(epoch, left);
      return;
    }
    this.#counts.delete(epoch);
    const oldest = this.#oldest();
    while (this.#waiters[0] !== undefined && this.#waiters[0].epoch < oldest) {
      this.#waiters.shift()?.resolve();
    }
  }

  /** Resolves when all records that are counted now are settled. */
  whenSettled(): Promise<void> {
    const epoch = this.#epoch;
    if (this.#oldest() > epoch) return Promise.resolve();
    this.#epoch += 1;
    return new Promise((resolve) => this.#waiters.push({ epoch, resolve }));
  }

  #oldest(): number {
    const { value } = this.#counts.keys().next();
    return value ?? Number.POSITIVE_INFINITY;
  }
}
