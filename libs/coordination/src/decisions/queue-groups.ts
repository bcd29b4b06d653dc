/**
 * Decisions about the queue groups of topics. A leader deletes acknowledged records only below what
 * all listed groups are done with, so a group is listed before it has its first position.
 */
import { CONSUMER_OFFSETS_TOPIC, ProtocolError } from '#protocol';
import type { ClusterState } from '../cluster-state.js';
import type { MetadataChange, TopicMetadata } from '../metadata.js';

/** The leadership of a partition of the offsets topic, by which a broker coordinates a group. */
export interface CoordinatorTerm {
  readonly partition: number;
  readonly leaderEpoch: number;
}

/**
 * Lists a group as a queue of topics; topics that are gone are left out.
 * @throws ProtocolError COORDINATOR_NOT_AVAILABLE when another broker coordinates the group
 */
export function listQueueGroup(
  state: ClusterState,
  group: string,
  topics: readonly { readonly topic: string; readonly topicId: string }[],
  term: CoordinatorTerm,
): MetadataChange[] {
  assertTerm(state, term);
  const changes: MetadataChange[] = [];
  for (const { topic: name, topicId } of topics) {
    const topic = state.topics.get(name);
    const listed = topic?.queueGroups ?? [];
    if (topic?.id !== topicId || listed.includes(group)) continue;
    changes.push({ kind: 'topic', topic: withQueueGroups(topic, [...listed, group]) });
  }
  return changes;
}

/**
 * Takes a group that is gone off the lists of all topics.
 * @throws ProtocolError COORDINATOR_NOT_AVAILABLE when another broker coordinates the group
 */
export function unlistQueueGroup(
  state: ClusterState,
  group: string,
  term: CoordinatorTerm,
): MetadataChange[] {
  assertTerm(state, term);
  const changes: MetadataChange[] = [];
  for (const topic of state.topics.values()) {
    const listed = topic.queueGroups ?? [];
    if (!listed.includes(group)) continue;
    const left = listed.filter((name) => name !== group);
    changes.push({ kind: 'topic', topic: withQueueGroups(topic, left) });
  }
  return changes;
}

function withQueueGroups(topic: TopicMetadata, groups: readonly string[]): TopicMetadata {
  const { queueGroups: _, ...others } = topic;
  const changed = { ...others, version: topic.version + 1 };
  return groups.length === 0 ? changed : { ...changed, queueGroups: groups };
}

/** A coordinator that was replaced must not undo what the next one has done. */
function assertTerm({ topics }: ClusterState, { partition, leaderEpoch }: CoordinatorTerm): void {
  const current = topics.get(CONSUMER_OFFSETS_TOPIC)?.partitions[partition];
  if (current?.leaderEpoch === leaderEpoch) return;
  throw new ProtocolError('COORDINATOR_NOT_AVAILABLE', 'Another broker coordinates the group now.');
}
