import type { Offset, TopicPartition } from '#protocol';
import { offsetOf } from './committed-offsets.js';
import type { LoadedCoordinators } from './loaded-coordinators.js';

/** A committed offset of a group. */
export interface CommittedPosition extends TopicPartition {
  readonly group: string;
  readonly offset: Offset;
}

/** Committed offsets of all groups here, without those of deleted topics. */
export function* committedPositions(
  loaded: Pick<LoadedCoordinators, 'all' | 'isCurrent'>,
): Iterable<CommittedPosition> {
  for (const { table } of loaded.all()) {
    for (const group of table.all()) {
      for (const { topic, partition, value } of group.offsets.entries()) {
        const { topicId } = value;
        if (!loaded.isCurrent(topic, topicId)) continue;
        const offset = offsetOf(group, { topic, topicId, partition }, value.offset);
        yield { group: group.name, topic, partition, offset };
      }
    }
  }
}
