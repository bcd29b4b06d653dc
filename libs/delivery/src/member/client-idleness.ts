/**
 * Time for which a client has done nothing although it must: it has records to acknowledge, or has
 * used up its credit. It is Kafka's max.poll.interval.ms for clients that do not poll.
 */
export class ClientIdleness {
  #hasActed = true;
  #idleMs = 0;

  /** Notes that the client acknowledged records or granted credit. Called for each such message. */
  acted(): void {
    this.#hasActed = true;
  }

  /**
   * @param elapsedMs time since the last call
   * @param mustAct true when the client has records to acknowledge, or no credit
   * @returns true when it had to act for `maxPollIntervalMs` and did nothing
   */
  isOver(elapsedMs: number, maxPollIntervalMs: number, mustAct: boolean): boolean {
    this.#idleMs = this.#hasActed || !mustAct ? 0 : this.#idleMs + elapsedMs;
    this.#hasActed = false;
    return this.#idleMs >= maxPollIntervalMs;
  }
}
