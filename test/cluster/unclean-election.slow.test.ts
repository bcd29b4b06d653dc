/**
 * An unclean election loses records on purpose: every reader that had read them is told, at every
 * broker and by every way to read.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EventClient } from '../sse/event-client.js';
import { type ClusterBroker, ClusterProcesses } from '../support/cluster-processes.js';
import { until } from '../support/until.js';
import { SocketClient } from '../ws/socket-client.js';

const TOPIC = 'orders';
const RECORDS = `/v1/topics/${TOPIC}/partitions/0/records`;
/** Number of records that the later leader has, and of those that it lacks. */
const KEPT = 2;
const LOST = 3;
const READ = KEPT + LOST;

interface Page {
  readonly nextOffset: number;
  readonly leaderEpoch: number;
}

let cluster: ClusterProcesses;

beforeAll(async () => {
  cluster = await ClusterProcesses.start();
});

afterAll(() => cluster.dispose());

async function produce(broker: ClusterBroker, count: number): Promise<void> {
  const records = Array.from({ length: count }, (_, value) => ({ value, partition: 0 }));
  const { status } = await broker.send(`/v1/topics/${TOPIC}/records`, 'POST', { records });
  expect(status).toBe(200);
}

test('an unclean election is told to all readers of lost records', async () => {
  const reader = cluster.broker(3);
  const placement = { replicationFactor: undefined, replicaAssignment: [[1, 2]] };
  const configs = { 'min.insync.replicas': 1 };
  await cluster.createTopic(TOPIC, 1, { partitions: undefined, ...placement, configs });
  await produce(reader, KEPT);

  await cluster.broker(2).kill();
  await until('broker 1 is alone in the ISR', async () => {
    const { partitions } = await cluster.topic(TOPIC, reader);
    return partitions[0]?.isr.join() === '1';
  });
  await produce(reader, LOST);
  const page = (await reader.call<Page>(`${RECORDS}?offset=earliest`)).body;
  expect(page.nextOffset).toBe(READ);
  const events = await EventClient.open(reader.url, `${TOPIC}/events?from=earliest`);
  await events.until(() => events.lastOffsets === `0:${READ}`);
  events.abort();

  await cluster.broker(1).kill();
  await cluster.broker(2).start();
  const path = `/v1/topics/${TOPIC}/partitions/0/leader-election`;
  await until('broker 2 leads', async () => {
    const election = { type: 'unclean', replica: 2 };
    const elected = await reader.send<{ leader?: number }>(path, 'POST', election);
    // Broker 1 still leads until its lease has ended.
    return elected.body.leader === 2;
  });
  // The log is longer than the position now, which is therefore in it.
  await until('the new leader takes records', async () => {
    const body = { records: [{ value: 'new', partition: 0 }] };
    const produced = await reader.send<{ offsets: readonly { offset: number }[] }>(
      `/v1/topics/${TOPIC}/records`,
      'POST',
      body,
    );
    return produced.status === 200 && (produced.body.offsets[0]?.offset ?? 0) > READ;
  });

  const told = { code: 'OFFSET_OUT_OF_RANGE', divergingOffset: KEPT };
  const { leaderEpoch } = page;
  for (const broker of cluster.running) {
    const position = `offset=${READ}&leaderEpoch=${leaderEpoch}`;
    expect((await broker.call(`${RECORDS}?${position}`)).body).toMatchObject(told);
    const headers = { 'Last-Event-ID': events.lastEventId };
    const answer = await broker.call(`/v1/topics/${TOPIC}/events`, { headers });
    expect(answer.body).toMatchObject(told);
    const socket = await SocketClient.open(broker.url);
    const offsets = [{ topic: TOPIC, partition: 0, offset: READ, leaderEpoch }];
    const data = { subscription: 's', topic: TOPIC, from: { offsets } };
    expect((await socket.request('subscribe', data)).data).toMatchObject(told);
    await socket.close();
  }
  const headers = { 'Last-Event-ID': events.lastEventId };
  const again = await EventClient.open(
    reader.url,
    `${TOPIC}/events?autoOffsetReset=earliest`,
    headers,
  );
  expect((await again.next()).type).toBe('reset');
  expect(await again.next()).toMatchObject({ type: 'record' });
  again.abort();
});
