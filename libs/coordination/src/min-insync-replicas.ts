/**
 * The number of replicas that must be in sync for acks=all, and the number that a rebuild of the
 * registry waits for. The two belong together: a rebuild needs enough of the counted replicas that
 * every ISR that could acknowledge has one among them (replication-safety, M3 and M8).
 */
import { parseTopicConfig } from '#protocol';
import type { PartitionMetadata, TopicMetadata } from './metadata.js';

/** The parts of a topic that determine its min.insync.replicas. */
export type InsyncTopic = Pick<TopicMetadata, 'configs' | 'minInsyncHold'>;

/**
 * Number of replicas that the defaults are based on: for a moving partition, the number before the
 * move.
 */
export function replicationFactorOf({ replicas, reassignment }: PartitionMetadata): number {
  return (reassignment?.from ?? replicas).length;
}

/**
 * Replication factor that is shown for a topic and used for appended partitions: that of its first
 * partition.
 */
export function topicReplicationFactor({ partitions }: Pick<TopicMetadata, 'partitions'>): number {
  const [first] = partitions;
  return first === undefined ? 1 : replicationFactorOf(first);
}

/** Smallest number of replicas that a partition of the topic has now or after its move. */
export function leastReplicationFactor({ partitions }: Pick<TopicMetadata, 'partitions'>): number {
  const factors = partitions.map((partition) =>
    Math.min(replicationFactorOf(partition), partition.reassignment?.to.length ?? Infinity),
  );
  return Math.min(...factors);
}

/** The setting for a partition with this number of replicas. */
export function configuredMinInsync({ configs }: InsyncTopic, replicationFactor: number): number {
  return parseTopicConfig(configs, replicationFactor)['min.insync.replicas'];
}

/** Number of replicas that must be in sync before a leader commits a record. */
export function minInsyncReplicas(topic: InsyncTopic, partition: PartitionMetadata): number {
  const replicationFactor = replicationFactorOf(partition);
  const heldMinimum = Math.min(topic.minInsyncHold?.replicas ?? 0, replicationFactor);
  return Math.max(heldMinimum, configuredMinInsync(topic, replicationFactor));
}

/**
 * All replicas that may count, in this state or in a later state that a broker may not know yet.
 */
export function countedReplicas({ replicas, reassignment }: PartitionMetadata): readonly number[] {
  if (reassignment === undefined) return replicas;
  return [...new Set([...replicas, ...reassignment.to])];
}

/**
 * Number of counted replicas whose journals a rebuild needs: one of every ISR that could
 * acknowledge.
 */
export function replicasNeededByRebuild(topic: InsyncTopic, partition: PartitionMetadata): number {
  const { replicas, reassignment } = partition;
  const ways = reassignment === undefined ? [replicas] : [reassignment.from, reassignment.to];
  const least = Math.min(...ways.map(({ length }) => configuredMinInsync(topic, length)));
  return Math.max(1, countedReplicas(partition).length - least + 1);
}
