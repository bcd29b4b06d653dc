import { ProtocolError } from '#protocol';
import type { MemberOwner, MemberValue } from '../log/group-records.js';

/**
 * The caller of a request of a member; a broker that acts for a member whose connection it has.
 * Undefined while authentication is off.
 */
export type MemberCaller = OwnerWithCredential | 'broker' | undefined;

/** A caller with the expiry of its credential, ms since the epoch; null if it does not expire. */
type OwnerWithCredential = MemberOwner & { readonly expiresAtMs?: number | null };

/** Returns the owner of a member that a caller adds; undefined: it belongs to everybody. */
export function ownerOf(caller: MemberCaller): MemberOwner | undefined {
  if (caller === undefined || caller === 'broker') return undefined;
  const { principal, groups, isSuperUser } = caller;
  return { principal, groups, isSuperUser };
}

/**
 * Refuses a caller that uses the member of another principal. Members that joined without
 * authentication belong to everybody, and super users may use every member.
 * @param what names the member in the error
 * @throws ProtocolError GROUP_AUTHORIZATION_FAILED
 */
export function assertOwner(
  member: Pick<MemberValue, 'owner'> | undefined,
  caller: MemberCaller,
  what: string,
): void {
  if (caller === undefined || caller === 'broker' || caller.isSuperUser) return;
  const owner = member?.owner;
  if (owner === undefined || owner.principal === caller.principal) return;
  throw new ProtocolError('GROUP_AUTHORIZATION_FAILED', `${what} belongs to another principal.`);
}
