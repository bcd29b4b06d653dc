import { ProtocolError } from '#protocol';
import type { SecurityChange } from './security-change.js';
import type { SecurityState } from './security-state.js';

/** Bounds of the security metadata of a cluster. */
export interface SecurityLimits {
  readonly apiKeysMax: number;
  readonly aclsMax: number;
  readonly quotasMax: number;
  /** Rules that one commit adds or removes. */
  readonly aclsPerChangeMax: number;
}

/**
 * The changes without those that change nothing.
 * @throws ProtocolError POLICY_VIOLATION when a bound would be exceeded
 */
export function checkedChanges(
  state: SecurityState,
  changes: readonly SecurityChange[],
  limits: SecurityLimits,
): readonly SecurityChange[] {
  const effective = changes
    .map((change) => effectiveChange(state, change))
    .filter((change) => changesSomething(state, change));
  const added = { keys: 0, acls: 0, quotas: 0 };
  let aclChanges = 0;
  for (const change of effective) {
    if (change.kind === 'key' && state.knownKey(change.key.id) === undefined) added.keys += 1;
    if (change.kind === 'key-removed') added.keys -= 1;
    if (change.kind === 'quota') added.quotas += quotaChange(state, change);
    if (change.kind === 'acls-added') added.acls += change.acls.length;
    if (change.kind === 'acls-removed') added.acls -= change.acls.length;
    if ('acls' in change) aclChanges += change.acls.length;
  }
  assertBelow('API keys', state.keyCount, added.keys, limits.apiKeysMax);
  assertBelow('access control rules', state.aclCount, added.acls, limits.aclsMax);
  assertBelow('quotas', state.quotaCount, added.quotas, limits.quotasMax);
  if (aclChanges <= limits.aclsPerChangeMax) return effective;
  throw new ProtocolError(
    'POLICY_VIOLATION',
    `One request may add or remove ${limits.aclsPerChangeMax} access control rules, ` +
      `this one names ${aclChanges}: use more specific filters.`,
  );
}

function effectiveChange(state: SecurityState, change: SecurityChange): SecurityChange {
  if (change.kind === 'acls-added') {
    return { ...change, acls: change.acls.filter((acl) => !state.hasAcl(acl)) };
  }
  if (change.kind === 'acls-removed') {
    return { ...change, acls: change.acls.filter((acl) => state.hasAcl(acl)) };
  }
  return change;
}

function changesSomething(state: SecurityState, change: SecurityChange): boolean {
  if (change.kind === 'key-removed') return state.knownKey(change.id) !== undefined;
  return !('acls' in change) || change.acls.length > 0;
}

function quotaChange(
  state: SecurityState,
  { principal, quota }: Extract<SecurityChange, { readonly kind: 'quota' }>,
): number {
  const isThere = state.ownQuotaOf(principal) !== undefined;
  return Number(quota !== null) - Number(isThere);
}

function assertBelow(what: string, count: number, added: number, max: number): void {
  if (added <= 0 || count + added <= max) return;
  throw new ProtocolError(
    'POLICY_VIOLATION',
    `The cluster has ${count} ${what}, ${added} more would exceed the bound of ${max}.`,
  );
}
