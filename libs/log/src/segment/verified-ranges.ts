const RANGES_MAX = 64;

/**
 * The bytes of a segment whose CRC was checked since it was opened: sorted, disjoint ranges. It
 * remembers 64 at most; beyond that it drops the shortest, which only costs a second check.
 */
export class VerifiedRanges {
  /** Edges of the ranges: start, end, start, end, ... */
  readonly #edges: number[] = [];

  contains(start: number, end: number): boolean {
    const edges = this.#edges;
    for (let i = 0; i < edges.length; i += 2) {
      if ((edges[i] as number) <= start) {
        if (end <= (edges[i + 1] as number)) return true;
      } else return false;
    }
    return false;
  }

  add(start: number, end: number): void {
    const edges = this.#edges;
    let from = 0;
    while (from < edges.length && (edges[from + 1] as number) < start) from += 2;
    let to = from;
    let mergedStart = start;
    let mergedEnd = end;
    while (to < edges.length && (edges[to] as number) <= end) {
      mergedStart = Math.min(mergedStart, edges[to] as number);
      mergedEnd = Math.max(mergedEnd, edges[to + 1] as number);
      to += 2;
    }
    edges.splice(from, to - from, mergedStart, mergedEnd);
    if (edges.length > 2 * RANGES_MAX) this.#forgetShortest();
  }

  /** Drops all ranges at and above `position`. */
  truncateTo(position: number): void {
    const edges = this.#edges;
    while (edges.length > 0 && (edges.at(-2) as number) >= position) edges.length -= 2;
    const last = edges.length - 1;
    if (last > 0 && (edges[last] as number) > position) edges[last] = position;
  }

  #forgetShortest(): void {
    const edges = this.#edges;
    let shortest = 0;
    for (let i = 2; i < edges.length; i += 2) {
      if (length(edges, i) < length(edges, shortest)) shortest = i;
    }
    edges.splice(shortest, 2);
  }
}

function length(edges: readonly number[], index: number): number {
  return (edges[index + 1] as number) - (edges[index] as number);
}
