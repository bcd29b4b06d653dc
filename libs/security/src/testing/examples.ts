import type { Acl } from '../acl/acl.js';
import type { ApiKey } from '../metadata/security-change.js';
import type { SecurityLimits } from '../metadata/security-limits.js';
import { PrincipalShares } from '../quota/principal-shares.js';

/** Bounds that a test exceeds with a few changes. */
export const SMALL_LIMITS: SecurityLimits = {
  apiKeysMax: 3,
  aclsMax: 5,
  quotasMax: 2,
  aclsPerChangeMax: 4,
};

/** Shares of principals in bounds that are all alike, with the parts that a test needs. */
export function smallShares({
  percent = 50,
  max = 100,
  shareMin = 1,
}: {
  readonly percent?: number;
  readonly max?: number;
  readonly shareMin?: number;
} = {}): PrincipalShares {
  const bound = { max, shareMin, variable: 'SLUICE_EXAMPLE_MAX' };
  const bounds = {
    connections: bound,
    requestMemory: bound,
    longPolls: bound,
    cursors: bound,
    subscriptionMemory: bound,
  };
  return new PrincipalShares(bounds, percent);
}

/** A rule that allows `key:k1` to read the topic `orders`. */
export function exampleAcl(rule: Partial<Acl> = {}): Acl {
  return {
    principal: 'key:k1',
    resourceType: 'topic',
    resourceName: 'orders',
    patternType: 'literal',
    operation: 'Read',
    permission: 'allow',
    ...rule,
  };
}

/** A key with one secret whose hash is `hash-of-<id>`. */
export function exampleKey(id: string, key: Partial<ApiKey> = {}): ApiKey {
  return {
    id,
    name: `key ${id}`,
    groups: ['group:dev'],
    createdAtMs: 1_750_000_000_000,
    expiresAtMs: null,
    secrets: [{ hash: `hash-of-${id}`, expiresAtMs: null }],
    ...key,
  };
}
