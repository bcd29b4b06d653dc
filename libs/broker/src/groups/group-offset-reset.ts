/** The computation of a reset: where each partition of a topic moves to. */
import {
  FaultList,
  type Offset,
  ProtocolError,
  type TopicPartition,
  topicPartitionName,
} from '#protocol';
import type { ListedOffset, OffsetSpec } from '../broker.js';
import { type LeaderStatus, type StatusTarget, UNKNOWN_EPOCH } from '../leader-status.js';
import type { OffsetMove, OffsetResetRequest, OffsetResetTarget } from './groups.js';

/** The state of one partition before its reset. */
interface ResetPartition {
  readonly partition: number;
  readonly committed: Offset | null;
  readonly logStartOffset: Offset;
  readonly highWatermark: Offset;
  /** Offset of the first record at or after the time of the target; null when there is none. */
  readonly atTimestamp?: Offset | null;
}

/**
 * The partitions of a topic that a request names; all of them where it names none.
 * @param action the end of the sentence "Nothing was ..."
 * @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION with faults
 */
export function chosenPartitions(
  { topic, partitions }: Pick<OffsetResetRequest, 'topic' | 'partitions'>,
  partitionCount: number | undefined,
  action: 'reset' | 'purged' | 'cancelled',
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
      `Nothing was ${action}: ${faults.sentence}.`,
      faults.asOptions,
    );
  }
  const all = Array.from({ length: partitionCount ?? 0 }, (_, partition) => partition);
  return partitions === undefined ? all : [...new Set(partitions)];
}

/** The leaders of partitions, as resets ask them. */
export interface ResetLeaders {
  readonly statusesOf: (
    partitions: readonly StatusTarget[],
  ) => Promise<ReadonlyMap<string, LeaderStatus>>;
  readonly listOffset: (target: TopicPartition, at: OffsetSpec) => Promise<ListedOffset>;
}

/**
 * The moves of some partitions. A new leader that does not know yet which records are committed is
 * not asked for its end: an end that is too low would deliver records again.
 * @throws ProtocolError LEADER_NOT_AVAILABLE
 */
export async function offsetMoves(
  { topic, to }: Pick<OffsetResetRequest, 'topic' | 'to'>,
  targets: readonly TopicPartition[],
  committed: ReadonlyMap<number, Offset | null>,
  { statusesOf, listOffset }: ResetLeaders,
): Promise<OffsetMove[]> {
  const statuses = await statusesOf(targets.map(withCommittedEnd));
  return Promise.all(
    targets.map(async (target) => {
      const status = statuses.get(topicPartitionName(target));
      if (status === undefined) throw noLeader(target);
      const { logStartOffset, highWatermark } = status;
      const isByTime = typeof to === 'object' && 'timestampMs' in to;
      const listed = isByTime ? await listOffset(target, to) : undefined;
      return offsetMove(topic, to, {
        partition: target.partition,
        committed: committed.get(target.partition) ?? null,
        logStartOffset,
        highWatermark,
        ...(listed === undefined ? {} : { atTimestamp: listed.offset }),
      });
    }),
  );
}

/**
 * The move of one partition. An offset beyond an end of the log becomes that end, as in Kafka's
 * tool.
 */
function offsetMove(topic: string, to: OffsetResetTarget, state: ResetPartition): OffsetMove {
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

/** Asks for the status of a leader that knows which records are committed. */
export function withCommittedEnd({ topic, partition }: TopicPartition): StatusTarget {
  return { topic, partition, afterEpoch: UNKNOWN_EPOCH };
}

function noLeader({ topic, partition }: TopicPartition): ProtocolError {
  return new ProtocolError(
    'LEADER_NOT_AVAILABLE',
    `Nothing was reset: partition ${partition} of topic "${topic}" has no leader at present that ` +
      'knows which records are committed.',
  );
}
