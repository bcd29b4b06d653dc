import { describe, expect, it } from 'vitest';
import { brokerDied } from '#coordination';
import { ReplicaCluster, type ReplicaClusterSettings } from './testing/replica-cluster.js';

const LAG_MS = 10_000;
const ON_TWO = [[0, 1]];
const ON_THREE = [[0, 1, 2]];
const MIN_TWO = { 'min.insync.replicas': '2' };

describe('the ISR', () => {
  it('loses a follower that lags, and then goes on without it', async () => {
    const cluster = await started(ON_THREE, MIN_TWO);
    isolate(cluster, 2);
    const outcome = cluster.produce(0, 'a');
    await cluster.advance(LAG_MS - 2000);
    expect(cluster.metadata.isr).toEqual([0, 1, 2]);
    expect(cluster.partition(0).highWatermark).toBe(0);
    await cluster.until(() => cluster.metadata.isr.length === 2);
    await cluster.until(() => cluster.partition(0).highWatermark === 1);
    expect(cluster.metadata.isr).toEqual([0, 1]);
    expect(await outcome).toBe('acknowledged');
  });

  it('keeps followers for which there is nothing to fetch', async () => {
    const cluster = await started(ON_THREE, MIN_TWO);
    await cluster.advance(5 * LAG_MS);
    const outcome = cluster.produce(0, 'a');
    await cluster.advance(500);
    expect(await outcome).toBe('acknowledged');
    await cluster.advance(5 * LAG_MS);
    expect(cluster.metadata.partitionEpoch).toBe(0);
  });

  it('takes a follower back that has caught up, when it has all that is committed', async () => {
    const cluster = await started(ON_THREE, MIN_TWO);
    isolate(cluster, 2);
    await cluster.until(() => cluster.metadata.isr.length === 2);
    for (const value of ['a', 'b', 'c'])
      expect(await cluster.produce(0, value)).toBe('acknowledged');
    const endsAtJoin: number[] = [];
    cluster.store.onChange((change) => {
      const isGrowth = change.kind === 'partitions' && cluster.metadata.isr.length === 3;
      if (isGrowth) endsAtJoin.push(cluster.partition(2).log.offsets.syncedEnd);
    });
    cluster.heal();
    await cluster.until(() => cluster.metadata.isr.length === 3);
    expect(endsAtJoin).toEqual([3]);
  });

  it('does not add a follower whose log ends below the start of the epoch', async () => {
    const cluster = await started(ON_THREE, { 'min.insync.replicas': '3' });
    // Broker 1 has a record that was never committed, for broker 2 did not get it.
    isolate(cluster, 2);
    await cluster.append(0, 'a');
    await cluster.settle();
    isolate(cluster, 1);
    cluster.pause(0);
    await cluster.elect(1, [1]);
    expect(cluster.partition(1).highWatermark).toBe(0);
    // An answer with the record does not arrive: broker 2 has nothing.
    cluster.heal();
    cluster.disk(2).failNext('writev', 'EIO', { path: '.log', times: 50 });
    await cluster.advance(3000);
    expect(cluster.metadata.isr).toEqual([1]);
    cluster.disk(2).clearFaults();
    await cluster.until(() => cluster.metadata.isr.includes(2));
  });

  it('is asked for again when a proposal could not be made', async () => {
    const cluster = await started(ON_TWO);
    isolate(cluster, 1);
    cluster.process(0).sight.cut();
    await cluster.advance(2 * LAG_MS);
    expect(cluster.metadata.isr).toEqual([0, 1]);
    expect(cluster.partition(0).isIsrProposed).toBe(false);
    cluster.process(0).sight.heal();
    await cluster.until(() => cluster.metadata.isr.length === 1);
  });

  it('does not lose everybody because its leader stood still', async () => {
    const cluster = await started(ON_THREE, MIN_TWO);
    // Its followers have the record, and it does not hear so.
    cluster.pause(0);
    const outcome = cluster.produce(0, 'a');
    await cluster.settle();
    expect(cluster.partition(1).log.offsets.syncedEnd).toBe(1);
    cluster.clock.advance(5 * LAG_MS);
    cluster.process(0).sight.heal();
    await cluster.advance(2000);
    cluster.resume(0);
    await cluster.advance(2000);
    expect(await outcome).toBe('acknowledged');
    expect(cluster.metadata.isr).toEqual([0, 1, 2]);
    expect(cluster.metadata.partitionEpoch).toBe(0);
  });
});

describe('the high watermark', () => {
  it('waits for a follower that may have joined: the reply to the proposal was lost', async () => {
    const cluster = await started(ON_THREE, MIN_TWO);
    isolate(cluster, 2);
    await cluster.until(() => cluster.metadata.isr.length === 2);
    const { sight } = cluster.process(0);
    sight.losesReplies = true;
    cluster.heal();
    // The commit is in the store; its leader does not hear of it.
    cluster.store.onChange(() => {
      if (cluster.metadata.isr.length === 3) isolate(cluster, 2);
    });
    await cluster.until(() => cluster.metadata.isr.length === 3);
    const outcome = cluster.produce(0, 'a');
    await cluster.advance(3000);
    expect(cluster.partition(1).log.offsets.syncedEnd).toBe(1);
    expect(cluster.partition(0).highWatermark).toBe(0);
    // The joiner leads with what it has.
    await cluster.elect(2, [1, 2]);
    sight.heal();
    expect(await outcome).toBe('unknown');
  });

  it('passes a replica that left when the others have that on disk, and not before', async () => {
    const cluster = await started(ON_THREE, MIN_TWO);
    const { sight } = cluster.process(1);
    sight.journaledVersionMax = cluster.store.state.version;
    isolate(cluster, 2);
    const outcome = cluster.produce(0, 'a');
    await cluster.until(() => cluster.metadata.isr.length === 2);
    await cluster.advance(3000);
    expect(cluster.partition(0).highWatermark).toBe(0);
    sight.journaledVersionMax = Number.POSITIVE_INFINITY;
    await cluster.advance(3000);
    expect(await outcome).toBe('acknowledged');
  });

  it('waits for proof when its leader was elected without the former leader', async () => {
    const cluster = await started(ON_THREE, MIN_TWO);
    const { sight } = cluster.process(2);
    sight.journaledVersionMax = cluster.store.state.version;
    cluster.pause(0);
    isolate(cluster, 0);
    await cluster.elect(1, [1, 2]);
    const outcome = cluster.produce(1, 'a');
    await cluster.advance(3000);
    expect(cluster.partition(2).log.offsets.syncedEnd).toBe(1);
    expect(cluster.partition(1).highWatermark).toBe(0);
    sight.journaledVersionMax = Number.POSITIVE_INFINITY;
    await cluster.advance(3000);
    expect(await outcome).toBe('acknowledged');
  });

  it('waits until its leader has a removal from the ISR on disk itself', async () => {
    const cluster = await started(ON_THREE, MIN_TWO);
    const { sight } = cluster.process(0);
    sight.journaledVersionMax = cluster.store.state.version;
    isolate(cluster, 2);
    const outcome = cluster.produce(0, 'a');
    await cluster.until(() => cluster.metadata.isr.length === 2);
    await cluster.advance(3000);
    expect(cluster.partition(0).highWatermark).toBe(0);
    sight.journaledVersionMax = Number.POSITIVE_INFINITY;
    await cluster.advance(3000);
    expect(await outcome).toBe('acknowledged');
  });

  it('counts what a follower has on disk, not what it has written', async () => {
    const cluster = await started(ON_TWO, MIN_TWO);
    cluster.disk(1).failNext('datasync', 'EIO', { path: '.log' });
    const outcome = cluster.produce(0, 'a');
    await cluster.advance(3000);
    expect(cluster.partition(1).log.offsets.logEnd).toBe(1);
    expect(cluster.partition(1).log.offsets.syncedEnd).toBe(0);
    expect(cluster.partition(0).highWatermark).toBe(0);
    expect(await outcome).toBe('unknown');
  });

  it('does not commit a record that only the leader lacks on its disk', async () => {
    const cluster = await started(ON_TWO, MIN_TWO);
    cluster.disk(0).failNext('datasync', 'EIO', { path: '.log' });
    const outcome = cluster.produce(0, 'a');
    await cluster.settle();
    expect(cluster.partition(1).log.offsets.syncedEnd).toBe(1);
    expect(cluster.partition(0).highWatermark).toBe(0);
    expect(await outcome).toBe('unknown');
  });
});

describe('min.insync.replicas', () => {
  it('refuses an append before, and ends the waits of those made at once', async () => {
    const cluster = await started(ON_TWO, MIN_TWO);
    isolate(cluster, 1);
    const partition = cluster.partition(0);
    await cluster.append(0, 'a');
    const wait = partition.whenCommitted(1).catch((error: unknown) => error);
    await cluster.store.update((state) => {
      const brokerEpoch = state.brokers.get(1)?.brokerEpoch ?? 0;
      return brokerDied(state, { id: 1, brokerEpoch }, cluster.random);
    });
    await cluster.settle();
    expect(await wait).toMatchObject({
      code: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
      outcome: 'unknown',
    });
    expect(partition.hasEnoughReplicas()).toBe(false);
    await expect(partition.whenCommitted(1)).rejects.toMatchObject({
      code: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    });
  });

  it('holds the high watermark: what only the leader has is not committed', async () => {
    const cluster = await started(ON_TWO, MIN_TWO);
    await cluster.change(() => ({ isr: [0] }));
    isolate(cluster, 1);
    await cluster.append(0, 'a');
    await cluster.advance(3000);
    expect(cluster.partition(0).highWatermark).toBe(0);
    expect(await cluster.committed(0)).toEqual([]);
    cluster.heal();
    await cluster.until(() => cluster.partition(0).highWatermark === 1);
  });

  it('counts the smaller of the committed and the proposed ISR', async () => {
    const cluster = await started(ON_TWO, MIN_TWO);
    isolate(cluster, 1);
    cluster.process(0).sight.losesReplies = true;
    await cluster.until(() => cluster.metadata.isr.length === 1);
    expect(cluster.partition(0).metadata.isr).toEqual([0, 1]);
    expect(cluster.partition(0).hasEnoughReplicas()).toBe(false);
  });
});

async function started(
  replicas: readonly (readonly number[])[],
  configs: Record<string, string> = {},
  settings: ReplicaClusterSettings = {},
): Promise<ReplicaCluster> {
  const brokers = Math.max(...replicas.flat()) + 1;
  const cluster = await ReplicaCluster.start(brokers, {
    replicaLagTimeMaxMs: LAG_MS,
    ...settings,
  });
  await cluster.createTopic(replicas, configs);
  return cluster;
}

function isolate(cluster: ReplicaCluster, id: number): void {
  for (const other of cluster.disks.keys()) {
    cluster.cut(id, other);
    cluster.cut(other, id);
  }
}
