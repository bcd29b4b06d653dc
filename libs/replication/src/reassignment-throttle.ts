/**
 * Limits the bytes that a broker fetches for replicas that a reassignment adds, so that the copying
 * does not slow down new records. It is a token bucket of one second: a fetch may be sent while the
 * bucket is not empty, and its bytes are taken out afterwards. The rate therefore holds over time,
 * for answers of any size.
 */
import type { PartitionMetadata } from '#coordination';
import type { Clock } from '#runtime';

export class ReassignmentThrottle {
  readonly #bytesPerSecond: number;
  readonly #clock: Clock;
  /** Tokens in the bucket; negative when more was taken than the rate allows. */
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

  /** Time to wait before the next fetch, in ms; 0: none. */
  get waitMs(): number {
    if (this.#bytesPerSecond === 0) return 0;
    this.#fill();
    if (this.#availableBytes > 0) return 0;
    return Math.ceil(((1 - this.#availableBytes) * 1000) / this.#bytesPerSecond);
  }

  /** Takes the bytes of a fetch out of the bucket. */
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

/** True when a broker's replica is one that a reassignment adds, and has not caught up. */
export function isAddedByReassignment(
  { reassignment, isr }: PartitionMetadata,
  brokerId: number,
): boolean {
  if (reassignment === undefined || isr.includes(brokerId)) return false;
  return !reassignment.from.includes(brokerId);
}
