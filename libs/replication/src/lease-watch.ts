/**
 * Measures how long each broker has been silent on this process's monotonic clock, by the renewals
 * it sees.
 *
 * Silence counts only while leases are checked. After a check that failed, or came late because
 * this process was stalled or cut off, every broker gets the whole time again (replication-safety
 * 4.3). A process that has never renewed its lease is silent from the first check after its
 * registration.
 */

/** One process of a broker that is expected to renew its lease. */
export interface WatchedBroker {
  readonly id: number;
  /**
   * Broker epoch of its registration. A process that has just registered gets a whole lease time.
   */
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

  /** @param gapMsMax checks that are further apart prove no silence, in ms */
  constructor(gapMsMax: number) {
    this.#gapMsMax = gapMsMax;
  }

  /**
   * Records the result of a check.
   * @param leases value that each lease was last renewed with
   * @param nowMs time of the answer on the monotonic clock
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

  /** Records a failed check: the time until the next one proves no silence. */
  lookFailed(): void {
    this.#seen.clear();
  }

  /** Time without a renewal up to the last check, in ms; 0 when it is unknown. */
  silentMs(brokerId: number): number {
    const seen = this.#seen.get(brokerId);
    return seen === undefined ? 0 : this.#lastLookMs - seen.sinceMs;
  }
}
