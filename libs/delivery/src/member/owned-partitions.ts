import type { MemberView } from '#broker';
import { type LeaderEpoch, type Offset, type TopicPartition, topicPartitionName } from '#protocol';

/** One ownership of a partition: a partition that is lost and regained has a new ownership. */
export interface OwnedPartition extends TopicPartition {
  /** Generation since which the member owns it. */
  readonly since: number;
  /** The lowest offset that the member may commit: where it began, or the lowest it has sought. */
  lowestCommit: Offset;
  /** Leader epoch of the last records that were delivered; undefined before the first ones. */
  leaderEpoch?: LeaderEpoch;
  /** False after the partition was released or lost. */
  isOwned: boolean;
}

/** The partitions that a new view of the group added and took away. */
export interface OwnershipChange {
  readonly assigned: readonly (TopicPartition & { readonly offset: Offset })[];
  /** Not read any more; owned until they are released. */
  readonly revoked: readonly OwnedPartition[];
  /** Not read and not owned any more. */
  readonly lost: readonly OwnedPartition[];
}

/** The partitions of one member, as the last view of its group has them. */
export class OwnedPartitions {
  /** Partitions that the member reads, by name. */
  readonly #read = new Map<string, OwnedPartition>();
  /** Partitions that it does not read any more, until they are released; by name. */
  readonly #revoked = new Map<string, OwnedPartition>();

  /** True when a revoked partition has not been released. */
  get hasRevoked(): boolean {
    return this.#revoked.size > 0;
  }

  /** An owned partition, including a revoked one that is not released. */
  of(target: TopicPartition): OwnedPartition | undefined {
    const name = topicPartitionName(target);
    return this.#read.get(name) ?? this.#revoked.get(name);
  }

  /** The partitions that the member reads, each with the offset at which it began. */
  positions(): (TopicPartition & { readonly offset: Offset })[] {
    return Array.from(this.#read.values(), ({ topic, partition, lowestCommit: offset }) => {
      return { topic, partition, offset };
    });
  }

  /** Takes over a view that is newer than the last one. */
  update({ assignment, revoking }: MemberView): OwnershipChange {
    const views = new Map(assignment.map((one) => [topicPartitionName(one), one]));
    const kept = new Set(revoking.map(topicPartitionName));
    const revoked: OwnedPartition[] = [];
    const lost: OwnedPartition[] = [];
    for (const [name, owned] of this.#revoked) {
      if (!kept.has(name)) this.#end(this.#revoked, name, owned);
    }
    for (const [name, owned] of this.#read) {
      if (views.get(name)?.since === owned.since) continue;
      if (kept.has(name)) {
        this.#read.delete(name);
        this.#revoked.set(name, owned);
        revoked.push(owned);
      } else {
        this.#end(this.#read, name, owned);
        lost.push(owned);
      }
    }
    const assigned = assignment.filter((one) => !this.#read.has(topicPartitionName(one)));
    for (const { topic, partition, offset, since } of assigned) {
      const owned = { topic, partition, since, lowestCommit: offset, isOwned: true };
      this.#read.set(topicPartitionName(owned), owned);
    }
    return { assigned, revoked, lost };
  }

  /** Releases revoked partitions; others are ignored. */
  release(targets: readonly TopicPartition[]): void {
    for (const target of targets) {
      const name = topicPartitionName(target);
      const owned = this.#revoked.get(name);
      if (owned !== undefined) this.#end(this.#revoked, name, owned);
    }
  }

  /** Ends all ownerships. @returns the partitions that were read */
  clear(): OwnedPartition[] {
    const read = [...this.#read.values()];
    for (const [name, owned] of this.#read) this.#end(this.#read, name, owned);
    for (const [name, owned] of this.#revoked) this.#end(this.#revoked, name, owned);
    return read;
  }

  #end(map: Map<string, OwnedPartition>, name: string, owned: OwnedPartition): void {
    owned.isOwned = false;
    map.delete(name);
  }
}
