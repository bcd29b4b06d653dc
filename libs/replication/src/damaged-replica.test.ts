import { describe, expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import { ReplicaCluster, type ReplicaClusterSettings, TOPIC } from './testing/replica-cluster.js';

const LOG_0 = `/data/${TOPIC}-0/00000000000000000000.log`;
const TARGET = { topic: TOPIC, partition: 0 };
/** Values of a batch; two batches fill a segment. */
const VALUES = Array.from({ length: 8 }, (_, i) => `${i}${'x'.repeat(400)}`);
const IN_SEGMENTS = { 'segment.bytes': '1024' };

describe('bits that flip in a closed segment', () => {
  it.each([
    ['a follower', 2],
    ['the leader', 0],
  ])('of %s are repaired: readers find all records meanwhile', async (_who, id) => {
    const cluster = await filled();
    const whole = await bytesOf(cluster, 1);
    const lowestEnd = watchedEnd(cluster, id);
    cluster.disk(id).corrupt(LOG_0, 200);
    const isrs = seenIsrs(cluster);
    // The read that finds the damage fails with a retriable error.
    await expect(fetched(cluster, id)).rejects.toMatchObject({ code: 'LEADER_NOT_AVAILABLE' });
    expect(cluster.partition(id).log.damage.ranges).toHaveLength(1);
    await cluster.until(() => isrs.length === 2);
    expect(isrs.map((isr) => isr.includes(id))).toEqual([false, true]);
    expect(cluster.partition(id).log.damage.ranges).toEqual([]);
    expect(await cluster.values(id)).toEqual(VALUES);
    expect(await bytesOf(cluster, id)).toEqual(whole);
    expect(lowestEnd()).toBe(VALUES.length);
    expect(await keptFiles(cluster, id)).toHaveLength(1);
    expect(cluster.metadata.leader).toBe(id === 0 ? 1 : 0);
  });

  it('are not repaired before the replica has left the ISR', async () => {
    const cluster = await filled(2);
    cluster.disk(1).corrupt(LOG_0, 200);
    await expect(fetched(cluster, 1)).rejects.toBeInstanceOf(ProtocolError);
    // It goes on to copy its leader, in sync.
    const outcome = cluster.produce(0, 'one more');
    await cluster.settle();
    expect(cluster.metadata.isr).toEqual([0, 1]);
    expect(await keptFiles(cluster, 1)).toEqual([]);
    await cluster.until(async () => (await keptFiles(cluster, 1)).length === 1);
    await cluster.until(() => cluster.metadata.isr.length === 2);
    expect(await outcome).toBe('acknowledged');
    expect(await cluster.values(1)).toEqual([...VALUES, 'one more']);
  });

  it('are repaired without a log line about records after them that will be cut', async () => {
    const cluster = await filled(2);
    cluster.cut(1, 0);
    for (const value of ['lost', 'lost, too']) await cluster.append(0, value);
    cluster.cut(0, 1);
    await cluster.elect(1, [1]);
    for (const value of ['a', 'b', 'c']) await cluster.append(1, value);
    cluster.disk(0).corrupt(LOG_0, 200);
    await expect(fetched(cluster, 0)).rejects.toBeInstanceOf(ProtocolError);
    const { log } = cluster.partition(0);
    const former = log.leadership.latestEpoch;
    const shown: number[] = [];
    cluster.onAnswer = () => {
      if (log.leadership.latestEpoch === former) shown.push(log.offsets.highWatermark);
    };
    cluster.onSynced = () => cluster.onAnswer({ body: null, blobs: [] });
    cluster.heal();
    await cluster.until(() => cluster.metadata.isr.length === 2);
    expect(Math.max(...shown)).toBe(VALUES.length);
    expect(await cluster.values(0)).toEqual([...VALUES, 'a', 'b', 'c']);
  });

  it('are found by a follower that is behind, and its leader leads no more', async () => {
    const cluster = await filled(3);
    await cluster.kill(2);
    await cluster.until(() => cluster.metadata.isr.length === 2);
    cluster.replaceDisk(2);
    cluster.disk(0).corrupt(LOG_0, 200);
    await cluster.startBroker(2);
    await cluster.until(() => cluster.metadata.isr.length === 3);
    expect(cluster.metadata.leader).toBe(1);
    expect(cluster.partition(0).log.damage.ranges).toEqual([]);
    expect(await cluster.values(2)).toEqual(VALUES);
  });

  it('are found though they were read before, when a follower cannot take them', async () => {
    const cluster = await filled(3);
    await cluster.kill(2);
    await cluster.until(() => cluster.metadata.isr.length === 2);
    cluster.replaceDisk(2);
    expect(await cluster.values(0)).toEqual(VALUES);
    cluster.disk(0).corrupt(LOG_0, 200);
    await cluster.startBroker(2);
    await cluster.until(() => cluster.metadata.isr.length === 3);
    expect(cluster.metadata.leader).toBe(1);
    expect(await bytesOf(cluster, 0)).toEqual(await bytesOf(cluster, 1));
    expect(await cluster.values(2)).toEqual(VALUES);
  });

  it('are told to readers where no other replica is in sync', async () => {
    const cluster = await filled(2);
    await cluster.kill(1);
    await cluster.until(() => cluster.metadata.isr.length === 1);
    cluster.disk(0).corrupt(LOG_0, 200);
    await expect(fetched(cluster, 0)).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE' });
    await cluster.advance(5000);
    expect(cluster.partition(0).log.offsets.logEnd).toBe(VALUES.length);
  });

  it('are repaired in several answers where one does not take it all', async () => {
    const cluster = await filled(2, { 'segment.bytes': '8192' }, { replicaFetchMaxBytes: 500 });
    const whole = await bytesOf(cluster, 0);
    const size = whole.length / VALUES.length;
    for (const batch of [1, 2, 3]) cluster.disk(1).corrupt(LOG_0, batch * size + 200);
    const isrs = seenIsrs(cluster);
    await expect(fetched(cluster, 1, 1)).rejects.toBeInstanceOf(ProtocolError);
    await cluster.until(() => isrs.length === 2);
    expect(await bytesOf(cluster, 1)).toEqual(whole);
  });

  it('are forgotten when the leader has deleted their records', async () => {
    const cluster = await filled(2);
    cluster.disk(1).corrupt(LOG_0, 200);
    await expect(fetched(cluster, 1)).rejects.toBeInstanceOf(ProtocolError);
    cluster.cut(1, 0);
    await cluster.until(() => cluster.metadata.isr.length === 1);
    await cluster.process(0).replicas.deleteRecords(TARGET, 5);
    cluster.heal();
    await cluster.until(() => cluster.metadata.isr.length === 2);
    const { log } = cluster.partition(1);
    expect([log.offsets.logStart, log.offsets.logEnd]).toEqual([5, VALUES.length]);
    expect(await cluster.values(1)).toEqual(VALUES.slice(5));
  });
});

describe('a first segment that was removed by hand', () => {
  it.each([
    ['a follower', 1],
    ['the leader', 0],
  ])('of %s is filled again from another replica', async (_who, id) => {
    const cluster = await filled();
    await cluster.advance(2000);
    await cluster.kill(id);
    await cluster.disk(id).removeFile(LOG_0);
    await cluster.disk(id).syncDirectory(`/data/${TOPIC}-0`);
    const isrs = seenIsrs(cluster);
    await cluster.startBroker(id);
    expect(isrs.some((isr) => !isr.includes(id))).toBe(true);
    await cluster.until(() => cluster.metadata.isr.length === 3);
    const { log } = cluster.partition(id);
    expect([log.damage.lostStart, log.damage.ranges]).toEqual([undefined, []]);
    expect(await cluster.values(id)).toEqual(VALUES);
  });
});

describe('a closed segment that lost its end', () => {
  it('is cut and filled again, once the removal from the ISR cannot be lost', async () => {
    const cluster = await filled(2);
    const whole = await bytesOf(cluster, 0);
    // After that its high watermark is on its disk.
    await cluster.advance(2000);
    await startShortened(cluster, whole.length - 100);
    await expect(fetched(cluster, 1, 1)).rejects.toBeInstanceOf(ProtocolError);
    const { sight } = cluster.process(1);
    sight.isJournaledByFew = true;
    cluster.heal();
    await cluster.advance(5000);
    expect(cluster.partition(1).log.offsets.logEnd).toBe(VALUES.length);
    sight.isJournaledByFew = false;
    const lowestEnd = watchedEnd(cluster, 1);
    await cluster.until(() => cluster.metadata.isr.length === 2);
    expect(lowestEnd()).toBeLessThan(VALUES.length);
    expect(await bytesOf(cluster, 1)).toEqual(whole);
    expect(await cluster.values(1)).toEqual(VALUES);
  });

  it('is cut and filled again where it is not known to be committed', async () => {
    const cluster = await filled(2);
    const whole = await bytesOf(cluster, 0);
    await startShortened(cluster, whole.length - 100);
    cluster.heal();
    await cluster.until(() => cluster.metadata.isr.length === 2);
    expect(await bytesOf(cluster, 1)).toEqual(whole);
    expect(await cluster.values(1)).toEqual(VALUES);
  });
});

/** Broker 1 starts on a first segment of so many bytes, and does not reach its leader. */
async function startShortened(cluster: ReplicaCluster, bytes: number): Promise<void> {
  await cluster.kill(1, { power: false });
  await cluster.until(() => cluster.metadata.isr.length === 1);
  const file = await cluster.disk(1).open(LOG_0, 'write');
  await file.truncate(bytes);
  await file.datasync();
  cluster.cut(1, 0);
  await cluster.startBroker(1);
}

/** Brokers that have all values, in segments of which the first are closed and not in memory. */
async function filled(
  brokers = 3,
  configs: Record<string, string> = IN_SEGMENTS,
  settings: ReplicaClusterSettings = {},
): Promise<ReplicaCluster> {
  const cluster = await ReplicaCluster.start(brokers, {
    replicaLagTimeMaxMs: 10_000,
    // Enough for followers at the tail: what they read is not checked for them, and would not be
    // again.
    tailCacheBytes: 1024,
    ...settings,
  });
  const replicas = [Array.from({ length: brokers }, (_, id) => id)];
  await cluster.createTopic(replicas, { 'min.insync.replicas': '1', ...configs });
  for (const value of VALUES) {
    const outcome = cluster.produce(0, value);
    await cluster.settle();
    expect(await outcome).toBe('acknowledged');
  }
  await cluster.until(() => {
    return replicas.flat().every((id) => cluster.partition(id).highWatermark === VALUES.length);
  });
  return cluster;
}

/** The answer that a reader of a replica gets. */
function fetched(cluster: ReplicaCluster, id: number, offset = 0): Promise<unknown> {
  const limits = { maxBytes: 1024, minBytes: 1, waitMs: 0 };
  return cluster.process(id).replicas.fetch(TARGET, { offset, ...limits });
}

/** The bytes of a replica's first segment. */
function bytesOf(cluster: ReplicaCluster, id: number): Promise<Buffer> {
  return cluster.disk(id).readFile(LOG_0);
}

async function keptFiles(cluster: ReplicaCluster, id: number): Promise<string[]> {
  const entries = await cluster.disk(id).readDirectory(`/data/${TOPIC}-0`);
  return entries.map(({ name }) => name).filter((name) => name.includes('.cut-'));
}

/** @returns what tells the lowest log end that the replica had at any write to its disk */
function watchedEnd(cluster: ReplicaCluster, id: number): () => number {
  let lowest = Number.POSITIVE_INFINITY;
  cluster.onSynced = (synced) => {
    if (synced === id) lowest = Math.min(lowest, cluster.partition(id).log.offsets.logEnd);
  };
  return () => Math.min(lowest, cluster.partition(id).log.offsets.logEnd);
}

/** Every ISR of partition 0 from now on. */
function seenIsrs(cluster: ReplicaCluster): (readonly number[])[] {
  const isrs: (readonly number[])[] = [];
  cluster.store.onChange((change) => {
    if (change.kind === 'partitions') isrs.push(cluster.metadata.isr);
  });
  return isrs;
}
