import type { Offset } from '#protocol';
import type { TopicIdPartition } from '../state/member-assignment.js';

interface Activity {
  /** Broker epoch of the process that has the member's connection; undefined without one. */
  brokerEpoch: number | undefined;
  /** Id of the member's newest poll. */
  pollId: string | undefined;
  /** Acknowledged offsets by partition; only for members that commit by themselves. */
  readonly acknowledged: Map<string, Offset>;
}

/**
 * The state of one coordinator's members that is not in the log: the newest poll of each, the
 * process that has its connection, and the positions that members without `autoCommit` have
 * acknowledged. A new coordinator knows none of it: such a member then continues from its committed
 * offsets, and connections are known again with the next heartbeats.
 */
export class MemberActivity {
  readonly #members = new Map<string, Activity>();

  /** @returns true when another poll was the newest one before */
  beginPoll(key: string, pollId: string): boolean {
    const activity = this.#of(key);
    const { pollId: before } = activity;
    activity.pollId = pollId;
    return before !== undefined && before !== pollId;
  }

  /** True when a newer poll of the member has begun. */
  isSuperseded(key: string, pollId: string): boolean {
    const newest = this.#members.get(key)?.pollId;
    return newest !== undefined && newest !== pollId;
  }

  acknowledge(key: string, target: TopicIdPartition, offset: Offset): void {
    const { acknowledged } = this.#of(key);
    const partition = partitionKey(target);
    acknowledged.set(partition, Math.max(offset, acknowledged.get(partition) ?? 0));
  }

  acknowledgedOf(key: string, target: TopicIdPartition): Offset | undefined {
    return this.#members.get(key)?.acknowledged.get(partitionKey(target));
  }

  /** Forgets the acknowledged positions of partitions that the member does not own any more. */
  keepOnly(key: string, owned: readonly TopicIdPartition[]): void {
    const acknowledged = this.#members.get(key)?.acknowledged;
    if (acknowledged === undefined || acknowledged.size === 0) return;
    const kept = new Set(owned.map(partitionKey));
    for (const partition of acknowledged.keys()) {
      if (!kept.has(partition)) acknowledged.delete(partition);
    }
  }

  connected(key: string, brokerEpoch: number): void {
    this.#of(key).brokerEpoch = brokerEpoch;
  }

  /** True when the process with this epoch has the member's connection. */
  isConnectedTo(key: string, brokerEpoch: number): boolean {
    return this.#members.get(key)?.brokerEpoch === brokerEpoch;
  }

  forget(key: string): void {
    this.#members.delete(key);
  }

  #of(key: string): Activity {
    const present = this.#members.get(key);
    if (present !== undefined) return present;
    const added: Activity = {
      brokerEpoch: undefined,
      pollId: undefined,
      acknowledged: new Map<string, Offset>(),
    };
    this.#members.set(key, added);
    return added;
  }
}

function partitionKey({ topicId, partition }: TopicIdPartition): string {
  return `${topicId} ${partition}`;
}
