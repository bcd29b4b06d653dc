import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';
import { SocketClient } from '../ws/socket-client.js';
import { type Allowed, AUTH_ON, asRoot, bearer, keyWith, ROOT_KEY, type TestKey } from './keys.js';

const READ: Allowed = { resourceType: 'topic', resourceName: 'orders', operation: 'Read' };
const READ_GROUP: Allowed = { resourceType: 'group', resourceName: 'workers', operation: 'Read' };
/** Time until a credential expires: a busy machine needs some of it to use the credential, ms. */
const SOON_MS = 4000;
const PARTITION = '/v1/topics/orders/partitions/0/records';

let gateway: GatewayProcess;
let key: TestKey;

beforeAll(async () => {
  gateway = await GatewayProcess.start(AUTH_ON);
  await asRoot(gateway, 'POST', '/v1/topics', { name: 'orders', partitions: 1 });
});

afterAll(() => gateway.dispose());

beforeEach(async () => {
  key = await keyWith(gateway, [READ, READ_GROUP]);
});

function revoke(): Promise<unknown> {
  return asRoot(gateway, 'DELETE', `/v1/api-keys/${key.id}`);
}

/** Removes the rule that lets the key read the topic. */
function forbid(): Promise<unknown> {
  const query = `principal=key:${key.id}&resourceType=topic&resourceName=orders`;
  return asRoot(gateway, 'DELETE', `/v1/acls?${query}`);
}

/** Removes the rules that let the key read groups. */
function forbidGroups(): Promise<unknown> {
  return asRoot(gateway, 'DELETE', `/v1/acls?principal=key:${key.id}&resourceType=group`);
}

function connect(options: object = { headers: bearer(key.key) }): Promise<SocketClient> {
  return SocketClient.open(gateway.url, options);
}

function get(path: string): Promise<Response> {
  return fetch(gateway.url + path, { headers: bearer(key.key) });
}

describe('a WebSocket', () => {
  test('is closed with 4403 when its key is revoked, and its member leaves at once', async () => {
    const client = await connect();
    const data = { subscription: 'a', topic: 'orders', group: 'workers' };
    await client.request('subscribe', data);
    await revoke();
    expect(await client.closed).toMatchObject({ code: 4403 });
    await until('the group has no member', async () => {
      const group = (await asRoot(gateway, 'GET', '/v1/groups/workers')) as { members: object[] };
      return group.members.length === 0;
    });
  });

  test('is closed with 4401 when its key expires', async () => {
    const { key: text } = await keyWith(gateway, [READ], { expiresAt: Date.now() + SOON_MS });
    const client = await connect({ headers: bearer(text) });
    expect(await client.closed).toMatchObject({ code: 4401 });
  });

  test('keeps its other subscriptions when it loses one topic', async () => {
    await asRoot(gateway, 'POST', '/v1/topics', { name: 'other', partitions: 1 });
    key = await keyWith(gateway, [READ, { ...READ, resourceName: 'other' }]);
    const client = await connect();
    await client.request('subscribe', { subscription: 'a', topic: 'orders' });
    await client.request('subscribe', { subscription: 'b', topic: 'other' });
    await forbid();
    await client.until(() => client.of('error').length > 0);
    expect(client.of('error')[0]?.data).toMatchObject({
      subscription: 'a',
      code: 'TOPIC_AUTHORIZATION_FAILED',
    });
    await asRoot(gateway, 'POST', '/v1/topics/other/records', { value: 1 });
    expect(await client.recordsOf('b', 1)).toHaveLength(1);
    client.socket.close();
  });

  test('is closed with 4401 without a credential in time, frames are refused', async () => {
    const own = await GatewayProcess.start({
      ...AUTH_ON,
      SLUICE_SOCKET_AUTH_TIMEOUT_MS: String(SOON_MS),
    });
    const client = await SocketClient.open(own.url);
    const refused = await client.request('ping', {});
    expect(refused).toMatchObject({
      event: 'error',
      data: { code: 'SASL_AUTHENTICATION_FAILED', status: 401 },
    });
    expect(await client.closed).toMatchObject({ code: 4401 });
    await own.dispose();
  });

  test('takes a credential by message, and a newer one of the same principal', async () => {
    const client = await connect({});
    const large = { subscription: 'a', topic: 'x'.repeat(17 * 1024) };
    client.send('subscribe', large);
    await client.until(() => client.of('error').length > 0);
    expect(client.of('error')[0]?.data).toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED' });
    const wrong = await client.request('authenticate', { token: `${key.id}.${'x'.repeat(43)}` });
    expect(wrong).toMatchObject({ event: 'error' });
    const right = await client.request('authenticate', { token: key.key });
    expect(right).toMatchObject({
      event: 'authenticated',
      data: { principal: `key:${key.id}`, expiresAt: null },
    });
    const subscribed = await client.request('subscribe', { subscription: 'a', topic: 'orders' });
    expect(subscribed).toMatchObject({ event: 'subscribed' });
    const other = await keyWith(gateway, [READ]);
    expect(await client.request('authenticate', { token: other.key })).toMatchObject({
      event: 'error',
    });
    expect(await client.request('authenticate', { token: key.key })).toMatchObject({
      event: 'authenticated',
    });
    client.socket.close();
  });
});

describe('an answer that goes on', () => {
  test.each([
    ['an event stream', '/v1/topics/orders/events', 'TOPIC_AUTHORIZATION_FAILED'],
    ['lines that follow', `${PARTITION}:ndjson?offset=latest&follow=true`, 'nextOffset'],
    ['a long poll', `${PARTITION}?offset=latest&waitMs=25000`, '"records":[]'],
  ])('%s ends when the caller loses the permission to read', async (_, path, text) => {
    const [answer] = await Promise.all([get(path).then((each) => each.text()), afterOpen(forbid)]);
    expect(answer).toContain(text);
    expect((await get(PARTITION)).status).toBe(403);
  });

  test.each([
    ['an event stream', '/v1/topics/orders/events', 'SASL_AUTHENTICATION_FAILED'],
    ['lines that follow', `${PARTITION}:ndjson?offset=latest&follow=true`, 'nextOffset'],
    ['a long poll', `${PARTITION}?offset=latest&waitMs=25000`, '"records":[]'],
  ])('%s ends when the key is revoked', async (_, path, text) => {
    const [answer] = await Promise.all([get(path).then((each) => each.text()), afterOpen(revoke)]);
    expect(answer).toContain(text);
    expect((await get(PARTITION)).status).toBe(401);
  });
});

describe('a member over HTTP', () => {
  test.each([
    ['stream', 'its key is revoked', revoke],
    ['queue', 'its key is revoked', revoke],
    ['stream', 'it may not read the group', forbidGroups],
    ['queue', 'it may not read the group', forbidGroups],
    ['stream', 'it may not read the topic', forbid],
    ['queue', 'it may not read the topic', forbid],
  ])('of a %s leaves at once when %s', async (mode, _, loseAccess) => {
    const group = `${mode}-until-${loseAccess.name}`;
    key = await keyWith(gateway, [READ, { ...READ_GROUP, resourceName: group }]);
    const joined = await send(key, 'POST', `/v1/groups/${group}/members`, memberOf(mode));
    expect(joined.status).toBe(201);
    await loseAccess();
    await until('the group has no member', async () => {
      const described = (await asRoot(gateway, 'GET', `/v1/groups/${group}`)) as { members: [] };
      return described.members.length === 0;
    });
  });

  test('is used by its own principal alone', async () => {
    const group = 'owned';
    const rules = [READ, { ...READ_GROUP, resourceName: group }];
    key = await keyWith(gateway, rules);
    const other = await keyWith(gateway, rules);
    const members = `/v1/groups/${group}/members`;
    const body = { ...memberOf('stream'), instanceId: 'worker' };
    expect((await send(key, 'POST', members, body)).status).toBe(201);
    const calls: readonly [string, string, object?][] = [
      ['POST', members, body],
      ['POST', members, { ...body, memberId: 'n' }],
      ['POST', `${members}/m/heartbeat`, {}],
      ['GET', `${members}/m/records`],
      ['DELETE', `${members}/m`],
    ];
    for (const [method, path, sent] of calls) {
      const refused = await send(other, method, path, sent);
      expect(refused.status, `${method} ${path}`).toBe(403);
      expect(await refused.json()).toMatchObject({ code: 'GROUP_AUTHORIZATION_FAILED' });
    }
    const client = await connect({ headers: bearer(other.key) });
    const data = { subscription: 'a', topic: 'orders', group, instanceId: 'worker' };
    expect(await client.request('subscribe', data)).toMatchObject({
      event: 'error',
      data: { code: 'GROUP_AUTHORIZATION_FAILED' },
    });
    client.socket.close();
    expect((await send(key, 'DELETE', `${members}/m`)).status).toBe(204);
  });

  test.each(['stream', 'queue'])('of a %s leaves at once when its key expires', async (mode) => {
    const group = `${mode}-until-expiry`;
    const rules = [READ, { ...READ_GROUP, resourceName: group }];
    key = await keyWith(gateway, rules, { expiresAt: Date.now() + SOON_MS });
    const joined = await send(key, 'POST', `/v1/groups/${group}/members`, memberOf(mode));
    expect(joined.status).toBe(201);
    await until('the group has no member', async () => {
      const described = (await asRoot(gateway, 'GET', `/v1/groups/${group}`)) as { members: [] };
      return described.members.length === 0;
    });
    expect((await get(`/v1/groups/${group}/members/m/records`)).status).toBe(401);
  });

  test.each(['stream', 'queue'])(
    'of a %s gets no record of a topic that it may no longer read, and joins no more',
    async (mode) => {
      const group = `${mode}-workers`;
      key = await keyWith(gateway, [READ, { ...READ_GROUP, resourceName: group }]);
      const members = `/v1/groups/${group}/members`;
      const joined = await send(key, 'POST', members, memberOf(mode));
      expect(joined.status, await joined.text()).toBe(201);
      expect((await get(`${members}/m/records`)).status).toBe(200);
      await forbid();
      const polled = await get(`${members}/m/records`);
      expect(polled.status).toBe(404);
      expect(await polled.json()).toMatchObject({ code: 'UNKNOWN_MEMBER_ID' });
      const refused = await send(key, 'POST', members, memberOf(mode));
      expect(refused.status).toBe(403);
      expect(await refused.json()).toMatchObject({ code: 'TOPIC_AUTHORIZATION_FAILED' });
    },
  );
});

/** The join of a member whose session does not end during a test. */
function memberOf(mode: string): object {
  return { memberId: 'm', topics: ['orders'], mode, sessionTimeoutMs: 600_000 };
}

function send(by: TestKey, method: string, path: string, body?: object): Promise<Response> {
  return fetch(gateway.url + path, {
    method,
    headers: { ...bearer(by.key), 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** Calls something once one request besides its own is in flight. */
async function afterOpen(action: () => Promise<unknown>): Promise<void> {
  await until('the request is in flight', async () => {
    const metrics = await fetch(`${gateway.url}/metrics`, { headers: bearer(ROOT_KEY) });
    const text = await metrics.text();
    return /sluice_http_requests_in_flight (\d+)/.exec(text)?.[1] === '2';
  });
  await action();
}

test('a pattern that matches no topic that the caller may read is refused', async () => {
  const member = { topics: [{ pattern: 'secret.*' }] };
  const response = await fetch(`${gateway.url}/v1/groups/workers/members`, {
    method: 'POST',
    headers: { ...bearer(key.key), 'Content-Type': 'application/json' },
    body: JSON.stringify(member),
  });
  expect(response.status).toBe(403);
  expect(await response.json()).toMatchObject({
    code: 'TOPIC_AUTHORIZATION_FAILED',
    detail: 'The caller may read no topic that matches the pattern.',
  });
});
