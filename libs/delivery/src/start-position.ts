import type { Broker } from '#broker';
import { type LeaderEpoch, type Offset, ProtocolError, type TopicPartition } from '#protocol';
import { assert } from '#runtime';
import type { ReadPosition } from './catch-up-reads.js';

/** Start of a subscription. */
export type StartPosition =
  | 'latest'
  | 'earliest'
  | { readonly timestampMs: number }
  | {
      readonly offsets: readonly PartitionPosition[];
      /** Ids of the topics in which the offsets were reached, or their first digits, by name. */
      readonly topicIds?: Readonly<Record<string, string>>;
    };

/** The position of a reader in a partition of a topic. */
export interface PartitionPosition extends TopicPartition, ReadPosition {}

/**
 * Position to continue from when a position is not in the log any more; `none`: stop and say so.
 */
export type AutoOffsetReset = 'latest' | 'earliest' | 'none';

/**
 * Resolves the position at which a reader of a partition begins, and checks that it exists.
 *
 * A partition missing in a list of positions is read from its beginning: a resuming client names
 * all partitions it knew, so this one was added since.
 * @throws ProtocolError OFFSET_OUT_OF_RANGE; UNKNOWN_TOPIC_OR_PARTITION, also when the offsets were
 *   reached in an earlier topic of the name; every error of a fetch
 */
export async function startPosition(
  broker: Broker,
  target: TopicPartition,
  from: StartPosition,
): Promise<ReadPosition> {
  if (from === 'latest' || from === 'earliest') return endPosition(broker, target, from);
  if ('timestampMs' in from) {
    const { offset, leaderEpoch } = await broker.listOffset(target, from);
    if (offset === null) return endPosition(broker, target, 'latest');
    return positionOf(offset, leaderEpoch);
  }
  assertSameTopic(broker, target.topic, from.topicIds);
  const givenPosition = from.offsets.find(
    ({ topic, partition }) => topic === target.topic && partition === target.partition,
  );
  if (givenPosition === undefined) return endPosition(broker, target, 'earliest');
  return assertPosition(broker, givenPosition);
}

function assertSameTopic(
  broker: Broker,
  topic: string,
  topicIds: Readonly<Record<string, string>> = {},
): void {
  const expected = Object.hasOwn(topicIds, topic) ? topicIds[topic] : undefined;
  if (expected === undefined || broker.topicId(topic)?.startsWith(expected) === true) return;
  throw new ProtocolError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    `The position belongs to another topic, or to a topic "${topic}" that was deleted before ` +
      'this one was created. Start again without it.',
  );
}

/** Resolves the position of a reader that begins, or continues, at an end of the log. */
export async function endPosition(
  broker: Broker,
  target: TopicPartition,
  end: 'latest' | 'earliest',
): Promise<ReadPosition> {
  const { offset, leaderEpoch } = await broker.listOffset(target, end);
  assert(offset !== null, 'a partition has a first and a last offset');
  return positionOf(offset, leaderEpoch);
}

/**
 * Checks that a position is in the log.
 * @returns the position, with the leader epoch in which it was found
 * @throws ProtocolError OFFSET_OUT_OF_RANGE with both bounds when the position is outside the log
 */
export async function assertPosition(
  broker: Broker,
  position: PartitionPosition,
): Promise<ReadPosition> {
  const { offset, leaderEpoch } = position;
  try {
    const found = await broker.fetch({ ...position, maxBytes: 1, minBytes: 1, waitMs: 0 });
    return { offset, leaderEpoch: found.leaderEpoch };
  } catch (error) {
    // The position exists; the reader gets the fault of the records when it reads them.
    if (error instanceof ProtocolError && READ_FAULTS.has(error.code)) {
      return positionOf(offset, leaderEpoch);
    }
    throw error;
  }
}

const READ_FAULTS: ReadonlySet<string> = new Set([
  'CORRUPT_MESSAGE',
  'UNSUPPORTED_COMPRESSION_TYPE',
]);

function positionOf(offset: Offset, leaderEpoch: LeaderEpoch | null | undefined): ReadPosition {
  return leaderEpoch === null || leaderEpoch === undefined ? { offset } : { offset, leaderEpoch };
}
