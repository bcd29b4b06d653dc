import { describe, expect, it } from 'vitest';
import {
  advanceReassignments,
  brokerDied,
  type Decision,
  deleteTopic,
  electController,
  reassignReplicas,
} from '#coordination';
import { silentLogger } from '#runtime';
import { Controller } from './controller.js';
import { contextOf } from './metadata-context.js';
import { ReplicaCluster, type ReplicaClusterSettings, TOPIC } from './testing/replica-cluster.js';

const MIN_TWO = { 'min.insync.replicas': '2' };
const OLD = [0, 1, 2];
const NEW = [3, 4, 5];

describe('a partition that moves to other brokers', () => {
  it('takes records all the while, and loses none', async () => {
    const cluster = await started();
    const acknowledged = ['first'];
    let count = 0;
    const produce = async (): Promise<void> => {
      const value = String((count += 1));
      const outcome = cluster.produce(cluster.metadata.leader ?? 0, value);
      await cluster.advance(20);
      if ((await outcome) === 'acknowledged') acknowledged.push(value);
    };
    await produce();
    await reassign(cluster, NEW);
    for (let round = 0; round < 200 && isMoving(cluster); round += 1) {
      await produce();
      await proceed(cluster);
      await cluster.advance(10);
    }
    await produce();
    expect(cluster.metadata).toMatchObject({ replicas: NEW, isr: NEW, leader: 3 });
    expect(acknowledged.length).toBeGreaterThan(count / 2);
    await cluster.advance(1000);
    for (const id of NEW) {
      const values = await cluster.committed(id);
      expect(values.filter((value) => acknowledged.includes(value))).toEqual(acknowledged);
    }
  });

  it('tells who waits at the leader that leaves to ask the one that leads', async () => {
    const cluster = await started();
    await moveUntilInSync(cluster);
    // Nobody has the record but the leader, which leaves before a follower reports more.
    for (const id of [...OLD, ...NEW]) if (id !== 0) cluster.cut(id, 0);
    const partition = cluster.partition(0);
    await cluster.append(0, 'not committed');
    const commit = partition.whenCommitted(partition.log.offsets.logEnd);
    const waiting = cluster
      .process(0)
      .replicas.fetch(
        { topic: TOPIC, partition: 0 },
        { offset: partition.highWatermark, maxBytes: 1000, minBytes: 1, waitMs: 60_000 },
      );
    const refused = { code: 'LEADER_NOT_AVAILABLE' };
    const both = Promise.all([
      expect(commit).rejects.toMatchObject({ ...refused, outcome: 'unknown' }),
      expect(waiting).rejects.toMatchObject(refused),
    ]);
    await proceed(cluster);
    await both;
    await expect(partition.append([])).rejects.toMatchObject({ ...refused, outcome: 'failed' });
    expect(() =>
      cluster.process(0).replicas.table.leaderOrThrow({ topic: TOPIC, partition: 0 }),
    ).toThrow('NOT_LEADER_OR_FOLLOWER');
  });

  it('the old leader acknowledges nothing once new replicas have the new epoch', async () => {
    const cluster = await started();
    await moveUntilInSync(cluster);
    cluster.process(0).sight.cut();
    await proceed(cluster);
    expect(cluster.partition(0).isLeader).toBe(true);
    const outcome = cluster.produce(0, 'too late');
    await cluster.advance(5000);
    expect(cluster.partition(0).highWatermark).toBe(1);
    cluster.process(0).sight.heal();
    await cluster.advance(100);
    expect(await outcome).toBe('unknown');
    expect(await cluster.committed(3)).toEqual(['first']);
  });

  it('acknowledges nothing in the new epoch that a new replica does not know of', async () => {
    const cluster = await started();
    await moveUntilInSync(cluster);
    cluster.process(5).sight.cut();
    await proceed(cluster);
    const outcome = cluster.produce(3, 'a');
    await cluster.advance(3000);
    expect(cluster.partition(3).highWatermark).toBe(1);
    cluster.process(5).sight.heal();
    await cluster.until(() => cluster.partition(3).highWatermark === 2);
    expect(await outcome).toBe('acknowledged');
  });

  it('goes on when the leader dies on the way', async () => {
    const cluster = await started();
    await reassign(cluster, NEW);
    await proceed(cluster);
    await cluster.kill(0);
    const brokerEpoch = cluster.broker(0)?.brokerEpoch ?? 0;
    await cluster.store.update((now) => brokerDied(now, { id: 0, brokerEpoch }, cluster.random));
    await untilMoved(cluster);
    expect(cluster.metadata).toMatchObject({ replicas: NEW, isr: NEW, leader: 3 });
    expect(await cluster.produce(3, 'a')).toBe('acknowledged');
    expect(await cluster.committed(3)).toEqual(['first', 'a']);
  });

  it('removes the replicas that have left, once a majority knows that they have', async () => {
    const cluster = await started();
    await moveUntilInSync(cluster);
    const { sight, logManager } = cluster.process(1);
    const target = { topic: TOPIC, partition: 0 };
    sight.isJournaledByFew = true;
    await proceed(cluster);
    await cluster.advance(5000);
    expect(cluster.process(1).replicas.table.partition(TOPIC, 0)).toBeUndefined();
    expect(logManager.log(target)).toBeDefined();
    sight.isJournaledByFew = false;
    await cluster.until(() => logManager.log(target) === undefined);
    expect([...logManager.strayLogs]).toEqual([]);
    const directories = await cluster.disk(1).mount().readDirectory('/data');
    expect(directories.filter(({ name }) => name.startsWith(TOPIC))).toEqual([]);
  });

  it('leaves what is left of a deleted topic to its deletion', async () => {
    const cluster = await started();
    await moveUntilInSync(cluster);
    const { sight, replicas } = cluster.process(1);
    const { topicId } = cluster.partition(1);
    sight.isJournaledByFew = true;
    await proceed(cluster);
    await cluster.store.update((state) => deleteTopic(state, TOPIC, topicId));
    await replicas.applier.removeTopic(TOPIC, topicId);
    sight.isJournaledByFew = false;
    await cluster.advance(2000);
    const { looksAtJournals } = sight;
    await cluster.advance(5000);
    expect(sight.looksAtJournals).toBe(looksAtJournals);
  });

  it('removes them after a restart that came before', async () => {
    const cluster = await started();
    await moveUntilInSync(cluster);
    await cluster.kill(1);
    await proceed(cluster);
    const { logManager } = await cluster.startBroker(1);
    await cluster.until(() => logManager.log({ topic: TOPIC, partition: 0 }) === undefined);
  });

  it('keeps a log that would be removed when the partition comes back first', async () => {
    const cluster = await started();
    await moveUntilInSync(cluster);
    cluster.process(1).sight.isJournaledByFew = true;
    await proceed(cluster);
    await cluster.advance(2000);
    await reassign(cluster, [3, 1]);
    await untilMoved(cluster);
    cluster.process(1).sight.isJournaledByFew = false;
    await cluster.advance(5000);
    expect(await cluster.produce(3, 'a')).toBe('acknowledged');
    expect(await cluster.values(1)).toEqual(['first', 'a']);
  });
});

describe('the throttle of a reassignment', () => {
  const RATE = 20_000;

  it('bounds what is copied, and keeps nobody else', async () => {
    const cluster = await started({ reassignmentBytesPerSecond: RATE, replicaFetchMaxBytes: 1000 });
    const value = 'v'.repeat(900);
    for (let count = 0; count < 100; count += 1) await cluster.produce(0, value);
    await reassign(cluster, [0, 1, 3]);
    await proceed(cluster);
    const { replicas } = cluster.process(3);
    await cluster.advance(2000);
    expect(replicas.replication.reassignmentBytesTotal).toBeGreaterThan(2 * RATE);
    expect(replicas.replication.reassignmentBytesTotal).toBeLessThan(3 * RATE + 2000);
    expect(await cluster.produce(0, value)).toBe('acknowledged');
    await untilMoved(cluster);
    const copied = replicas.replication.reassignmentBytesTotal;
    expect(copied).toBeGreaterThan(100 * 900);
    // In sync it is a follower like any other.
    for (let count = 0; count < 50; count += 1) await cluster.produce(0, value);
    expect(replicas.replication.reassignmentBytesTotal).toBe(copied);
  });
});

describe('min.insync.replicas', () => {
  it('counts as it stands in the metadata that the ISR is of', async () => {
    const cluster = await started();
    for (const id of [1, 2]) cluster.cut(id, 0);
    await cluster.elect(0, [0]);
    expect(await cluster.produce(0, 'a')).toBe('failed');
    await setMinInsync(cluster, '1', { replicas: 2, version: cluster.store.state.version + 1 });
    expect(cluster.partition(0).minInsyncReplicas).toBe(2);
    expect(await cluster.produce(0, 'a')).toBe('failed');
    await setMinInsync(cluster, '1');
    expect(cluster.partition(0).minInsyncReplicas).toBe(1);
    expect(await cluster.produce(0, 'a')).toBe('acknowledged');
  });

  it('counts at once when it is raised, with an ISR that the leader itself proposed', async () => {
    const cluster = await started();
    const partition = cluster.partition(0);
    const { state } = cluster.store;
    const topic = state.topics.get(TOPIC);
    if (topic === undefined) throw new Error('the topic is gone');
    const { metadata } = partition;
    const later = { ...metadata, isr: [0, 1], partitionEpoch: metadata.partitionEpoch + 1 };
    const raised = { ...topic, configs: { 'min.insync.replicas': '3' }, partitions: [later] };
    partition.updateMetadata(later, contextOf(raised, later, state.version + 1));
    expect(partition.metadata.isr).toEqual([0, 1]);
    expect(partition.hasEnoughReplicas()).toBe(false);
  });
});

describe('the controller', () => {
  it('takes a move step by step, as the journals have it', async () => {
    const cluster = await started();
    const { sight } = cluster.process(0);
    await cluster.store.update((now) => electController(now, 0, now.controller));
    const { clock, scheduler, random, store: shared } = cluster;
    let looks = 0;
    const store = {
      get state() {
        return shared.state;
      },
      update: (decide: Decision) => shared.update(decide),
      whenJournaled: (version: number, ms: number) => sight.whenJournaled(version, ms),
      // All renew their leases between two looks.
      leases: () => {
        looks += 1;
        return Promise.resolve(new Map([...OLD, ...NEW].map((id) => [id, String(looks)])));
      },
    };
    const controller = new Controller({
      store,
      brokerId: 0,
      leaseMs: 1200,
      preferredLeaderIntervalMs: 0,
      clock,
      scheduler,
      random,
      logger: silentLogger,
    });
    sight.isJournaledByFew = true;
    await reassign(cluster, NEW);
    await cluster.advance(5000);
    expect(cluster.metadata.replicas).toEqual(OLD);
    sight.isJournaledByFew = false;
    await cluster.until(() => !isMoving(cluster));
    expect(cluster.metadata).toMatchObject({ replicas: NEW, isr: NEW });
    await controller.stop();
  });
});

/** Six brokers, of which the first three keep the partition, with one record. */
async function started(settings: ReplicaClusterSettings = {}): Promise<ReplicaCluster> {
  const cluster = await ReplicaCluster.start(6, settings);
  await cluster.createTopic([OLD], MIN_TWO);
  expect(await cluster.produce(0, 'first')).toBe('acknowledged');
  return cluster;
}

async function reassign(cluster: ReplicaCluster, replicas: readonly number[]): Promise<void> {
  await cluster.store.update((state) =>
    reassignReplicas(state, { topic: TOPIC, partition: 0, replicas }),
  );
  await cluster.settle();
}

/** Proceeds like the controller does when all brokers have all metadata on disk. */
async function proceed(cluster: ReplicaCluster): Promise<void> {
  await cluster.store.update((state) => advanceReassignments(state, state.version, cluster.random));
  await cluster.settle();
}

function isMoving({ metadata }: ReplicaCluster): boolean {
  return metadata.reassignment !== undefined;
}

async function moveUntilInSync(cluster: ReplicaCluster): Promise<void> {
  await reassign(cluster, NEW);
  await proceed(cluster);
  await cluster.until(() => NEW.every((id) => cluster.metadata.isr.includes(id)));
}

async function untilMoved(cluster: ReplicaCluster): Promise<void> {
  await cluster.until(async () => {
    await proceed(cluster);
    return !isMoving(cluster);
  });
}

async function setMinInsync(
  cluster: ReplicaCluster,
  replicas: string,
  minInsyncHold?: { readonly replicas: number; readonly version: number },
): Promise<void> {
  await cluster.store.update((state) => {
    const before = state.topics.get(TOPIC);
    if (before === undefined) return [];
    const { minInsyncHold: _, ...others } = before;
    const configs = { 'min.insync.replicas': replicas };
    const topic = { ...others, configs, version: before.version + 1 };
    const held = minInsyncHold === undefined ? topic : { ...topic, minInsyncHold };
    return [{ kind: 'topic', topic: held }];
  });
  await cluster.settle();
}
