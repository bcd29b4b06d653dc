/** One record that is being handled. */
export interface HandledEntry {
  readonly offset: number;
  isHandled: boolean;
}

/**
 * The records of a partition that were given to a handler, in their order. The offset up to which
 * all of them are handled may be committed.
 */
export class HandledOffsets {
  /** Next offset after the records that are all handled; undefined before the first. */
  committable: number | undefined;
  #entries: HandledEntry[] = [];
  /** Index of the first entry that is not handled. */
  #head = 0;

  add(offset: number): HandledEntry {
    const entry = { offset, isHandled: false };
    this.#entries.push(entry);
    return entry;
  }

  handled(entry: HandledEntry): void {
    entry.isHandled = true;
    for (let at = this.#entries[this.#head]; at?.isHandled; at = this.#entries[this.#head]) {
      this.committable = at.offset + 1;
      this.#head += 1;
    }
    if (this.#head < 1000) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }
}
