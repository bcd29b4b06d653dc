import { join } from 'node:path';
import type { Offset } from '#protocol';
import { assert, type FileHandle } from '#runtime';
import { SCAN_CHUNK_BYTES, scanBatches } from './batch-scan.js';
import type { FilePool, PooledFile } from './file-pool.js';
import { OffsetIndex } from './offset-index.js';
import { type SegmentFileSuffix, segmentFileName } from './segment-names.js';
import { TimeIndex } from './time-index.js';
import { VerifiedRanges } from './verified-ranges.js';

/** Bytes of log between two index entries (Kafka's index.interval.bytes). */
export const INDEX_INTERVAL_BYTES = 4096;

/** Positions in a `.log` are int32 in the index. */
const SEGMENT_BYTES_MAX = 2 ** 31 - 1;

/** What a segment must know of a batch that stands in its file now. */
export interface BatchPlace {
  readonly position: number;
  readonly sizeBytes: number;
  readonly lastOffset: Offset;
  readonly maxTimestamp: number;
}

/**
 * One segment of a log: `<base>.log` with its offset index and time index.
 *
 * `sizeBytes` is the end of what readers may see of the file; a write under way is past it. Bytes in
 * front of it never change except by `truncateTo`.
 * Indexes of segments that are not appended to are loaded when they are first needed; await
 * `loadIndexes()` before a look-up.
 * Appending, truncating and flushing must not overlap: the log's write lane sees to that. Reads may
 * overlap with everything: a reader holds `file` from before it looks at `sizeBytes` until it is done,
 * and a removal waits for it.
 */
export class LogSegment {
  readonly file: PooledFile;
  readonly verified = new VerifiedRanges();
  #sizeBytes = 0;
  /** Counts truncations: bytes that a reader has in hand may be gone from the file when it moved. */
  #truncations = 0;
  #indexes: { readonly offset: OffsetIndex; readonly time: TimeIndex } | undefined;
  #loadingIndexes: Promise<void> | undefined;
  #bytesSinceIndexEntry = 0;
  /** Undefined until the indexes of an old segment were loaded. */
  #maxTimestamp: number | undefined;
  #offsetOfMaxTimestamp: Offset;
  /** When its first batch was appended, as far as is known; for the roll by time. */
  firstAppendMs: number | undefined;

  private constructor(
    private readonly pool: FilePool,
    private readonly directory: string,
    readonly baseOffset: Offset,
    private readonly suffix: SegmentFileSuffix,
  ) {
    this.file = pool.file(this.#path('log'));
    this.#offsetOfMaxTimestamp = baseOffset;
  }

  /** Makes the files of a new segment, empty. The directory is not synced. */
  static async create(
    pool: FilePool,
    directory: string,
    baseOffset: Offset,
    suffix: SegmentFileSuffix = '',
  ): Promise<LogSegment> {
    const segment = new LogSegment(pool, directory, baseOffset, suffix);
    const handle = await segment.file.create();
    try {
      // What an unfinished roll or compaction may have left under this name.
      await handle.truncate(0);
    } finally {
      segment.file.release();
    }
    segment.resetIndexes();
    return segment;
  }

  /** A segment whose files are there; `sizeBytes` is where its batches are known to end. */
  static open(
    pool: FilePool,
    directory: string,
    baseOffset: Offset,
    sizeBytes: number,
  ): LogSegment {
    const segment = new LogSegment(pool, directory, baseOffset, '');
    segment.#sizeBytes = sizeBytes;
    return segment;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get truncations(): number {
    return this.#truncations;
  }

  /** Loaded by `loadIndexes`. */
  get offsetIndex(): OffsetIndex {
    assert(this.#indexes !== undefined, `indexes of ${this.file.path} are used before loading`);
    return this.#indexes.offset;
  }

  /** Loaded by `loadIndexes`. */
  get timeIndex(): TimeIndex {
    assert(this.#indexes !== undefined, `indexes of ${this.file.path} are used before loading`);
    return this.#indexes.time;
  }

  /** Greatest timestamp of its records, -1 without one; needs the indexes. */
  get maxTimestamp(): number {
    return this.#maxTimestamp ?? this.timeIndex.lastEntry.timestamp;
  }

  /** Whether `maxTimestamp` may be asked for without loading the indexes. */
  get isMaxTimestampKnown(): boolean {
    return this.#maxTimestamp !== undefined || this.#indexes?.time.isLoaded === true;
  }

  /** Whether an append of these batches must go to a new segment instead. */
  mustRollFor(appendBytes: number, lastOffset: Offset, segmentBytesMax: number): boolean {
    if (this.#sizeBytes === 0) return !this.offsetIndex.canHold(lastOffset);
    const bytesMax = Math.min(segmentBytesMax, SEGMENT_BYTES_MAX);
    return (
      this.#sizeBytes + appendBytes > bytesMax ||
      this.offsetIndex.isFull ||
      this.timeIndex.isFull ||
      !this.offsetIndex.canHold(lastOffset)
    );
  }

  /** Takes note of a batch that was written at the end of the file. */
  appended(batch: BatchPlace): void {
    if (batch.maxTimestamp > (this.#maxTimestamp ?? -1)) {
      this.#maxTimestamp = batch.maxTimestamp;
      this.#offsetOfMaxTimestamp = batch.lastOffset;
    }
    if (this.#bytesSinceIndexEntry > INDEX_INTERVAL_BYTES && !this.offsetIndex.isFull) {
      this.offsetIndex.append(batch.lastOffset, batch.position);
      this.#appendTimeIndexEntry();
      this.#bytesSinceIndexEntry = 0;
    }
    this.#bytesSinceIndexEntry += batch.sizeBytes;
    this.#sizeBytes = batch.position + batch.sizeBytes;
  }

  /** Brings the indexes into memory; builds them from the log when a file is missing or wrong. */
  loadIndexes(): Promise<void> | undefined {
    const indexes = this.#indexes;
    if (indexes !== undefined && indexes.offset.isLoaded && indexes.time.isLoaded) return undefined;
    this.#loadingIndexes ??= this.#loadIndexes().finally(() => {
      this.#loadingIndexes = undefined;
    });
    return this.#loadingIndexes;
  }

  /** Builds the indexes from the log again, for they were found to be wrong. */
  async rebuildIndexes(): Promise<void> {
    await this.loadIndexes();
    this.#loadingIndexes = this.#rebuildIndexes().finally(() => {
      this.#loadingIndexes = undefined;
    });
    await this.#loadingIndexes;
  }

  /**
   * Finds the segment's end after a clean stop: walks from the last index entry on and takes note of
   * how many bytes have no entry yet.
   * @returns the offset after the last batch; undefined when the file does not end with a batch
   */
  async walkToEnd(): Promise<Offset | undefined> {
    await this.loadIndexes();
    const from = this.offsetIndex.positionFor(Number.MAX_SAFE_INTEGER);
    let nextOffset = this.baseOffset;
    const handle = await this.file.acquire();
    try {
      const span = { from, to: this.#sizeBytes };
      const end = await scanBatches(handle, span, SCAN_CHUNK_BYTES, (batch, position) => {
        if (!batch.isCrcValid()) return 'bad';
        this.verified.add(position, position + batch.sizeBytes);
        nextOffset = batch.nextOffset;
        return 'next';
      });
      if (end.reason === 'bad') return undefined;
    } finally {
      this.file.release();
    }
    const last = this.timeIndex.lastEntry;
    this.#maxTimestamp = last.timestamp;
    this.#offsetOfMaxTimestamp = last.offset;
    this.#bytesSinceIndexEntry = this.#sizeBytes - from;
    return nextOffset;
  }

  /** Gives the memory of the indexes back when nobody looked into them lately. */
  unloadIndexesIfIdle(): void {
    if (this.#indexes === undefined || this.#loadingIndexes !== undefined) return;
    this.#maxTimestamp ??= this.#indexes.time.isLoaded ? this.maxTimestamp : undefined;
    this.#indexes.offset.unloadIfIdle();
    this.#indexes.time.unloadIfIdle();
  }

  /** Begins the indexes anew, empty: for recovery, which appends every batch again. */
  resetIndexes(): void {
    const { fileSystem } = this.pool;
    const offset = OffsetIndex.empty(fileSystem, this.#path('index'), this.baseOffset);
    const time = TimeIndex.empty(fileSystem, this.#path('timeindex'), this.baseOffset);
    this.#indexes = { offset, time };
    this.#bytesSinceIndexEntry = 0;
    this.#maxTimestamp = -1;
    this.#offsetOfMaxTimestamp = this.baseOffset;
    this.#sizeBytes = 0;
  }

  /** Goes on after bytes that are damaged, which stay where they are. */
  skipTo(position: number): void {
    this.#sizeBytes = position;
  }

  /** Makes the indexes durable, with the last time index entry: when the segment is rolled or closed. */
  async flushIndexes(): Promise<void> {
    await this.loadIndexes();
    this.#appendTimeIndexEntry();
    await this.offsetIndex.flush();
    await this.timeIndex.flush();
  }

  /** Makes all bytes of the log file durable. */
  async datasync(): Promise<void> {
    const handle = await this.file.acquire();
    try {
      await handle.datasync();
    } finally {
      this.file.release();
    }
  }

  /**
   * Cuts the file at `position`, where the batch begins that has `offset`, and syncs it. The greatest
   * timestamp and the index entries from there on go with it.
   */
  async truncateTo(offset: Offset, position: number): Promise<void> {
    await this.loadIndexes();
    this.#truncations += 1;
    this.#sizeBytes = position;
    this.verified.truncateTo(position);
    this.offsetIndex.truncateTo(offset);
    this.timeIndex.truncateTo(offset);
    const handle = await this.file.acquire();
    try {
      await handle.truncate(position);
      await handle.datasync();
      await this.#findMaxTimestamp(handle);
    } finally {
      this.file.release();
    }
  }

  /** The greatest timestamp, from the last time index entry and the batches after it. */
  async #findMaxTimestamp(handle: FileHandle): Promise<void> {
    const last = this.timeIndex.lastEntry;
    let maxTimestamp = last.timestamp;
    let offsetOfMax = last.offset;
    const span = { from: this.offsetIndex.positionFor(last.offset), to: this.#sizeBytes };
    await scanBatches(handle, span, SCAN_CHUNK_BYTES, (batch) => {
      if (batch.maxTimestamp > maxTimestamp) {
        maxTimestamp = batch.maxTimestamp;
        offsetOfMax = batch.lastOffset;
      }
      return 'next';
    });
    this.#maxTimestamp = maxTimestamp;
    this.#offsetOfMaxTimestamp = offsetOfMax;
  }

  /** Gives all files of the segment another suffix. The directory is not synced. */
  async renameTo(suffix: SegmentFileSuffix): Promise<void> {
    await this.loadIndexes();
    await this.offsetIndex.flush();
    await this.timeIndex.flush();
    await this.offsetIndex.rename(this.#path('index', suffix));
    await this.timeIndex.rename(this.#path('timeindex', suffix));
    // Last: while the log has its old name a start of the broker takes the segment as not renamed.
    await this.file.rename(this.#path('log', suffix));
  }

  /** Removes all files once nobody reads them. */
  async remove(): Promise<void> {
    await this.file.remove();
    await this.#indexes?.offset.remove();
    await this.#indexes?.time.remove();
  }

  #appendTimeIndexEntry(): void {
    if (this.#maxTimestamp === undefined || this.#maxTimestamp < 0) return;
    this.timeIndex.maybeAppend(this.#maxTimestamp, this.#offsetOfMaxTimestamp);
  }

  async #loadIndexes(): Promise<void> {
    if (this.#indexes !== undefined) {
      const isOffsetLoaded = await this.#indexes.offset.load();
      if (isOffsetLoaded && (await this.#indexes.time.load())) return;
      return this.#rebuildIndexes();
    }
    const { fileSystem } = this.pool;
    const offset = await OffsetIndex.open(fileSystem, this.#path('index'), this.baseOffset);
    const time = await TimeIndex.open(fileSystem, this.#path('timeindex'), this.baseOffset);
    if (offset === undefined || time === undefined) return this.#rebuildIndexes();
    this.#indexes = { offset, time };
  }

  /** Indexes are a cache of the log: whatever is wrong with them is repaired by reading it. */
  async #rebuildIndexes(): Promise<void> {
    const to = this.#sizeBytes;
    const handle = await this.file.acquire();
    try {
      this.resetIndexes();
      await scanBatches(handle, { from: 0, to }, SCAN_CHUNK_BYTES, (batch, position) => {
        const { sizeBytes, lastOffset, maxTimestamp } = batch;
        if (lastOffset < this.baseOffset || !batch.isCrcValid()) return 'bad';
        this.appended({ position, sizeBytes, lastOffset, maxTimestamp });
        return 'next';
      });
    } finally {
      this.#sizeBytes = to;
      this.file.release();
    }
    await this.flushIndexes();
  }

  #path(kind: 'log' | 'index' | 'timeindex', suffix: SegmentFileSuffix = this.suffix): string {
    return join(this.directory, segmentFileName(this.baseOffset, kind, suffix));
  }
}
