import type { RecordBatch } from '#log';
import {
  CONSUMER_OFFSETS_TOPIC,
  type Offset,
  type TopicPartition,
  topicPartitionName,
} from '#protocol';
import { GroupTable } from '../../libs/groups/src/coordinator/group-table.js';
import { groupRecordsOf } from '../../libs/groups/src/log/group-record-codec.js';
import { isPutBack, recordsIn, sentValue } from './batches.js';
import { acquisitionText, GroupLogHistory } from './group-log-history.js';
import { groupStates } from './group-states.js';
import type { History } from './history.js';
import { type QueueLedger, textOf } from './queue-ledger.js';
import { readReplicaLogs } from './replica-logs.js';
import type { StreamLedger } from './stream-ledger.js';
import type { World } from './world.js';

/** The dead letters of a queue group. */
export interface DeadLetters {
  /** Partition and offset of the records that they are copies of. */
  readonly places: readonly string[];
  readonly values: readonly string[];
}

/** The log of the groups on one broker. */
interface GroupReplica {
  /** Name of the broker. */
  readonly name: string;
  readonly batches: readonly RecordBatch[];
}

/** Records of a partition, in the order of their offsets, and its end. */
export interface PartitionValues {
  readonly name: string;
  readonly values: readonly string[];
}

/**
 * Compares the answers that members of groups got with the log of their coordinator: it has all
 * that was answered, nothing was skipped, and all that the members did has happened (I16, I17).
 */
export class GroupCheck {
  readonly #world: World;
  readonly #history: History;
  #log = new GroupLogHistory([]);
  /** Committed batches of the groups' log. */
  #whole: readonly RecordBatch[] = [];
  /** Those of them that compaction has left, by replica. */
  #left: readonly GroupReplica[] = [];

  constructor(world: World, history: History) {
    this.#world = world;
    this.#history = history;
  }

  /** Reads the log of the groups. @returns false when it lost records, so that nothing holds */
  async load(): Promise<boolean> {
    const target = { topic: CONSUMER_OFFSETS_TOPIC, partition: 0 };
    if (this.#world.metadata.lost.has(topicPartitionName(target))) return false;
    const logs = await readReplicaLogs(this.#world, target);
    const [replica] = logs;
    if (replica === undefined) return false;
    const isCommitted = ({ lastOffset }: RecordBatch): boolean =>
      lastOffset < replica.highWatermark;
    const all = this.#world.logs.uncompactedGroupLog().filter(isCommitted);
    this.#log = new GroupLogHistory(all);
    this.#whole = all;
    this.#left = logs.map(({ machine, batches }) => ({
      name: machine.name,
      batches: batches.filter(isCommitted),
    }));
    for (const what of this.#log.shared) this.#world.violated(`I16: two members own ${what}`);
    for (const what of this.#log.unordered) {
      this.#world.violated(`I17: a member got ${what} before another record of its key`);
    }
    return true;
  }

  /** Records that compaction has removed from the log of the groups. */
  get compactedRecords(): number {
    return recordCountOf(this.#whole) - recordCountOf(this.#left[0]?.batches ?? []);
  }

  /** A coordinator that loads a replica as compaction has left it has the same groups. */
  checkCompaction(): void {
    for (const replica of this.#left) this.#checkReplica(replica);
  }

  #checkReplica({ name: broker, batches }: GroupReplica): void {
    const loaded = new GroupTable(NO_TIMES);
    for (const batch of batches) for (const record of groupRecordsOf(batch)) loaded.apply(record);
    const states = groupStates(loaded);
    for (const [name, state] of groupStates(this.#log.table)) {
      if (states.get(name) === state) continue;
      this.#world.violated(
        `I16, I17: the log of group ${name} at ${broker} gives ${states.get(name)}, after ${state}`,
      );
    }
  }

  /** True when a queue group has finished all records of a partition below an offset. */
  isFinished(group: string, { topic, partition }: TopicPartition, end: Offset): boolean {
    for (const share of this.#log.table.get(group).queue.all()) {
      if (share.topic !== topic || share.partition !== partition) continue;
      const { window, startOffset, pendingCount } = share.state;
      return window.size === 0 && pendingCount === 0 && startOffset >= end;
    }
    return false;
  }

  /** The position at which a group began; undefined while it has none. */
  firstPosition(group: string, name: string): Offset | undefined {
    return this.#log.commits.find((one) => one.group === group && one.name === name)?.offset;
  }

  checkStream(ledger: StreamLedger, partitions: readonly PartitionValues[]): void {
    this.#checkClaims(ledger);
    this.#checkCommits(ledger);
    for (const partition of partitions) this.#checkConsumed(ledger, partition);
  }

  checkQueue(
    ledger: QueueLedger,
    partitions: readonly PartitionValues[],
    deadLetters: DeadLetters,
  ): void {
    this.#checkAcquisitions(ledger);
    const copies = countsOf(deadLetters.places);
    for (const [place, count] of copies) {
      if (count > 1) this.#world.violated(`I17: ${place} has ${count} dead letters`);
    }
    this.#checkPutBack(partitions, deadLetters);
    const tried = new Set(
      ledger.answers
        .filter(({ type, outcome }) => type === 'ack' && outcome !== 'refused')
        .map(({ delivered: { name, offset } }) => `${name}@${offset}`),
    );
    for (const { name, values } of partitions) {
      for (const [offset, value] of values.entries()) {
        const count = copies.get(`${name}@${offset}`) ?? 0;
        this.#checkFinished(ledger, { name, offset, value, tried, copies: count });
      }
    }
  }

  /** No dead letter was put back twice. */
  #checkPutBack(partitions: readonly PartitionValues[], { values }: DeadLetters): void {
    const letters = countsOf(values.map(sentValue));
    const all = partitions.flatMap((partition) => partition.values);
    for (const [value, count] of countsOf(all.filter(isPutBack).map(sentValue))) {
      const lettersOfValue = letters.get(value) ?? 0;
      if (count <= lettersOfValue) continue;
      this.#world.violated(`I17: ${value} was put back ${count} times, of ${lettersOfValue}`);
    }
  }

  /** Every member owned in the log, in that generation, the partitions that it was told to have. */
  #checkClaims({ group, claims }: StreamLedger): void {
    for (const { name, generation, memberId } of claims) {
      if (this.#log.hadOwner(group, generation, name, memberId)) continue;
      this.#world.violated(
        `I16: ${memberId} was told that it has ${name} in generation ${generation}; it had not`,
      );
    }
  }

  /** Committed offsets only grow, and every acknowledged commit is one of an owner. */
  #checkCommits({ group, commits }: StreamLedger): void {
    const inLog = this.#log.commits.filter((one) => one.group === group);
    const unsure = new Set(
      commits
        .filter(({ outcome }) => outcome === 'unknown' || outcome === 'sent')
        .map((one) => `${topicPartitionName(one)}@${one.offset}`),
    );
    for (const { name, offset, before = 0 } of inLog) {
      // A commit whose answer was lost may arrive after the member's next one.
      if (offset >= before || unsure.has(`${name}@${offset}`)) continue;
      this.#world.violated(`I16: the committed offset of ${name} goes back to ${offset}`);
    }
    for (const commit of commits) {
      if (commit.outcome !== 'acknowledged') continue;
      const name = topicPartitionName(commit);
      const { offset, memberId, generation } = commit;
      const isKept = inLog.some(
        (one) =>
          one.name === name &&
          one.offset === offset &&
          one.owner === memberId &&
          one.ownedSince <= generation,
      );
      const what = `${memberId} committed ${offset} of ${name} in generation ${generation}`;
      if (!isKept)
        this.#world.violated(`I16: ${what}, which is not a commit of its owner in the log`);
    }
  }

  /** Every record from the group's first position on was with a member. */
  #checkConsumed(ledger: StreamLedger, { name, values }: PartitionValues): void {
    if (this.#world.metadata.lost.has(name)) return;
    const first = this.firstPosition(ledger.group, name);
    if (first === undefined) {
      this.#world.violated(`I16: ${ledger.group} has no position of ${name}`);
      return;
    }
    const taken = ledger.delivered.get(name);
    for (let offset = first; offset < values.length; offset += 1) {
      if (taken?.get(offset) === values[offset]) continue;
      this.#world.violated(`I16: no member got ${values[offset]} at ${name}@${offset}`);
    }
    const assigned = ledger.claims.filter((claim) => claim.name === name);
    const assignedMs = Math.min(...assigned.map(({ answeredMs }) => answeredMs));
    for (const [offset, value] of values.slice(0, first).entries()) {
      const sentMs = this.#history.records.get(value)?.sentMs ?? 0;
      if (sentMs <= assignedMs) continue;
      this.#world.violated(
        `I16: ${value} at ${name}@${offset} was sent after a member had the partition, ` +
          `and the group begins at ${first}`,
      );
    }
  }

  #checkAcquisitions({ group, deliveries }: QueueLedger): void {
    for (const delivered of [...deliveries.values()].flat()) {
      const { name, offset, deliveryCount, memberId } = delivered;
      const text = acquisitionText(`${group} ${name}`, offset, deliveryCount, memberId);
      if (this.#log.acquisitions.has(text)) continue;
      this.#world.violated(`I17: ${textOf(delivered)} is not in the log`);
    }
  }

  /** Every record was acknowledged, or has one dead letter. */
  #checkFinished(
    ledger: QueueLedger,
    record: {
      readonly name: string;
      readonly offset: number;
      readonly value: string;
      readonly tried: ReadonlySet<string>;
      readonly copies: number;
    },
  ): void {
    const { name, offset, value, tried, copies } = record;
    if (this.#world.metadata.lost.size > 0) return;
    const what = `${value} at ${name}@${offset}`;
    const isAcknowledged = this.#log.acknowledged.has(`${ledger.group} ${name}@${offset}`);
    const end = ledger.endOf(name, offset);
    if (isAcknowledged && !tried.has(`${name}@${offset}`)) {
      this.#world.violated(`I17: ${what} is finished, and no member acknowledged it`);
    }
    if (!isAcknowledged && end?.type === 'ack') {
      this.#world.violated(`I17: the ack of ${what} was answered, and is not in the log`);
    }
    if (isAcknowledged && copies > 0) {
      this.#world.violated(`I17: ${what} was acknowledged, and has a dead letter`);
    }
    if (!isAcknowledged && copies === 0) {
      this.#world.violated(`I17: ${what} was not acknowledged, and has no dead letter`);
    }
  }
}

const NO_TIMES = () => ({ nowMs: 0, monotonicMs: 0 });

function recordCountOf(batches: readonly RecordBatch[]): number {
  return batches.reduce((count, batch) => count + recordsIn(batch).length, 0);
}

function countsOf(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}
