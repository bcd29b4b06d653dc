/** Members that leave their groups without a call of their own. */
import type { MemberOwner } from '../log/group-records.js';
import type { Group } from '../state/group.js';

/** The resources that a member reads for its owner. */
interface MemberReads {
  readonly group: string;
  /** Topics that it names, and those of the partitions that it owns or has as its target. */
  readonly topics: Iterable<string>;
}

/** False when the owner of a member may no longer read the group, or one of the topics. */
export type MayKeepMember = (owner: MemberOwner, reads: MemberReads) => boolean;

/** Members whose connections ended with a process, but not static ones. */
export function* disconnectedMembers(
  { members }: Group,
  hasEnded: (brokerEpoch: number) => boolean,
): Iterable<string> {
  for (const [memberId, { instanceId, brokerEpoch }] of members) {
    if (instanceId === null && brokerEpoch !== undefined && hasEnded(brokerEpoch)) yield memberId;
  }
}

/** Members whose owners may no longer read their groups, or their topics. */
export function* refusedMembers(group: Group, mayKeep: MayKeepMember): Iterable<string> {
  for (const [memberId, { owner }] of group.members) {
    const topics = { [Symbol.iterator]: () => topicsOf(group, memberId) };
    if (owner !== undefined && !mayKeep(owner, { group: group.name, topics })) yield memberId;
  }
}

function* topicsOf(group: Group, memberId: string): Iterator<string> {
  yield* group.members.get(memberId)?.topics ?? [];
  const { owned, target } = group.assignmentOf(memberId);
  yield* owned.keys();
  yield* target.keys();
}
