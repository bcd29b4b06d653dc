/**
 * How long each broker has been silent, by the renewals that were seen, on one's own monotonic clock.
 *
 * A lease counts as silent only while it is looked at: after a look that failed, or came late because
 * this process was stalled or cut off, everybody is given the whole time again (replication-safety
 * 4.3). A broker that was never seen is silent from the first look on that missed it.
 */
export class LeaseWatch {
  readonly #gapMsMax: number;
  readonly #seen = new Map<number, { value: string | undefined; sinceMs: number }>();
  #lastLookMs = Number.NEGATIVE_INFINITY;

  /** @param gapMsMax looks that are further apart prove no silence */
  constructor(gapMsMax: number) {
    this.#gapMsMax = gapMsMax;
  }

  /**
   * Takes a look.
   * @param leases what each lease was last renewed with
   * @param brokerIds of whom a lease is to be expected
   * @param nowMs when the answer came, on the monotonic clock
   */
  look(leases: ReadonlyMap<number, string>, brokerIds: Iterable<number>, nowMs: number): void {
    if (nowMs - this.#lastLookMs > this.#gapMsMax) this.#seen.clear();
    this.#lastLookMs = nowMs;
    for (const id of brokerIds) {
      const value = leases.get(id);
      const before = this.#seen.get(id);
      if (before === undefined || before.value !== value) {
        this.#seen.set(id, { value, sinceMs: nowMs });
      }
    }
  }

  /** A look failed: nobody's silence is proved by the time until the next one. */
  lookFailed(): void {
    this.#seen.clear();
  }

  /** How long no renewal came, up to the last look; 0 when that is not known. */
  silentMs(brokerId: number): number {
    const seen = this.#seen.get(brokerId);
    return seen === undefined ? 0 : this.#lastLookMs - seen.sinceMs;
  }
}
