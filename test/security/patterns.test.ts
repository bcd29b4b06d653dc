/** Members of groups that subscribe by a pattern, and may not read every topic that it matches. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { SocketClient } from '../ws/socket-client.js';
import { type Allowed, AUTH_ON, allow, asRoot, bearer, keyWith, type TestKey } from './keys.js';

const READ = { resourceType: 'topic', operation: 'Read' } as const;
const READ_ALL: Allowed = { ...READ, resourceName: '*' };
const NOT_PAYROLL: Allowed = { ...READ, resourceName: 'payroll', permission: 'deny' };
const PATTERN = { topics: [{ pattern: '.*' }] };

let gateway: GatewayProcess;
let group: string;
let groups = 0;

beforeAll(async () => {
  gateway = await GatewayProcess.start(AUTH_ON);
  for (const name of ['orders', 'payroll']) {
    await asRoot(gateway, 'POST', '/v1/topics', { name, partitions: 1 });
    await asRoot(gateway, 'POST', `/v1/topics/${name}/records`, { value: name });
  }
});

afterAll(() => gateway.dispose());

beforeEach(() => {
  groups += 1;
  group = `group-${groups}`;
});

function reader(...rules: readonly Allowed[]): Promise<TestKey> {
  const ofGroup = { resourceType: 'group', resourceName: group, operation: 'Read' } as const;
  return keyWith(gateway, [...rules, ofGroup]);
}

async function memberOn(key: TestKey, mode: string): Promise<SocketClient> {
  const client = await SocketClient.open(gateway.url, { headers: bearer(key.key) });
  const data = { subscription: 'a', ...PATTERN, group, mode, from: 'earliest' };
  expect(await client.request('subscribe', data)).toMatchObject({ event: 'subscribed' });
  return client;
}

describe.each(['stream', 'queue'])('a member of a %s', (mode) => {
  test('on a WebSocket gets no record of a topic that a rule denies', async () => {
    const client = await memberOn(await reader(READ_ALL, NOT_PAYROLL), mode);
    await asRoot(gateway, 'POST', '/v1/topics/payroll/records', { value: 'payroll' });
    await asRoot(gateway, 'POST', '/v1/topics/orders/records', { value: group });
    await client.until(() => client.records('a').some(({ value }) => value === group));
    expect(client.records('a').filter(({ topic }) => topic !== 'orders')).toEqual([]);
    const { partitions } = (await asRoot(gateway, 'GET', `/v1/groups/${group}`)) as {
      readonly partitions: readonly { readonly topic: string }[];
    };
    expect(partitions.map(({ topic }) => topic)).toEqual(['orders']);
    client.socket.close();
  });

  test('over HTTP keeps its place, with the topics that it may read', async () => {
    const { key } = await reader(READ_ALL, NOT_PAYROLL);
    const members = `${gateway.url}/v1/groups/${group}/members`;
    const joined = await fetch(members, {
      method: 'POST',
      headers: { ...bearer(key), 'Content-Type': 'application/json' },
      body: JSON.stringify({ memberId: 'm', mode, ...PATTERN }),
    });
    expect(await joined.json()).toMatchObject({ assignment: [{ topic: 'orders', partition: 0 }] });
    const polled = await fetch(`${members}/m/records`, { headers: bearer(key) });
    expect(polled.status).toBe(200);
  });

  test('on a WebSocket ends when a rule denies one of all topics', async () => {
    const key = await reader(READ_ALL);
    const client = await memberOn(key, mode);
    await allow(gateway, `key:${key.id}`, [{ ...NOT_PAYROLL, resourceName: 'not-yet-created' }]);
    await client.until(() => client.of('error').length > 0);
    expect(client.of('error')[0]?.data).toMatchObject({
      subscription: 'a',
      code: 'TOPIC_AUTHORIZATION_FAILED',
    });
    client.socket.close();
  });
});
