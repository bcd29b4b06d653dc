import type { MemberValue } from '../log/group-records.js';
import type { TopicCatalog } from './decision.js';
import type { Group } from './group.js';
import type { TopicIdPartition } from './member-assignment.js';

/** Names of the topics that a member is subscribed to; those by name may not exist. */
export function subscribedTopics(
  { topics, patterns }: Pick<MemberValue, 'topics' | 'patterns'>,
  catalog: TopicCatalog,
): Set<string> {
  const names = new Set(topics);
  for (const pattern of patterns) {
    for (const name of catalog.matching(pattern)) names.add(name);
  }
  return names;
}

/**
 * True when a partition without a committed offset is read from offset 0: it did not exist when the
 * group subscribed to its topic, or the topic was created again since.
 */
export function isReadFromZero(
  group: Pick<Group, 'knownTopics'>,
  { topic, topicId, partition }: TopicIdPartition,
): boolean {
  const known = group.knownTopics.get(topic);
  return known?.topicId !== topicId || partition >= known.partitions;
}
