import type { FoundPosition, PendingPosition } from '#groups';
import { topicPartitionName } from '#protocol';
import type { TopicAdminOptions } from './topic-admin.js';

/**
 * The positions at which a group begins to read partitions: the start of the log, or its high
 * watermark now. Partitions whose leader does not answer are left out.
 */
export async function positionsOf(
  pending: readonly PendingPosition[],
  statusesOf: TopicAdminOptions['statusesOf'],
): Promise<FoundPosition[]> {
  const statuses = await statusesOf(pending);
  const found: FoundPosition[] = [];
  for (const { topic, topicId, partition, reset } of pending) {
    const status = statuses.get(topicPartitionName({ topic, partition }));
    if (status === undefined) continue;
    const offset = reset === 'latest' ? status.highWatermark : status.logStartOffset;
    found.push({ topic, topicId, partition, offset });
  }
  return found;
}
