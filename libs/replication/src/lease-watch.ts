/**
 * How long each broker has been silent, by the renewals that were seen, on one's own monotonic
 * clock.
 *
 * A lease counts as silent only while it is looked at: after a look that failed, or came late
 * because this process was stalled or cut off, everybody is given the whole time again
 * (replication-safety 4.3). A process that has never renewed its lease is silent from the first
 * look after its registration.
 */
/** One process of a broker, of which a lease is to be expected. */
export interface WatchedBroker {
  readonly id: number;
  /** Of its registration: a process that has just registered has its whole lease before it. */
  readonly brokerEpoch: number;
}

interface SeenLease {
  readonly value: string | undefined;
  readonly brokerEpoch: number;
  readonly sinceMs: number;
}

export class LeaseWatch {
  readonly #gapMsMax: number;
  readonly #seen = new Map<number, SeenLease>();
  #lastLookMs = Number.NEGATIVE_INFINITY;

  /** @param gapMsMax looks that are further apart prove no silence */
  constructor(gapMsMax: number) {
    this.#gapMsMax = gapMsMax;
  }

  /**
   * Takes a look.
   * @param leases what each lease was last renewed with
   * @param nowMs when the answer came, on the monotonic clock
   */
  look(leases: ReadonlyMap<number, string>, brokers: Iterable<WatchedBroker>, nowMs: number): void {
    if (nowMs - this.#lastLookMs > this.#gapMsMax) this.#seen.clear();
    this.#lastLookMs = nowMs;
    for (const { id, brokerEpoch } of brokers) {
      const value = leases.get(id);
      const before = this.#seen.get(id);
      if (before?.value === value && before?.brokerEpoch === brokerEpoch) continue;
      this.#seen.set(id, { value, brokerEpoch, sinceMs: nowMs });
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
