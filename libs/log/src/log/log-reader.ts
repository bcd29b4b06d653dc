import { type LeaderEpoch, type Offset, ProtocolError } from '#protocol';
import type { FileHandle } from '#runtime';
import { unpackedBatchOf } from '../record-batch/batch-parts.js';
import {
  type BatchVisitor,
  SCAN_CHUNK_BYTES,
  type ScanEnd,
  scanBatches,
  type VisitResult,
} from '../record-batch/batch-scan.js';
import { committedBatches, isOfTransaction } from '../record-batch/committed-batches.js';
import { corruptMessage, unreadableBatch } from '../record-batch/damage.js';
import type { RecordBatch } from '../record-batch/record-batch.js';
import { RecordCursor } from '../record-batch/record-cursor.js';
import { TransactionMarkers } from '../record-batch/transaction-markers.js';
import type { LogSegment } from '../segment/segment.js';
import { INDEX_INTERVAL_BYTES } from '../segment/segment-indexes.js';
import { isInPlace } from './batch-place.js';
import { measureDamage, reportDamage } from './damage-search.js';
import type { LogEnvironment, LogState } from './log-state.js';
import { failedReadError } from './storage-error.js';

/** The first record at or after a point in time. */
export interface FoundTimestamp {
  readonly offset: Offset;
  readonly timestamp: number;
  readonly leaderEpoch: LeaderEpoch;
}

/** A read of whole batches from `offset` on, all below `endOffset`. */
interface ReadRequest {
  readonly offset: Offset;
  /** Limit on the bytes of all batches together; the first one always fits. */
  readonly maxBytes: number;
  readonly endOffset: Offset;
  /** Records at or after `offset` that are enough; Infinity: as many as fit. */
  readonly recordsMax: number;
}

/**
 * Bytes between the index entry and the batch that is sought: reading them along usually makes one
 * read enough.
 */
const READ_SLACK_BYTES = 2 * INDEX_INTERVAL_BYTES;

/**
 * Bytes that are read first when few records are wanted, and as many for each of them. If the
 * records are larger, a second read has up to `maxBytes`.
 */
const FIRST_READ_BYTES_MIN = 32 * 1024;
const FIRST_READ_BYTES_PER_RECORD = 512;

/**
 * Reads a log: the tail from memory, the rest from its segments. A batch's CRC is checked when it
 * is read from disk for the first time since the log was opened.
 *
 * Overlap: reads overlap with each other and with every change of the log. They hold a segment's
 * file while they read, so that its removal waits, and never read past the segment's written end.
 */
export class LogReader {
  /** Ends of the transactions that Kafka wrote into the log. */
  readonly transactions: TransactionMarkers;
  readonly #log: LogState;
  readonly #environment: LogEnvironment;

  constructor(log: LogState, environment: LogEnvironment) {
    this.#log = log;
    this.#environment = environment;

    this.transactions = new TransactionMarkers({
      logEndOffset: () => log.offsets.logEnd,
      read: (offset, maxBytes, endOffset) => this.read(offset, maxBytes, endOffset),
    });
  }

  /**
   * Works like `read`, from memory and at once; undefined when `offset` is not in the tail cache.
   */
  readCached(
    offset: Offset,
    maxBytes: number,
    endOffset: Offset,
  ): readonly RecordBatch[] | undefined {
    if (offset >= endOffset) return [];
    return this.#log.tail.read(offset, maxBytes, endOffset);
  }

  /**
   * Reads whole batches below `endOffset`: the one that contains `offset`, or the next, and those
   * after it that fit into `maxBytes`. Empty when there is none. The first may begin below
   * `offset`. The caller checks that `offset` is in the log.
   * @param recordsMax records at or after `offset` that the caller needs: batches after the one
   *   with the last of them are left out when they are read from disk
   * @throws ProtocolError CORRUPT_MESSAGE (members damagedStartOffset, damagedEndOffset) when
   *   `offset` is in a damaged range; KAFKA_STORAGE_ERROR when the read fails
   */
  async read(
    offset: Offset,
    maxBytes: number,
    endOffset: Offset,
    recordsMax = Number.POSITIVE_INFINITY,
  ): Promise<readonly RecordBatch[]> {
    const cached = this.readCached(offset, maxBytes, endOffset);
    if (cached !== undefined) return cached;
    const request = { offset, maxBytes, endOffset, recordsMax };
    let segment: LogSegment | undefined = this.#log.segments.holding(offset);
    if (offset < segment.baseOffset) {
      const missing = this.#log.damage.missingBefore(segment.baseOffset);
      if (missing !== undefined) throw corruptMessage(missing);
    }
    try {
      while (segment !== undefined && segment.baseOffset < endOffset) {
        const batches: readonly RecordBatch[] = await this.#readSegment(segment, request);
        if (batches.length > 0) return batches;
        segment = this.#log.segments.after(segment);
      }
    } catch (error) {
      throw asReadError(error);
    }
    return [];
  }

  /**
   * Filters batches that were read for clients: it hides the records of Kafka's transactions that
   * were not committed (see committed-batches.ts).
   * @param endOffset as in `read`
   * @param isLogComplete whether the leader's log has no more than this one
   * @throws ProtocolError LEADER_NOT_AVAILABLE when the first batch is of a transaction that is not
   *   decided here; KAFKA_STORAGE_ERROR
   */
  committedBatches(
    batches: readonly RecordBatch[],
    endOffset: Offset,
    isLogComplete: boolean,
  ): readonly RecordBatch[] | Promise<readonly RecordBatch[]> {
    if (!batches.some(isOfTransaction)) return batches;
    return committedBatches(batches, { markers: this.transactions, endOffset, isLogComplete });
  }

  /** Lets the next read of the bytes around `offset` check their CRC again. */
  recheck(offset: Offset): void {
    this.#log.segments.holding(offset).verified.truncateTo(0);
  }

  /** Finds the first record below `endOffset` with this timestamp (ms) or a later one. */
  async offsetForTimestamp(
    timestampMs: number,
    endOffset: Offset,
  ): Promise<FoundTimestamp | undefined> {
    let segment: LogSegment | undefined = this.#log.segments.first;
    try {
      while (segment !== undefined && segment.baseOffset < endOffset) {
        const from = await this.#scanStart(segment, timestampMs);
        const found =
          from === undefined ? undefined : await this.#searchFrom(from, timestampMs, endOffset);
        if (found !== undefined) return found;
        segment = this.#log.segments.after(segment);
      }
    } catch (error) {
      throw asReadError(error);
    }
    return undefined;
  }

  /**
   * Visits the batches of one segment from `position` on without checking their CRCs; ends at the
   * first bytes that are not a batch. Callers run in the log's write lane.
   */
  async walk(segment: LogSegment, position: number, visit: BatchVisitor): Promise<ScanEnd> {
    const file = await segment.file.acquire();
    try {
      return await scanBatches(file, { from: position, to: segment.sizeBytes }, visit);
    } finally {
      segment.file.release();
    }
  }

  /** @see LogSegment.scanStartFor */
  async #scanStart(segment: LogSegment, timestampMs: number): Promise<Offset | undefined> {
    await segment.file.acquire();
    try {
      return await segment.scanStartFor(timestampMs);
    } finally {
      segment.file.release();
    }
  }

  async #searchFrom(
    from: Offset,
    timestampMs: number,
    endOffset: Offset,
  ): Promise<FoundTimestamp | undefined> {
    const { logStart } = this.#log.offsets;
    let offset = Math.max(from, logStart);
    for (;;) {
      const batches = await this.read(offset, SCAN_CHUNK_BYTES, endOffset);
      if (batches.length === 0) return undefined;
      for (const batch of batches) {
        offset = batch.nextOffset;
        if (batch.maxTimestamp < timestampMs || batch.isControl) continue;
        if (isOfTransaction(batch) && !(await this.#mayBeShown(batch, endOffset))) continue;
        // The index has a batch's last offset: the record may come earlier in that batch.
        const found = await firstRecordFrom(batch, logStart, timestampMs);
        if (found !== undefined) return found;
      }
    }
  }

  async #mayBeShown(batch: RecordBatch, endOffset: Offset): Promise<boolean> {
    const end = await this.transactions.endOf(batch, endOffset);
    return end === 'committed' || end === 'undecided';
  }

  async #readSegment(segment: LogSegment, request: ReadRequest): Promise<RecordBatch[]> {
    // Acquired before any other await: from here on the segment's files are not removed.
    const file = await segment.file.acquire();
    try {
      for (;;) {
        await segment.loadIndexes();
        const { truncations } = segment;
        const read = new SegmentRead(this.#log, this.#environment, segment, request);
        const batches = await read.run(file);
        // A concurrent truncation can look like damage.
        if (batches !== undefined || truncations === segment.truncations) return batches ?? [];
      }
    } finally {
      segment.file.release();
    }
  }
}

/**
 * One read of one segment: scans from the position that the index gives.
 *
 * Overlap: an object runs once; a truncation may come meanwhile, which `run` detects.
 */
class SegmentRead {
  readonly #batches: RecordBatch[] = [];
  readonly #upperOffset: Offset;
  readonly #truncations: number;
  #bytes = 0;
  /** Records of the batches that are certainly at or after the asked offset, and shown. */
  #records = 0;
  /** Offset expected next; undefined at a position that only the index vouches for. */
  #expectedOffset: Offset | undefined;
  /** Last offset of the batch at the indexed position according to the index. */
  #indexedLastOffset: Offset | undefined;
  readonly #log: LogState;
  readonly #environment: LogEnvironment;
  readonly #segment: LogSegment;
  readonly #request: ReadRequest;

  constructor(
    log: LogState,
    environment: LogEnvironment,
    segment: LogSegment,
    request: ReadRequest,
  ) {
    this.#log = log;
    this.#environment = environment;
    this.#segment = segment;
    this.#request = request;

    this.#upperOffset = log.segments.after(segment)?.baseOffset ?? log.offsets.logEnd;
    this.#truncations = segment.truncations;
  }

  /** @returns undefined when a concurrent truncation affects the read: repeat it */
  async run(file: FileHandle): Promise<RecordBatch[] | undefined> {
    const segment = this.#segment;
    const { offset } = this.#request;
    this.#indexedLastOffset = segment.offsetIndex.entryOffsetFor(offset);
    let position = segment.offsetIndex.positionFor(offset);
    let isIndexInDoubt = false;
    if (this.#indexedLastOffset === undefined) this.#expectedOffset = segment.baseOffset;
    for (;;) {
      const end = await this.#scan(file, position);
      if (end.reason !== 'bad' || this.#batches.length > 0) break;
      if (segment.truncations !== this.#truncations) return undefined;
      const known = this.#log.damage.at(segment.baseOffset, end.position);
      if (known === undefined && this.#expectedOffset === undefined) {
        // Either the index or the log is wrong here: a scan from the segment's start decides.
        isIndexInDoubt = true;
        position = 0;
        this.#expectedOffset = segment.baseOffset;
        continue;
      }
      const range = known ?? (await this.#measure(file, end.position));
      if (segment.truncations !== this.#truncations) return undefined;
      if (offset < range.endOffset) throw corruptMessage(range);
      isIndexInDoubt = false;
      position = range.endPosition;
      this.#expectedOffset = range.endOffset;
    }
    if (isIndexInDoubt) await this.#repairIndex();
    if (this.#batches.length === 0) this.#assertNothingMissing();
    this.#environment.observer.readFromDisk(this.#bytes);
    return this.#batches;
  }

  /** Reads a short piece where few records are wanted, and then one that has room for all. */
  #scan(file: FileHandle, from: number): Promise<ScanEnd> {
    const { maxBytes, recordsMax } = this.#request;
    const chunkBytes = Math.min(maxBytes, SCAN_CHUNK_BYTES * 16) + READ_SLACK_BYTES;
    const wantedBytes = Math.max(FIRST_READ_BYTES_MIN, recordsMax * FIRST_READ_BYTES_PER_RECORD);
    const firstChunkBytes = Math.min(chunkBytes, wantedBytes + READ_SLACK_BYTES);
    let hasReadShort = false;
    const mayReadOn = (): boolean => {
      const isSecond = hasReadShort;
      hasReadShort = !isSecond && firstChunkBytes < chunkBytes;
      return this.#batches.length === 0 || (isSecond && this.#records < recordsMax);
    };
    const { unpacker } = this.#environment;
    const span = { from, to: this.#segment.sizeBytes };
    return scanBatches(
      file,
      { ...span, firstChunkBytes, chunkBytes, mayReadOn, unpacker },
      (batch, at) => this.#visit(batch, at),
    );
  }

  #visit(batch: RecordBatch, position: number): VisitResult {
    const segment = this.#segment;
    const request = this.#request;
    if (this.#records >= request.recordsMax) return 'stop';
    const { lastOffset, sizeBytes } = batch;
    if (!this.#isInPlace(batch)) return 'bad';
    if (!segment.verified.contains(position, position + sizeBytes)) {
      if (!batch.isCrcValid()) return 'bad';
      segment.verified.add(position, position + sizeBytes);
    }
    this.#expectedOffset = lastOffset + 1;
    if (lastOffset >= request.endOffset) return 'stop';
    if (lastOffset < request.offset) return 'next';
    if (this.#batches.length > 0 && this.#bytes + sizeBytes > request.maxBytes) return 'stop';
    this.#batches.push(batch);
    this.#bytes += sizeBytes;
    this.#records += recordsShownFrom(batch, request.offset);
    return 'next';
  }

  #isInPlace(batch: RecordBatch): boolean {
    const expected = this.#expectedOffset;
    const upper = this.#upperOffset;
    if (expected !== undefined) return isInPlace(this.#log, batch, { expected, upper });
    const { baseOffset, lastOffset } = batch;
    const isOfSegment = baseOffset >= this.#segment.baseOffset && lastOffset < upper;
    return isOfSegment && lastOffset === this.#indexedLastOffset;
  }

  /**
   * Checks the end of the segment: segments may be known as missing after it, and a log without
   * gaps has every offset up to the next segment.
   */
  #assertNothingMissing(): void {
    const segment = this.#segment;
    const request = this.#request;
    const known = this.#log.damage.at(segment.baseOffset, segment.sizeBytes);
    if (known !== undefined && request.offset < known.endOffset) throw corruptMessage(known);
    const startOffset = this.#expectedOffset;
    const endOffset = this.#upperOffset;
    if (startOffset === undefined || startOffset < this.#log.denseFrom) return;
    if (startOffset >= Math.min(endOffset, request.endOffset)) return;
    if (segment.truncations !== this.#truncations) return;
    const position = segment.sizeBytes;
    const range = {
      segmentBaseOffset: segment.baseOffset,
      startOffset,
      endOffset,
      startPosition: position,
      endPosition: position,
    };
    reportDamage(this.#log, this.#environment, range);
    throw corruptMessage(range);
  }

  #measure(file: FileHandle, position: number): ReturnType<typeof measureDamage> {
    const expectedOffset = this.#expectedOffset ?? this.#segment.baseOffset;
    const segment = this.#segment;
    return measureDamage(this.#log, this.#environment, { segment, file, position, expectedOffset });
  }

  async #repairIndex(): Promise<void> {
    const segment = this.#segment;
    this.#environment.logger.warn(
      { ...this.#log.topicPartition, segment: segment.baseOffset },
      'an index does not agree with its log and is built again',
    );
    await segment.rebuildIndexes();
  }
}

/**
 * Number of the batch's records at or after the offset that readers are certainly shown: 0 where
 * compaction left gaps around the offset, or where a transaction decides.
 */
function recordsShownFrom(batch: RecordBatch, offset: Offset): number {
  const { baseOffset, lastOffset, recordCount } = batch;
  if (batch.isTransactional || batch.isControl) return 0;
  if (baseOffset >= offset) return recordCount;
  const hasGaps = recordCount !== lastOffset - baseOffset + 1;
  return hasGaps ? 0 : lastOffset - offset + 1;
}

async function firstRecordFrom(
  batch: RecordBatch,
  from: Offset,
  timestampMs: number,
): Promise<FoundTimestamp | undefined> {
  try {
    const cursor = new RecordCursor(await unpackedBatchOf(batch));
    while (cursor.next()) {
      const { offset, timestamp } = cursor;
      if (offset < from || timestamp < timestampMs) continue;
      return { offset, timestamp, leaderEpoch: batch.leaderEpoch };
    }
    return undefined;
  } catch (error) {
    throw unreadableBatch(batch, error);
  }
}

/** Maps a fault of the disk to an error of the contract; other errors stay as they are. */
function asReadError(error: unknown): unknown {
  if (error instanceof ProtocolError || !(error instanceof Error)) return error;
  return typeof (error as NodeJS.ErrnoException).code === 'string' ? failedReadError(error) : error;
}
