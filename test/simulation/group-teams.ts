import type { Broker, FetchResult } from '#broker';
import type { RecordBatch } from '#log';
import { type TopicPartition, topicPartitionName } from '#protocol';
import { deadLettersIn, recordsIn } from './batches.js';
import type { ClientParts } from './client.js';
import { ClientConnection } from './client-connection.js';
import { type DeadLetters, GroupCheck, type PartitionValues } from './group-check.js';
import { outcomeOf } from './history.js';
import { QueueLedger } from './queue-ledger.js';
import { QueueMember } from './queue-member.js';
import { StreamLedger } from './stream-ledger.js';
import { StreamMember } from './stream-member.js';

const STREAM = 'workers';
const STREAM_PARTITIONS = partitionsOf('orders', 2);
const QUEUE = 'jobs';
const QUEUE_PARTITIONS = partitionsOf('events', 1);
/** Topic of the dead letters of the queue group. */
const DEAD_LETTERS = `dlq.${QUEUE}`;
const QUEUE_CONFIGS = {
  'share.record.lock.duration.ms': 2500,
  'share.delivery.count.limit': 4,
  'share.auto.offset.reset': 'earliest',
};
/**
 * A queue without delayed records, with some, with some in the order of their keys; and one whose
 * dead letters are put back again and again, while the log of the groups is compacted.
 */
export type QueueKind = 'plain' | 'delayed' | 'ordered' | 'redriven';
/** Longest pause between two redrives, ms. */
const REDRIVE_MS_MAX = 3000;

const MEMBERS = 3;
/** Session time-outs: shorter and longer than the lease of a broker, ms. */
const SESSIONS_MS = [1500, 4000] as const;
/** Time limit for members to consume everything once nothing disturbs them (I16, I17), ms. */
const CONSUMED_MS_MAX = 60_000;
const READ_BYTES = 50_000;
const RETRY_MS = 250;
const TRIES_MAX = 400;

/**
 * Two groups whose members run through a whole simulation: a stream group and a queue group. In the
 * end they have consumed everything, and what they were told is compared with their log.
 */
export class GroupTeams {
  readonly #parts: ClientParts;
  readonly #connection: ClientConnection;
  readonly #stream: StreamLedger;
  readonly #queue: QueueLedger;
  readonly #running = new Set<string>();
  /** Dead letters of which it is known that they were put back. */
  #redriven = 0;
  /** Records that compaction had removed from the log of the groups in the end. */
  #compacted = 0;
  /** Ends of the partitions, up to which members consumed in the end. */
  #ends: ReadonlyMap<string, number> = new Map();
  #isOver = false;
  #isQuiet = false;

  readonly #kind: QueueKind;

  constructor(parts: ClientParts, kind: QueueKind = 'plain') {
    const { world } = parts;
    this.#kind = kind;
    this.#parts = parts;
    this.#connection = new ClientConnection(world, world.randomOf('groups'));
    this.#stream = new StreamLedger(world, STREAM);
    this.#queue = new QueueLedger(world, QUEUE);
  }

  /** Numbers for the report of a run. */
  get counts(): Readonly<Record<string, number>> {
    const sizes = Array.from(this.#stream.delivered.values(), ({ size }) => size);
    return {
      streamed: sizes.reduce((total, size) => total + size, 0),
      streamedAgain: this.#stream.repeats,
      fenced: this.#stream.fenced,
      queueDeliveries: [...this.#queue.deliveries.values()].flat().length,
      redriven: this.#redriven,
      compacted: this.#compacted,
      acks: this.#queue.answers.filter(({ outcome }) => outcome === 'done').length,
    };
  }

  /** Sets the configs of the queue group, and starts all members. */
  async start(): Promise<void> {
    const isOrdered = this.#kind === 'ordered';
    const order = isOrdered ? { 'sluice.share.key.ordered': 'true' } : {};
    const configs = { ...QUEUE_CONFIGS, ...order };
    await this.#asked((broker) => broker.groups.alterConfigs(QUEUE, configs));
    if (this.#kind === 'redriven') this.#startRedriving();
    const { world } = this.#parts;
    const parts = { ...this.#parts, isOver: (): boolean => this.#isOver };
    const random = world.randomOf('teams');
    const isFaulty = (): boolean => !this.#isQuiet;
    const autoOffsetReset = random.below(2) === 0 ? 'latest' : 'earliest';
    const sessionTimeoutMs = SESSIONS_MS[random.below(SESSIONS_MS.length)] ?? SESSIONS_MS[0];
    for (let number = 1; number <= MEMBERS; number += 1) {
      const stream = {
        name: `s${number}`,
        topics: ['orders'],
        autoOffsetReset,
        sessionTimeoutMs,
        autoCommit: random.below(3) > 0,
        isStatic: random.below(3) === 0,
      } as const;
      this.#run(new StreamMember(parts, this.#stream, stream, isFaulty));
      const queue = { name: `q${number}`, topics: ['events'], sessionTimeoutMs };
      this.#run(new QueueMember(parts, this.#queue, queue, isFaulty));
    }
  }

  /** Lets the members consume all that is there, and stops them. */
  async finish(): Promise<void> {
    const { world } = this.#parts;
    this.#isQuiet = true;
    // With a clock that is an hour late, delayed records would come an hour late, too.
    if (this.#kind !== 'plain') for (const machine of world.machines) machine.wallOffsetMs = 0;
    const endMs = world.nowMs + CONSUMED_MS_MAX;
    this.#ends = await this.#endsOf([...STREAM_PARTITIONS, ...QUEUE_PARTITIONS]);
    for (;;) {
      const missing = await this.#missing();
      if (missing.length === 0 || world.violations.length > 0) break;
      await world.sleep(RETRY_MS);
      if (world.nowMs < endMs) continue;
      world.violated(`I16, I17: not consumed ${CONSUMED_MS_MAX} ms later: ${missing.join(', ')}`);
    }
    this.#isOver = true;
    const isAnswered = (): boolean => this.#running.size === 0;
    const missing = (): string => `no answer for ${[...this.#running].join(', ')}`;
    await world.mustBecome(isAnswered, CONSUMED_MS_MAX, missing);
  }

  /** Compares what the members were told with the log of their groups. */
  async check(): Promise<void> {
    const { world, history } = this.#parts;
    const check = new GroupCheck(world, history);
    if (!(await check.load())) return;
    this.#compacted = check.compactedRecords;
    check.checkCompaction();
    const upToEnd = ({ name, values }: PartitionValues): PartitionValues => {
      return { name, values: values.slice(0, this.#ends.get(name)) };
    };
    const streamed = await this.#valuesOf(STREAM_PARTITIONS);
    const queued = await this.#valuesOf(QUEUE_PARTITIONS);
    check.checkStream(this.#stream, streamed.map(upToEnd));
    check.checkQueue(this.#queue, queued.map(upToEnd), await this.#deadLetters());
  }

  /** Puts dead letters back until all is quiet. */
  #startRedriving(): void {
    const name = 'redriver';
    this.#running.add(name);
    this.#redrive().then(
      () => this.#running.delete(name),
      (error: unknown) => this.#parts.world.unexpected(name, error),
    );
  }

  async #redrive(): Promise<void> {
    const { world } = this.#parts;
    const random = world.randomOf('redriver');
    const connection = new ClientConnection(world, random);
    while (!this.#isQuiet) {
      await world.sleep(random.below(REDRIVE_MS_MAX));
      const machine = world.machine(random.below(world.machines.length));
      const limit = 1 + random.below(5);
      try {
        const redrive = (broker: Broker) => broker.groups.queues.redrive(QUEUE, { limit });
        const { redriven } = await connection.call(machine, redrive);
        this.#redriven += redriven;
      } catch (error) {
        if (outcomeOf(error) === undefined) throw error;
      }
    }
  }

  #run(member: StreamMember | QueueMember): void {
    this.#running.add(member.name);
    member.run().then(
      () => this.#running.delete(member.name),
      (error: unknown) => this.#parts.world.unexpected(member.name, error),
    );
  }

  async #endsOf(targets: readonly TopicPartition[]): Promise<ReadonlyMap<string, number>> {
    const ends = new Map<string, number>();
    for (const target of targets) {
      const { offset } = await this.#asked((broker) => broker.listOffset(target, 'latest'));
      ends.set(topicPartitionName(target), offset ?? 0);
    }
    return ends;
  }

  /** Partitions that lost no records, and of which a group has not consumed all records yet. */
  async #missing(): Promise<string[]> {
    const { world, history } = this.#parts;
    const check = new GroupCheck(world, history);
    if (!(await check.load())) return [];
    const endOf = (target: TopicPartition): number =>
      this.#ends.get(topicPartitionName(target)) ?? 0;
    const stream = STREAM_PARTITIONS.filter((target) => {
      const name = topicPartitionName(target);
      const first = check.firstPosition(STREAM, name) ?? Infinity;
      const isTaken = this.#stream.delivered.get(name)?.has(endOf(target) - 1);
      return endOf(target) > first && isTaken !== true;
    });
    const queue = QUEUE_PARTITIONS.filter(
      (target) => !check.isFinished(QUEUE, target, endOf(target)),
    );
    const names = [...stream, ...queue].map(topicPartitionName);
    return names.filter((name) => !world.metadata.lost.has(name));
  }

  async #deadLetters(): Promise<DeadLetters> {
    const { partitions = [] } = this.#parts.world.state.topics.get(DEAD_LETTERS) ?? {};
    const targets = partitionsOf(DEAD_LETTERS, partitions.length);
    const batches = (await Promise.all(targets.map((target) => this.#batchesOf(target)))).flat();
    const values = batches.flatMap(recordsIn).map(({ value }) => value ?? '');
    return {
      places: batches.flatMap(deadLettersIn),
      values: values.filter((value) => isDeadLetter({ topic: DEAD_LETTERS }, value)),
    };
  }

  #valuesOf(targets: readonly TopicPartition[]): Promise<PartitionValues[]> {
    return Promise.all(
      targets.map(async (target) => ({
        name: topicPartitionName(target),
        values: await this.#readAll(target),
      })),
    );
  }

  async #readAll(target: TopicPartition): Promise<string[]> {
    const batches = await this.#batchesOf(target);
    return batches.flatMap(recordsIn).map(({ value }) => value ?? '');
  }

  async #batchesOf(target: TopicPartition): Promise<RecordBatch[]> {
    const end = await this.#asked((broker) => broker.listOffset(target, 'latest'));
    const batches: RecordBatch[] = [];
    const nextOffset = (): number => batches.at(-1)?.nextOffset ?? 0;
    while (nextOffset() < (end.offset ?? 0)) {
      const at = { offset: nextOffset(), maxBytes: READ_BYTES, minBytes: 1, waitMs: 500 };
      const result: FetchResult = await this.#asked((broker) => broker.fetch({ ...target, ...at }));
      batches.push(...result.batches);
    }
    return batches;
  }

  /** Asks brokers in turn until one answers. */
  async #asked<T>(act: (broker: Broker) => Promise<T>): Promise<T> {
    const { world } = this.#parts;
    for (let turn = 0; ; turn += 1) {
      try {
        return await this.#connection.call(world.machine(turn % world.machines.length), act);
      } catch (error) {
        if (outcomeOf(error) === undefined) throw error;
        if (turn >= TRIES_MAX) throw error;
        await world.sleep(RETRY_MS);
      }
    }
  }
}

/** True for a copy in the dead-letter topic, where clients that check recovery produce, too. */
export function isDeadLetter({ topic }: { readonly topic: string }, value: string): boolean {
  return topic === DEAD_LETTERS && !value.startsWith(`last-${DEAD_LETTERS}-`);
}

function partitionsOf(topic: string, count: number): TopicPartition[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }));
}
