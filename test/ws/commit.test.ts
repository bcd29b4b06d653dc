import { afterEach, describe, expect, test } from 'vitest';
import { useGateway } from '../data/gateway-under-test.js';
import { SocketClient } from './socket-client.js';

const gateway = useGateway();

const clients: SocketClient[] = [];

async function connected(): Promise<SocketClient> {
  const client = await SocketClient.open(gateway.url);
  clients.push(client);
  return client;
}

/** Produces this many records to partition 0. */
async function produce(topic: string, count: number): Promise<void> {
  const records = Array.from({ length: count }, (_, value) => ({ value }));
  const response = await fetch(`${gateway.url}/v1/topics/${topic}/records`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ records }),
  });
  expect(response.status).toBe(200);
}

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

describe('commit', () => {
  test("it sets the group's committed offset", async () => {
    const topic = await gateway.topic();
    await produce(topic, 5);
    const client = await connected();
    await client.subscribe({ subscription: 's', topic });
    const offsets = [{ topic, partition: 0, offset: 4, metadata: 'm' }];
    const group = `g-${topic}`;
    const answer = await client.request('commit', { subscription: 's', group, offsets });
    expect(answer).toEqual({
      event: 'committed',
      id: 2,
      data: { subscription: 's', group, offsets },
    });
    const shown = await fetch(`${gateway.url}/v1/groups/${group}/offsets`);
    expect(await shown.json()).toMatchObject({ offsets: [{ topic, offset: 4, lag: 1 }] });
  });

  test('it accepts committed offsets in the form in which they are listed', async () => {
    const topic = await gateway.topic();
    await produce(topic, 5);
    const client = await connected();
    await client.subscribe({ subscription: 's', topic });
    const group = `g-${topic}`;
    const offsets = [{ topic, partition: 0, offset: 4 }];
    await client.request('commit', { subscription: 's', group, offsets });
    const shown = (await (await fetch(`${gateway.url}/v1/groups/${group}/offsets`)).json()) as {
      readonly offsets: readonly object[];
    };
    expect(shown.offsets).toMatchObject([{ lag: 1, metadata: null }]);
    const data = { subscription: 's', group, offsets: shown.offsets };
    expect(await client.request('commit', data)).toMatchObject({
      event: 'committed',
      data: { offsets },
    });
  });

  test('it requires a group and existing offsets; the error has the outcome', async () => {
    const topic = await gateway.topic();
    const client = await connected();
    await client.subscribe({ subscription: 's', topic });
    const offsets = [{ topic, partition: 0, offset: 4 }];
    expect(await client.request('commit', { subscription: 's', offsets })).toMatchObject({
      event: 'error',
      data: { code: 'INVALID_REQUEST', errors: [{ pointer: '/data/group' }] },
    });
    const beyond = await client.request('commit', { subscription: 's', group: 'g', offsets });
    expect(beyond).toMatchObject({
      event: 'error',
      data: {
        subscription: 's',
        code: 'OFFSET_OUT_OF_RANGE',
        outcome: 'failed',
        errors: [{ pointer: '/data/offsets/0/offset' }],
      },
    });
  });
});
