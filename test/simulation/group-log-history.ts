import type { RecordBatch } from '#log';
import { type Offset, topicPartitionName } from '#protocol';
import { GroupTable } from '../../libs/groups/src/coordinator/group-table.js';
import { groupRecordsOf } from '../../libs/groups/src/log/group-record-codec.js';
import type { GroupRecord } from '../../libs/groups/src/log/group-records.js';
import { type OffsetRanges, offsetsIn } from '../../libs/groups/src/queue/offset-ranges.js';
import type { ShareChange } from '../../libs/groups/src/queue/share-change.js';
import type { DeltaRecord } from '../../libs/groups/src/queue/share-log-records.js';
import type { SharePartition } from '../../libs/groups/src/queue/share-partition.js';
import type { Group } from '../../libs/groups/src/state/group.js';

/** A committed offset as the log has it, and who owned the partition then. */
export interface CommitInLog {
  readonly group: string;
  readonly name: string;
  readonly offset: Offset;
  /** Committed offset before it; undefined for the first one. */
  readonly before: Offset | undefined;
  readonly owner: string | undefined;
  readonly ownedSince: number;
}

/**
 * Everything that happened in the groups of one coordinator, in the order of the committed records
 * of its log. Every answer to a client is about a state that is in it.
 */
export class GroupLogHistory {
  readonly table = new GroupTable(() => ({ nowMs: 0, monotonicMs: 0 }));
  readonly commits: CommitInLog[] = [];
  /** Partitions with two owners at the same time. */
  readonly shared: string[] = [];
  /** Records of a queue that a member got although another record of their key came first. */
  readonly unordered: string[] = [];
  /** Acquisitions of queues: group, record, delivery count and member as one text. */
  readonly acquisitions = new Set<string>();
  /** Records that queues finished as acknowledged: group and record as one text. */
  readonly acknowledged = new Set<string>();
  /** Owners that partitions had in a generation: group, generation, partition and member. */
  readonly #owners = new Set<string>();

  constructor(batches: readonly RecordBatch[]) {
    for (const batch of batches) this.#take(groupRecordsOf(batch));
  }

  /** True when a member owned a partition in a generation. */
  hadOwner(group: string, generation: number, name: string, memberId: string): boolean {
    return this.#owners.has(ownerText(group, generation, name, memberId));
  }

  #take(records: Iterable<GroupRecord>): void {
    const changed = new Set<Group>();
    for (const record of records) {
      const group = this.table.get(record.key.group);
      if (record.kind === 'offset') this.#takeOffset(group, record);
      if (record.kind === 'share-delta') this.#takeDelta(group, record);
      this.table.apply(record);
      if (record.kind === 'group' || record.kind === 'assignment') {
        changed.add(this.table.get(record.key.group));
      }
    }
    for (const group of changed) if (group.mode === 'stream') this.#takeOwners(group);
  }

  #takeOffset(group: Group, { key, value }: Extract<GroupRecord, { kind: 'offset' }>): void {
    if (value === null) return;
    const owners = ownersOf(group);
    const name = topicPartitionName(key);
    const owner = owners.get(name)?.[0];
    const since =
      owner === undefined ? 0 : group.assignmentOf(owner).ownedSince(key.topic, key.partition);
    const before = group.offsets.get(key.topic, key.partition)?.offset;
    const { offset } = value;
    this.commits.push({ group: group.name, name, offset, before, owner, ownedSince: since ?? 0 });
  }

  #takeOwners(group: Group): void {
    for (const [name, members] of ownersOf(group)) {
      for (const memberId of members) {
        this.#owners.add(ownerText(group.name, group.generation, name, memberId));
      }
      if (members.length > 1) this.shared.push(`${group.name}: ${name} of ${members.join(', ')}`);
    }
  }

  #takeDelta(group: Group, { key, value }: DeltaRecord): void {
    if (value === null) return;
    const share = group.queue.get(key.topic, value.topicId, key.partition);
    if (share?.position.epoch !== value.epoch) return;
    const place = `${group.name} ${topicPartitionName(key)}`;
    for (const change of value.changes) {
      if (isKeyOrdered(group) && change.kind === 'acquired') {
        this.#checkKeys(place, share.state, change.ranges);
      }
      this.#takeChange(place, share.state, change);
    }
  }

  /** A member gets a record only as the first of its key, and while nobody has another of it. */
  #checkKeys(place: string, { window }: SharePartition, ranges: OffsetRanges): void {
    const taken = new Set<number>();
    for (const offset of offsetsIn(ranges)) {
      const keyHash = window.get(offset)?.keyHash ?? null;
      if (keyHash === null) continue;
      const isLater = window.records.some((other) => {
        if (other.keyHash !== keyHash || other.offset === offset) return false;
        return other.offset < offset || other.delivery !== undefined;
      });
      if (isLater || taken.has(keyHash)) this.unordered.push(`${place}@${offset}`);
      taken.add(keyHash);
    }
  }

  #takeChange(place: string, { window }: SharePartition, change: ShareChange): void {
    if (change.kind !== 'acquired' && change.kind !== 'acknowledged') return;
    for (const offset of offsetsIn(change.ranges)) {
      const count = window.get(offset)?.deliveryCount ?? 1;
      if (change.kind === 'acknowledged') this.acknowledged.add(`${place}@${offset}`);
      else this.acquisitions.add(acquisitionText(place, offset, count, change.member));
    }
  }
}

function isKeyOrdered({ configs }: Group): boolean {
  return configs.get('sluice.share.key.ordered') === 'true';
}

/** @param place group and partition */
export function acquisitionText(
  place: string,
  offset: Offset,
  deliveryCount: number,
  memberId: string,
): string {
  return `${place}@${offset} ${deliveryCount} ${memberId}`;
}

function ownerText(group: string, generation: number, name: string, memberId: string): string {
  return `${group} ${generation} ${name} ${memberId}`;
}

/** Members by partition. */
function ownersOf(group: Group): Map<string, string[]> {
  const owners = new Map<string, string[]>();
  for (const memberId of group.members.keys()) {
    for (const target of group.assignmentOf(memberId).ownedPartitions()) {
      const name = topicPartitionName(target);
      owners.set(name, [...(owners.get(name) ?? []), memberId]);
    }
  }
  return owners;
}
