/** Members of a queue at different brokers: what comes while all wait is divided among them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ClusterProcesses } from '../support/cluster-processes.js';
import { until } from '../support/until.js';
import { QueueClient } from '../ws/queue-client.js';

const TOPIC = 'jobs';
const RECORDS = 90;

let cluster: ClusterProcesses;
const members: QueueClient[] = [];

beforeAll(async () => {
  cluster = await ClusterProcesses.start();
  await cluster.createTopic(TOPIC, 1);
});

afterAll(async () => {
  for (const member of members) await member.close();
  await cluster?.dispose();
});

/** Produces a batch, waits until all of it has arrived, and acknowledges it. */
async function batch(): Promise<number[]> {
  const before = members.map(({ records }) => records.length);
  const records = Array.from({ length: RECORDS }, (_, value) => ({ value }));
  const path = `/v1/topics/${TOPIC}/records`;
  const { status } = await cluster.any.send(path, 'POST', { records });
  expect(status).toBe(200);
  const counts = await until('all records', () => {
    const arrived = members.map((member, at) => member.records.length - (before[at] ?? 0));
    return arrived.reduce((sum, count) => sum + count, 0) === RECORDS && arrived;
  });
  for (const [at, member] of members.entries()) {
    const offsets = member.records.slice(before[at]).map(({ offset }) => offset);
    if (offsets.length > 0) await member.send('ack', offsets);
  }
  return counts;
}

test('each broker gets a share of the records for its members', async () => {
  for (const broker of cluster.brokers) {
    const data = { topic: TOPIC, group: 'g', credit: 1000 };
    members.push(await QueueClient.join(broker.url, data));
  }
  // A broker that does not come in time, on a busy machine, leaves its share to the others.
  const counts = await until('a batch of which each member got a share', async () => {
    const arrived = await batch();
    return arrived.every((count) => count === RECORDS / 3) && arrived;
  });
  expect(counts).toHaveLength(3);
});
