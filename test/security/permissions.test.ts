import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ALL_OPERATIONS,
  isOnResource,
  isPublic,
  type Operation,
  type Permission,
  type ResourcePermission,
} from '#api';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';
import { type Allowed, AUTH_ON, asRoot, bearer, keyWith, type TestKey } from './keys.js';
import { OPERATION_CASES, type OperationCase, PATH_VALUES } from './operation-cases.js';

let gateway: GatewayProcess;
let powerless: TestKey;
let expired: TestKey;

beforeAll(async () => {
  gateway = await GatewayProcess.start(AUTH_ON);
  for (const name of ['orders', 'doomed']) {
    await asRoot(gateway, 'POST', '/v1/topics', { name, partitions: 1 });
  }
  for (const group of ['billing', 'doomed']) {
    const offsets = [{ topic: 'orders', partition: 0, offset: 0 }];
    await asRoot(gateway, 'PUT', `/v1/groups/${group}/offsets`, { offsets });
  }
  powerless = await keyWith(gateway, []);
  expired = await keyWith(gateway, [], { expiresAt: Date.now() + 2000 });
  await until(
    'the key has expired',
    async () => (await call('whoami', bearer(expired.key))).status === 401,
  );
});

afterAll(() => gateway.dispose());

const OPERATIONS = ALL_OPERATIONS.map((operation) => [operation.id, operation] as const);
const RESTRICTED = OPERATIONS.filter(([, { needs }]) => !isPublic(needs));

describe('every operation with a need', () => {
  test.each(RESTRICTED)('%s refuses a caller without a credential', async (id) => {
    const { status, headers, text } = await call(id, {});
    expect(status, text).toBe(401);
    expect(headers.get('www-authenticate')).toBe('Bearer realm="sluice"');
    if (text !== '') expect(JSON.parse(text)).toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED' });
  });

  test.each(RESTRICTED)('%s refuses a wrong and an expired credential alike', async (id) => {
    const wrong = await call(id, bearer(`${powerless.id}.${'x'.repeat(43)}`));
    const unknown = await call(id, bearer(`nobody.${'x'.repeat(43)}`));
    const late = await call(id, bearer(expired.key));
    expect([wrong.status, unknown.status, late.status]).toEqual([401, 401, 401]);
    expect([unknown.text, late.text]).toEqual([wrong.text, wrong.text]);
  });

  test.each(RESTRICTED)(
    '%s refuses a caller that lacks one of its permissions',
    async (id, operation) => {
      const needs = needsOnResources(operation);
      for (const missing of needs) {
        const rules = needs.filter((need) => need !== missing).map((need) => ruleOf(need, id));
        const { key } = rules.length === 0 ? powerless : await keyWith(gateway, rules);
        const { status, text } = await call(id, bearer(key));
        if (missing.named === 'answer') {
          expect(status, text).not.toBe(401);
          if (shownBy(id) !== undefined) expect(text).not.toContain(`"${shownBy(id)}"`);
        } else {
          expect(status, text).toBe(403);
          expect(text).toContain(`${missing.resource.toUpperCase()}_AUTHORIZATION_FAILED`);
        }
      }
    },
  );

  test.each(RESTRICTED)(
    '%s serves a caller with exactly its permissions',
    async (id, operation) => {
      const { key } = await keyWith(
        gateway,
        needsOnResources(operation).map((need) => ruleOf(need, id)),
      );
      const { status, text } = await call(id, bearer(key));
      expect([401, 403], text).not.toContain(status);
      expect(status, text).toBeLessThan(500);
      if (shownBy(id) !== undefined) expect(text).toContain(`"${shownBy(id)}"`);
    },
  );
});

test.each(OPERATIONS.filter(([, { needs }]) => isPublic(needs)))(
  '%s is public, whatever the credential',
  async (id) => {
    for (const headers of [{}, bearer('nobody.wrong'), bearer(expired.key)]) {
      expect([401, 403]).not.toContain((await call(id, headers)).status);
    }
  },
);

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

async function call(
  id: keyof typeof OPERATION_CASES,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const operation = ALL_OPERATIONS.find((each) => each.id === id) as Operation;
  const { path, query = '', body }: OperationCase = OPERATION_CASES[id];
  const values = { ...PATH_VALUES, ...path };
  const url = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(values[name] ?? ''),
  );
  const isText = typeof body === 'string';
  const type = isText ? 'text/plain' : 'application/json';
  const ended = new AbortController();
  const response = await fetch(`${gateway.url}${url}?${query}`, {
    method: operation.method,
    redirect: 'manual',
    signal: ended.signal,
    headers: { ...headers, ...(body === undefined ? {} : { 'Content-Type': type }) },
    ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
  });
  const isStream = response.headers.get('content-type')?.includes('event-stream') === true;
  const text = isStream ? '' : await response.text();
  ended.abort();
  return { status: response.status, headers: response.headers, text };
}

function shownBy(id: keyof typeof OPERATION_CASES): string | undefined {
  return (OPERATION_CASES[id] as OperationCase).shown;
}

function needsOnResources({ needs }: Operation): readonly ResourcePermission[] {
  return (needs as readonly Permission[]).filter(isOnResource);
}

/** The rule that allows one need of an operation, on the resource of its case. */
function ruleOf(
  { resource, operation }: ResourcePermission,
  id: keyof typeof OPERATION_CASES,
): Allowed {
  const { path }: OperationCase = OPERATION_CASES[id];
  const values: Readonly<Record<string, string>> = { cluster: 'cluster', ...PATH_VALUES, ...path };
  return { resourceType: resource, resourceName: values[resource] ?? '', operation };
}
