interface Entry {
  readonly key: string;
  /** Time at which the key is checked; it may be due later. */
  readonly lookMs: number;
}

/**
 * Keys with the times at which they are due, in a binary heap. To postpone a time, as every
 * heartbeat does, costs one write in a map: the heap is updated when the earlier time comes.
 */
export class DueTimes {
  readonly #dueMs = new Map<string, number>();
  readonly #heap: Entry[] = [];
  /** Time of the one entry of each key that counts; entries at other times are skipped. */
  readonly #looks = new Map<string, number>();

  get size(): number {
    return this.#dueMs.size;
  }

  /** Earliest time at which a key may be due; undefined when there is none. */
  get nextMs(): number | undefined {
    return this.#heap[0]?.lookMs;
  }

  dueOf(key: string): number | undefined {
    return this.#dueMs.get(key);
  }

  set(key: string, dueMs: number): void {
    this.#dueMs.set(key, dueMs);
    // An entry at an earlier time is enough.
    if (dueMs < (this.#looks.get(key) ?? Number.POSITIVE_INFINITY)) this.#look(key, dueMs);
  }

  delete(key: string): void {
    this.#dueMs.delete(key);
  }

  keys(): Iterable<string> {
    return this.#dueMs.keys();
  }

  /** Removes and returns keys that are due, after checks of at most `looksMax` entries. */
  takeDue(nowMs: number, looksMax: number): string[] {
    const due: string[] = [];
    for (let looks = 0; looks < looksMax; looks += 1) {
      const first = this.#heap[0];
      if (first === undefined || first.lookMs > nowMs) break;
      this.#pop();
      if (this.#looks.get(first.key) !== first.lookMs) continue;
      this.#looks.delete(first.key);
      const dueMs = this.#dueMs.get(first.key);
      if (dueMs === undefined) continue;
      if (dueMs > nowMs) {
        this.#look(first.key, dueMs);
        continue;
      }
      this.#dueMs.delete(first.key);
      due.push(first.key);
    }
    return due;
  }

  #look(key: string, lookMs: number): void {
    this.#looks.set(key, lookMs);
    this.#push({ key, lookMs });
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#lookMs(parent) <= entry.lookMs) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && this.#lookMs(child) < this.#lookMs(least)) least = child;
      }
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #lookMs(at: number): number {
    return this.#heap[at]?.lookMs ?? Number.POSITIVE_INFINITY;
  }

  #swap(one: number, other: number): void {
    const heap = this.#heap;
    const first = heap[one];
    const second = heap[other];
    if (first === undefined || second === undefined) return;
    heap[one] = second;
    heap[other] = first;
  }
}
