import type { ClusterBroker } from '../support/cluster-processes.js';
import { until } from '../support/until.js';

/**
 * A producer that sends each record again until it is acknowledged, whatever happens to brokers.
 * It has a producer id, so each record is in the log once: without one, a record whose answer was
 * lost would be there twice.
 */
export class RepeatingProducer {
  readonly #topic: string;
  readonly #broker: () => ClusterBroker | undefined;
  #identity: Readonly<Record<string, string>> | undefined;
  /** The next sequence of each partition. */
  readonly #sequences = new Map<number, number>();

  /** @param broker the broker that is called next */
  constructor(topic: string, broker: () => ClusterBroker | undefined) {
    this.#topic = topic;
    this.#broker = broker;
  }

  /** Resolves when the record is acknowledged. Calls do not overlap. */
  async send(value: unknown, partition: number): Promise<void> {
    this.#identity ??= await until('a producer id', () => this.#newIdentity());
    const sequence = this.#sequences.get(partition) ?? 0;
    const headers = { ...this.#identity, 'Producer-Sequence': String(sequence) };
    await until('the record is acknowledged', async () => {
      const path = `/v1/topics/${this.#topic}/records`;
      const answer = await this.#post(path, { value, partition }, headers);
      if (answer?.status !== 200) throw new Error(JSON.stringify(answer));
      return true;
    });
    this.#sequences.set(partition, sequence + 1);
  }

  async #newIdentity(): Promise<Readonly<Record<string, string>> | undefined> {
    const answer = await this.#post('/v1/producers', {});
    if (answer?.status !== 201) return undefined;
    const { producerId, producerEpoch } = answer.body as Record<string, number>;
    return { 'Producer-Id': String(producerId), 'Producer-Epoch': String(producerEpoch) };
  }

  async #post(path: string, body: object, headers: Readonly<Record<string, string>> = {}) {
    return this.#broker()?.call(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  }
}
