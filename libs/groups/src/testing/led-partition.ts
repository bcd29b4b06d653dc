import { LogManager, silentLogObserver } from '#log';
import { parseTopicConfig } from '#protocol';
import { Partition } from '#replication';
import { Limiter, silentLogger } from '#runtime';
import { FakeClock, FakeDisk, FakeScheduler, SeededRandom } from '#runtime/testing';

const OFFSETS = { topic: '__consumer_offsets', partition: 0 };
const METADATA = {
  leader: 0,
  leaderEpoch: 0,
  electionId: 'first',
  replicas: [0],
  isr: [0],
  partitionEpoch: 0,
  isNew: true,
};

interface LedPartitionOptions {
  readonly replicas?: readonly number[];
  readonly disk?: FakeDisk;
}

/** A partition of the offsets topic, led by the only broker on a fake disk and a fake clock. */
export interface LedPartition {
  readonly partition: Partition;
  readonly metadata: typeof METADATA;
  readonly clock: FakeClock;
  readonly scheduler: FakeScheduler;
  readonly disk: FakeDisk;
}

export async function ledPartition({
  replicas = [0],
  disk = new FakeDisk(),
}: LedPartitionOptions = {}): Promise<LedPartition> {
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
      fileSystem: disk.mount(),
      clock,
      scheduler,
      random: new SeededRandom(1),
      logger: silentLogger,
      observer: silentLogObserver,
    },
  );
  const config = parseTopicConfig({ 'min.insync.replicas': '1' }, replicas.length);
  const log = await manager.createLog(OFFSETS, 'offsets-id', config);
  const metadata = { ...METADATA, replicas: [...replicas] };
  const member = {
    brokerId: 0,
    clock,
    isMetadataShared: replicas.length > 1,
    journaledVersion: () => 0,
    onLogEnd: () => undefined,
  };
  const partition = new Partition(log, metadata, {
    member,
    diskReads: new Limiter(1),
    onHighWatermark: () => undefined,
  });
  await partition.becomeLeader(metadata);
  return { partition, metadata, clock, scheduler, disk };
}
