/**
 * What a broker fetches for replicas that a reassignment adds, bounded: records that are copied
 * must not keep those that are produced. A token bucket of one second: a fetch may be sent while
 * there is anything in it, and what it brings is taken out afterwards, so that the rate holds over
 * time whatever the size of the answers.
 */
import type { PartitionMetadata } from '#coordination';
import type { Clock } from '#runtime';

export class ReassignmentThrottle {
  readonly #bytesPerSecond: number;
  readonly #clock: Clock;
  /** Below 0: what was taken beyond the rate. */
  #availableBytes: number;
  #filledMs: number;
  #bytesTotal = 0;

  /** @param bytesPerSecond 0: no bound */
  constructor(bytesPerSecond: number, clock: Clock) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#clock = clock;
    this.#availableBytes = bytesPerSecond;
    this.#filledMs = clock.monotonicMs();
  }

  /** Bytes of batches that were fetched for replicas that are added, since the start. */
  get bytesTotal(): number {
    return this.#bytesTotal;
  }

  /** How long to wait before the next fetch, in ms; 0: not at all. */
  get waitMs(): number {
    if (this.#bytesPerSecond === 0) return 0;
    this.#fill();
    if (this.#availableBytes > 0) return 0;
    return Math.ceil(((1 - this.#availableBytes) * 1000) / this.#bytesPerSecond);
  }

  /** Takes note of what a fetch has brought. */
  take(bytes: number): void {
    this.#bytesTotal += bytes;
    if (this.#bytesPerSecond === 0) return;
    this.#fill();
    this.#availableBytes -= bytes;
  }

  #fill(): void {
    const nowMs = this.#clock.monotonicMs();
    const added = ((nowMs - this.#filledMs) * this.#bytesPerSecond) / 1000;
    this.#filledMs = nowMs;
    this.#availableBytes = Math.min(this.#bytesPerSecond, this.#availableBytes + added);
  }
}

/** Whether a broker's replica is one that a reassignment adds, and has not caught up. */
export function isBeingAdded({ reassignment, isr }: PartitionMetadata, brokerId: number): boolean {
  if (reassignment === undefined || isr.includes(brokerId)) return false;
  return !reassignment.from.includes(brokerId);
}
