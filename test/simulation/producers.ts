import type { Acks, ProducerIdentity } from '#broker';
import { ProtocolError, type TopicPartition, topicPartitionName } from '#protocol';
import type { SeededRandom } from '#runtime/testing';
import { type PlainRecord, produceOf } from '../../libs/broker/src/testing/records.js';
import { Client, type ClientParts } from './client.js';
import { outcomeOf, type SentRecord } from './history.js';

export interface ProducerOptions {
  readonly name: string;
  readonly topic: string;
  readonly partitions: number;
  readonly acks: Acks;
  /** Longest pause between two requests, ms. */
  readonly pauseMsMax: number;
  /** True for records with keys, some of them delayed. */
  readonly isQueued?: boolean;
}

const RECORDS_MAX = 3;
const VALUE_BYTES_MAX = 240;
const PRODUCE_TIMEOUTS_MS = [1000, 4000, 12_000];
const RETRY_MS_MAX = 400;
/**
 * Errors that a producer that continues its sequences never gets, except from a former leader that
 * does not know the next leader and its log yet; that state is short.
 */
const SEQUENCE_ERRORS = ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'INVALID_PRODUCER_EPOCH'];
const DEPOSED_MS_MAX = 8000;

/** A producer that sends each record once and trusts the answer. */
export class Producer extends Client {
  #sent = 0;
  readonly #options: ProducerOptions;

  constructor(parts: ClientParts, options: ProducerOptions) {
    super(parts, options.name);
    this.#options = options;
  }

  async run(): Promise<void> {
    while (!this.parts.isOver()) {
      await this.#produce();
      await this.pause(this.#options.pauseMsMax);
    }
  }

  async #produce(): Promise<void> {
    const { topic, partitions, acks, name } = this.#options;
    const { history } = this.parts;
    const isPlaced = this.random.below(4) > 0;
    const partition = this.random.below(partitions);
    const records: SentRecord[] = [];
    for (let left = 1 + this.random.below(RECORDS_MAX); left > 0; left -= 1) {
      this.#sent += 1;
      records.push(history.send({ value: `${name}-${this.#sent}`, topic, acks, producer: name }));
    }
    const values = records.map(({ value }) => ({
      value: padded(value, this.random),
      ...(isPlaced ? { partition } : {}),
    }));
    const timeoutMs = PRODUCE_TIMEOUTS_MS[this.random.below(PRODUCE_TIMEOUTS_MS.length)] ?? 1000;
    const request = produceOf(topic, values, { acks, timeoutMs });
    try {
      const { parts } = await this.connection.call(this.anyMachine(), (broker) =>
        broker.produce(request),
      );
      for (const part of parts) {
        const indexes = part.indexes ?? records.keys();
        let at = 0;
        for (const index of indexes) {
          this.#answered(records[index], part, at);
          at += 1;
        }
      }
    } catch (error) {
      for (const record of records) history.failed(record, error);
    }
  }

  #answered(
    record: SentRecord | undefined,
    part: {
      readonly partition: number;
      readonly baseOffset: number | null;
      readonly error: ProtocolError | undefined;
    },
    at: number,
  ): void {
    const { history, world } = this.parts;
    if (record === undefined) return;
    const { partition, baseOffset, error } = part;
    if (error !== undefined) history.failed(record, error);
    else if (baseOffset === null) world.violated(`I9: ${record.value} has no offset`);
    else history.acknowledged(record, { partition, offset: baseOffset + at });
  }
}

/** A producer with its own producer id, which sends each record until it knows its outcome. */
export class RetryingProducer extends Client {
  #identity: ProducerIdentity | undefined;
  readonly #sequences = new Map<number, number>();
  /** Time since when its sequence is refused; undefined: it is not. */
  #refusedSinceMs: number | undefined;
  #sent = 0;
  readonly #options: ProducerOptions;

  constructor(parts: ClientParts, options: ProducerOptions) {
    super(parts, options.name);
    this.#options = options;
  }

  async run(): Promise<void> {
    while (!this.parts.isOver()) {
      const identity = await this.#ownIdentity();
      if (identity === undefined) continue;
      await this.#produce(identity);
      await this.pause(this.#options.pauseMsMax);
    }
  }

  async #ownIdentity(): Promise<ProducerIdentity | undefined> {
    if (this.#identity !== undefined) return this.#identity;
    try {
      const identity = await this.connection.call(this.anyMachine(), (broker) =>
        broker.initProducer(),
      );
      this.#identity = identity;
      this.#sequences.clear();
      return identity;
    } catch (error) {
      if (outcomeOf(error) === undefined) this.parts.world.unexpected(this.name, error);
      await this.pause(RETRY_MS_MAX);
      return undefined;
    }
  }

  async #produce(identity: ProducerIdentity): Promise<void> {
    const { topic, partitions, acks, name } = this.#options;
    const { history } = this.parts;
    const partition = this.random.below(partitions);
    const sequence = this.#sequences.get(partition) ?? 0;
    const records: SentRecord[] = [];
    for (let left = 1 + this.random.below(RECORDS_MAX); left > 0; left -= 1) {
      this.#sent += 1;
      records.push(history.send({ value: `${name}-${this.#sent}`, topic, acks, producer: name }));
    }
    const values = records.map((record) => ({
      value: padded(record.value, this.random),
      partition,
      ...(this.#options.isQueued === true ? queuedMembers(record) : {}),
    }));
    const producer = { ...identity, sequence };
    // After many tries the outcome stays unknown.
    for (let tries = 1; ; tries += 1) {
      const isDone = await this.#try(records, values, producer, partition);
      if (isDone) {
        this.#sequences.set(partition, sequence + records.length);
        return;
      }
      if (this.#identity === undefined || (this.parts.isOver() && tries > 20)) return;
      await this.pause(RETRY_MS_MAX);
      for (const record of records) history.retried(record);
    }
  }

  /** @returns true when the records are certainly in the log */
  async #try(
    records: readonly SentRecord[],
    values: readonly PlainRecord[],
    producer: ProducerIdentity & { readonly sequence: number },
    partition: number,
  ): Promise<boolean> {
    const { topic, acks } = this.#options;
    const { history, world } = this.parts;
    const request = produceOf(topic, values, { acks, timeoutMs: 3000, producer });
    try {
      const { parts } = await this.connection.call(this.anyMachine(), (broker) =>
        broker.produce(request),
      );
      const [part] = parts;
      if (part?.error !== undefined) throw part.error;
      if (part?.baseOffset == null) throw new Error('a producer was answered without an offset');
      this.#refusedSinceMs = undefined;
      for (const [at, record] of records.entries()) {
        history.acknowledged(record, { partition, offset: part.baseOffset + at });
      }
      return true;
    } catch (error) {
      const fates = records.map((record) => history.failed(record, error));
      const isLost = world.metadata.lost.has(topicPartitionName({ topic, partition }));
      if (error instanceof ProtocolError && !error.retriable && error.outcome === 'failed') {
        const isSequenceError = SEQUENCE_ERRORS.includes(error.code) && !isLost;
        if (isSequenceError) this.#sequenceRefused(error);
        else this.#identity = undefined;
      }
      return fates.every((fate) => fate === 'applied');
    }
  }

  /**
   * Checks a refused sequence: all acknowledged records are in the log, so the sequence should fit.
   */
  #sequenceRefused(error: ProtocolError): void {
    const { world } = this.parts;
    this.#refusedSinceMs ??= world.nowMs;
    if (world.nowMs - this.#refusedSinceMs < DEPOSED_MS_MAX) return;
    world.violated(`I6: ${this.name} gets: ${error.message}`);
  }
}

/** A producer that sends records until one is acknowledged by all in-sync replicas (I19). */
export class LastProducer extends Client {
  #sent = 0;
  readonly #target: TopicPartition;

  constructor(parts: ClientParts, target: TopicPartition) {
    super(parts, `last of ${topicPartitionName(target)}`);
    this.#target = target;
  }

  async run(): Promise<void> {
    const { history } = this.parts;
    const { topic, partition } = this.#target;
    for (let isTaken = false; !isTaken && !this.parts.isOver(); ) {
      this.#sent += 1;
      const value = `last-${topicPartitionName(this.#target)}-${this.#sent}`;
      const record = history.send({ value, topic, acks: 'all', producer: this.name });
      const request = produceOf(topic, [{ value, partition }], { timeoutMs: 2000 });
      try {
        const { parts } = await this.connection.call(this.anyMachine(), (broker) =>
          broker.produce(request),
        );
        const [part] = parts;
        if (part?.error !== undefined) throw part.error;
        history.acknowledged(record, { partition, offset: part?.baseOffset ?? -1 });
        isTaken = true;
      } catch (error) {
        history.failed(record, error);
        await this.pause(RETRY_MS_MAX);
      }
    }
  }
}

/** Numbers of records that have the same key, and of which one is delayed. */
const KEYS = 9;
const DELAYED_OF = 5;
const DELAY_STEP_MS = 400;

/** The key of a record for a queue, and its delay if it has one; both follow from its value. */
function queuedMembers({ value, sentMs }: SentRecord): { key: string; deliverAtMs?: number } {
  const number = Number(value.slice(value.lastIndexOf('-') + 1));
  const key = `key-${number % KEYS}`;
  if (number % DELAYED_OF > 0) return { key };
  return { key, deliverAtMs: Math.floor(sentMs) + DELAY_STEP_MS * (1 + (number % 7)) };
}

/** A value: its word followed by padding of a random length. */
function padded(word: string, random: SeededRandom): string {
  return `${word} ${'.'.repeat(random.below(VALUE_BYTES_MAX))}`;
}
