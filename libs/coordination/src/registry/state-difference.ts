import { isDeepStrictEqual } from 'node:util';
import type { ClusterState } from '../cluster-state.js';
import type { MetadataChange, PartitionChange, TopicMetadata } from '../metadata.js';
import { rebuildNumberOf } from './rebuild.js';

/** A topic is missing without a deletion or a rebuild: the state is incomplete. */
export class MissingTopicError extends Error {
  override readonly name = 'MissingTopicError';
}

/**
 * The changes from one state of a cluster to another, for listeners that missed the commits in
 * between: deletions first, then brokers, then topics.
 *
 * A topic that is missing without a deletion was forgotten if there was a rebuild in between: its
 * creation was never answered.
 * @throws MissingTopicError when there was no rebuild
 */
export function stateDifference(before: ClusterState, after: ClusterState): MetadataChange[] {
  const changes: MetadataChange[] = [];
  for (const { id, name } of before.topics.values()) {
    if (after.topics.get(name)?.id === id) continue;
    const deleted = after.deletedTopics.get(id);
    if (
      deleted === undefined &&
      rebuildNumberOf(before.version) === rebuildNumberOf(after.version)
    ) {
      throw new MissingTopicError(`topic "${name}" (${id}) is gone without having been deleted`);
    }
    const kind = deleted === undefined ? 'topic-forgotten' : 'topic-deleted';
    changes.push({ kind, topic: { name, id } });
  }
  for (const id of before.brokers.keys()) {
    if (!after.brokers.has(id)) changes.push({ kind: 'broker-removed', id });
  }
  for (const broker of after.brokers.values()) {
    if (!isDeepStrictEqual(before.brokers.get(broker.id), broker)) {
      changes.push({ kind: 'broker', broker });
    }
  }
  if (!isDeepStrictEqual(before.controller, after.controller)) {
    changes.push({ kind: 'controller', controller: after.controller });
  }
  for (const topic of after.topics.values()) {
    const earlier = before.topics.get(topic.name);
    changes.push(...topicDifference(earlier?.id === topic.id ? earlier : undefined, topic));
  }
  return changes;
}

function topicDifference(
  before: TopicMetadata | undefined,
  after: TopicMetadata,
): MetadataChange[] {
  const isSame =
    before?.version === after.version && isDeepStrictEqual(before.configs, after.configs);
  if (!isSame) return [{ kind: 'topic', topic: after }];
  // A rebuild may skip a version and use it again.
  if (before.partitions.length !== after.partitions.length)
    return [{ kind: 'topic', topic: after }];
  const partitions: PartitionChange[] = [];
  for (const [partition, state] of after.partitions.entries()) {
    if (!isDeepStrictEqual(before.partitions[partition], state)) {
      partitions.push({ partition, state });
    }
  }
  if (partitions.length === 0) return [];
  return [{ kind: 'partitions', topic: after.name, topicId: after.id, partitions }];
}
