import { afterAll, beforeAll, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { SocketClient } from '../ws/socket-client.js';
import { type Allowed, AUTH_ON, asRoot, bearer, keyWith, type TestKey } from './keys.js';

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start({ ...AUTH_ON, SLUICE_AUTO_CREATE_TOPICS: 'true' });
  await asRoot(gateway, 'POST', '/v1/topics', { name: 'present', partitions: 1 });
});

afterAll(() => gateway.dispose());

const topic = (resourceName: string, operation: Allowed['operation']): Allowed => {
  return { resourceType: 'topic', resourceName, operation };
};

async function produce({ key }: TestKey, name: string): Promise<number> {
  const response = await fetch(`${gateway.url}/v1/topics/${name}/records`, {
    method: 'POST',
    headers: { ...bearer(key), 'Content-Type': 'application/json' },
    body: '{"value":1}',
  });
  await response.arrayBuffer();
  return response.status;
}

async function publish({ key }: TestKey, name: string): Promise<string> {
  const client = await SocketClient.open(gateway.url, { headers: bearer(key) });
  const { event, data } = await client.request('publish', { topic: name, records: [{ value: 1 }] });
  client.socket.close();
  return data.code ?? event;
}

async function names(): Promise<readonly string[]> {
  const { topics } = (await asRoot(gateway, 'GET', '/v1/topics')) as { topics: { name: string }[] };
  return topics.map(({ name }) => name);
}

test('the permission to write creates no topic', async () => {
  const key = await keyWith(gateway, [topic('missing', 'Write'), topic('present', 'Write')]);
  expect(await produce(key, 'missing')).toBe(403);
  expect(await publish(key, 'missing')).toBe('TOPIC_AUTHORIZATION_FAILED');
  expect(await names()).not.toContain('missing');
  expect(await produce(key, 'present')).toBe(200);
});

test.each([
  ['the topic', topic('by-http', 'Create'), 'by-http'],
  [
    'the cluster',
    { resourceType: 'cluster', resourceName: 'cluster', operation: 'Create' } as const,
    'by-message',
  ],
])('with Create on %s a topic is created', async (_, create, name) => {
  const key = await keyWith(gateway, [topic(name, 'Write'), create]);
  if (name === 'by-http') expect(await produce(key, name)).toBe(200);
  else expect(await publish(key, name)).toBe('published');
  expect(await names()).toContain(name);
});
