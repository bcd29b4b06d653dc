/** The computation of a reset: where each partition of a topic moves to. */
import { FaultList, type Offset, ProtocolError } from '#protocol';
import type { OffsetMove, OffsetResetRequest, OffsetResetTarget } from './groups.js';

/** The state of one partition before its reset. */
export interface ResetPartition {
  readonly partition: number;
  readonly committed: Offset | null;
  readonly logStartOffset: Offset;
  readonly highWatermark: Offset;
  /** Offset of the first record at or after the time of the target; null when there is none. */
  readonly atTimestamp?: Offset | null;
}

/** @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION with faults */
export function resetPartitions(
  { topic, partitions }: OffsetResetRequest,
  partitionCount: number | undefined,
): readonly number[] {
  const faults = new FaultList();
  if (partitionCount === undefined) faults.add('/topic', `there is no topic "${topic}"`);
  for (const [at, partition] of (partitions ?? []).entries()) {
    if (partition < (partitionCount ?? 0)) continue;
    faults.add(`/partitions/${at}`, `there is no partition ${partition} of topic "${topic}"`);
  }
  if (faults.count > 0) {
    throw new ProtocolError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `Nothing was reset: ${faults.sentence}.`,
      faults.asOptions,
    );
  }
  const all = Array.from({ length: partitionCount ?? 0 }, (_, partition) => partition);
  return partitions === undefined ? all : [...new Set(partitions)];
}

/**
 * The move of one partition. An offset beyond an end of the log becomes that end, as in Kafka's
 * tool.
 */
export function offsetMove(
  topic: string,
  to: OffsetResetTarget,
  state: ResetPartition,
): OffsetMove {
  const { partition, committed, logStartOffset, highWatermark } = state;
  const wanted = wantedOffset(to, state);
  const bounded = Math.min(Math.max(wanted, logStartOffset), highWatermark);
  return { topic, partition, from: committed, to: bounded };
}

function wantedOffset(to: OffsetResetTarget, state: ResetPartition): Offset {
  const { committed, logStartOffset, highWatermark, atTimestamp } = state;
  if (to === 'earliest') return logStartOffset;
  if (to === 'latest') return highWatermark;
  if ('offset' in to) return to.offset;
  if ('shift' in to) return (committed ?? logStartOffset) + to.shift;
  return atTimestamp ?? highWatermark;
}
