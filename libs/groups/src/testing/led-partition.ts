import { CONSUMER_OFFSETS_TOPIC, type TopicConfigOverrides } from '#protocol';
import { type LedPartition, ledPartition as ledPartitionOf } from '#replication/testing';
import type { FakeDisk } from '#runtime/testing';

export type { LedPartition } from '#replication/testing';

interface LedPartitionOptions {
  readonly replicas?: readonly number[];
  readonly disk?: FakeDisk;
  readonly config?: TopicConfigOverrides;
}

/** A partition of the offsets topic, led by broker 0 on a fake disk and a fake clock. */
export function ledPartition({
  replicas = [0],
  disk,
  config = {},
}: LedPartitionOptions = {}): Promise<LedPartition> {
  return ledPartitionOf({
    target: { topic: CONSUMER_OFFSETS_TOPIC, partition: 0 },
    topicId: 'offsets-id',
    config: { 'min.insync.replicas': '1', ...config },
    metadata: { replicas: [...replicas], isNew: true },
    member: { isMetadataShared: replicas.length > 1 },
    logs: { syncsInFlightMax: 1, tailCacheBytes: 0, producerBatchesRemembered: 1 },
    ...(disk !== undefined && { disk }),
  });
}
