/** The client of a member of a group, as far as it shows that it is alive. */
export interface WatchedClient {
  /** A number that grows with each look that finds a sign of life. */
  lifeSigns(): number;
  /** Asks the client for a sign of life. */
  probe(): void;
  /** Ends the connection of a client that shows none. */
  drop(): void;
}

/**
 * Time for which the client of a member has shown no sign of life. It is counted in intervals at
 * which this broker looked, so a broker that was frozen itself finds no client silent.
 */
export class ClientSilence {
  readonly #client: WatchedClient;
  #signs: number;
  #silentMs = 0;

  constructor(client: WatchedClient) {
    this.#client = client;
    this.#signs = client.lifeSigns();
  }

  /**
   * Looks at the client; probes it when half of its session has passed in silence.
   * @param elapsedMs time since the last look
   * @returns true when the silence lasts for a session
   */
  isOver(elapsedMs: number, sessionTimeoutMs: number): boolean {
    const signs = this.#client.lifeSigns();
    this.#silentMs = signs === this.#signs ? this.#silentMs + elapsedMs : 0;
    this.#signs = signs;
    if (this.#silentMs >= sessionTimeoutMs) return true;
    if (this.#silentMs * 2 >= sessionTimeoutMs) this.#client.probe();
    return false;
  }
}
