import type { CommittedPosition } from '#groups';
import { type TopicPartition, topicPartitionName } from '#protocol';
import type { LeaderStatus } from '../leader-status.js';

/** The lag of one group on one partition. */
interface GroupLag extends TopicPartition {
  readonly group: string;
  /** Records between the committed offset and the high watermark. */
  readonly lag: number;
}

export interface GroupLags {
  readonly lags: readonly GroupLag[];
  /** Committed positions whose lag is left out: too many, or their leaders did not answer. */
  readonly leftOut: number;
}

/** Lags of at most `max` committed positions. Leaders are asked once for all groups. */
export async function groupLags(
  committed: Iterable<CommittedPosition>,
  max: number,
  statusesOf: (
    targets: readonly TopicPartition[],
  ) => Promise<ReadonlyMap<string, Pick<LeaderStatus, 'highWatermark'>>>,
): Promise<GroupLags> {
  const positions: CommittedPosition[] = [];
  let count = 0;
  for (const position of committed) {
    count += 1;
    if (positions.length < max) positions.push(position);
  }
  if (positions.length === 0) return { lags: [], leftOut: count };
  const targets = new Map<string, TopicPartition>();
  for (const { topic, partition } of positions) {
    targets.set(topicPartitionName({ topic, partition }), { topic, partition });
  }
  const statuses = await statusesOf([...targets.values()]);
  const lags: GroupLag[] = [];
  for (const { group, topic, partition, offset } of positions) {
    const highWatermark = statuses.get(topicPartitionName({ topic, partition }))?.highWatermark;
    if (highWatermark === undefined) continue;
    lags.push({ group, topic, partition, lag: Math.max(0, highWatermark - offset) });
  }
  return { lags, leftOut: count - lags.length };
}
