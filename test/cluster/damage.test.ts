/**
 * Bits flip on a broker's disk: readers find all records all the same, and the replica is repaired.
 */
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClusterBroker, ClusterProcesses } from '../support/cluster-processes.js';
import { until } from '../support/until.js';
import { SocketClient } from '../ws/socket-client.js';

const COUNT = 40;
const VALUES = Array.from({ length: COUNT }, (_, i) => `${i} ${'x'.repeat(400)}`);

interface Fetched {
  readonly records: readonly { readonly value: string; readonly offset: number }[];
  readonly nextOffset: number;
}

let cluster: ClusterProcesses;

beforeAll(async () => {
  // Followers at the tail read from memory; what is older nobody has read, and checked, before.
  const environment = { SLUICE_TAIL_CACHE_BYTES: '8192', SLUICE_RENDER_CACHE_BYTES: '0' };
  cluster = await ClusterProcesses.start({ environment });
});

afterAll(() => cluster.dispose());

test.each([
  ['the leader', true],
  ['a follower', false],
])('bits that flip on the disk of %s', async (who, isLeader) => {
  const topic = isLeader ? 'of-leader' : 'of-follower';
  await cluster.createTopic(topic, 1, { configs: { 'segment.bytes': 4096 } });
  for (const value of VALUES) {
    const records = [{ value, partition: 0 }];
    const { status } = await cluster.any.send(`/v1/topics/${topic}/records`, 'POST', { records });
    expect(status).toBe(200);
  }
  const leader = await cluster.leaderOf(topic, 0);
  const damaged = isLeader ? leader : cluster.brokers.find(({ id }) => id !== leader.id);
  if (damaged === undefined) throw new Error(`there is no broker for ${who}`);
  const [, file = ''] = await segmentsOf(damaged, topic);
  const sound = await readFile(file);
  await flipBit(file, Math.floor(sound.length / 2));

  // Its own clients see nothing of it: neither an error, nor a gap.
  const [fetched, streamed] = await Promise.all([
    fetchAll(damaged, topic),
    streamAll(damaged, topic),
  ]);
  expect(fetched).toEqual(VALUES);
  expect(streamed).toEqual(VALUES);

  await until('the damage to be repaired', async () => {
    const metrics = await metricsOf(damaged);
    return (
      (metrics.get('sluice_log_repaired_bytes_total') ?? 0) > 0 &&
      metrics.get('sluice_log_damaged_ranges') === 0
    );
  });
  expect((await metricsOf(damaged)).get('sluice_log_damage_found_total')).toBeGreaterThan(0);
  await cluster.untilInSync(topic);
  expect(await readFile(file)).toEqual(sound);
  const kept = (await readdir(directoryOf(damaged, topic))).filter((name) =>
    name.includes('.cut-'),
  );
  expect(kept).toHaveLength(1);
  if (isLeader) expect((await cluster.leaderOf(topic, 0)).id).not.toBe(damaged.id);
});

function directoryOf({ process }: ClusterBroker, topic: string): string {
  return join(process.dataDir, `${topic}-0`);
}

async function segmentsOf(broker: ClusterBroker, topic: string): Promise<string[]> {
  const directory = directoryOf(broker, topic);
  const names = (await readdir(directory)).filter((name) => name.endsWith('.log'));
  return names.toSorted().map((name) => join(directory, name));
}

async function flipBit(path: string, position: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, position);
    byte[0] = (byte[0] ?? 0) ^ 1;
    await file.write(byte, 0, 1, position);
  } finally {
    await file.close();
  }
}

async function fetchAll(broker: ClusterBroker, topic: string): Promise<string[]> {
  const values: string[] = [];
  for (let offset = 0; offset < COUNT; ) {
    const path = `/v1/topics/${topic}/partitions/0/records?offset=${offset}&maxBytes=2048`;
    const { status, body } = await broker.call<Fetched>(path);
    expect([status, body]).toMatchObject([200, {}]);
    for (const record of body.records) values.push(record.value);
    offset = body.nextOffset;
  }
  return values;
}

async function streamAll(broker: ClusterBroker, topic: string): Promise<string[]> {
  const client = await SocketClient.open(broker.url);
  try {
    const from = { offsets: [{ topic, partition: 0, offset: 0 }] };
    client.send('subscribe', { subscription: 's', topics: [topic], from });
    return await until(`all of ${topic} on a WebSocket`, () => {
      const errors = client.messages.filter(({ event }) => event === 'error');
      expect(errors).toEqual([]);
      const values = client.messages.flatMap(({ data }) => data.records ?? []);
      return values.length === COUNT ? values.map(({ value }) => String(value)) : undefined;
    });
  } finally {
    client.terminate();
    await client.closed;
  }
}

/** The values of series without labels. */
async function metricsOf(broker: ClusterBroker): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${broker.url}/metrics`)).text();
  const series = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name = '', value = ''] = line.split(' ');
    if (!name.startsWith('#')) series.set(name, Number(value));
  }
  return series;
}
