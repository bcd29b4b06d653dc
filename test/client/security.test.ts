import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import type { Auth, Sluice } from '#client';
import { type Allowed, AUTH_ON, asRoot, keyWith, type TestKey } from '../security/keys.js';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';
import { clientOf, firstOf, TRANSPORTS, type TransportUnderTest } from './client-under-test.js';

const READ: Allowed = { resourceType: 'topic', resourceName: 'orders', operation: 'Read' };
const WRITE: Allowed = { ...READ, operation: 'Write' };
const READ_GROUPS: Allowed = {
  resourceType: 'group',
  resourceName: '*',
  operation: 'Read',
};
/** Time until a credential expires: a busy machine needs some of it to use the credential, ms. */
const SOON_MS = 4000;
const UNAUTHENTICATED = { code: 'SASL_AUTHENTICATION_FAILED', retriable: false };

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start(AUTH_ON);
  await asRoot(gateway, 'POST', '/v1/topics', { name: 'orders', partitions: 1 });
  await append('first');
});

afterAll(() => gateway.dispose());

function append(value: string): Promise<unknown> {
  return asRoot(gateway, 'POST', '/v1/topics/orders/records', { value });
}

function open(transport: TransportUnderTest, auth: Auth): Sluice {
  const client = clientOf(gateway.url, transport, { auth });
  onTestFinished(() => client.close());
  return client;
}

function newKey(options: { readonly expiresAt?: number } = {}): Promise<TestKey> {
  return keyWith(gateway, [READ, WRITE, READ_GROUPS], options);
}

/** Reads in each way that a client has; each loop ends with the error of its reader. */
function readers(client: Sluice, name: string): Record<string, AsyncIterator<unknown>> {
  const topics = ['orders'];
  const earliest = { topics, autoOffsetReset: 'earliest' } as const;
  return {
    subscription: client.subscribe(topics, { from: 'earliest' })[Symbol.asyncIterator](),
    consumer: client.consumer({ group: `${name}-c`, ...earliest })[Symbol.asyncIterator](),
    queue: client.queue({ group: `${name}-q`, ...earliest })[Symbol.asyncIterator](),
  };
}

describe.each(TRANSPORTS)('over %s', (transport) => {
  test('a wrong key is told at once to whatever needs it', async () => {
    const client = open(transport, { apiKey: `nobody.${'x'.repeat(43)}` });
    for (const [name, reader] of Object.entries(readers(client, `wrong-${transport}`))) {
      await expect(reader.next(), name).rejects.toMatchObject(UNAUTHENTICATED);
    }
    const sent = client.producer().send({ topic: 'orders', value: 1 });
    await expect(sent).rejects.toMatchObject({ ...UNAUTHENTICATED, outcome: 'failed' });
  });

  test('a key that is revoked ends what was open', async () => {
    const key = await newKey();
    const client = open(transport, { apiKey: key.key });
    const reading = Object.entries(readers(client, `revoked-${transport}`));
    for (const [name, reader] of reading) {
      expect(await reader.next(), name).toMatchObject({ done: false });
    }
    const producer = client.producer();
    await producer.send({ topic: 'orders', value: 'before' });
    const ends = reading.map(([, reader]) => endOf(reader));
    await asRoot(gateway, 'DELETE', `/v1/api-keys/${key.id}`);
    for (const end of await Promise.all(ends)) expect(end).toMatchObject(UNAUTHENTICATED);
    const sent = producer.send({ topic: 'orders', value: 'after' });
    await expect(sent).rejects.toMatchObject(UNAUTHENTICATED);
  });

  test('a permission that is taken away ends what needs it', async () => {
    const key = await newKey();
    const client = open(transport, { apiKey: key.key });
    const reading = Object.entries(readers(client, `forbidden-${transport}`));
    for (const [name, reader] of reading) {
      expect(await reader.next(), name).toMatchObject({ done: false });
    }
    const producer = client.producer();
    await producer.send({ topic: 'orders', value: 'before' });
    const ends = reading.map(([, reader]) => endOf(reader));
    await asRoot(gateway, 'DELETE', `/v1/acls?principal=key:${key.id}&resourceType=topic`);
    const forbidden = { code: 'TOPIC_AUTHORIZATION_FAILED', retriable: false };
    for (const end of await Promise.all(ends)) expect(end).toMatchObject(forbidden);
    const sent = producer.send({ topic: 'orders', value: 'after' });
    await expect(sent).rejects.toMatchObject({ ...forbidden, outcome: 'failed' });
  });

  test('a subscription goes on over the end of a token with the next one', async () => {
    const expiresAt = Date.now() + SOON_MS;
    const [short, long] = [await newKey({ expiresAt }), await newKey()];
    let used: string[] = [];
    const token = (): string => {
      const { key } = Date.now() < expiresAt ? short : long;
      used.push(key);
      return key;
    };
    const client = open(transport, { token });
    const subscription = client.subscribe('orders');
    await subscription.ready;
    used = [];
    const record = firstOf(subscription, 1);
    const renewed = until('the next token is used', () => used.includes(long.key));
    await Promise.race([renewed, record]);
    await append('later');
    expect(await record).toMatchObject([{ value: 'later' }]);
  });

  test('a function that returns no token the first time is called again', async () => {
    const { key } = await newKey();
    let calls = 0;
    const token = (): Promise<string> => {
      calls += 1;
      return calls === 1 ? Promise.reject(new Error('no issuer')) : Promise.resolve(key);
    };
    const client = open(transport, { token });
    const { length } = await firstOf(client.subscribe('orders', { from: 'earliest' }), 1);
    expect(length).toBe(1);
    expect(calls).toBeGreaterThan(1);
  });
});

test('a call that gets no token rejects with the cause, and has had no effect', async () => {
  const cause = new Error('no issuer');
  const client = open('http', { token: () => Promise.reject(cause) });
  const created = client.admin.createTopic({ name: 'untold' });
  await expect(created).rejects.toMatchObject({ retriable: true, outcome: 'failed', cause });
});

test('a client that is closed before it has a token opens no socket', async () => {
  const sockets: WebSocket[] = [];
  class CountedSocket extends WebSocket {
    constructor(url: string, protocols?: string | string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  let give: (token: string) => void = () => undefined;
  const token = (): Promise<string> => new Promise((resolve) => (give = resolve));
  const { key } = await newKey();
  const client = clientOf(gateway.url, 'websocket', { auth: { token }, WebSocket: CountedSocket });
  const reading = client.subscribe('orders').ready;
  await until('the client asked for a token', () => give.length > 0);
  await client.close();
  give(key);
  await expect(reading).rejects.toMatchObject({ code: 'ILLEGAL_STATE' });
  expect(sockets.filter(({ readyState }) => readyState !== WebSocket.CLOSED)).toEqual([]);
});

/** Reads to the end; resolves with the error that it ends with. */
async function endOf(reader: AsyncIterator<unknown>): Promise<unknown> {
  try {
    while ((await reader.next()).done !== true);
  } catch (error) {
    return error;
  }
  return undefined;
}
