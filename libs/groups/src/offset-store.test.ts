import { describe, expect, it } from 'vitest';
import { LogManager, silentLogObserver } from '#log';
import { parseTopicConfig } from '#protocol';
import { Partition } from '#replication';
import { Limiter, silentLogger } from '#runtime';
import { FakeClock, FakeDisk, FakeScheduler, SeededRandom } from '#runtime/testing';
import { OffsetStore } from './offset-store.js';
import { OffsetsPartition } from './offsets-partition.js';

const OFFSETS = { topic: '__consumer_offsets', partition: 0 };
const METADATA = {
  leader: 0,
  leaderEpoch: 0,
  electionId: 'first',
  replicas: [0, 1],
  isr: [0],
  partitionEpoch: 0,
  isNew: false,
};

describe('a new leader of an offsets partition', () => {
  it('returns no offsets before it knows the committed end', async () => {
    const { store, partition, scheduler } = await newLeader();
    const committed = store.committed('g', 'events');
    await scheduler.advance(1000);
    const position = { brokerEpoch: 1, logEndOffset: 1, syncedEndOffset: 1 };
    partition.followerFetched(1, position);
    await scheduler.advance(10);
    expect(await committed).toMatchObject([{ topic: 'events', partition: 0, offset: 7 }]);
  });

  it('reports a time-out when it does not learn the committed end', async () => {
    const { store, scheduler } = await newLeader();
    const refused = expect(store.committed('g')).rejects.toMatchObject({
      code: 'LEADER_NOT_AVAILABLE',
    });
    await scheduler.advance(3000);
    await refused;
  });
});

/** A new leader with a committed offset on its disk that knows only an older high watermark. */
async function newLeader() {
  const clock = new FakeClock();
  const scheduler = new FakeScheduler(clock);
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
      scheduler,
      random: new SeededRandom(1),
      logger: silentLogger,
      observer: silentLogObserver,
    },
  );
  const log = await manager.createLog(
    OFFSETS,
    'offsets-id',
    parseTopicConfig({ 'min.insync.replicas': '1' }, 2),
  );
  const member = {
    brokerId: 0,
    clock,
    isMetadataShared: true,
    journaledVersion: () => 0,
    onLogEnd: () => undefined,
  };
  const partition = new Partition(log, METADATA, {
    member,
    diskReads: new Limiter(1),
    onHighWatermark: () => undefined,
  });
  await partition.becomeLeader(METADATA);
  const value = { topicId: 'id', offset: 7, leaderEpoch: null, metadata: null, committedAtMs: 1 };
  const offsets = await OffsetsPartition.load(partition, clock);
  await offsets.commit('g', [{ key: { group: 'g', topic: 'events', partition: 0 }, value }]);
  log.updateHighWatermark(0);
  await partition.becomeLeader({ ...METADATA, leaderEpoch: 1, electionId: 'second', isr: [0, 1] });
  const store = new OffsetStore({
    topics: {
      topic: (name) => ({
        id: name === OFFSETS.topic ? 'offsets-id' : 'id',
        partitionCount: 1,
        ledPartition: () => (name === OFFSETS.topic ? partition : undefined),
      }),
      ensureOffsetsTopic: () => Promise.resolve(),
    },
    clock,
    expiryClock: clock,
    scheduler,
    logger: silentLogger,
    offsetsKeptMax: 100,
    offsetsKeptBytes: 64 * 1024 * 1024,
    offsetMetadataBytesMax: 4096,
    offsetsRetentionMinutes: 1000,
  });
  return { store, partition, scheduler };
}
