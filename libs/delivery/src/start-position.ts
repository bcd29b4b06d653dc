import type { Broker } from '#broker';
import { type LeaderEpoch, type Offset, ProtocolError, type TopicPartition } from '#protocol';
import { assert } from '#runtime';

/** Start of a subscription. */
export type StartPosition =
  | 'latest'
  | 'earliest'
  | { readonly timestampMs: number }
  | { readonly offsets: readonly PartitionPosition[] };

export interface PartitionPosition extends TopicPartition {
  readonly offset: Offset;
  /** Leader epoch of the last record read; it reveals a truncation (KIP-320). */
  readonly leaderEpoch?: LeaderEpoch;
}

/**
 * Position to continue from when a position is not in the log any more; `none`: stop and say so.
 */
export type AutoOffsetReset = 'latest' | 'earliest' | 'none';

/**
 * Resolves the offset at which a reader of a partition begins, and checks that it exists.
 *
 * A partition missing in a list of positions is read from its beginning: a resuming client names
 * all partitions it knew, so this one was added since.
 * @throws ProtocolError OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC_OR_PARTITION, every error of a fetch
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
  const givenPosition = from.offsets.find(
    ({ topic, partition }) => topic === target.topic && partition === target.partition,
  );
  if (givenPosition === undefined) return listed(broker, target, 'earliest');
  await assertPosition(broker, givenPosition);
  return givenPosition.offset;
}

/** Resolves the offset at which a reader continues whose position is outside the log. */
export function resetOffset(
  broker: Broker,
  target: TopicPartition,
  to: 'latest' | 'earliest',
): Promise<Offset> {
  return listed(broker, target, to);
}

/**
 * @throws ProtocolError OFFSET_OUT_OF_RANGE with both bounds when the position is outside the log
 */
export async function assertPosition(broker: Broker, position: PartitionPosition): Promise<void> {
  try {
    await broker.fetch({ ...position, maxBytes: 1, minBytes: 1, waitMs: 0 });
  } catch (error) {
    // The position exists; the reader gets the fault of the records when it reads them.
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
  spec: 'latest' | 'earliest',
): Promise<Offset> {
  const { offset } = await broker.listOffset(target, spec);
  assert(offset !== null, 'a partition has a first and a last offset');
  return offset;
}
