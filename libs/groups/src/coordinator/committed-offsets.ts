import type { Offset, TopicPartition } from '#protocol';
import type { Group } from '../state/group.js';
import type { TopicDirectory, TopicView } from './topic-directory.js';

export interface GroupOffset extends TopicPartition {
  readonly offset: Offset | null;
  readonly highWatermark: Offset | null;
  readonly lag: number | null;
  readonly metadata: string | null;
}

/**
 * The committed offsets of a group by topic and partition, of topics that are there. For a queue
 * group they are the offsets below which it is done with all records that are not delayed.
 */
export function committedOffsets(
  group: Group,
  topics: TopicDirectory,
): ReadonlyMap<string, GroupOffset> {
  const committed = new Map<string, GroupOffset>();
  for (const { topic, partition, value } of group.offsets.entries()) {
    const view = topics.topic(topic);
    if (view?.id !== value.topicId) continue;
    const offset = offsetOf(group, { topic, topicId: value.topicId, partition }, value.offset);
    const entry = groupOffset(view, { topic, partition }, offset, value.metadata);
    committed.set(`${topic} ${partition}`, entry);
  }
  return committed;
}

/** An offset with the lag that this broker knows. */
export function groupOffset(
  topic: TopicView | undefined,
  { topic: name, partition }: TopicPartition,
  offset: Offset | null,
  metadata: string | null,
): GroupOffset {
  const highWatermark = topic?.ledPartition(partition)?.highWatermark ?? null;
  const lag =
    offset === null || highWatermark === null ? null : Math.max(0, highWatermark - offset);
  return { topic: name, partition, offset, highWatermark, lag, metadata };
}

/** The start offset of a queue where it has begun, else the committed offset. */
export function offsetOf(
  group: Group,
  { topic, topicId, partition }: TopicPartition & { readonly topicId: string },
  committed: Offset,
): Offset {
  return group.queue.get(topic, topicId, partition)?.state.startOffset ?? committed;
}
