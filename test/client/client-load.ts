/**
 * A program of each kind that the client library serves, over one transport, while brokers and
 * connections come and go: producers, a subscription, a member of a group and a worker on a queue.
 * The history of the cluster tests records what they send and what they are given.
 */
import { setTimeout } from 'node:timers/promises';
import type { Job, Sluice } from '#client';
import type { History } from '../cluster/history.js';
import { until } from '../support/until.js';
import type { TransportUnderTest } from './client-under-test.js';

/** Time between two records of a producer, ms: the brokers and clients share two cores. */
const PACE_MS = 100;
/** Jobs that a worker holds: each round of them is three writes of a busy disk. */
const PREFETCH = 500;

export interface ClientLoadOptions {
  readonly client: Sluice;
  readonly transport: TransportUnderTest;
  readonly history: History;
  readonly topic: string;
  readonly partitions: number;
}

export class ClientLoad {
  /** Faults of the client: what must not happen, in words. */
  readonly faults: string[] = [];
  readonly #options: ClientLoadOptions;
  readonly #acknowledged: string[] = [];
  readonly #subscribed = new Set<string>();
  readonly #consumed = new Set<string>();
  readonly #worked = new Set<string>();
  /** Values of jobs whose acknowledgement has resolved. */
  readonly #settled = new Set<string>();
  readonly #producing: Promise<void>[];
  #isEnding = false;

  constructor(options: ClientLoadOptions) {
    this.#options = options;
    this.#producing = Array.from({ length: options.partitions }, (_, partition) =>
      this.#produce(partition),
    );
    const programs = [...this.#producing, this.#subscribe(), this.#consume(), this.#work()];
    for (const program of programs) {
      program.catch((error: unknown) => this.faults.push(String(error)));
    }
  }

  /** Stops the producers and waits until each program has seen what they wrote. */
  async stop(): Promise<void> {
    this.#isEnding = true;
    await Promise.all(this.#producing);
    const { transport } = this.#options;
    await this.#untilSeen(`the subscription over ${transport}`, this.#subscribed);
    await this.#untilSeen(`the consumer over ${transport}`, this.#consumed);
    await this.#untilSeen(`the worker over ${transport}`, this.#worked);
  }

  /** Waits until a program has seen all that was written; a fault ends the wait. */
  async #untilSeen(program: string, seen: ReadonlySet<string>): Promise<void> {
    const isMissing = (): boolean => this.#acknowledged.some((value) => !seen.has(value));
    await until(`all values at ${program}`, () => this.faults.length > 0 || !isMissing());
  }

  /** Sends numbered records to a partition, in order and without waiting for each. */
  async #produce(partition: number): Promise<void> {
    const { client, transport, history, topic } = this.#options;
    const producer = client.producer();
    const name = `${transport}-${partition}`;
    const sent: Promise<void>[] = [];
    for (let number = 0; !this.#isEnding; number += 1) {
      const value = `${name}-${number}`;
      history.add({ event: 'produce', client: name, values: [value] });
      const send = async (): Promise<void> => {
        try {
          const { offset } = await producer.send({ topic, partition, value });
          const places = [offset === null ? null : { partition, offset }];
          history.add({ event: 'acknowledged', client: name, values: [value], places });
          this.#acknowledged.push(value);
        } catch (error) {
          this.faults.push(`${value} was not written: ${String(error)}`);
        }
      };
      sent.push(send());
      await setTimeout(PACE_MS);
    }
    await Promise.all(sent);
  }

  async #subscribe(): Promise<void> {
    const { client, transport, history, topic } = this.#options;
    for await (const record of client.subscribe(topic, { from: 'earliest' })) {
      const { partition, offset } = record;
      const value = String(record.value);
      history.add({ event: 'read', reader: `subscription-${transport}`, partition, offset, value });
      this.#subscribed.add(value);
    }
  }

  /** A record may come again, but none whose offset is committed. */
  async #consume(): Promise<void> {
    const { client, transport, topic } = this.#options;
    const group = `group-${transport}`;
    const consumer = client.consumer({
      group,
      topics: [topic],
      autoOffsetReset: 'earliest',
      autoCommit: false,
    });
    const committed = new Map<number, number>();
    for await (const batch of consumer) {
      const { partition, records } = batch;
      for (const { offset, value } of records) {
        if (offset < (committed.get(partition) ?? 0)) {
          this.faults.push(`${group} was given ${partition}@${offset} after its commit`);
        }
        this.#consumed.add(String(value));
      }
      try {
        await batch.commit();
        committed.set(partition, (records.at(-1)?.offset ?? 0) + 1);
      } catch {
        // The partition was lost: its records come again.
      }
    }
  }

  /** A record may come again, but none that is acknowledged. */
  async #work(): Promise<void> {
    const { client, transport, topic } = this.#options;
    const group = `queue-${transport}`;
    const queue = client.queue({
      group,
      topics: [topic],
      prefetch: PREFETCH,
      autoOffsetReset: 'earliest',
    });
    for await (const job of queue) {
      if (this.#settled.has(String(job.value))) {
        this.faults.push(`${group} was given ${job.partition}@${job.offset} after its ack`);
      }
      this.#worked.add(String(job.value));
      void this.#settle(job);
    }
  }

  async #settle(job: Job): Promise<void> {
    try {
      await job.ack();
      this.#settled.add(String(job.value));
    } catch {
      // The lock is over: the record comes again, unless the acknowledgement was applied.
    }
  }
}
