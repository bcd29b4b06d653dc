import type { ReadPosition } from '../state/decide-offsets.js';
import type { TopicIdPartition } from '../state/member-assignment.js';

interface Activity {
  /** Id of the member's newest poll. */
  pollId: string | undefined;
  /** Acknowledged positions by partition; only for members that commit by themselves. */
  readonly acknowledged: Map<string, ReadPosition>;
}

/**
 * The state of one coordinator's members that is not in the log: the newest poll of each, its last
 * answer, and the positions that members without `autoCommit` have acknowledged. A new
 * coordinator knows none of it: such a member then continues from its committed offsets.
 */
export class MemberActivity {
  readonly #members = new Map<string, Activity>();
  /** Generation of the last answer to each member. */
  readonly #told = new Map<string, number>();

  /** Records that a member gets an answer of a generation. */
  tell(key: string, generation: number): void {
    this.#told.set(key, generation);
  }

  /** Generation of the last answer to a member; undefined when none is known. */
  toldGeneration(key: string): number | undefined {
    return this.#told.get(key);
  }

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

  acknowledge(key: string, target: TopicIdPartition, position: ReadPosition): void {
    const { acknowledged } = this.#of(key);
    const partition = partitionKey(target);
    const present = acknowledged.get(partition);
    if (present !== undefined && present.offset >= position.offset) return;
    acknowledged.set(partition, position);
  }

  acknowledgedOf(key: string, target: TopicIdPartition): ReadPosition | undefined {
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

  forget(key: string): void {
    this.#members.delete(key);
    this.#told.delete(key);
  }

  #of(key: string): Activity {
    const present = this.#members.get(key);
    if (present !== undefined) return present;
    const added: Activity = {
      pollId: undefined,
      acknowledged: new Map<string, ReadPosition>(),
    };
    this.#members.set(key, added);
    return added;
  }
}

function partitionKey({ topicId, partition }: TopicIdPartition): string {
  return `${topicId} ${partition}`;
}
