import { type FoundTimestamp, type RecordBatch, UnreadableBatchError } from '#log';
import { type LeaderEpoch, type Offset, ProtocolError } from '#protocol';
import type { Partition } from './partition.js';

/** Bytes of a read from disk that weighs 1 in the limit on concurrent reads. */
const DISK_READ_BYTES = 1024 * 1024;

export interface PartitionFetch {
  readonly offset: Offset;
  /** Bytes of record batches; the first batch always fits. */
  readonly maxBytes: number;
  /** Records from the offset on that are enough: no more batches are read from disk for it. */
  readonly recordsMax?: number;
  /** Bytes that a fetch waits for before it is answered. */
  readonly minBytes: number;
  readonly waitMs: number;
  /** Epoch of the position, when the reader knows it: used to detect a truncation. */
  readonly leaderEpoch?: LeaderEpoch;
  /** Ends a wait at once; the fetch is answered with the records there are. */
  readonly signal?: AbortSignal;
  /** The caller; records are not read from disk after it has gone. */
  readonly caller?: { readonly isGone: boolean };
  /**
   * True when it waits for all live readers of a partition; such a fetch does not count against the
   * limit.
   */
  readonly isFeed?: boolean;
}

export interface FetchedBatches {
  /** Whole batches in offset order: the first may begin below the asked offset. */
  readonly batches: readonly RecordBatch[];
  readonly highWatermark: Offset;
  readonly logStartOffset: Offset;
  readonly logEndOffset: Offset;
  readonly leaderEpoch: LeaderEpoch;
}

/**
 * The fault of a reader's position, or undefined. A position from the high watermark up to the log
 * end is valid: the records there are not committed yet. A replica that does not know which records
 * are committed accepts any higher position (KIP-392): a follower, and a new leader.
 */
export function positionFault(
  partition: Partition,
  fetch: Pick<PartitionFetch, 'offset' | 'leaderEpoch'>,
): ProtocolError | undefined {
  const { offset, leaderEpoch } = fetch;
  const isNewer = leaderEpoch !== undefined && leaderEpoch > partition.leaderEpoch;
  if (isNewer && partition.mayEpochBeBehind) return newerEpoch(partition, leaderEpoch);
  const divergingOffset =
    leaderEpoch === undefined || leaderEpoch === partition.leaderEpoch
      ? undefined
      : divergingOffsetOf(partition, offset, leaderEpoch);
  if (divergingOffset !== undefined) {
    return offsetOutOfRangeError(
      partition,
      `The log was truncated below offset ${offset} since epoch ${leaderEpoch} was read: ` +
        `what was read from offset ${divergingOffset} on is no longer in it.`,
      { divergingOffset },
    );
  }
  const { logStart: logStartOffset, logEnd: logEndOffset } = partition.log.offsets;
  const isAtEnd = offset <= logEndOffset || !partition.isCommittedEndKnown;
  if (offset >= logStartOffset && isAtEnd) return undefined;
  return offsetOutOfRangeError(
    partition,
    offset < logStartOffset
      ? `Offset ${offset} is below the log start offset ${logStartOffset}: its record was deleted.`
      : `Offset ${offset} is beyond the log's end, which is ${logEndOffset}.`,
  );
}

/** The committed batches from the fetch's offset on; synchronous where the tail cache has them. */
export function readBatches(
  partition: Partition,
  fetch: PartitionFetch,
): readonly RecordBatch[] | Promise<readonly RecordBatch[]> {
  const { log, highWatermark } = partition;
  const { offset, maxBytes } = fetch;
  if (offset >= highWatermark) return [];
  const cached = log.reader.readCached(offset, maxBytes, highWatermark);
  if (cached === undefined) return readFromDisk(partition, fetch);
  return log.reader.committedBatches(cached, highWatermark, partition.isInSync);
}

/** Reads when its turn comes, and checks the position again. */
function readFromDisk(
  partition: Partition,
  fetch: PartitionFetch,
): Promise<readonly RecordBatch[]> {
  const read = async (): Promise<readonly RecordBatch[]> => {
    if (fetch.caller?.isGone === true) return [];
    const fault = partition.isClosed ? partition.closedError() : positionFault(partition, fetch);
    if (fault !== undefined) throw fault;
    const { log, highWatermark, isInSync } = partition;
    try {
      const { offset, maxBytes, recordsMax } = fetch;
      const batches = await log.reader.read(offset, maxBytes, highWatermark, recordsMax);
      return await log.reader.committedBatches(batches, highWatermark, isInSync);
    } catch (error) {
      throw unlessOthersHave(partition, error);
    }
  };
  return partition.diskReads.run(read, diskReadWeight(fetch.maxBytes));
}

/** Weight of a read from disk in the limit on concurrent reads: its size in MiB. */
export function diskReadWeight(maxBytes: number): number {
  return Math.max(1, Math.ceil(maxBytes / DISK_READ_BYTES));
}

/**
 * The first committed record with this timestamp (ms) or a later one.
 * @throws ProtocolError as a read
 */
export async function offsetForTimestamp(
  partition: Partition,
  timestampMs: number,
): Promise<FoundTimestamp | undefined> {
  try {
    return await partition.log.reader.offsetForTimestamp(timestampMs, partition.highWatermark);
  } catch (error) {
    throw unlessOthersHave(partition, error);
  }
}

/**
 * Replaces an error of damage by a retriable one when other replicas are in sync. This replica
 * leaves the ISR, stops leading and is repaired; the others have the records.
 */
function unlessOthersHave({ isLeader, metadata }: Partition, error: unknown): unknown {
  const isDamage =
    error instanceof ProtocolError &&
    error.code === 'CORRUPT_MESSAGE' &&
    !(error instanceof UnreadableBatchError);
  const isOnlyOne = isLeader && metadata.isr.length === 1;
  if (!isDamage || isOnlyOne) return error;
  return new ProtocolError(
    'LEADER_NOT_AVAILABLE',
    'The records are damaged in the replica of this broker: it is repaired from another one in sync.',
    { cause: error },
  );
}

export function fetchedBatches(
  partition: Partition,
  batches: readonly RecordBatch[],
): FetchedBatches {
  const { log } = partition;
  return {
    batches,
    highWatermark: partition.highWatermark,
    logStartOffset: log.offsets.logStart,
    logEndOffset: log.offsets.logEnd,
    leaderEpoch: partition.leaderEpoch,
  };
}

export function offsetOutOfRangeError(
  partition: Partition,
  detail: string,
  members: Readonly<Record<string, number>> = {},
): ProtocolError {
  return new ProtocolError('OFFSET_OUT_OF_RANGE', detail, {
    members: {
      logStartOffset: partition.log.offsets.logStart,
      highWatermark: partition.highWatermark,
      ...members,
    },
  });
}

/** The error for a reader that has seen a later epoch, of which this broker has not heard yet. */
function newerEpoch(
  { leaderEpoch: currentEpoch }: Partition,
  leaderEpoch: LeaderEpoch,
): ProtocolError {
  return new ProtocolError(
    'LEADER_NOT_AVAILABLE',
    `Leader epoch ${leaderEpoch} has begun elsewhere; this broker knows of ${currentEpoch}.`,
  );
}

/**
 * The offset at which a reader's history diverges from this log, when that is below its position
 * (KIP-320): the end of the reader's epoch here. If this log never had that epoch, as after a
 * restore from a backup, everything from the start of its own epoch on may differ.
 */
function divergingOffsetOf(
  partition: Partition,
  offset: Offset,
  leaderEpoch: LeaderEpoch,
): Offset | undefined {
  const current = partition.leaderEpoch;
  const knownEpoch = Math.min(leaderEpoch, current - 1);
  // A follower does not know how far the last epoch of its log continues.
  const isEndKnown =
    partition.isLeader || knownEpoch < (partition.log.leadership.latestEpoch ?? -1);
  if (!isEndKnown || (partition.isFollower && !partition.isAligned)) return undefined;
  const end = partition.log.leadership.epochEnd(knownEpoch)?.endOffset;
  if (leaderEpoch > current) return Math.min(offset, end ?? partition.log.offsets.logEnd);
  return end !== undefined && end < offset ? end : undefined;
}
