/** Callers that wait for changes of groups, by group. */
export class GroupWatches {
  readonly #watches = new Map<string, Set<() => void>>();

  /** @returns a function that ends the watch */
  add(group: string, onChange: () => void): () => void {
    const watches = this.#watches.get(group) ?? new Set();
    this.#watches.set(group, watches);
    watches.add(onChange);
    return () => {
      watches.delete(onChange);
      if (watches.size === 0 && this.#watches.get(group) === watches) this.#watches.delete(group);
    };
  }

  changed(group: string): void {
    for (const onChange of this.#watches.get(group) ?? []) onChange();
  }
}
