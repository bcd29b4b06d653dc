import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Sluice } from '#client';
import { freePort } from '../support/free-port.js';
import { GatewayProcess } from '../support/gateway.js';
import { TcpRelay } from '../support/tcp-relay.js';
import { until } from '../support/until.js';
import { clientOf, TRANSPORTS, type TransportUnderTest } from './client-under-test.js';

const QUICK = { reconnectBackoffMaxMs: 500 };

let gateway: GatewayProcess;
let port: number;

beforeEach(async () => {
  port = await freePort();
  gateway = await GatewayProcess.start({ SLUICE_PORT: String(port) });
});

afterEach(() => gateway.dispose());

function open(transport: TransportUnderTest, url = gateway.url): Sluice {
  const client = clientOf(url, transport, QUICK);
  onTestFinished(() => client.close());
  return client;
}

/** A client whose connections go through a relay that the test cuts. */
async function openThroughRelay(
  transport: TransportUnderTest,
): Promise<{ readonly client: Sluice; readonly relay: TcpRelay }> {
  const relay = await TcpRelay.start(port);
  const client = open(transport, `http://127.0.0.1:${relay.port}`);
  onTestFinished(() => relay.close());
  return { client, relay };
}

/** Kills the gateway and starts it again, some times, each after some more work is done. */
async function killRepeatedly(times: number, workDone: () => number): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    const before = workDone();
    await until('some work between two kills', () => workDone() >= before + 10);
    await gateway.kill();
    await gateway.start();
  }
}

describe.each(TRANSPORTS)('over %s', (transport) => {
  test('kills neither lose nor repeat what is produced and subscribed to', async () => {
    const client = open(transport);
    await client.admin.createTopic({ name: 'orders', partitions: 3 });
    const statuses: string[] = [];
    client.on('status', (status) => statuses.push(status));
    const subscription = client.subscribe('orders', { from: 'earliest' });
    await subscription.ready;
    const seen: number[] = [];
    const offsets = new Map<number, number>();
    const reading = (async () => {
      for await (const { partition, offset, value } of subscription) {
        expect(offset).toBe(offsets.get(partition) ?? 0);
        offsets.set(partition, offset + 1);
        seen.push(value as number);
      }
    })();
    const producer = client.producer({ lingerMs: 1 });
    const kills = killRepeatedly(4, () => seen.length);
    const killing = { isOver: false };
    void kills.finally(() => {
      killing.isOver = true;
    });
    const sent: Promise<unknown>[] = [];
    for (let value = 0; !killing.isOver || value < 500; value += 1) {
      sent.push(producer.send({ topic: 'orders', value, partition: value % 3 }));
      if (value % 20 === 0) await setTimeout(5);
    }
    await kills;
    await Promise.all(sent);
    await until('all values', () => seen.length >= sent.length);
    await subscription.close();
    await reading;
    expect(seen.toSorted((one, other) => one - other)).toEqual(sent.map((_, value) => value));
    expect(statuses).toContain('reconnecting');
    expect(statuses.at(-1)).toBe('connected');
  });

  test('a member with an instance id keeps its partitions over a cut', async () => {
    const { client, relay } = await openThroughRelay(transport);
    await client.admin.createTopic({ name: 'orders', partitions: 2 });
    const events: string[] = [];
    const consumer = client.consumer({
      group: 'billing',
      topics: ['orders'],
      autoOffsetReset: 'earliest',
      instanceId: 'one',
      onAssigned: (partitions) => void events.push(`assigned ${partitions.length}`),
      onLost: () => void events.push('lost'),
      onRevoked: () => void events.push('revoked'),
    });
    const seen: unknown[] = [];
    const stop = new AbortController();
    const run = consumer.run(({ value }) => seen.push(value), { signal: stop.signal });
    const direct = open('http');
    const append = (value: number): Promise<unknown> =>
      direct.admin.produce({ topic: 'orders', partition: 0, records: [{ value }] });
    await append(0);
    await until('the first record', () => seen.length === 1);
    const lost = new Promise((resolve) => {
      client.on('status', resolve);
    });
    relay.refuse();
    await append(1);
    expect(await lost).toBe('reconnecting');
    relay.heal();
    await append(2);
    await until('the records after the cut', () => seen.length >= 3);
    expect(seen).toEqual([0, 1, 2]);
    expect(events).toEqual(['assigned 2']);
    stop.abort(new Error('done'));
    await expect(run).rejects.toThrow('done');
  });

  test('a member without one joins again; nothing that was committed comes back', async () => {
    const { client, relay } = await openThroughRelay(transport);
    await client.admin.createTopic({ name: 'orders', partitions: 2 });
    const direct = open('http');
    const records = Array.from({ length: 50 }, (_, value) => ({ value }));
    await direct.admin.produce({ topic: 'orders', partition: 1, records });
    const consumer = client.consumer({
      group: 'billing',
      topics: ['orders'],
      autoOffsetReset: 'earliest',
      autoCommit: false,
      maxPollRecords: 10,
    });
    const counts = new Map<number, number>();
    const committed = new Set<number>();
    let cuts = 0;
    for await (const batch of consumer) {
      for (const { offset } of batch.records) {
        expect(committed.has(offset)).toBe(false);
        counts.set(offset, (counts.get(offset) ?? 0) + 1);
      }
      if (cuts < 2) {
        cuts += 1;
        relay.refuse();
        relay.heal();
      }
      try {
        await batch.commit();
        for (const { offset } of batch.records) committed.add(offset);
      } catch {
        // The partition was lost: another batch has the records again.
      }
      if (committed.size === 50) break;
    }
    expect(counts.size).toBe(50);
  });

  test('a worker settles each job, although the gateway is killed', async () => {
    const client = open(transport);
    await client.admin.createTopic({ name: 'letters', partitions: 2 });
    const configs = { 'share.record.lock.duration.ms': 2000, 'share.delivery.count.limit': 50 };
    await client.admin.alterGroupConfigs({ group: 'mail', configs });
    const producer = client.producer();
    const values = Array.from({ length: 200 }, (_, value) => value);
    await producer.sendAll(values.map((value) => ({ topic: 'letters', value })));
    const queue = client.queue({ group: 'mail', topics: ['letters'], autoOffsetReset: 'earliest' });
    const done = new Set<unknown>();
    const stop = new AbortController();
    const run = queue.run(
      async (job) => {
        await setTimeout(5);
        done.add(job.value);
      },
      { concurrency: 4, signal: stop.signal },
    );
    const ended = expect(run).rejects.toThrow('done');
    await killRepeatedly(2, () => done.size);
    await until('all letters', () => done.size === values.length);
    stop.abort(new Error('done'));
    await ended;
  });
});

test('a client goes on at another of its URLs, and a process may end after close', async () => {
  const dead = `http://127.0.0.1:${await freePort()}`;
  const client = clientOf([dead, gateway.url], 'websocket', QUICK);
  await client.admin.createTopic({ name: 'orders', partitions: 1 });
  const producer = client.producer();
  const metadata = await producer.send({ topic: 'orders', value: 1 });
  expect(metadata).toMatchObject({ offset: 0 });
  for await (const record of client.subscribe('orders', { from: 'earliest' })) {
    expect(record.value).toBe(1);
    break;
  }
  await client.close();
  expect(() => producer.send({ topic: 'orders', value: 2 })).toThrow(/closed/);
});
