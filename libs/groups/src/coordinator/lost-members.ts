/** Members that leave their groups without a call of their own. */
import type { MemberOwner } from '../log/group-records.js';
import type { Group } from '../state/group.js';

/** False when the owner of a member may no longer read the group. */
export type MayKeepMember = (owner: MemberOwner, group: string) => boolean;

/** Members whose connections ended with a process, but not static ones. */
export function* disconnectedMembers(
  { members }: Group,
  hasEnded: (brokerEpoch: number) => boolean,
): Iterable<string> {
  for (const [memberId, { instanceId, brokerEpoch }] of members) {
    if (instanceId === null && brokerEpoch !== undefined && hasEnded(brokerEpoch)) yield memberId;
  }
}

/** Members whose owners may no longer read their groups. */
export function* refusedMembers(
  { name, members }: Group,
  mayKeep: MayKeepMember,
): Iterable<string> {
  for (const [memberId, { owner }] of members) {
    if (owner !== undefined && !mayKeep(owner, name)) yield memberId;
  }
}
