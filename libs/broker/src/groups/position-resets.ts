import type { MemberView } from '#groups';
import { type Offset, type TopicPartition, topicPartitionName } from '#protocol';
import type { LeaderStatus } from '../leader-status.js';
import type { PositionReset } from './groups.js';

/** The reason of a reset to records that exist. */
const RECORDS_ARE_GONE = 'The records at the position are gone.';

/** The reason of a reset to the end of what a reader and the log have in common (KIP-320). */
export const LOG_WAS_TRUNCATED =
  'The log was truncated below the position when a replica that was not in sync became the leader.';

/** A move to records that exist. */
export function positionReset(
  { topic, partition }: TopicPartition,
  from: Offset,
  to: Offset,
  reason = RECORDS_ARE_GONE,
): PositionReset {
  return { topic, partition, from, to, reason };
}

/**
 * The moves that the next poll of a member makes, because the records at its positions are gone.
 * Partitions whose leaders did not answer are left out.
 */
export function resetsOfNextPoll(
  { assignment, autoOffsetReset }: MemberView,
  statuses: ReadonlyMap<string, LeaderStatus>,
): PositionReset[] {
  if (autoOffsetReset === 'none') return [];
  return assignment.flatMap((position) => {
    const status = statuses.get(topicPartitionName(position));
    if (status === undefined) return [];
    const { logStartOffset, highWatermark } = status;
    if (position.offset >= logStartOffset) return [];
    const to = autoOffsetReset === 'earliest' ? logStartOffset : highWatermark;
    return [positionReset(position, position.offset, to)];
  });
}
