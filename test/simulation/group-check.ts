import {
  CONSUMER_OFFSETS_TOPIC,
  type Offset,
  type TopicPartition,
  topicPartitionName,
} from '#protocol';
import { acquisitionText, GroupLogHistory } from './group-log-history.js';
import type { History } from './history.js';
import { type QueueLedger, textOf } from './queue-ledger.js';
import { readReplicaLogs } from './replica-logs.js';
import type { StreamLedger } from './stream-ledger.js';
import type { World } from './world.js';

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

  constructor(world: World, history: History) {
    this.#world = world;
    this.#history = history;
  }

  /** Reads the log of the groups. @returns false when it lost records, so that nothing holds */
  async load(): Promise<boolean> {
    const target = { topic: CONSUMER_OFFSETS_TOPIC, partition: 0 };
    if (this.#world.metadata.lost.has(topicPartitionName(target))) return false;
    const [replica] = await readReplicaLogs(this.#world, target);
    if (replica === undefined) return false;
    const committed = replica.batches.filter(
      ({ lastOffset }) => lastOffset < replica.highWatermark,
    );
    this.#log = new GroupLogHistory(committed);
    for (const what of this.#log.shared) this.#world.violated(`I16: two members own ${what}`);
    for (const what of this.#log.unordered) {
      this.#world.violated(`I17: a member got ${what} before another record of its key`);
    }
    return true;
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
    deadLetters: readonly string[],
  ): void {
    this.#checkAcquisitions(ledger);
    const copies = new Map<string, number>();
    for (const value of deadLetters) copies.set(value, (copies.get(value) ?? 0) + 1);
    for (const [value, count] of copies) {
      if (count > 1) this.#world.violated(`I17: ${value} has ${count} dead letters`);
    }
    const tried = new Set(
      ledger.answers
        .filter(({ type, outcome }) => type === 'ack' && outcome !== 'refused')
        .map(({ delivered: { name, offset } }) => `${name}@${offset}`),
    );
    for (const { name, values } of partitions) {
      for (const [offset, value] of values.entries()) {
        this.#checkFinished(ledger, { name, offset, value, tried, copies: copies.get(value) ?? 0 });
      }
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
      if (!isKept) this.#world.violated(`I16: ${what}, which is no commit of its owner in the log`);
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
