import { expect, onTestFinished, test } from 'vitest';
import { useGateway } from '../data/gateway-under-test.js';
import { SocketClient } from './socket-client.js';

const gateway = useGateway();

async function produce(topic: string, count: number): Promise<void> {
  const records = Array.from({ length: count }, (_, value) => ({ value }));
  await fetch(`${gateway.url}/v1/topics/${topic}/records`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ records }),
  });
}

test('a position of a topic that was deleted does not resume one of the same name', async () => {
  const topic = await gateway.topic();
  await produce(topic, 3);
  const client = await SocketClient.open(gateway.url);
  onTestFinished(async () => {
    await client.close();
  });
  const begun = await client.request('subscribe', { subscription: 'before', topic });
  const { positions: offsets, topicIds } = begun.data;
  const resuming = { topic, from: { offsets, topicIds } };
  await client.request('subscribe', { subscription: 'same', ...resuming });
  await fetch(`${gateway.url}/v1/topics/${topic}`, { method: 'DELETE' });
  await gateway.topic({ name: topic });
  await produce(topic, 5);
  const [id] = Object.values(topicIds as Record<string, string>);
  for (const ids of [topicIds, { [topic]: id?.slice(0, 8) }]) {
    const from = { offsets, topicIds: ids };
    const refused = await client.request('subscribe', { subscription: 'a', topic, from });
    expect(refused).toMatchObject({ data: { code: 'UNKNOWN_TOPIC_OR_PARTITION' } });
    expect(refused.data['detail']).toContain('was deleted before this one was created');
  }
  const described = await fetch(`${gateway.url}/v1/topics/${topic}`);
  const { topicId } = (await described.json()) as { readonly topicId: string };
  const from = { offsets, topicIds: { [topic]: topicId } };
  expect(await client.request('subscribe', { subscription: 'b', topic, from })).toMatchObject({
    data: { positions: [{ offset: 3 }] },
  });
});
