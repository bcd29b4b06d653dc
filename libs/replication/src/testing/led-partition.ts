import type { PartitionMetadata } from '#coordination';
import { LogManager, type LogManagerOptions, silentLogObserver } from '#log';
import { parseTopicConfig, type TopicConfigOverrides, type TopicPartition } from '#protocol';
import { Limiter, silentLogger } from '#runtime';
import { FakeClock, FakeDisk, FakeScheduler, SeededRandom } from '#runtime/testing';
import { type ClusterMember, Partition } from '../partition.js';

const METADATA: PartitionMetadata = {
  replicas: [0],
  leader: 0,
  leaderEpoch: 0,
  electionId: 'first',
  isr: [0],
  partitionEpoch: 0,
  isNew: false,
};

/** Partition 0 of the topic `events`, unless a test needs another. */
export interface LedPartitionOptions {
  readonly target?: TopicPartition;
  readonly topicId?: string;
  readonly config?: TopicConfigOverrides;
  readonly metadata?: Partial<PartitionMetadata>;
  readonly member?: Partial<ClusterMember>;
  readonly logs?: Partial<LogManagerOptions>;
  readonly disk?: FakeDisk;
  readonly onHighWatermark?: (partition: Partition) => void;
}

/** A partition and the fake ports that it runs on. */
export interface LedPartition {
  readonly partition: Partition;
  readonly metadata: PartitionMetadata;
  readonly clock: FakeClock;
  readonly scheduler: FakeScheduler;
  readonly disk: FakeDisk;
}

/** A partition that broker 0 leads, with a log on a fake disk; the only replica by default. */
export async function ledPartition(options: LedPartitionOptions = {}): Promise<LedPartition> {
  const { disk = new FakeDisk(), onHighWatermark = () => undefined } = options;
  const { target = { topic: 'events', partition: 0 }, topicId = 'topic-id' } = options;
  const clock = new FakeClock();
  const scheduler = new FakeScheduler(clock);
  const manager = await LogManager.open(
    { ...LOG_OPTIONS, ...options.logs },
    {
      fileSystem: disk.mount(),
      clock,
      scheduler,
      random: new SeededRandom(1),
      logger: silentLogger,
      observer: silentLogObserver,
    },
  );
  const metadata = { ...METADATA, ...options.metadata };
  const config = parseTopicConfig(options.config ?? {}, metadata.replicas.length);
  const log = await manager.createLog(target, topicId, config);
  const member: ClusterMember = {
    brokerId: 0,
    clock,
    isMetadataShared: false,
    journaledVersion: () => 0,
    onLogEnd: () => undefined,
    ...options.member,
  };
  const diskReads = new Limiter(1);
  const partition = new Partition(log, metadata, { member, diskReads, onHighWatermark });
  await partition.becomeLeader(metadata);
  return { partition, metadata, clock, scheduler, disk };
}

const LOG_OPTIONS: LogManagerOptions = {
  dataDir: '/data',
  durability: 'fsync',
  syncsInFlightMax: 4,
  tailCacheBytes: 1024 * 1024,
  producerBatchesRemembered: 5,
  producerIdExpirationMs: 1000,
};
