import type { LocalBrokerSettings } from '../local-broker-options.js';

/** Data directory of the tests' brokers, on their fake disks. */
export const TEST_DATA_DIR = '/data';

/** Settings of a broker in tests; each test changes those that it is about. */
export const TEST_BROKER_SETTINGS: LocalBrokerSettings = {
  dataDir: TEST_DATA_DIR,
  clusterId: 'sluice',
  brokerId: 0,
  durability: 'fsync',
  diskReserveBytes: 0,
  syncsInFlightMax: 8,
  tailCacheBytes: 1024 * 1024,
  bufferMemoryBytes: 1024 * 1024,
  maxBlockMs: 5000,
  batchSizeBytes: 16_384,
  lingerMs: 0,
  longPollsMax: 100,
  diskReadsMax: 4,
  topicsMax: 10,
  partitionsMax: 30,
  partitionsPerBrokerMax: 30,
  autoCreateTopics: false,
  producerBatchesRemembered: 512,
  producerIdExpirationMs: 86_400_000,
  producerStateBytes: 64 * 1024 * 1024,
  producerStatePartitionBytes: 16 * 1024 * 1024,
  producerProtectedMs: 600_000,
  retentionCheckIntervalMs: 5000,
  compactionCheckIntervalMs: 5000,
  compactionBytesPerSecond: 16 * 1024 * 1024,
  compactionMapBytes: 1024 * 1024,
  offsetsTopicPartitions: 4,
  offsetsKeptMax: 1_000_000,
  offsetsKeptBytes: 64 * 1024 * 1024,
  offsetMetadataBytesMax: 4096,
  offsetsRetentionMinutes: 7 * 24 * 60,
};
