import type { ProducerIdentity } from './produce-transport.js';

/**
 * The producer ids of one producer. All partitions begin under the same id. A partition that
 * abandons its id gets the next one, which it shares with the partitions that abandon theirs later.
 *
 * Overlap: calls may overlap; they share one request for an id.
 */
export class ProducerIdentities {
  readonly #create: () => Promise<ProducerIdentity>;
  /** The newest id, or the request for it. */
  #newest: Promise<ProducerIdentity> | undefined;
  /** The newest id; undefined while it is requested. */
  #known: ProducerIdentity | undefined;

  /** @param create asks a broker for an id that was never issued before */
  constructor(create: () => Promise<ProducerIdentity>) {
    this.#create = create;
  }

  /** An id other than `abandoned`. It rejects as `create` does, and the next call asks again. */
  next(abandoned: ProducerIdentity | undefined): Promise<ProducerIdentity> {
    if (this.#newest === undefined || (abandoned !== undefined && this.#known === abandoned)) {
      this.#known = undefined;
      this.#newest = this.#createNext();
    }
    return this.#newest;
  }

  async #createNext(): Promise<ProducerIdentity> {
    try {
      this.#known = await this.#create();
      return this.#known;
    } catch (error) {
      this.#newest = undefined;
      throw error;
    }
  }
}
