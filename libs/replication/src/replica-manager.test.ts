import { describe, expect, it } from 'vitest';
import { ReplicaCluster, type ReplicaClusterSettings, TOPIC } from './testing/replica-cluster.js';

const LOG_0 = '00000000000000000000.log';
const ON_TWO = [[0, 1]];
const ON_THREE = [[0, 1, 2]];
const MIN_TWO = { 'min.insync.replicas': '2' };

describe('a broker that comes back', () => {
  it('joins again by itself, with what it has', async () => {
    const cluster = await started(ON_THREE, MIN_TWO);
    await produced(cluster, 0, ['a', 'b']);
    await cluster.kill(2);
    await cluster.until(() => cluster.metadata.isr.length === 2);
    await produced(cluster, 0, ['c']);
    await cluster.startBroker(2);
    await cluster.until(() => cluster.metadata.isr.length === 3);
    await cluster.until(() => cluster.partition(2).highWatermark === 3);
    expect(await cluster.committed(2)).toEqual(['a', 'b', 'c']);
  });

  it('never leads in an epoch in which its last process led', async () => {
    const cluster = await started([[0]]);
    await produced(cluster, 0, ['a']);
    const { leaderEpoch } = cluster.metadata;
    await cluster.kill(0);
    await cluster.startBroker(0);
    expect(cluster.partition(0).leaderEpoch).toBe(leaderEpoch + 1);
    expect(cluster.partition(0).isLeader).toBe(true);
    await cluster.kill(0);
    // A store that did not hand out a new epoch.
    cluster.store.update = () => Promise.resolve(cluster.store.state);
    await cluster.startBroker(0);
    expect(cluster.partition(0).isLeader).toBe(false);
    expect(await cluster.values(0)).toEqual(['a']);
  });

  it('is filled by its leaders when its disk is an empty one, and joins only then', async () => {
    const cluster = await started(ON_THREE, MIN_TWO);
    await produced(cluster, 0, ['a', 'b']);
    await cluster.kill(2);
    await cluster.change(() => ({ isr: [0, 1] }));
    cluster.replaceDisk(2);
    await cluster.startBroker(2);
    await cluster.until(() => cluster.metadata.isr.length === 3);
    expect(await cluster.values(2)).toEqual(['a', 'b']);
  });
});

describe('a log that is missing', () => {
  it('does not count as an empty log in sync: the replica leaves the ISR first', async () => {
    const cluster = await started(ON_THREE, MIN_TWO);
    await produced(cluster, 0, ['a', 'b']);
    await cluster.kill(1);
    await removeLog(cluster, 1);
    const isrs = seenIsrs(cluster);
    isolate(cluster, 1);
    await cluster.startBroker(1);
    await cluster.until(() => isrs.length > 0);
    expect(isrs[0]).toEqual([0, 2]);
    cluster.heal();
    await cluster.until(() => cluster.metadata.isr.length === 3);
    expect(await cluster.values(1)).toEqual(['a', 'b']);
  });

  it('takes its partition offline where it leads and nobody else has it', async () => {
    const cluster = await started([[0]]);
    await produced(cluster, 0, ['a']);
    await cluster.kill(0);
    await removeLog(cluster, 0);
    await cluster.startBroker(0);
    const { replicas } = cluster.process(0);
    expect(replicas.table.partition(TOPIC, 0)).toBeUndefined();
    expect([...replicas.table.offline()]).toMatchObject([{ topic: TOPIC, partition: 0 }]);
    expect(() => replicas.table.leaderOrThrow({ topic: TOPIC, partition: 0 })).toThrow('offline');
  });

  it('is led by another where it is in sync, and the replica is filled again', async () => {
    const cluster = await started(ON_TWO);
    await produced(cluster, 0, ['a']);
    await cluster.kill(0);
    await removeLog(cluster, 0);
    // Its registration finds broker 1 not alive: it is elected itself.
    await cluster.change(() => ({ leader: 0, leaderEpoch: cluster.metadata.leaderEpoch + 1 }));
    await cluster.startBroker(0);
    await cluster.until(() => cluster.metadata.leader === 1 && cluster.metadata.isr.length === 2);
    expect(await cluster.values(0)).toEqual(['a']);
  });
});

describe('a log that was never made', () => {
  it('is not missing: a broker that hears of its topic late makes it and can lead', async () => {
    const cluster = await ReplicaCluster.start(3, { replicaLagTimeMaxMs: 10_000 });
    cluster.pause(1);
    await cluster.createTopic(ON_THREE, MIN_TWO);
    const isrs = seenIsrs(cluster);
    await cluster.kill(0);
    await cluster.elect(1, [1]);
    cluster.process(1).sight.readWhole();
    cluster.resume(1);
    await cluster.settle();
    expect([...cluster.process(1).replicas.table.offline()]).toEqual([]);
    await cluster.until(() => cluster.metadata.isr.length === 2);
    expect(isrs).toEqual([[1], [1, 2]]);
    await produced(cluster, 1, ['a']);
    expect(await cluster.committed(1)).toEqual(['a']);
  });

  it('is taken for a missing one while another disk is registered for the broker', async () => {
    const cluster = await ReplicaCluster.start(3, { replicaLagTimeMaxMs: 10_000 });
    cluster.pause(1);
    await cluster.createTopic(ON_THREE, MIN_TWO);
    await cluster.store.update(({ brokers }) => {
      const broker = brokers.get(1);
      if (broker === undefined) throw new Error('broker 1 is not registered');
      return [{ kind: 'broker', broker: { ...broker, dataDirUuid: 'another disk' } }];
    });
    await cluster.elect(1, [1]);
    cluster.process(1).sight.readWhole();
    cluster.resume(1);
    await cluster.settle();
    expect([...cluster.process(1).replicas.table.offline()]).toMatchObject([{ topic: TOPIC }]);
  });
});

describe('a log that is damaged', () => {
  it('is filled again from its leader, after the replica has left the ISR', async () => {
    const cluster = await started(ON_TWO, {}, { tailCacheBytes: 0 });
    await produced(cluster, 0, ['a', 'b', 'c']);
    const isrs = seenIsrs(cluster);
    await damaged(cluster, 1);
    await cluster.until(() => isrs.length === 2);
    expect(isrs).toEqual([[0], [0, 1]]);
    expect(await cluster.values(1)).toEqual(['a', 'b', 'c']);
    expect(cluster.partition(1).log.damage.ranges).toEqual([]);
  });

  it('is led no more, and filled again, when it is the leader', async () => {
    const cluster = await started(ON_TWO, {}, { tailCacheBytes: 0 });
    await produced(cluster, 0, ['a', 'b', 'c']);
    // Elected while it is down, it leads as soon as it is there.
    const isrs = seenIsrs(cluster);
    cluster.keepsLeaders = true;
    await damaged(cluster, 0);
    await cluster.until(() => cluster.metadata.leader === 1 && cluster.metadata.isr.length === 2);
    expect(isrs.at(-1)).toEqual([0, 1]);
    expect(isrs).toContainEqual([1]);
    expect(await cluster.values(0)).toEqual(['a', 'b', 'c']);
  });

  it('stays as it is where nobody else is in sync', async () => {
    const cluster = await started(ON_TWO, {}, { tailCacheBytes: 0 });
    await produced(cluster, 0, ['a', 'b', 'c']);
    await cluster.kill(1);
    await cluster.until(() => cluster.metadata.isr.length === 1);
    await damaged(cluster, 0);
    await cluster.advance(5000);
    expect(cluster.metadata).toMatchObject({ leader: 0, isr: [0] });
    expect(cluster.partition(0).log.damage.ranges).toHaveLength(1);
    expect(cluster.partition(0).log.offsets.logEnd).toBe(3);
  });

  it('that lost its synced end after a crash is filled again', async () => {
    const cluster = await started(ON_TWO);
    await produced(cluster, 0, ['a', 'b', 'c']);
    await cluster.advance(2000);
    const { sizeBytes } = cluster.partition(1).log;
    await cluster.kill(1);
    const file = await cluster.disk(1).open(`/data/${TOPIC}-0/${LOG_0}`, 'write');
    await file.truncate(sizeBytes - 1);
    await file.datasync();
    const isrs = seenIsrs(cluster);
    await cluster.startBroker(1);
    await cluster.until(() => isrs.length === 2);
    expect(isrs).toEqual([[0], [0, 1]]);
    expect(await cluster.values(1)).toEqual(['a', 'b', 'c']);
    expect(cluster.partition(1).log.isWritable).toBe(true);
  });
});

describe('a replica that is moved', () => {
  it('is made and filled on its new broker, and removed on the old one', async () => {
    const cluster = await started([[0, 1]], {}, {}, 3);
    await produced(cluster, 0, ['a']);
    await cluster.change(() => ({ replicas: [0, 1, 2] }));
    await cluster.until(() => cluster.metadata.isr.length === 3);
    expect(await cluster.values(2)).toEqual(['a']);
    await cluster.change(() => ({ replicas: [0, 2], isr: [0, 2] }));
    await cluster.settle();
    const { replicas, logManager } = cluster.process(1);
    expect(replicas.table.partition(TOPIC, 0)).toBeUndefined();
    await cluster.until(() => logManager.log({ topic: TOPIC, partition: 0 }) === undefined);
    expect(logManager.strayLogs.size).toBe(0);
    await produced(cluster, 0, ['b']);
  });
});

describe('the log of a follower', () => {
  it('begins where that of its leader begins', async () => {
    const cluster = await started(ON_TWO, { 'segment.bytes': '1024' });
    await produced(cluster, 0, ['a', 'b', 'c']);
    const target = { topic: TOPIC, partition: 0 };
    expect(await cluster.process(0).replicas.deleteRecords(target, 2)).toBe(2);
    await cluster.until(() => cluster.partition(1).log.offsets.logStart === 2);
    expect(await cluster.values(1)).toEqual(['c']);
  });

  it('begins again when its leader deleted all records that it could continue from', async () => {
    const cluster = await started(ON_TWO);
    await produced(cluster, 0, ['a']);
    await cluster.kill(1);
    await cluster.until(() => cluster.metadata.isr.length === 1);
    await produced(cluster, 0, ['b', 'c', 'd']);
    await cluster.process(0).replicas.deleteRecords({ topic: TOPIC, partition: 0 }, 3);
    await cluster.startBroker(1);
    await cluster.until(() => cluster.metadata.isr.length === 2);
    const { log } = cluster.partition(1);
    expect([log.offsets.logStart, log.offsets.logEnd]).toEqual([3, 4]);
    expect(await cluster.values(1)).toEqual(['d']);
  });

  it('has what compaction left of its leader, gaps and all', async () => {
    const cluster = await started(ON_TWO, {
      'cleanup.policy': 'compact',
      'segment.bytes': '1024',
      'min.cleanable.dirty.ratio': '0',
    });
    await cluster.kill(1);
    await cluster.until(() => cluster.metadata.isr.length === 1);
    const value = (i: number): string => `${i}${'x'.repeat(500)}`;
    for (let i = 0; i < 6; i += 1) await cluster.append(0, value(i), 0, i < 5 ? 'same' : 'other');
    await cluster.advance(20_000);
    const left = await cluster.values(0);
    expect(left.length).toBeLessThan(6);
    await cluster.startBroker(1);
    await cluster.until(() => cluster.metadata.isr.length === 2);
    expect(await cluster.values(1)).toEqual(left);
    expect(cluster.partition(1).log.damage.ranges).toEqual([]);
  });
});

async function started(
  replicas: readonly (readonly number[])[],
  configs: Record<string, string> = {},
  settings: ReplicaClusterSettings = {},
  brokers = Math.max(...replicas.flat()) + 1,
): Promise<ReplicaCluster> {
  const cluster = await ReplicaCluster.start(brokers, {
    replicaLagTimeMaxMs: 10_000,
    ...settings,
  });
  await cluster.createTopic(replicas, { 'min.insync.replicas': '1', ...configs });
  return cluster;
}

async function produced(
  cluster: ReplicaCluster,
  id: number,
  values: readonly string[],
): Promise<void> {
  for (const value of values) {
    const outcome = cluster.produce(id, value);
    await cluster.settle();
    expect(await outcome).toBe('acknowledged');
  }
  await cluster.settle();
}

/** A broker is started again, and bits of its first batches have flipped. */
async function damaged(cluster: ReplicaCluster, id: number): Promise<void> {
  await cluster.advance(2000);
  await cluster.kill(id);
  cluster.disk(id).corrupt(`/data/${TOPIC}-0/${LOG_0}`, 66);
  await cluster.startBroker(id);
}

/** Every ISR of partition 0 from now on. */
function seenIsrs(cluster: ReplicaCluster): (readonly number[])[] {
  const isrs: (readonly number[])[] = [];
  cluster.store.onChange((change) => {
    if (change.kind === 'partitions') isrs.push(cluster.metadata.isr);
  });
  return isrs;
}

async function removeLog(cluster: ReplicaCluster, id: number): Promise<void> {
  await cluster.disk(id).removeDirectory(`/data/${TOPIC}-0`);
  await cluster.disk(id).syncDirectory('/data');
}

function isolate(cluster: ReplicaCluster, id: number): void {
  for (const other of cluster.disks.keys()) {
    cluster.cut(id, other);
    cluster.cut(other, id);
  }
}
