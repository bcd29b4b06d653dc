import type { Broker } from '#broker';
import { type LeaderEpoch, type Offset, ProtocolError, type TopicPartition } from '#protocol';

/** Where a subscription begins. */
export type StartPosition =
  | 'latest'
  | 'earliest'
  | { readonly timestampMs: number }
  | { readonly offsets: readonly PartitionPosition[] };

export interface PartitionPosition extends TopicPartition {
  readonly offset: Offset;
  /** Epoch of the last record that was read: tells of a truncation. */
  readonly leaderEpoch?: LeaderEpoch;
}

/** Where to go on when a position is not in the log any more; `none`: stop and say so. */
export type AutoOffsetReset = 'latest' | 'earliest' | 'none';

/**
 * The position that a reader of a partition begins at, checked to be one.
 *
 * A partition that a list of positions does not name is read from its beginning: whoever resumes
 * named all that there were, so it was added since.
 * @throws ProtocolError OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC_OR_PARTITION, whatever a fetch says
 */
export async function startOffset(
  broker: Broker,
  target: TopicPartition,
  from: StartPosition,
): Promise<Offset> {
  if (from === 'latest' || from === 'earliest') return listed(broker, target, from);
  if ('timestampMs' in from) {
    const { offset } = await broker.listOffset(target, from);
    return offset ?? listed(broker, target, 'latest');
  }
  const given = from.offsets.find(
    ({ topic, partition }) => topic === target.topic && partition === target.partition,
  );
  if (given === undefined) return listed(broker, target, 'earliest');
  await assertPosition(broker, given);
  return given.offset;
}

/** Where a reader goes on whose position is not in the log any more. */
export function resetOffset(
  broker: Broker,
  target: TopicPartition,
  to: 'latest' | 'earliest',
): Promise<Offset> {
  return listed(broker, target, to);
}

/**
 * @throws ProtocolError OFFSET_OUT_OF_RANGE with both bounds when the position is none of the log
 */
export async function assertPosition(broker: Broker, position: PartitionPosition): Promise<void> {
  try {
    await broker.fetch({ ...position, maxBytes: 1, minBytes: 1, waitMs: 0 });
  } catch (error) {
    // There is such a position; whoever reads on from it is told what is wrong with the records.
    if (error instanceof ProtocolError && READ_FAULTS.has(error.code)) return;
    throw error;
  }
}

const READ_FAULTS: ReadonlySet<string> = new Set([
  'CORRUPT_MESSAGE',
  'UNSUPPORTED_COMPRESSION_TYPE',
]);

async function listed(
  broker: Broker,
  target: TopicPartition,
  at: 'latest' | 'earliest',
): Promise<Offset> {
  const { offset } = await broker.listOffset(target, at);
  if (offset !== null) return offset;
  throw new ProtocolError('LEADER_NOT_AVAILABLE', 'Where the partition ends is not known yet.');
}
