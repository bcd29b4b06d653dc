import type { Offset } from '#protocol';

/** Acknowledged offsets with the same member and delivery count. */
export interface FinishedRun {
  readonly member: string;
  readonly deliveryCount: number;
  readonly first: Offset;
  readonly last: Offset;
}

/** Runs that a share partition remembers. */
const RUNS_MAX = 64;

/**
 * The last acknowledged deliveries of a share partition. A member whose answer was lost repeats
 * its ack, which succeeds again. Memory is bounded: the oldest run is forgotten first.
 */
export class FinishedDeliveries {
  readonly #runs: FinishedRun[] = [];

  /** The remembered runs, oldest first. */
  get runs(): readonly FinishedRun[] {
    return this.#runs;
  }

  /** Remembers one acknowledged delivery; a neighbour of a remembered one extends its run. */
  add(offset: Offset, member: string, deliveryCount: number): void {
    const at = this.#runs.findLastIndex(
      (run) =>
        run.last + 1 === offset && run.member === member && run.deliveryCount === deliveryCount,
    );
    const run = this.#runs[at];
    if (run === undefined) this.addRun({ member, deliveryCount, first: offset, last: offset });
    else this.#runs[at] = { ...run, last: offset };
  }

  /** Remembers a run that a snapshot has. */
  addRun(run: FinishedRun): void {
    this.#runs.push(run);
    if (this.#runs.length > RUNS_MAX) this.#runs.shift();
  }

  /** True when the member has acknowledged that delivery; without a count, any delivery. */
  has(offset: Offset, member: string, deliveryCount: number | undefined): boolean {
    return this.#runs.some(
      (run) =>
        run.first <= offset &&
        offset <= run.last &&
        run.member === member &&
        (deliveryCount === undefined || run.deliveryCount === deliveryCount),
    );
  }

  /** Forgets all deliveries from an offset on. */
  forgetFrom(offset: Offset): void {
    const kept = this.#runs.filter((run) => run.first < offset);
    this.#runs.length = 0;
    for (const run of kept) this.#runs.push({ ...run, last: Math.min(run.last, offset - 1) });
  }

  clear(): void {
    this.#runs.length = 0;
  }
}
