import type { ClusterState } from '#coordination';
import { contextOf } from './metadata-context.js';
import type { Partition } from './partition.js';

/**
 * Applies the metadata in an answer of the store to a leader, before the change stream brings it.
 * Metadata of another leader epoch is left to the change stream.
 */
export function applyNewerMetadata(partition: Partition, state: ClusterState): void {
  const { topicPartition, topicId, metadata, isLeader } = partition;
  const topic = state.topics.get(topicPartition.topic);
  const newest = topic?.id === topicId ? topic.partitions[topicPartition.partition] : undefined;
  if (topic === undefined || newest === undefined) return;
  const isOfEpoch =
    newest.leaderEpoch === metadata.leaderEpoch && newest.electionId === metadata.electionId;
  if (isLeader && isOfEpoch && newest.partitionEpoch > metadata.partitionEpoch) {
    partition.updateMetadata(newest, contextOf(topic, newest, state.version));
  }
}
