import type { ByteAccount, SharedAccount } from '#runtime';
import { type Access, PrincipalMemory, type PrincipalShares, UNIDENTIFIED } from '#security';

/**
 * Returns the memory of each request: a part of that of all requests, in the share of its caller.
 * Requests of one caller that follow each other have the same.
 * @param shares undefined while authentication is off
 */
export function memoryOfRequests(
  memory: SharedAccount,
  shares: PrincipalShares | undefined,
): (access: Access) => SharedAccount {
  if (shares === undefined) return () => memory;
  let last: { readonly principal: string; readonly memory: SharedAccount } | undefined;
  return ({ caller: { principal } }) => {
    if (last?.principal === principal) return last.memory;
    last = { principal, memory: new PrincipalMemory(memory, shares, principal) };
    return last.memory;
  };
}

/** Returns the memory of each new connection, whose caller is not known yet. */
export function memoryOfConnections(
  memory: SharedAccount,
  shares: PrincipalShares | undefined,
): () => ByteAccount {
  if (shares === undefined) return () => memory;
  return () => new PrincipalMemory(memory, shares, UNIDENTIFIED);
}

/** Returns the connections whose caller may be unknown; all while authentication is off. */
export function unidentifiedMax(
  { connectionsMax, unidentifiedConnectionsPercent: percent }: UnidentifiedLimits,
  shares: PrincipalShares | undefined,
): number {
  if (shares === undefined) return Number.POSITIVE_INFINITY;
  return Math.ceil((connectionsMax * percent) / 100);
}

interface UnidentifiedLimits {
  readonly connectionsMax: number;
  readonly unidentifiedConnectionsPercent: number;
}
