import { describe, expect, it } from 'vitest';
import type { Peers } from '#replication';
import type { ReplicaCluster } from '#replication/testing';
import { LeaderStatuses } from '../cluster/leader-statuses.js';
import { LeadershipCheck } from '../cluster/leadership-check.js';
import { type StatusTarget, statusesOfLedPartitions } from '../leader-status.js';
import { clusterLedByFirstBroker, takeOverUnnoticed } from '../testing/changed-leader.js';
import { assertCommitsAtLeaders } from './commit-check.js';

const TARGET = { topic: 'events', partition: 0 };

describe('a commit above a high watermark', () => {
  it('is refused by the leader', async () => {
    const commit = commitsAt(await clusterLedByFirstBroker());
    await commit(1);
    await expect(commit(2)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
  });

  it('is compared with the next leader where this broker takes itself for the leader', async () => {
    const cluster = await clusterLedByFirstBroker();
    await takeOverUnnoticed(cluster);
    const commit = commitsAt(cluster);
    expect(cluster.partition(0).isLeader).toBe(true);
    await commit(2);
    await expect(commit(3)).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      members: { highWatermark: 2 },
    });
  });

  it('is not refused while a new leader does not know which records are committed', async () => {
    const cluster = await clusterLedByFirstBroker();
    for (const id of [1, 2]) cluster.cut(id, 0);
    await cluster.append(0, 'b');
    await cluster.elect(0);
    expect(cluster.partition(0)).toMatchObject({ highWatermark: 1, isCommittedEndKnown: false });
    await commitsAt(cluster)(2);
  });

  it('gets a retriable error while the store does not say who leads', async () => {
    const cluster = await clusterLedByFirstBroker();
    const commit = commitsAt(cluster);
    cluster.process(0).sight.cut();
    await expect(commit(2)).rejects.toMatchObject({ code: 'LEADER_NOT_AVAILABLE' });
  });
});

/** Returns the check of a commit at broker 0. */
function commitsAt(cluster: ReplicaCluster): (offset: number) => Promise<void> {
  const { replicas, sight: store, brokerEpoch } = cluster.process(0);
  const own = { store, replicas, brokerId: 0 };
  const leadership = new LeadershipCheck({ ...own, brokerEpoch: () => brokerEpoch });
  const statuses = new LeaderStatuses({ ...own, peers: peersOf(cluster) });
  return (offset) =>
    assertCommitsAtLeaders([{ ...TARGET, offset }], {
      topics: { topic: () => ({ partitionCount: 1 }) },
      offsetMetadataBytesMax: 100,
      statusesOf: (targets, options) => statuses.of(targets, options),
      refresh: () => leadership.refresh(),
    });
}

/** Other brokers answer for the partitions that they lead. */
function peersOf(cluster: ReplicaCluster): Peers {
  return {
    call: (to, _method, { body }) => {
      const { partitions } = body as { readonly partitions: readonly StatusTarget[] };
      const statuses = statusesOfLedPartitions(cluster.process(to).replicas, partitions);
      return Promise.resolve({ body: { partitions: statuses }, blobs: [] });
    },
  };
}
