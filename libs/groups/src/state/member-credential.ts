/**
 * The expiry of the credentials that members were called with, as records of the log. Members with
 * a connection have none there: their broker ends the connection with the credential.
 */
import type { GroupRecord } from '../log/group-records.js';
import type { Decision } from './decision.js';
import type { Group } from './group.js';
import type { MemberCaller } from './member-owner.js';

/** A member that makes a request, and the caller of the request. */
interface CalledMember {
  readonly memberId: string;
  readonly caller?: MemberCaller;
}

/** A member that joins; with a broker epoch it has a connection. */
interface JoiningMember extends CalledMember {
  readonly brokerEpoch?: number;
}

/**
 * Adds the newer credential of a member's principal to what its request has decided, so that the
 * next coordinator knows it too. The latest one counts: a member with tokens stays while it sends a
 * newer one before the earlier one expires.
 */
export function withCredential(group: Group, member: CalledMember, records: Decision): Decision {
  const { memberId, caller } = member;
  const knownMs = group.credentials.get(memberId);
  if (knownMs === undefined || !isOwner(group, memberId, caller)) return records;
  const expiresAtMs = expiryOf(caller);
  if (expiresAtMs !== null && expiresAtMs <= knownMs) return records;
  return [...records, credentialRecord(group, memberId, expiresAtMs)];
}

/** The records of the credential that a member joins with, none when it is known already. */
export function credentialOfJoin(group: Group, join: JoiningMember): Decision {
  const { memberId, caller, brokerEpoch } = join;
  const present = group.members.get(memberId);
  const isRepeated = present?.brokerEpoch === undefined && isOwner(group, memberId, caller);
  if (isRepeated && brokerEpoch === undefined) return withCredential(group, join, []);
  const knownMs = group.credentials.get(memberId) ?? null;
  const expiresAtMs = brokerEpoch === undefined ? expiryOf(caller) : null;
  return knownMs === expiresAtMs ? [] : [credentialRecord(group, memberId, expiresAtMs)];
}

/** Removes the credential of a member that is gone, or has a connection. */
export function credentialGone(group: Group, memberId: string): GroupRecord[] {
  return group.credentials.has(memberId) ? [credentialRecord(group, memberId, null)] : [];
}

/** True if the caller is the principal that the member belongs to. */
function isOwner(group: Group, memberId: string, caller: MemberCaller): boolean {
  if (caller === undefined || caller === 'broker') return false;
  return group.members.get(memberId)?.owner?.principal === caller.principal;
}

/** Time at which the credential of a caller expires, ms since the epoch; null if it does not. */
function expiryOf(caller: MemberCaller): number | null {
  return caller === undefined || caller === 'broker' ? null : (caller.expiresAtMs ?? null);
}

function credentialRecord(
  { name }: Group,
  memberId: string,
  expiresAtMs: number | null,
): GroupRecord {
  const value = expiresAtMs === null ? null : { expiresAtMs };
  return { kind: 'credential', key: { group: name, memberId }, value };
}
