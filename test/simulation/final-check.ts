import type { FetchResult } from '#broker';
import { ProtocolError, type TopicPartition, topicPartitionName } from '#protocol';
import { isPutBack, recordsIn } from './batches.js';
import { ClientConnection, UnreachableError } from './client-connection.js';
import { isDeadLetter } from './group-teams.js';
import type { History, SentRecord } from './history.js';
import type { Machine } from './machine.js';
import { type ReplicaLog, readReplicaLogs } from './replica-logs.js';
import type { World } from './world.js';

const READ_TRIES_MAX = 40;
const RETRY_MS = 250;

/**
 * The final check of a healed cluster: reads everything through every broker and from every disk,
 * and compares it with the answers that clients got.
 */
export class FinalCheck {
  readonly #world: World;
  readonly #history: History;
  /** Location of each value. */
  readonly #places = new Map<string, string>();

  constructor(world: World, history: History) {
    this.#world = world;
    this.#history = history;
  }

  async run(): Promise<void> {
    for (const { name: topic, partitions } of this.#world.state.topics.values()) {
      if (topic.startsWith('__')) continue;
      for (const partition of partitions.keys()) await this.#check({ topic, partition });
    }
    for (const record of this.#history.records.values()) this.#checkFate(record);
  }

  async #check(target: TopicPartition): Promise<void> {
    const values = await this.#valuesOf(target);
    const logs = await readReplicaLogs(this.#world, target);
    this.#checkReplicas(target, logs);
    if (values === undefined) return;
    this.#checkValues(target, values);
    const [log] = logs;
    if (log !== undefined) this.#checkEnds(target, log);
  }

  /** The values of a partition in the order of their offsets, as all brokers return them. */
  async #valuesOf(target: TopicPartition): Promise<readonly string[] | undefined> {
    const name = topicPartitionName(target);
    let first: readonly string[] | undefined;
    for (const machine of this.#world.machines) {
      const values = await this.#readAll(machine, target);
      if (values === undefined) {
        this.#world.violated(`I2: ${name} cannot be read to its end at ${machine.name}`);
      } else if (first === undefined) first = values;
      else if (values.join() !== first.join()) {
        this.#world.violated(
          `I3: ${machine.name} returns other records of ${name} than other brokers`,
        );
      }
    }
    return first;
  }

  async #readAll(machine: Machine, target: TopicPartition): Promise<string[] | undefined> {
    const values: string[] = [];
    const end = await this.#asked(machine, (broker) => broker.listOffset(target, 'latest'));
    if (end?.offset == null) return undefined;
    while (values.length < end.offset) {
      const request = {
        ...target,
        offset: values.length,
        maxBytes: 50_000,
        minBytes: 1,
        waitMs: 500,
      };
      const result = await this.#asked(machine, (broker) => broker.fetch(request));
      if (result === undefined || !this.#take(result, target, values)) return undefined;
    }
    return values;
  }

  /** @returns true when there were records */
  #take({ batches }: FetchResult, target: TopicPartition, values: string[]): boolean {
    const before = values.length;
    for (const { offset, value } of batches.flatMap(recordsIn)) {
      if (offset < values.length) continue;
      if (offset > values.length) {
        this.#world.violated(`I10: ${topicPartitionName(target)} has nothing at ${values.length}`);
        return false;
      }
      values.push(value ?? '');
    }
    return values.length > before;
  }

  async #asked<T>(
    machine: Machine,
    act: Parameters<typeof ClientConnection.prototype.call<T>>[1],
  ): Promise<T | undefined> {
    const world = this.#world;
    const connection = new ClientConnection(world, world.randomOf('final reads'));
    for (let tries = 0; tries < READ_TRIES_MAX; tries += 1) {
      try {
        return await connection.call(machine, act);
      } catch (error) {
        if (!(error instanceof ProtocolError) && !(error instanceof UnreachableError)) throw error;
        world.trace.add('checker', `${machine.name}: ${String(error)}`);
        await world.sleep(RETRY_MS);
      }
    }
    return undefined;
  }

  #checkValues(target: TopicPartition, values: readonly string[]): void {
    const name = topicPartitionName(target);
    const isLost = this.#world.metadata.lost.has(name);
    for (const [offset, value] of values.entries()) {
      // GroupCheck looks at copies among the dead letters, and at records that were put back.
      if (isDeadLetter(target, value) || isPutBack(value)) continue;
      const place = `${name}@${offset}`;
      const known = this.#places.get(value);
      if (known !== undefined) this.#world.violated(`I4: ${value} is at ${known} and ${place}`);
      this.#places.set(value, place);
      const record = this.#history.records.get(value);
      if (record === undefined) this.#world.violated(`${value} at ${place} was sent by no client`);
      else if (record.fate === 'failed') {
        this.#world.violated(`I5: ${value} is at ${place}, its producer got ${record.error}`);
      }
    }
    if (isLost) return;
    for (const [offset, value] of this.#history.shown.get(name) ?? []) {
      if (values[offset] === value) continue;
      this.#world.violated(`I3: ${value} was read at ${name}@${offset}, now ${values[offset]} is`);
    }
  }

  #checkFate({ value, topic, acks, fate, place }: SentRecord): void {
    const found = this.#places.get(value);
    const { lost, state } = this.#world.metadata;
    if (!state.topics.has(topic)) return;
    if (place !== undefined) {
      const name = topicPartitionName({ topic, partition: place.partition });
      if (lost.has(name)) return;
      const answered = `${name}@${place.offset}`;
      if (found === undefined && acks !== 'all') return;
      if (found === undefined) this.#world.violated(`I1: ${value} was acknowledged at ${answered}`);
      else if (found !== answered) {
        this.#world.violated(`I3: ${value} was acknowledged at ${answered}, and is at ${found}`);
      }
    } else if (fate === 'applied' && acks === 'all' && found === undefined && lost.size === 0) {
      this.#world.violated(`I1: ${value} was reported to be in the log, and is not`);
    }
  }

  /**
   * Compares the bytes of all replicas below the lowest high watermark (I12), at every offset
   * (I10).
   */
  #checkReplicas(target: TopicPartition, logs: readonly ReplicaLog[]): void {
    const name = topicPartitionName(target);
    const lowest = Math.min(...logs.map(({ highWatermark }) => highWatermark));
    const [first] = logs;
    for (const { machine, batches } of logs) {
      let expected = 0;
      for (const [at, batch] of batches.entries()) {
        if (batch.lastOffset >= lowest) break;
        if (batch.baseOffset !== expected) {
          this.#world.violated(`I10: ${machine.name} has no batch at ${name}@${expected}`);
        }
        expected = batch.nextOffset;
        const other = first?.batches[at];
        if (other?.bytes.equals(batch.bytes) === true) continue;
        const pair = `${first?.machine.name} and ${machine.name}`;
        this.#world.violated(`I12: ${pair} differ at ${name}@${batch.baseOffset}`);
        break;
      }
      if (expected < lowest && !this.#world.metadata.lost.has(name)) {
        this.#world.violated(`I12: ${machine.name} has ${name} up to ${expected} of ${lowest}`);
      }
    }
  }

  /**
   * Checks that a reported end is above all records acknowledged before, in its epoch or an earlier
   * one.
   */
  #checkEnds({ topic, partition }: TopicPartition, { batches }: ReplicaLog): void {
    const { metadata } = this.#world;
    const name = topicPartitionName({ topic, partition });
    const topicId = metadata.state.topics.get(topic)?.id ?? '';
    if (metadata.lost.has(name)) return;
    const epochs: number[] = [];
    for (const { nextOffset, leaderEpoch } of batches) {
      while (epochs.length < nextOffset) epochs.push(leaderEpoch);
    }
    const ends = this.#history.ends.filter(
      (end) => end.topic === topic && end.partition === partition,
    );
    if (ends.length === 0) return;
    for (const {
      value,
      topic: of,
      acks,
      place,
      acknowledgedMs,
    } of this.#history.records.values()) {
      if (of !== topic || place?.partition !== partition || acks !== 'all') continue;
      const epoch = epochs[place.offset] ?? 0;
      if (!metadata.isSoleElection(topicId, partition, epoch)) continue;
      const early = ends.find(
        ({ offset, askedMs, leaderEpoch }) =>
          askedMs > acknowledgedMs && leaderEpoch >= epoch && offset <= place.offset,
      );
      if (early === undefined) continue;
      const reported = `${name} was reported to end at ${early.offset} in epoch ${early.leaderEpoch}`;
      this.#world.violated(`I9: ${reported}, after ${value} was acknowledged at ${place.offset}`);
    }
  }
}
