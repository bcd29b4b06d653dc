/**
 * How many replicas must be in sync for acks=all, and how many a rebuild of the registry waits for:
 * the two belong together. Whatever a leader goes by, of the replicas that count a rebuild needs so
 * many that every ISR that could acknowledge has one among them (replication-safety, M3 and M8).
 */
import { parseTopicConfig } from '#protocol';
import type { PartitionMetadata, TopicMetadata } from './metadata.js';

/** A topic as far as its min.insync.replicas goes. */
export type InsyncTopic = Pick<TopicMetadata, 'configs' | 'minInsyncHold'>;

/**
 * Of how many replicas a partition is, by which the defaults go: while it moves, of those it had.
 */
export function replicationFactorOf({ replicas, reassignment }: PartitionMetadata): number {
  return (reassignment?.from ?? replicas).length;
}

/** What is shown of a topic, and what partitions that are added have: as its first partition. */
export function topicReplicationFactor({ partitions }: Pick<TopicMetadata, 'partitions'>): number {
  const [first] = partitions;
  return first === undefined ? 1 : replicationFactorOf(first);
}

/** The fewest replicas that a partition of the topic has, or is to have. */
export function leastReplicationFactor({ partitions }: Pick<TopicMetadata, 'partitions'>): number {
  const factors = partitions.map((partition) =>
    Math.min(replicationFactorOf(partition), partition.reassignment?.to.length ?? Infinity),
  );
  return Math.min(...factors);
}

/** The setting for a partition of so many replicas. */
export function configuredMinInsync({ configs }: InsyncTopic, replicationFactor: number): number {
  return parseTopicConfig(configs, replicationFactor)['min.insync.replicas'];
}

/** How many replicas must be in sync for a leader to say that a record is committed. */
export function minInsyncReplicas(topic: InsyncTopic, partition: PartitionMetadata): number {
  const replicationFactor = replicationFactorOf(partition);
  const held = Math.min(topic.minInsyncHold?.replicas ?? 0, replicationFactor);
  return Math.max(held, configuredMinInsync(topic, replicationFactor));
}

/** Everyone whose replica may count, in this state or in one that may follow it unseen. */
export function countedReplicas({ replicas, reassignment }: PartitionMetadata): readonly number[] {
  if (reassignment === undefined) return replicas;
  return [...new Set([...replicas, ...reassignment.to])];
}

/**
 * Of how many counted replicas a rebuild needs the journals: one of every ISR that could
 * acknowledge.
 */
export function replicasNeeded(topic: InsyncTopic, partition: PartitionMetadata): number {
  const { replicas, reassignment } = partition;
  const ways = reassignment === undefined ? [replicas] : [reassignment.from, reassignment.to];
  const least = Math.min(...ways.map(({ length }) => configuredMinInsync(topic, length)));
  return Math.max(1, countedReplicas(partition).length - least + 1);
}
