import type { FoundPosition, PendingPosition } from '#groups';
import { type Offset, topicPartitionName } from '#protocol';
import { type LeaderStatus, UNKNOWN_EPOCH } from './leader-status.js';
import type { TopicAdminOptions } from './topic-admin.js';

/**
 * The positions at which a group begins to read partitions. Partitions whose leader does not answer
 * are left out.
 * @param metadataVersion leaders answer once they know it
 */
export async function positionsOf(
  pending: readonly PendingPosition[],
  statusesOf: TopicAdminOptions['statusesOf'],
  metadataVersion?: number,
): Promise<FoundPosition[]> {
  const statuses = await statusesOf(
    pending.map(({ topic, partition, sinceEpoch: afterEpoch = UNKNOWN_EPOCH }) => {
      return { topic, partition, afterEpoch };
    }),
    metadataVersion === undefined ? {} : { metadataVersion },
  );
  const found: FoundPosition[] = [];
  for (const one of pending) {
    const { topic, topicId, partition } = one;
    const status = statuses.get(topicPartitionName({ topic, partition }));
    if (status === undefined) continue;
    found.push({ topic, topicId, partition, offset: positionIn(status, one) });
  }
  return found;
}

/**
 * The start of the log, or with `latest` its high watermark. If another leader was elected since
 * the group subscribed, `latest` is the start of that leader's epoch: the records since then were
 * produced after the subscription.
 */
function positionIn(
  { logStartOffset, highWatermark, nextEpochStartOffset }: LeaderStatus,
  { reset }: PendingPosition,
): Offset {
  if (reset !== 'latest') return logStartOffset;
  return Math.max(logStartOffset, Math.min(nextEpochStartOffset ?? highWatermark, highWatermark));
}
