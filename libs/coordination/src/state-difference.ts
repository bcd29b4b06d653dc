import { isDeepStrictEqual } from 'node:util';
import { assert } from '#runtime';
import type { ClusterState } from './cluster-state.js';
import type { MetadataChange, PartitionChange, TopicMetadata } from './metadata.js';

/** A topic is gone and no deletion is on record: the state lacks something, and must not be followed. */
export class MissingTopicError extends Error {
  override readonly name = 'MissingTopicError';
}

/**
 * The changes that make one state of a cluster another, for listeners that missed the commits in between:
 * deletions first, then brokers, then topics.
 * @throws MissingTopicError when a topic of `before` is neither in `after` nor among its deleted ones
 */
export function stateDifference(before: ClusterState, after: ClusterState): MetadataChange[] {
  const changes: MetadataChange[] = [];
  for (const { id, name } of before.topics.values()) {
    if (after.topics.get(name)?.id === id) continue;
    const deleted = after.deletedTopics.get(id);
    if (deleted === undefined) {
      throw new MissingTopicError(`topic "${name}" (${id}) is gone without having been deleted`);
    }
    changes.push({ kind: 'topic-deleted', topic: deleted });
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
  if (before === undefined || before.version !== after.version) {
    return [{ kind: 'topic', topic: after }];
  }
  assert(before.partitions.length === after.partitions.length, 'partitions added, same version');
  const partitions: PartitionChange[] = [];
  for (const [partition, state] of after.partitions.entries()) {
    if (!isDeepStrictEqual(before.partitions[partition], state)) {
      partitions.push({ partition, state });
    }
  }
  if (partitions.length === 0) return [];
  return [{ kind: 'partitions', topic: after.name, topicId: after.id, partitions }];
}
