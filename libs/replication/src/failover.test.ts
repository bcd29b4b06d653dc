import { describe, expect, it } from 'vitest';
import { ReplicaCluster } from './testing/replica-cluster.js';

const ON_THREE = [[0, 1, 2]];
const MIN_TWO = { 'min.insync.replicas': '2' };

describe('a change of the leader', () => {
  it('keeps what was acknowledged, and cuts what only the old leader has (KIP-101)', async () => {
    const cluster = await started();
    await acknowledged(cluster, 0, 'a');
    isolate(cluster, 0);
    const lost = cluster.produce(0, 'lost');
    await cluster.settle();
    expect(cluster.partition(0).log.offsets.logEnd).toBe(2);
    cluster.pause(0);
    await cluster.elect(1, [1, 2]);
    await acknowledged(cluster, 1, 'b');
    cluster.resume(0);
    cluster.heal();
    await cluster.until(() => cluster.partition(0).highWatermark === 2);
    expect(await lost).toBe('unknown');
    for (const id of [0, 1, 2]) expect(await cluster.committed(id)).toEqual(['a', 'b']);
    await cluster.until(() => cluster.metadata.isr.length === 3);
  });

  it('never truncates to the high watermark when a follower restarts first', async () => {
    const cluster = await started();
    await acknowledged(cluster, 0, 'a');
    await acknowledgedUnheard(cluster, 'b');
    expect(cluster.partition(1).highWatermark).toBe(1);
    await cluster.kill(1);
    await cluster.kill(0);
    await cluster.startBroker(1);
    await cluster.elect(1, [1, 2]);
    cluster.heal();
    await cluster.until(() => cluster.partition(1).highWatermark === 2);
    for (const id of [1, 2]) expect(await cluster.committed(id)).toEqual(['a', 'b']);
  });

  it('finds where logs part that have epochs which the other does not know (KIP-279)', async () => {
    const cluster = await started({ 'min.insync.replicas': '1' });
    await acknowledged(cluster, 0, 'a');
    // Each leads in turn without the others, and writes what nobody else gets.
    for (const [leader, values] of [
      [0, ['x1', 'x2', 'x3']],
      [1, ['y1']],
      [0, ['x4']],
      [2, ['z1', 'z2']],
      [1, ['y2', 'y3']],
    ] as const) {
      for (const id of [0, 1, 2]) isolate(cluster, id);
      await cluster.elect(leader, [leader]);
      for (const value of values) await cluster.append(leader, value);
    }
    for (const leader of [2, 0]) {
      await cluster.elect(leader, [leader]);
      cluster.heal();
      await cluster.until(() => cluster.metadata.isr.length === 3);
      const values = await cluster.values(leader);
      for (const id of [0, 1, 2]) expect(await cluster.values(id)).toEqual(values);
      expect(values[0]).toBe('a');
    }
    expect(await cluster.values(0)).toEqual(['a', 'z1', 'z2']);
  });

  it('tells two elections of one epoch apart, by their ids', async () => {
    const cluster = await started({ 'min.insync.replicas': '1' });
    await acknowledged(cluster, 0, 'a');
    for (const id of [0, 1, 2]) isolate(cluster, id);
    await cluster.elect(0, [0]);
    await cluster.append(0, 'x1');
    await cluster.append(0, 'x2');
    const { leaderEpoch } = cluster.metadata;
    // The store was rolled back and hands the same epoch out again, to another broker.
    cluster.pause(0);
    await cluster.change(() => ({ leader: 1, isr: [1], leaderEpoch, electionId: 'again' }));
    await cluster.append(1, 'y1');
    await cluster.append(1, 'y2');
    cluster.resume(0);
    cluster.heal();
    await cluster.until(() => cluster.metadata.isr.length === 3);
    for (const id of [0, 1, 2]) expect(await cluster.values(id)).toEqual(['a', 'y1', 'y2']);
  });

  it('ends the wait of a leader that learns of it with an unknown outcome', async () => {
    const cluster = await started();
    isolate(cluster, 0);
    const outcome = cluster.produce(0, 'a');
    const wait = cluster
      .partition(0)
      .whenCommitted(1)
      .catch((error: unknown) => error);
    await cluster.settle();
    await cluster.elect(1);
    expect(await outcome).toBe('unknown');
    expect(await wait).toMatchObject({ code: 'LEADER_NOT_AVAILABLE', outcome: 'unknown' });
    await expect(cluster.append(0, 'b')).rejects.toMatchObject({
      fault: 'NOT_LEADER_OR_FOLLOWER',
      leader: 1,
    });
  });

  it('lets no former leader acknowledge, whether it knows of the change or not', async () => {
    const cluster = await started();
    await acknowledged(cluster, 0, 'a');
    cluster.process(0).sight.cut();
    await cluster.elect(1, [0, 1, 2]);
    const outcome = cluster.produce(0, 'of the old leader');
    await cluster.advance(5000);
    expect(cluster.partition(0).isLeader).toBe(true);
    expect(cluster.partition(0).highWatermark).toBe(1);
    cluster.process(0).sight.heal();
    expect(await outcome).toBe('unknown');
    await acknowledged(cluster, 1, 'b');
    for (const id of [0, 1, 2]) expect(await cluster.committed(id)).toEqual(['a', 'b']);
  });

  it('counts for a follower only once it knows the epoch, though the leader stays', async () => {
    const cluster = await started();
    await acknowledged(cluster, 0, 'a');
    for (const id of [1, 2]) cluster.process(id).sight.cut();
    await cluster.elect(0);
    const outcome = cluster.produce(0, 'b');
    await cluster.advance(3000);
    expect(cluster.partition(1).log.offsets.logEnd).toBe(1);
    expect(cluster.partition(0).highWatermark).toBe(1);
    for (const id of [1, 2]) cluster.process(id).sight.heal();
    await cluster.until(() => cluster.partition(0).highWatermark === 2);
    expect(await outcome).toBe('acknowledged');
  });

  it('is refused by a replica of a later epoch, also after a restart', async () => {
    const cluster = await started();
    await cluster.elect(1);
    const later = cluster.metadata;
    await cluster.kill(2);
    await cluster.change(() => ({ leader: 0, leaderEpoch: later.leaderEpoch - 1 }));
    await cluster.startBroker(2);
    expect(cluster.partition(2).mayFetch).toBe(false);
    await cluster.change(() => ({ leader: 2, leaderEpoch: later.leaderEpoch - 1 }));
    expect(cluster.partition(2).isLeader).toBe(false);
    await cluster.change(() => ({ leader: 2, leaderEpoch: later.leaderEpoch + 1 }));
    expect(cluster.partition(2).isLeader).toBe(true);
  });

  it('drops an answer that was sent two changes of the leader before', async () => {
    const cluster = await started({ 'min.insync.replicas': '1' });
    await acknowledged(cluster, 0, 'a');
    // Answers of broker 0 are held back while first broker 1 and then broker 2 leads.
    const held = cluster.holdAnswers(0, 1);
    isolate(cluster, 2);
    await cluster.append(0, 'x');
    await cluster.settle();
    expect(held.count).toBeGreaterThan(0);
    cluster.pause(0);
    await cluster.elect(2, [1, 2]);
    await cluster.append(2, 'b');
    await cluster.elect(1, [1, 2]);
    held.release();
    cluster.heal();
    await cluster.settle();
    await acknowledged(cluster, 1, 'c');
    expect(await cluster.values(1)).not.toContain('x');
    expect(await cluster.values(2)).toEqual(await cluster.values(1));
  });
});

describe('a new leader', () => {
  it('says where committed records end only when its followers follow it', async () => {
    const cluster = await started();
    await acknowledgedUnheard(cluster, 'a');
    for (const id of [0, 1, 2]) isolate(cluster, id);
    await cluster.elect(1);
    const target = { topic: 'events', partition: 0 };
    const { replicas } = cluster.process(1);
    const latest = replicas.listOffset(target, 'latest');
    const late = replicas.listOffset(target, 'latest').catch((error: unknown) => error);
    await cluster.settle();
    expect(cluster.partition(1).isCommittedEndKnown).toBe(false);
    const above = await replicas.fetch(target, { offset: 9, maxBytes: 1, minBytes: 1, waitMs: 0 });
    expect(above.batches).toEqual([]);
    void latest.catch(() => undefined);
    await cluster.advance(2500);
    expect(await late).toMatchObject({ code: 'LEADER_NOT_AVAILABLE', retriable: true });
    const answer = replicas.listOffset(target, 'latest');
    cluster.heal();
    await cluster.until(() => cluster.partition(1).isCommittedEndKnown);
    expect(await answer).toMatchObject({ offset: 1 });
    await expect(
      replicas.fetch(target, { offset: 9, maxBytes: 1, minBytes: 1, waitMs: 0 }),
    ).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
  });
});

async function started(configs: Record<string, string> = MIN_TWO): Promise<ReplicaCluster> {
  const cluster = await ReplicaCluster.start(3);
  await cluster.createTopic(ON_THREE, configs);
  return cluster;
}

async function acknowledged(cluster: ReplicaCluster, id: number, value: string): Promise<void> {
  const outcome = cluster.produce(id, value);
  await cluster.until(async () => (await cluster.committed(id)).includes(value));
  expect(await outcome).toBe('acknowledged');
  await cluster.settle();
}

/**
 * Produces a record that is on every disk and acknowledged; followers do not know that it is
 * committed.
 */
async function acknowledgedUnheard(cluster: ReplicaCluster, value: string): Promise<void> {
  cluster.onSynced = (id) => {
    if (id !== 0) cluster.cut(0, id);
  };
  const outcome = cluster.produce(0, value);
  await cluster.settle();
  expect(await outcome).toBe('acknowledged');
  cluster.onSynced = () => undefined;
}

/** No call gets to a broker, and none from it. */
function isolate(cluster: ReplicaCluster, id: number): void {
  for (const other of cluster.disks.keys()) {
    cluster.cut(id, other);
    cluster.cut(other, id);
  }
}
