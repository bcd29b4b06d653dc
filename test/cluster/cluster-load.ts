/**
 * Producers and readers of every kind at all brokers of a cluster, while brokers come and go. Their
 * answers go into the history; each client ends by itself when the load is stopped.
 */
import { setTimeout } from 'node:timers/promises';
import type { ClusterProcesses } from '../support/cluster-processes.js';
import { until } from '../support/until.js';
import type { History, Place, ShownRecord } from './history.js';
import { readSocket } from './socket-reader.js';

const JSON_TYPE = { 'Content-Type': 'application/json' };
/** A request that nobody answers is abandoned: its broker is paused, or cut off. */
const REQUEST_TIMEOUT_MS = 30_000;
const READ_WAIT_MS = 500;
const READ_TIMEOUT_MS = 5000;
/** While there is nobody to ask. */
const PAUSE_MS = 20;

export interface LoadOptions {
  readonly cluster: ClusterProcesses;
  readonly history: History;
  readonly topic: string;
  readonly partitions: number;
}

interface ProblemBody {
  readonly code: string;
  readonly outcome?: string;
}

interface OffsetsBody {
  readonly offsets: readonly (Place & { readonly error?: ProblemBody })[];
}

interface Answered {
  readonly status: number;
  readonly body: unknown;
}

export class ClusterLoad {
  readonly #options: LoadOptions;
  readonly #producers: Promise<void>[] = [];
  readonly #readers: Promise<void>[] = [];
  /** The next offset that each reader must see, by reader and partition. */
  readonly #positions = new Map<string, Map<number, number>>();
  #areProducersEnding = false;
  #areReadersEnding = false;
  #turn = 0;

  /**
   * Starts at every partition a producer with a producer id, which sends everything until it is
   * acknowledged; producers without one, which send everything once; and readers over REST and
   * WebSocket.
   */
  constructor(options: LoadOptions) {
    this.#options = options;
    const { history, topic, partitions, cluster } = options;
    history.add({ event: 'start', topic, partitions });
    for (let partition = 0; partition < partitions; partition += 1) {
      this.#producers.push(this.#produceIdempotently(`idempotent-${partition}`, partition));
      this.#producers.push(this.#produceOnce(`once-${partition}`, partition));
      this.#readers.push(this.#poll(`rest-${partition}`, partition));
    }
    for (const broker of cluster.brokers) {
      const reader = `socket-${broker.id}`;
      const next = this.#begin(reader, [...Array.from({ length: partitions }).keys()]);
      this.#readers.push(
        readSocket({
          broker,
          topic,
          next,
          isEnding: () => this.#areReadersEnding,
          onRecord: (record) => {
            this.#shown(reader, record);
          },
          onDisturbance: (code) => {
            history.add({ event: 'disturbed', reader, code });
          },
        }),
      );
    }
    // An unexpected error in a client is a bug of the test, and fails it when the load is stopped.
    for (const client of [...this.#producers, ...this.#readers]) client.catch(() => undefined);
  }

  /** Resolves when so many more records are acknowledged; rejects when a client has failed. */
  async more(count: number): Promise<void> {
    await Promise.race([
      this.#options.history.more(count),
      ...[...this.#producers, ...this.#readers].map((client) => client.then(() => never())),
    ]);
  }

  /** Lets the producers end, lets the readers see everything, and lets them end. */
  async stop(): Promise<void> {
    this.#areProducersEnding = true;
    await Promise.all(this.#producers);
    const { cluster, topic } = this.#options;
    const ends = await until('a high watermark at every log end', async () => {
      const { partitions } = await cluster.topic(topic);
      const isWhole = partitions.every(({ highWatermark, logEndOffset }) => {
        return highWatermark !== null && highWatermark === logEndOffset;
      });
      return isWhole ? partitions.map(({ logEndOffset }) => logEndOffset ?? 0) : undefined;
    });
    await until(`all readers at ${ends.join(', ')}`, () =>
      [...this.#positions.values()].every((next) =>
        [...next].every(([partition, offset]) => offset >= (ends[partition] ?? 0)),
      ),
    );
    this.#areReadersEnding = true;
    await Promise.all(this.#readers);
  }

  /** Lets all end as they are. */
  abandon(): void {
    this.#areProducersEnding = true;
    this.#areReadersEnding = true;
  }

  /** Sends every request once; what became of it may stay unknown. */
  async #produceOnce(client: string, partition: number): Promise<void> {
    const { history } = this.#options;
    for (let sent = 0; !this.#areProducersEnding; sent += 1) {
      await this.#someBrokerUp();
      const values = [0, 1, 2].map((index) => `${client}-${sent}-${index}`);
      history.add({ event: 'produce', client, values });
      const answer = await this.#send(values, partition);
      this.#record(client, values, answer);
    }
  }

  /**
   * Sends each request again, to any broker, until it is acknowledged: it must be in the log once.
   */
  async #produceIdempotently(client: string, partition: number): Promise<void> {
    const { history } = this.#options;
    const identity = await this.#producerId();
    let sequence = 0;
    for (let sent = 0; !this.#areProducersEnding; sent += 1) {
      const values = [0, 1].map((index) => `${client}-${sent}-${index}`);
      history.add({ event: 'produce', client, values });
      const headers = { ...identity, 'Producer-Sequence': String(sequence) };
      const answer = await until(`an acknowledgement for ${client}`, async () => {
        const answered = await this.#send(values, partition, headers);
        const isFinal = answered !== undefined && answered.status < 500 && answered.status !== 429;
        return isFinal ? answered : undefined;
      });
      this.#record(client, values, answer);
      if (answer.status !== 200) {
        throw new Error(`${client} was answered ${JSON.stringify(answer)}`);
      }
      sequence += values.length;
    }
  }

  async #producerId(): Promise<Readonly<Record<string, string>>> {
    return until('a producer id', async () => {
      const answer = await this.#call('/v1/producers', { method: 'POST', body: '{}' });
      if (answer?.status !== 201) return undefined;
      const { producerId, producerEpoch } = answer.body as Record<string, number>;
      return { 'Producer-Id': String(producerId), 'Producer-Epoch': String(producerEpoch) };
    });
  }

  #record(client: string, values: readonly string[], answer: Answered | undefined): void {
    const { history } = this.#options;
    const refused = (code: string, outcome: string): void => {
      history.add({ event: 'refused', client, values, outcome, code });
    };
    if (answer === undefined) {
      refused('BROKEN_OFF', 'unknown');
    } else if (answer.status === 200) {
      const { offsets } = answer.body as OffsetsBody;
      const places = offsets.map(({ partition, offset }) => ({ partition, offset }));
      history.add({ event: 'acknowledged', client, values, places });
    } else {
      const { code, outcome = 'failed' } = answer.body as ProblemBody;
      refused(code, outcome);
    }
  }

  /** Reads a partition on and on, from another broker each time. */
  async #poll(reader: string, partition: number): Promise<void> {
    const { topic, history } = this.#options;
    const next = this.#begin(reader, [partition]);
    while (!this.#areReadersEnding) {
      const query = `offset=${next.get(partition)}&waitMs=${READ_WAIT_MS}`;
      const path = `/v1/topics/${topic}/partitions/${partition}/records?${query}`;
      const answer = await this.#call(path, {}, READ_TIMEOUT_MS);
      if (answer?.status === 200) {
        const { records } = answer.body as { readonly records: readonly ShownRecord[] };
        for (const record of records) this.#shown(reader, record);
      } else if (answer !== undefined && answer.status < 500) {
        history.add({ event: 'disturbed', reader, code: (answer.body as ProblemBody).code });
      }
    }
  }

  #shown(reader: string, { partition, offset, value }: ShownRecord): void {
    this.#options.history.add({ event: 'read', reader, partition, offset, value });
    this.#positions.get(reader)?.set(partition, offset + 1);
  }

  #begin(reader: string, partitions: readonly number[]): ReadonlyMap<number, number> {
    const next = new Map(partitions.map((partition) => [partition, 0]));
    this.#positions.set(reader, next);
    return next;
  }

  #send(
    values: readonly string[],
    partition: number,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answered | undefined> {
    const records = values.map((value) => ({ value, partition }));
    return this.#call(`/v1/topics/${this.#options.topic}/records`, {
      method: 'POST',
      headers: { ...JSON_TYPE, ...headers },
      body: JSON.stringify({ records }),
    });
  }

  async #someBrokerUp(): Promise<void> {
    const { cluster } = this.#options;
    while (cluster.running.length === 0 && !this.#areReadersEnding) await setTimeout(PAUSE_MS);
  }

  /** Asks the brokers in turn, those that are up; undefined when it broke off. */
  async #call(
    path: string,
    init: RequestInit,
    timeoutMs = REQUEST_TIMEOUT_MS,
  ): Promise<Answered | undefined> {
    const { cluster } = this.#options;
    await this.#someBrokerUp();
    this.#turn += 1;
    const broker = cluster.running[this.#turn % cluster.running.length];
    if (broker === undefined) return undefined;
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      return await broker.call(path, { headers: JSON_TYPE, ...init, signal });
    } catch {
      return undefined;
    }
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
