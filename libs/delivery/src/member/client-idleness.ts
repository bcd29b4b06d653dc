/**
 * Time for which a client has done nothing although it owes an act: it has records to acknowledge,
 * or has used up its credit. It is Kafka's max.poll.interval.ms for clients that do not poll.
 */
export class ClientIdleness {
  #hasActed = true;
  #idleMs = 0;

  /** Records an act of the client. Hot. */
  acted(): void {
    this.#hasActed = true;
  }

  /**
   * @param elapsedMs time since the last call
   * @param owes true when the client owes an act
   * @returns true when it has owed one for that time without any act
   */
  isOver(elapsedMs: number, maxPollIntervalMs: number, owes: boolean): boolean {
    this.#idleMs = this.#hasActed || !owes ? 0 : this.#idleMs + elapsedMs;
    this.#hasActed = false;
    return this.#idleMs >= maxPollIntervalMs;
  }
}
