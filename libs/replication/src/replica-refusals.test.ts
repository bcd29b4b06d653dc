import { describe, expect, it } from 'vitest';
import { NO_PEERS, NotLeaderError, PeerUnreachableError } from './peers.js';
import { oneBatch } from './testing/batches.js';
import { ReplicaCluster, TOPIC } from './testing/replica-cluster.js';

const TARGET = { topic: TOPIC, partition: 0 };
const LOG_0 = `/data/${TOPIC}-0/00000000000000000000.log`;
const READ_NOW = { offset: 0, maxBytes: 1024, minBytes: 1, waitMs: 0 };
const LONG_POLL = { offset: 0, maxBytes: 1024, minBytes: 1, waitMs: 1000 };

describe('a broker', () => {
  it('refuses reads of a partition that does not exist by its name', async () => {
    const cluster = await started(1);
    const { replicas } = cluster.process(0);
    const missing = { topic: TOPIC, partition: 7 };
    const refusal = {
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      message: `There is no partition 7 of topic "${TOPIC}".`,
    };
    for (const read of [
      replicas.fetch(missing, LONG_POLL),
      replicas.listOffset(missing, 'latest'),
    ]) {
      await expect(read).rejects.toMatchObject(refusal);
    }
  });

  it('refuses reads of a partition that is offline with a storage error', async () => {
    const cluster = await started(1);
    await cluster.kill(0);
    await cluster.disk(0).removeDirectory(`/data/${TOPIC}-0`);
    await cluster.disk(0).syncDirectory('/data');
    await cluster.startBroker(0);
    const { replicas } = cluster.process(0);
    for (const read of [replicas.fetch(TARGET, LONG_POLL), replicas.listOffset(TARGET, 'latest')]) {
      await expect(read).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    }
  });

  it('that follows a partition refuses to wait for a commit: outcome unknown', async () => {
    const cluster = await started(2);
    await expect(cluster.partition(1).whenCommitted(1)).rejects.toMatchObject({
      code: 'LEADER_NOT_AVAILABLE',
      outcome: 'unknown',
    });
  });

  it('that is elected on a full disk begins its epoch with the first append', async () => {
    const cluster = await started(2);
    await cluster.append(0, 'a');
    await cluster.until(() => cluster.partition(1).highWatermark === 1);
    cluster.disk(1).failNext('writev', 'ENOSPC', { path: 'leader-epoch-checkpoint' });
    await cluster.elect(1);
    expect(cluster.disk(1).waitingFaults).toBe(0);
    const { leaderEpoch } = cluster.metadata;
    const epochs = async () => {
      const file = await cluster.disk(1).readFile(`/data/${TOPIC}-0/leader-epoch-checkpoint`);
      return file.toString().trim().split('\n').slice(2);
    };
    expect(await epochs()).not.toContain(`${leaderEpoch} 1`);
    expect(await cluster.values(1)).toEqual(['a']);
    await cluster.append(1, 'b');
    expect(await epochs()).toContain(`${leaderEpoch} 1`);
    expect(await cluster.values(1)).toEqual(['a', 'b']);
  });

  it('keeps a partition offline whose log could not be opened at the start', async () => {
    const cluster = await started(2);
    await cluster.append(0, 'a');
    await cluster.settle();
    await cluster.kill(1, { power: false });
    await cluster.disk(1).removeFile(`/data/${TOPIC}-0/partition.metadata`);
    const { logManager, replicas } = await cluster.startBroker(1);
    expect([...logManager.unopenedLogs.keys()]).toEqual([`${TOPIC}-0`]);
    await expect(replicas.fetch(TARGET, READ_NOW)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
    });
    const reasons = Array.from(replicas.table.offline(), ({ reason }) => reason);
    expect(reasons).toEqual(['Its log could not be opened.']);
    expect(await cluster.values(0)).toEqual(['a']);
  });

  it('that is deposed before it knows the committed end tells readers who leads', async () => {
    const cluster = await started(3);
    cluster
      .partition(0)
      .append([oneBatch('a')])
      .catch(() => undefined);
    const held = cluster.holdAnswers(0, 2);
    await cluster.until(() => cluster.partition(1).log.offsets.logEnd === 1);
    isolate(cluster, 1);
    await cluster.elect(1);
    expect(cluster.partition(1).isCommittedEndKnown).toBe(false);
    const listed = cluster.process(1).replicas.listOffset(TARGET, 'latest');
    const refused = expect(listed).rejects.toBeInstanceOf(NotLeaderError);
    await cluster.elect(2);
    await refused;
    held.release();
  });

  it('tells a reader of a later leader epoch to ask again while it may be behind', async () => {
    const cluster = await started(2);
    const { replicas } = cluster.process(1);
    await expect(replicas.fetch(TARGET, { ...READ_NOW, leaderEpoch: 9 })).rejects.toMatchObject({
      code: 'LEADER_NOT_AVAILABLE',
      message: expect.stringContaining('Leader epoch 9 has begun elsewhere') as string,
    });
  });

  it('finds damage in a search by timestamp and asks the reader to retry', async () => {
    const cluster = await started(2, { 'segment.bytes': '1024' }, 0);
    for (let i = 0; i < 4; i += 1) await cluster.append(0, `${i}${'x'.repeat(600)}`);
    await cluster.settle();
    cluster.disk(0).corrupt(LOG_0, 10);
    const found = cluster.process(0).replicas.listOffset(TARGET, { timestampMs: 0 });
    await expect(found).rejects.toMatchObject({ code: 'LEADER_NOT_AVAILABLE' });
  });

  it('whose damaged replica cannot leave the ISR leaves it when the store is back', async () => {
    const cluster = await started(2, { 'segment.bytes': '1024' }, 0);
    const values = Array.from({ length: 4 }, (_, i) => `${i}${'x'.repeat(600)}`);
    for (const value of values) await cluster.append(0, value);
    await cluster.settle();
    const { replicas, sight } = cluster.process(1);
    sight.cut();
    cluster.disk(1).corrupt(LOG_0, 200);
    await expect(replicas.fetch(TARGET, READ_NOW)).rejects.toMatchObject({
      code: 'LEADER_NOT_AVAILABLE',
    });
    await cluster.advance(500);
    expect(cluster.metadata.isr).toEqual([0, 1]);
    const isrs: (readonly number[])[] = [];
    cluster.store.onChange(() => isrs.push(cluster.metadata.isr));
    sight.heal();
    await cluster.until(() => isrs.length >= 2);
    expect(isrs.slice(0, 2)).toEqual([[0], [0, 1]]);
    expect(await cluster.values(1)).toEqual(values);
  });
});

describe('a log that is not kept here any more', () => {
  it('stays on disk when it cannot be deleted, and the partition goes on', async () => {
    const cluster = await started(3, {}, 1024, [[0, 1]]);
    await cluster.append(0, 'a');
    await cluster.settle();
    await cluster.change(() => ({ replicas: [0, 1, 2] }));
    await cluster.until(() => cluster.metadata.isr.length === 3);
    cluster.disk(1).failNext('rename', 'EIO', { path: `${TOPIC}-0` });
    await cluster.change(() => ({ replicas: [0, 2], isr: [0, 2] }));
    await cluster.advance(5000);
    expect(cluster.disk(1).waitingFaults).toBe(0);
    const left = await cluster.disk(1).readDirectory('/data');
    expect(left.map(({ name }) => name)).toContain(`${TOPIC}-0`);
    await cluster.append(0, 'b');
    await cluster.until(() => cluster.partition(0).highWatermark === 2);
  });

  it('stays on disk when it cannot be quarantined', async () => {
    const cluster = await started(1);
    const { replicas, logManager } = cluster.process(0);
    const log = cluster.partition(0).log;
    const directory = `${TOPIC}-0`;
    const options = { path: directory, exceptPath: `${directory}/` };
    cluster.disk(0).failNext('rename', 'EIO', options);
    await replicas.applier.setTopicAside(TOPIC, log.topicId);
    expect(cluster.disk(0).waitingFaults).toBe(0);
    expect(logManager.strayLogs.size).toBe(0);
    expect([...logManager.unopenedLogs.keys()]).toEqual([directory]);
  });
});

it('a broker without peers reaches none, and says that nothing was sent', async () => {
  const call = NO_PEERS.call(3, 'fetch', { body: null, blobs: [] }, { timeoutMs: 1000 });
  await expect(call).rejects.toMatchObject({ brokerId: 3, wasSent: false });
  await expect(call).rejects.toBeInstanceOf(PeerUnreachableError);
});

function isolate(cluster: ReplicaCluster, id: number): void {
  for (const other of cluster.disks.keys()) {
    cluster.cut(id, other);
    cluster.cut(other, id);
  }
}

async function started(
  brokers: number,
  configs: Record<string, string> = {},
  tailCacheBytes = 1024 * 1024,
  replicas: readonly (readonly number[])[] = [Array.from({ length: brokers }, (_, id) => id)],
): Promise<ReplicaCluster> {
  const cluster = await ReplicaCluster.start(brokers, {
    replicaLagTimeMaxMs: 10_000,
    tailCacheBytes,
  });
  await cluster.createTopic(replicas, { 'min.insync.replicas': '1', ...configs });
  return cluster;
}
