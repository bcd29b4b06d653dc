/**
 * A map with a bound: what was neither read nor written for longest is forgotten first, in halves.
 *
 * There are two generations. Entries that are used move to the young one; when it has half of the
 * bound, it becomes the old one, and the entries that are left in the old one are forgotten. That
 * costs the same per entry for every size; finding the oldest key of one large map does not.
 */
export class RecentMap<Value, Key extends string | number = string> {
  readonly #generationMax: number;
  #young = new Map<Key, Value>();
  #old = new Map<Key, Value>();

  /** @param sizeMax largest number of entries, from 2 */
  constructor(sizeMax: number) {
    this.#generationMax = Math.max(1, Math.floor(sizeMax / 2));
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: Key): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: Key, value: Value): void {
    this.#old.delete(key);
    this.#young.set(key, value);
    if (this.#young.size < this.#generationMax) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  delete(key: Key): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}
