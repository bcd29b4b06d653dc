import type { AssignorName } from '../log/group-records.js';

/** A member as an assignor sees it. */
export interface AssignedMember {
  readonly memberId: string;
  /** Static members keep their place in an order by this name across restarts. */
  readonly instanceId: string | null;
  /** Names of the topics that it is subscribed to and that exist. */
  readonly topics: ReadonlySet<string>;
}

/** A topic that at least one member is subscribed to. */
export interface AssignedTopic {
  readonly name: string;
  readonly partitionCount: number;
}

/** A partition of a topic. Assignors compare topics by name. */
export interface AssignedPartition {
  readonly topic: string;
  readonly partition: number;
}

/** The input of an assignor. */
export interface AssignorInput {
  readonly members: readonly AssignedMember[];
  readonly topics: readonly AssignedTopic[];
  /** The member that a partition was last assigned to; it may be gone. */
  readonly previousOwner: (target: AssignedPartition) => string | undefined;
}

/** Partitions by member id and topic; each partition is at most one member's. */
export type Assignment = ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>;

/** Divides partitions among members. A pure function: equal input has an equal result. */
export type Assignor = (input: AssignorInput) => Assignment;

/** A result under construction. */
export class AssignmentBuilder {
  readonly #byMember = new Map<string, Map<string, number[]>>();

  constructor(members: readonly AssignedMember[]) {
    for (const { memberId } of members) this.#byMember.set(memberId, new Map());
  }

  add(memberId: string, { topic, partition }: AssignedPartition): void {
    const topics = this.#byMember.get(memberId);
    const partitions = topics?.get(topic);
    if (partitions === undefined) topics?.set(topic, [partition]);
    else partitions.push(partition);
  }

  get assignment(): Assignment {
    return this.#byMember;
  }
}

/** The members in the order in which range and roundrobin take them. */
export function membersInOrder(members: readonly AssignedMember[]): AssignedMember[] {
  return members.toSorted((one, other) => compare(placeOf(one), placeOf(other)));
}

export function topicsInOrder(topics: readonly AssignedTopic[]): AssignedTopic[] {
  return topics.toSorted((one, other) => compare(one.name, other.name));
}

export function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/**
 * The assignor that most members ask for; of equally many the first in the order sticky, range,
 * roundrobin.
 */
export function chosenAssignor(wanted: Iterable<AssignorName>): AssignorName {
  const counts = { sticky: 0, range: 0, roundrobin: 0 };
  for (const name of wanted) counts[name] += 1;
  let chosen: AssignorName = 'sticky';
  for (const name of ['range', 'roundrobin'] as const) {
    if (counts[name] > counts[chosen]) chosen = name;
  }
  return chosen;
}

function placeOf({ instanceId, memberId }: AssignedMember): string {
  return instanceId === null ? `m ${memberId}` : `i ${instanceId}`;
}
