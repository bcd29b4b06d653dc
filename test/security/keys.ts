import type { Acl } from '#security';
import { GatewayProcess } from '../support/gateway.js';

const BOOTSTRAP_ID = 'root';

/** The bootstrap key of gateways under test. */
export const ROOT_KEY = `${BOOTSTRAP_ID}.${'s'.repeat(43)}`;

/** Settings of a gateway with authentication. */
export const AUTH_ON = {
  SLUICE_AUTH: 'on',
  SLUICE_BOOTSTRAP_API_KEY: ROOT_KEY,
  // Tests fail to log in more often than people.
  SLUICE_FAILED_LOGIN_DELAY_MS: '0',
} as const;

/** A key with its id. */
export interface TestKey {
  readonly id: string;
  readonly key: string;
}

/** Returns the header of a key. */
export function bearer(key: string): { readonly Authorization: string } {
  return { Authorization: `Bearer ${key}` };
}

/** Sends a request of the super user; fails unless it succeeds. */
export async function asRoot(
  gateway: GatewayProcess,
  method: string,
  path: string,
  body?: object,
): Promise<unknown> {
  const response = await fetch(gateway.url + path, {
    method,
    headers: { ...bearer(ROOT_KEY), 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? undefined : (JSON.parse(text) as unknown);
}

/** The part of a rule that differs between tests. */
export type Allowed = Pick<Acl, 'resourceType' | 'resourceName' | 'operation'> &
  Partial<Pick<Acl, 'patternType' | 'permission'>>;

/** Creates a key with rules. */
export async function keyWith(
  gateway: GatewayProcess,
  rules: readonly Allowed[],
  options: { readonly expiresAt?: number; readonly groups?: readonly string[] } = {},
): Promise<TestKey> {
  const created = (await asRoot(gateway, 'POST', '/v1/api-keys', {
    name: 'test',
    ...options,
  })) as TestKey;
  if (rules.length > 0) await allow(gateway, `key:${created.id}`, rules);
  return created;
}

/** Adds rules of one principal. */
export async function allow(
  gateway: GatewayProcess,
  principal: string,
  rules: readonly Allowed[],
): Promise<void> {
  const acls = rules.map((rule) => ({
    principal,
    patternType: 'literal',
    permission: 'allow',
    ...rule,
  }));
  await asRoot(gateway, 'POST', '/v1/acls', { acls });
}
