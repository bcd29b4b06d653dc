import type { Offset } from '#protocol';
import type { RecordRun } from '../record-run.js';

/** Delivered records of one partition that are not acknowledged; in order, never empty. */
interface DeliveredRun<Source> {
  readonly source: Source;
  count: number;
  /** Offset of the first record; of a run with gaps, `offsets` has all of them. */
  firstOffset: Offset;
  readonly offsets: readonly Offset[] | undefined;
  readonly nextOffset: Offset;
}

/** The entries that fill this many places at the front are removed together. */
const REMOVED_TOGETHER = 64;

/**
 * The records that a member received and did not acknowledge, oldest first. It keeps offsets and no
 * records: one entry per delivered run.
 */
export class UnacknowledgedRecords<Source> {
  readonly #runs: DeliveredRun<Source>[] = [];
  /** Index of the oldest run that is not acknowledged. */
  #oldest = 0;
  #count = 0;

  /** Number of records. */
  get count(): number {
    return this.#count;
  }

  /** Adds a run of at least one record. Hot. */
  add(source: Source, run: RecordRun): void {
    const { count, nextOffset } = run;
    const firstOffset = run.offsetAt(0);
    const isDense = run.offsetAt(count - 1) - firstOffset + 1 === count;
    const offsets = isDense
      ? undefined
      : Array.from({ length: count }, (_, index) => run.offsetAt(index));
    this.#runs.push({ source, count, firstOffset, offsets, nextOffset });
    this.#count += count;
  }

  /**
   * Acknowledges the oldest records, at most `records` of them.
   * @param acknowledged called for each run with the next offset of its partition
   * @returns number of acknowledged records
   */
  acknowledge(records: number, acknowledged: (source: Source, nextOffset: Offset) => void): number {
    let left = Math.min(records, this.#count);
    const total = left;
    while (left > 0) {
      const run = this.#runs[this.#oldest];
      if (run === undefined) break;
      const taken = Math.min(left, run.count);
      left -= taken;
      acknowledged(run.source, this.#take(run, taken));
    }
    this.#count -= total;
    return total;
  }

  /** @returns the offset after the taken records */
  #take(run: DeliveredRun<Source>, taken: number): Offset {
    if (taken === run.count) {
      this.#oldest += 1;
      if (this.#oldest >= REMOVED_TOGETHER) {
        this.#runs.splice(0, this.#oldest);
        this.#oldest = 0;
      }
      return run.nextOffset;
    }
    run.count -= taken;
    if (run.offsets === undefined) {
      run.firstOffset += taken;
      return run.firstOffset;
    }
    return (run.offsets[run.offsets.length - run.count - 1] as Offset) + 1;
  }
}
