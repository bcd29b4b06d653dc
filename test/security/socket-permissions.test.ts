import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLIENT_MESSAGES, type ClientEvent, isOnResource, type Permission } from '#api';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';
import { type Message, SocketClient } from '../ws/socket-client.js';
import { type Allowed, AUTH_ON, asRoot, bearer, keyWith, type TestKey } from './keys.js';
import { play, SOCKET_CASES, type SocketNames } from './socket-cases.js';

/** The topic that events are about, and one that every caller may read. */
const TOPIC = 'orders';
const PUBLIC_TOPIC = 'news';

let gateway: GatewayProcess;
let powerless: TestKey;
let expired: TestKey;

beforeAll(async () => {
  gateway = await GatewayProcess.start(AUTH_ON);
  for (const name of [TOPIC, PUBLIC_TOPIC]) {
    await asRoot(gateway, 'POST', '/v1/topics', { name, partitions: 1 });
    await asRoot(gateway, 'POST', `/v1/topics/${name}/records`, { value: 0 });
  }
  powerless = await keyWith(gateway, []);
  expired = await keyWith(gateway, [], { expiresAt: Date.now() + 2000 });
  await until('the key has expired', async () => {
    const { status } = await fetch(`${gateway.url}/v1/whoami`, { headers: bearer(expired.key) });
    return status === 401;
  });
});

afterAll(() => gateway.dispose());

const EVENTS = Object.keys(CLIENT_MESSAGES) as ClientEvent[];
const OTHER_EVENTS = EVENTS.filter((event) => event !== 'authenticate');
const WRONG_KEY = `nobody.${'x'.repeat(43)}`;

describe('every event of clients', () => {
  test.each(OTHER_EVENTS)('%s is refused without a credential', async (event) => {
    await withSocket({}, async (client) => {
      expectUnknownCaller(await client.request(event, SOCKET_CASES[event].data(namesOf(event))));
    });
  });

  test.each(OTHER_EVENTS)('%s is refused after a wrong or an expired credential', async (event) => {
    await withSocket({}, async (client) => {
      const wrong = await client.request('authenticate', { token: WRONG_KEY });
      const late = await client.request('authenticate', { token: expired.key });
      expectUnknownCaller(wrong);
      expect(late.data).toEqual(wrong.data);
      expectUnknownCaller(await client.request(event, SOCKET_CASES[event].data(namesOf(event))));
    });
  });

  test.each(OTHER_EVENTS)('%s is refused if one of its permissions is missing', async (event) => {
    const needs = neededOn(event);
    for (const missing of needs) {
      const { key } = await keyWith(gateway, [
        ...needs.filter((need) => need !== missing).map((need) => ruleOf(need, event)),
        { resourceType: 'topic', resourceName: PUBLIC_TOPIC, operation: 'Read' },
      ]);
      // The subscription itself may be had, if the permission is one of the message alone.
      const subscribed = missing.resource === 'topic' ? PUBLIC_TOPIC : TOPIC;
      const names = { ...namesOf(event), subscribed };
      await withSocket({ headers: bearer(key) }, async (client) => {
        const answers = await play(client, event, event === 'subscribe' ? namesOf(event) : names);
        const refusal = answers.find((answer) => answer.event === 'error');
        expect(refusal?.data.code).toBe(`${missing.resource.toUpperCase()}_AUTHORIZATION_FAILED`);
      });
    }
    if (needs.length === 0) await expectOfNobody(event);
  });

  test.each(OTHER_EVENTS)('%s is served with exactly its permissions', async (event) => {
    const rules = neededOn(event).map((need) => ruleOf(need, event));
    const { key } = await keyWith(gateway, [...rules, ...rulesOfSubscription(event)]);
    await withSocket({ headers: bearer(key) }, async (client) => {
      const answers = await play(client, event, namesOf(event));
      expect(answers.filter((answer) => answer.event === 'error')).toEqual([]);
      const expected = CLIENT_MESSAGES[event].answer;
      if (expected !== null) expect(answers.at(-1)?.event).toBe(expected);
    });
  });
});

test.each([
  ['a wrong', WRONG_KEY],
  ['an expired', undefined],
])('a WebSocket with %s credential in its request does not open', async (_, key) => {
  const headers = bearer(key ?? expired.key);
  await expect(SocketClient.open(gateway.url, { headers })).rejects.toThrow('401');
});

test('authenticate identifies the caller, and nothing that is not a credential does', async () => {
  await withSocket({}, async (client) => {
    for (const token of ['', 'x', 'a.b', 'a.b.c', `${powerless.key}x`, powerless.key.slice(1)]) {
      expectUnknownCaller(await client.request('authenticate', { token }));
    }
    const known = await client.request('authenticate', { token: powerless.key });
    expect(known).toMatchObject({
      event: 'authenticated',
      data: { principal: `key:${powerless.id}` },
    });
  });
});

async function withSocket(
  options: object,
  use: (client: SocketClient) => Promise<void>,
): Promise<void> {
  const client = await SocketClient.open(gateway.url, options);
  try {
    await use(client);
  } finally {
    client.terminate();
  }
}

function expectUnknownCaller(answer: Message): void {
  expect(answer).toMatchObject({
    event: 'error',
    data: { code: 'SASL_AUTHENTICATION_FAILED', status: 401 },
  });
}

/** Expects that an event without a need of its own gives a caller without permissions nothing. */
async function expectOfNobody(event: ClientEvent): Promise<void> {
  await withSocket({ headers: bearer(powerless.key) }, async (client) => {
    const answers = await play(client, event, namesOf(event));
    const [subscribed, answer] = answers;
    if (!('subscription' in SOCKET_CASES[event])) return;
    expect(subscribed?.data.code).toMatch(/_AUTHORIZATION_FAILED$/);
    expect(answer).toMatchObject({ event: 'error', data: { code: 'INVALID_REQUEST' } });
  });
}

/** Each event has a group of its own. */
function namesOf(event: ClientEvent): SocketNames {
  return { subscribed: TOPIC, topic: TOPIC, group: `${event}-group` };
}

interface Need {
  readonly resource: 'topic' | 'group';
  readonly operation: Allowed['operation'];
}

function neededOn(event: ClientEvent): readonly Need[] {
  const needs = CLIENT_MESSAGES[event].needs as readonly Permission[];
  return needs.filter(isOnResource) as readonly Need[];
}

function ruleOf({ resource, operation }: Need, event: ClientEvent): Allowed {
  const resourceName = resource === 'topic' ? TOPIC : namesOf(event).group;
  return { resourceType: resource, resourceName, operation };
}

/** The rules for the subscription of an event that needs no permission of its own. */
function rulesOfSubscription(event: ClientEvent): readonly Allowed[] {
  if (!('subscription' in SOCKET_CASES[event]) || neededOn(event).length > 0) return [];
  return [
    ruleOf({ resource: 'topic', operation: 'Read' }, event),
    ruleOf({ resource: 'group', operation: 'Read' }, event),
  ];
}
