import { expect, it } from 'vitest';
import { LogManager, silentLogObserver } from '#log';
import { parseTopicConfig } from '#protocol';
import { Partition } from '#replication';
import { Limiter, silentLogger } from '#runtime';
import { FakeClock, FakeDisk, FakeScheduler, SeededRandom } from '#runtime/testing';
import type { OffsetRecord } from './offset-records.js';
import { OffsetsPartition } from './offsets-partition.js';

const NOW_MS = 1000;

it.each([
  ['before', ['commit', 'expire']],
  ['after', ['expire', 'commit']],
])('a commit that begins %s its group expires is kept, in the log too', async (_, order) => {
  const partition = await emptyPartition();
  const offsets = await OffsetsPartition.load(partition, new FakeClock());
  await offsets.commit('g', [offsetRecord(0, 5, NOW_MS)]);
  await Promise.all(
    order.map((call) =>
      call === 'commit'
        ? offsets.commit('g', [offsetRecord(0, 7, NOW_MS + 1)])
        : offsets.expire(NOW_MS),
    ),
  );
  expect(committed(offsets)).toEqual([[0, 7]]);
  expect(committed(await OffsetsPartition.load(partition, new FakeClock()))).toEqual([[0, 7]]);
});

it('a group that commits while its many offsets expire keeps what it commits', async () => {
  const partition = await emptyPartition();
  const offsets = await OffsetsPartition.load(partition, new FakeClock());
  const many = Array.from({ length: 250 }, (_, number) => offsetRecord(number, 5, NOW_MS));
  await offsets.commit('g', many);
  const expired = offsets.expire(NOW_MS);
  await offsets.commit('g', [offsetRecord(0, 7, NOW_MS + 1), offsetRecord(249, 7, NOW_MS + 1)]);
  expect(await expired).toBe(100);
  const kept = committed(offsets);
  expect(kept[0]).toEqual([0, 7]);
  expect(kept.at(-1)).toEqual([249, 7]);
  expect(kept).toHaveLength(151);
});

function offsetRecord(partition: number, offset: number, committedAtMs: number): OffsetRecord {
  return {
    key: { group: 'g', topic: 'events', partition },
    value: { topicId: 'id', offset, leaderEpoch: null, metadata: null, committedAtMs },
  };
}

function committed(offsets: OffsetsPartition): [number, number][] {
  return Array.from(offsets.offsets('g'), ({ partition, value }): [number, number] => [
    partition,
    value.offset,
  ]).toSorted(([a], [b]) => a - b);
}

async function emptyPartition(): Promise<Partition> {
  const clock = new FakeClock();
  const manager = await LogManager.open(
    {
      dataDir: '/data',
      durability: 'fsync',
      syncsInFlightMax: 1,
      tailCacheBytes: 0,
      producerBatchesRemembered: 1,
      producerIdExpirationMs: 1000,
    },
    {
      fileSystem: new FakeDisk(),
      clock,
      scheduler: new FakeScheduler(clock),
      random: new SeededRandom(1),
      logger: silentLogger,
      observer: silentLogObserver,
    },
  );
  const target = { topic: '__consumer_offsets', partition: 0 };
  const log = await manager.createLog(target, 'offsets-id', parseTopicConfig({}, 1));
  const metadata = {
    leader: 0,
    leaderEpoch: 0,
    electionId: 'first',
    replicas: [0],
    isr: [0],
    partitionEpoch: 0,
    isNew: true,
  };
  const partition = new Partition(log, metadata, {
    member: {
      brokerId: 0,
      clock,
      isMetadataShared: false,
      journaledVersion: () => 0,
      onLogEnd: () => undefined,
    },
    diskReads: new Limiter(1),
    onHighWatermark: () => undefined,
  });
  await partition.becomeLeader(metadata);
  return partition;
}
