import { describe, expect, it, test } from 'vitest';
import { ledPartition, type ReplicaCluster } from '#replication/testing';
import type { FetchResult } from '../broker.js';
import { clusterLedByFirstBroker, takeOverUnnoticed } from '../testing/changed-leader.js';
import { fetchAtLeader } from './leader-fetch.js';
import { LeadershipCheck } from './leadership-check.js';

const TARGET = { topic: 'events', partition: 0 };
const READ = { records: 'of this leader' };

/** Returns the outcome of a fetch at the leader of epoch 0. */
async function fetchWith(options: { readonly leaderEpoch?: number; readonly mayBeBehind?: true }) {
  const { partition } = await ledPartition({ target: TARGET, topicId: 'id', config: {} });
  const replicas = {
    table: { leaderOrThrow: () => partition },
    fetch: () => Promise.resolve(READ as never),
  };
  const request = { ...TARGET, offset: 0, maxBytes: 1000, minBytes: 1, waitMs: 0, ...options };
  const { leaderEpoch } = partition.metadata;
  const leadership = { atLeader: <T>(_: object, read: () => Promise<T>) => read() };
  return { answer: async () => fetchAtLeader(replicas, leadership, request), leaderEpoch };
}

test('a stream that has read in a later epoch must ask the later leader', async () => {
  const { answer, leaderEpoch } = await fetchWith({ leaderEpoch: 100, mayBeBehind: true });
  await expect(answer()).rejects.toMatchObject({ fault: 'UNKNOWN_LEADER_EPOCH', leaderEpoch });
});

test('a stream of the same epoch, and a single request of any epoch, are answered', async () => {
  for (const options of [{ mayBeBehind: true }, { leaderEpoch: 100 }] as const) {
    const { answer } = await fetchWith(options);
    expect(await answer()).toEqual(READ);
  }
});

describe('a position outside the log', () => {
  it('is refused by a leader that the store confirms', async () => {
    const { fetch, check, cluster } = await threeBrokers();
    await expect(fetch(2)).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      members: { logStartOffset: 0, highWatermark: 1 },
    });
    await expect(
      check.atLeader(TARGET, () => cluster.process(0).replicas.deleteRecords(TARGET, 2)),
    ).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
    expect((await fetch(1)).batches).toEqual([]);
  });

  it('is not refused by a leader that has not heard of its successor', async () => {
    for (const request of ['fetch', 'delete'] as const) {
      const { fetch, check, cluster } = await threeBrokers();
      await takeOverUnnoticed(cluster);
      expect(cluster.partition(0).isLeader).toBe(true);
      const { replicas } = cluster.process(0);
      const answer =
        request === 'fetch'
          ? fetch(2)
          : check.atLeader(TARGET, () => replicas.deleteRecords(TARGET, 2));
      await expect(answer).rejects.toMatchObject({ fault: 'NOT_LEADER_OR_FOLLOWER', leader: 1 });
    }
  });

  it('is not refused by a leader that the store does not answer', async () => {
    const { fetch, cluster } = await threeBrokers();
    cluster.process(0).sight.cut();
    await expect(fetch(2)).rejects.toMatchObject({ code: 'LEADER_NOT_AVAILABLE', retriable: true });
    expect((await fetch(0)).batches).toHaveLength(1);
  });

  it('asks the store once for all requests that come meanwhile', async () => {
    const { fetch, cluster } = await threeBrokers();
    const refused = Array.from({ length: 50 }, () => fetch(2).catch(() => undefined));
    await Promise.all(refused);
    expect(cluster.process(0).sight.renewals).toBe(1);
  });
});

async function threeBrokers(): Promise<{
  readonly cluster: ReplicaCluster;
  readonly check: LeadershipCheck;
  readonly fetch: (offset: number) => Promise<FetchResult>;
}> {
  const cluster = await clusterLedByFirstBroker();
  const { replicas, sight, brokerEpoch } = cluster.process(0);
  const owner = { brokerId: 0, brokerEpoch: () => brokerEpoch };
  const check = new LeadershipCheck({ store: sight, replicas, ...owner });
  const bounds = { maxBytes: 1000, minBytes: 1, waitMs: 0 };
  const fetch = (offset: number): Promise<FetchResult> =>
    fetchAtLeader(replicas, check, { ...TARGET, offset, ...bounds });
  return { cluster, check, fetch };
}
