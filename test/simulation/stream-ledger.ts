import type { MemberState } from '#broker';
import {
  CONSUMER_OFFSETS_TOPIC,
  type Offset,
  type TopicPartition,
  topicPartitionName,
} from '#protocol';
import type { World } from './world.js';

const GROUPS_LOG = topicPartitionName({ topic: CONSUMER_OFFSETS_TOPIC, partition: 0 });

/** A partition that an answer said to be a member's. */
export interface OwnerClaim {
  readonly name: string;
  readonly generation: number;
  readonly memberId: string;
  readonly answeredMs: number;
}

/** A commit of a member, as it knows it. */
export interface CommitClaim extends TopicPartition {
  readonly memberId: string;
  readonly generation: number;
  readonly offset: Offset;
  /** A refused commit is in the log never; one without an answer may be. */
  outcome: 'sent' | 'acknowledged' | 'refused' | 'unknown';
}

/** The answers that the members of one stream group got, with what can be checked at once (I16). */
export class StreamLedger {
  readonly claims: OwnerClaim[] = [];
  readonly commits: CommitClaim[] = [];
  /** Values that members got, by partition name and offset. */
  readonly delivered = new Map<string, Map<Offset, string>>();
  /** Number of records that members got more than once. */
  repeats = 0;
  /** Number of requests of members that were refused because they are no longer members. */
  fenced = 0;
  readonly #world: World;
  /** Owner by generation and partition. */
  readonly #owners = new Map<string, string>();

  constructor(
    world: World,
    readonly group: string,
  ) {
    this.#world = world;
  }

  /**
   * Records an answer to a member: no other member has its partitions in the same generation. A
   * group whose log was lost with all its disks counts its generations from 1 again.
   */
  answered({ memberId, generation, assignment }: MemberState): void {
    for (const target of assignment) {
      const name = topicPartitionName(target);
      const key = `${generation} ${name}`;
      const owner = this.#owners.get(key);
      if (owner === memberId) continue;
      if (owner !== undefined && !this.#world.metadata.lost.has(GROUPS_LOG)) {
        this.#world.violated(
          `I16: ${owner} and ${memberId} have ${name} in generation ${generation}`,
        );
      }
      this.#owners.set(key, memberId);
      const answeredMs = this.#world.nowMs;
      this.claims.push({ name, generation, memberId, answeredMs });
    }
  }

  /** Records that a member got a record. */
  took(memberId: string, name: string, offset: Offset, value: string): void {
    const values = this.delivered.get(name) ?? new Map<Offset, string>();
    this.delivered.set(name, values);
    const known = values.get(offset);
    if (known !== undefined) this.repeats += 1;
    if (known !== undefined && known !== value && !this.#world.metadata.lost.has(name)) {
      this.#world.violated(`I3: ${memberId} gets ${value} at ${name}@${offset}, not ${known}`);
    }
    values.set(offset, value);
  }

  sent(commit: Omit<CommitClaim, 'outcome'>): CommitClaim {
    const claim: CommitClaim = { ...commit, outcome: 'sent' };
    this.commits.push(claim);
    return claim;
  }
}
