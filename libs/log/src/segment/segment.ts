import { join } from 'node:path';
import type { Offset } from '#protocol';
import { assert, type FileHandle } from '#runtime';
import type { BatchUnpacker } from '../compression/compression.js';
import { type ScanEnd, scanBatches } from '../record-batch/batch-scan.js';
import type { FilePool, PooledFile } from './file-pool.js';
import type { IndexEntry, OffsetIndex } from './offset-index.js';
import { latestDeliveryIn } from './segment-delays.js';
import {
  type BatchPlace,
  INDEX_INTERVAL_BYTES,
  type IndexPaths,
  SegmentIndexes,
} from './segment-indexes.js';
import { type SegmentFileSuffix, segmentFileName } from './segment-names.js';
import type { TimeIndex, TimestampOffset } from './time-index.js';
import { VerifiedRanges } from './verified-ranges.js';

/** Positions in a `.log` are int32 in the index. */
const SEGMENT_BYTES_MAX = 2 ** 31 - 1;

/**
 * One segment of a log: `<base>.log` with its offset index and time index.
 *
 * `sizeBytes` is the end of the bytes that readers may see; a write in progress is past it. Bytes
 * before it never change except by `truncateTo` and `overwrite`. Indexes of inactive segments are
 * loaded on first use; await `loadIndexes()` before a look-up.
 *
 * Overlap: appending, truncating and flushing must not overlap; the log's write lane serialises
 * them. Reads may overlap with everything: a reader holds `file` from before it reads `sizeBytes`
 * until it is done, and a removal waits for it.
 */
export class LogSegment {
  readonly file: PooledFile;
  readonly verified = new VerifiedRanges();
  #sizeBytes = 0;
  /**
   * Counts truncations and overwrites: bytes read before a change of this counter may be outdated.
   */
  #truncations = 0;
  /** Indexes; undefined until first used. */
  #indexes: SegmentIndexes | undefined;
  #loadingIndexes: Promise<void> | undefined;
  /** Time of the first append, wall clock in ms, as far as known; for the roll by time. */
  firstAppendMs: number | undefined;
  /** Latest time of delivery of its records, and the state of the segment that it was read in. */
  #latestDelivery: { atMs: number; sizeBytes: number; truncations: number } | undefined;
  readonly #pool: FilePool;
  readonly #directory: string;
  #suffix: SegmentFileSuffix;

  private constructor(
    pool: FilePool,
    directory: string,
    readonly baseOffset: Offset,
    suffix: SegmentFileSuffix,
  ) {
    this.#pool = pool;
    this.#directory = directory;
    this.#suffix = suffix;

    this.file = pool.file(this.#path('log', suffix));
  }

  /** Creates the files of a new segment, empty. The directory is not synced. */
  static async create(
    pool: FilePool,
    directory: string,
    baseOffset: Offset,
    suffix: SegmentFileSuffix = '',
  ): Promise<LogSegment> {
    const segment = new LogSegment(pool, directory, baseOffset, suffix);
    try {
      await segment.makeFile();
    } catch (error) {
      // An unused open file would hold a descriptor that others need.
      await segment.file.close().catch(() => undefined);
      throw error;
    }
    return segment;
  }

  /** Opens a segment with existing files; its batches are known to end at `sizeBytes`. */
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

  /**
   * Creates the empty `.log` of a new segment, replacing what an unfinished roll or compaction
   * left.
   */
  async makeFile(): Promise<void> {
    const handle = await this.file.create();
    try {
      await handle.truncate(0);
    } finally {
      this.file.release();
    }
    this.reset();
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get truncations(): number {
    return this.#truncations;
  }

  /** Offset index; `loadIndexes` first. */
  get offsetIndex(): OffsetIndex {
    return this.#knownIndexes.offset;
  }

  /** Time index; `loadIndexes` first. */
  get timeIndex(): TimeIndex {
    return this.#knownIndexes.time;
  }

  /** Last entry of the offset index while that is in memory. */
  get lastIndexEntry(): IndexEntry | undefined {
    return this.#indexes?.offset.isLoaded === true ? this.#indexes.offset.lastEntry : undefined;
  }

  /** Path of the offset index. */
  get indexPath(): string {
    return this.#indexPaths().index;
  }

  /** Returns the time of the last write to its log, wall clock in ms; undefined when unknown. */
  lastWriteMs(): Promise<number | undefined> {
    return this.#pool.fileSystem.modifiedMs(this.file.path);
  }

  /**
   * Returns the latest time of delivery of its records, ms since 1970, -1 when none is delayed. The
   * whole segment is read for it, but only once while it does not change.
   */
  async latestDeliverAtMs(unpacker: BatchUnpacker): Promise<number> {
    const known = this.#latestDelivery;
    const { sizeBytes, truncations } = this;
    if (known?.sizeBytes === sizeBytes && known.truncations === truncations) return known.atMs;
    const file = await this.file.acquire();
    try {
      const atMs = await latestDeliveryIn(file, sizeBytes, unpacker);
      this.#latestDelivery = { atMs, sizeBytes, truncations };
      return atMs;
    } finally {
      this.file.release();
    }
  }

  /** Greatest timestamp of its records, -1 without one; known after `loadIndexes`. */
  get maxTimestamp(): number {
    return this.#knownIndexes.maxTimestamp;
  }

  /** True when an append of these batches must go to a new segment instead. */
  mustRollFor(appendBytes: number, lastOffset: Offset, segmentBytesMax: number): boolean {
    const { offset, isFull } = this.#knownIndexes;
    if (!offset.canHold(lastOffset)) return true;
    const bytesMax = Math.min(segmentBytesMax, SEGMENT_BYTES_MAX);
    return this.#sizeBytes > 0 && (isFull || this.#sizeBytes + appendBytes > bytesMax);
  }

  /** Adds a batch that was written at the end of the file. */
  appended(batch: BatchPlace): void {
    this.#knownIndexes.add(batch);
    this.#sizeBytes = batch.position + batch.sizeBytes;
  }

  /** Loads the indexes into memory; rebuilds them from the log when a file is missing or wrong. */
  loadIndexes(): Promise<void> | undefined {
    if (this.#indexes?.isLoaded === true) return undefined;
    return this.#exchangeIndexes(async () => {
      const { fileSystem } = this.#pool;
      const indexes = this.#indexes;
      if (indexes !== undefined) return (await indexes.load()) ? indexes : undefined;
      const opened = await SegmentIndexes.open(fileSystem, this.#indexPaths(), this.baseOffset);
      if (opened === undefined) return undefined;
      return (await this.#isTrue(opened.time.lastEntry, opened.offset)) ? opened : undefined;
    });
  }

  /**
   * Returns the offset from which records of that time or later may begin; undefined when there are
   * none. Indexes that the log contradicts are rebuilt. The caller has acquired `file`.
   */
  async scanStartFor(timestampMs: number): Promise<Offset | undefined> {
    await this.loadIndexes();
    if (this.maxTimestamp < timestampMs) return undefined;
    const entry = this.timeIndex.lookup(timestampMs);
    if (await this.#isTrue(entry, this.offsetIndex)) return entry.offset;
    await this.rebuildIndexes();
    return this.maxTimestamp < timestampMs ? undefined : this.timeIndex.lookup(timestampMs).offset;
  }

  /** Rebuilds the indexes from the log because they are wrong. */
  async rebuildIndexes(): Promise<void> {
    await this.#exchangeIndexes(() => Promise.resolve(undefined));
  }

  /** Frees the memory of the indexes when there was no look-up since the last call. */
  unloadIndexesIfIdle(): void {
    if (this.#loadingIndexes === undefined) this.#indexes?.unloadIfIdle();
  }

  /**
   * Finds the segment's end after a clean stop by a scan from the last index entry on.
   * @returns the offset after the last batch; undefined when the file does not end with a batch
   */
  async walkToEnd(): Promise<Offset | undefined> {
    await this.loadIndexes();
    let nextOffset = this.baseOffset;
    const handle = await this.file.acquire();
    try {
      const end = await this.#resumeIndexes(handle, (batch) => {
        if (batch.lastOffset < nextOffset) return false;
        nextOffset = batch.lastOffset + 1;
        return true;
      });
      return end.reason === 'end' ? nextOffset : undefined;
    } finally {
      this.file.release();
    }
  }

  /** Resets all knowledge of the file's content: recovery adds every batch again. */
  reset(): void {
    const { fileSystem } = this.#pool;
    this.#indexes = SegmentIndexes.empty(fileSystem, this.#indexPaths(), this.baseOffset);
    this.#sizeBytes = 0;
  }

  /** Continues after damaged bytes, which stay in the file. */
  skipTo(position: number): void {
    this.#sizeBytes = position;
  }

  /**
   * Makes the indexes durable, with the last time index entry: when the segment is rolled or
   * closed.
   */
  async flushIndexes(): Promise<void> {
    await this.loadIndexes();
    await this.#knownIndexes.flush();
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
   * Truncates the file at `position`, the start of the batch that contains `offset`, and syncs it.
   * The greatest timestamp and the index entries from there on are dropped with it.
   */
  async truncateTo(offset: Offset, position: number): Promise<void> {
    await this.loadIndexes();
    this.#truncations += 1;
    this.#sizeBytes = position;
    this.verified.truncateTo(position);
    this.#knownIndexes.truncateTo(offset);
    const handle = await this.file.acquire();
    try {
      await handle.truncate(position);
      await handle.datasync();
      await this.#resumeIndexes(handle, () => true);
    } finally {
      this.file.release();
    }
  }

  /** Overwrites damaged bytes and syncs them. */
  async overwrite(position: number, buffers: readonly Buffer[]): Promise<void> {
    const handle = await this.file.acquire();
    // Counted before and after: a reader that saw a part of the write reads again.
    this.#truncations += 1;
    try {
      await handle.writev(buffers, position);
      await handle.datasync();
    } finally {
      this.#truncations += 1;
      this.file.release();
    }
  }

  /** Renames all files of the segment to another suffix. The directory is not synced. */
  async renameTo(suffix: SegmentFileSuffix): Promise<void> {
    await this.loadIndexes();
    await this.#knownIndexes.rename(this.#indexPaths(suffix));
    // The log is renamed last: until then the next start treats the segment as not renamed.
    await this.file.rename(this.#path('log', suffix));
    this.#suffix = suffix;
  }

  /**
   * Renames the `.log` to the suffix of deleted files: once the directory is synced, the next start
   * knows that its records were deleted. Needs no space on the disk.
   */
  async markDeleted(): Promise<void> {
    await this.file.rename(this.#path('log', '.deleted'));
  }

  /**
   * Truncates all files to 0 bytes once nobody reads them, which frees their space; the empty
   * `.log` stays.
   */
  async empty(): Promise<void> {
    await this.file.close();
    const handle = await this.#pool.fileSystem.open(this.file.path, 'write');
    try {
      await handle.truncate(0);
    } finally {
      await handle.close();
    }
    for (const path of Object.values(this.#indexPaths())) {
      await this.#pool.fileSystem.removeFile(path);
    }
  }

  /** Removes all files once nobody reads them. */
  async remove(): Promise<void> {
    await this.file.remove();
    if (this.#indexes !== undefined) {
      await this.#indexes.remove();
      return;
    }
    for (const path of Object.values(this.#indexPaths())) {
      await this.#pool.fileSystem.removeFile(path);
    }
  }

  get #knownIndexes(): SegmentIndexes {
    assert(this.#indexes !== undefined, `indexes of ${this.file.path} are used before loading`);
    return this.#indexes;
  }

  /**
   * Replaces the indexes by those that `find` returns, else by rebuilt ones. One exchange runs at a
   * time, and concurrent callers wait for it. The log's size and the old indexes stay until it is
   * done, for current readers.
   */
  #exchangeIndexes(find: () => Promise<SegmentIndexes | undefined>): Promise<void> {
    this.#loadingIndexes ??= this.#findOrBuildIndexes(find).finally(() => {
      this.#loadingIndexes = undefined;
    });
    return this.#loadingIndexes;
  }

  async #findOrBuildIndexes(find: () => Promise<SegmentIndexes | undefined>): Promise<void> {
    const found = await find();
    if (found !== undefined) {
      this.#indexes = found;
      return;
    }
    const file = await this.file.acquire();
    try {
      this.#indexes = await this.#buildIndexes(file);
    } finally {
      this.file.release();
    }
  }

  async #buildIndexes(file: FileHandle): Promise<SegmentIndexes> {
    const { fileSystem } = this.#pool;
    for (;;) {
      const built = SegmentIndexes.empty(fileSystem, this.#indexPaths(), this.baseOffset);
      const truncations = this.#truncations;
      let position = 0;
      // The active segment may grow meanwhile: the new indexes must be complete when they are put
      // in place.
      while (position < this.#sizeBytes && truncations === this.#truncations) {
        const span = { from: position, to: this.#sizeBytes };
        await built.addFrom(file, span);
        await built.flush();
        position = span.to;
      }
      if (truncations === this.#truncations) return built;
    }
  }

  /**
   * Compares an entry of the time index with the batch that it names. No checksum covers the files
   * of indexes: with a wrong greatest timestamp, retention would delete records that are young.
   */
  async #isTrue({ timestamp, offset }: TimestampOffset, index: OffsetIndex): Promise<boolean> {
    if (timestamp < 0) return true;
    let isTrue = false;
    const file = await this.file.acquire();
    try {
      const span = { from: index.positionFor(offset), to: this.#sizeBytes };
      await scanBatches(file, { ...span, chunkBytes: 2 * INDEX_INTERVAL_BYTES }, (batch) => {
        if (batch.lastOffset < offset) return 'next';
        isTrue = batch.baseOffset <= offset && batch.maxTimestamp === timestamp;
        return 'stop';
      });
    } finally {
      this.file.release();
    }
    return isTrue;
  }

  /** Adds the batches after the last entry to the indexes; `accept` may end the scan. */
  async #resumeIndexes(
    handle: FileHandle,
    accept: (batch: BatchPlace) => boolean,
  ): Promise<ScanEnd> {
    const indexes = this.#knownIndexes;
    const from = indexes.offset.positionFor(Number.MAX_SAFE_INTEGER);
    const batches: BatchPlace[] = [];
    const span = { from, to: this.#sizeBytes };
    const end = await scanBatches(handle, span, (batch, position) => {
      if (!batch.isCrcValid()) return 'bad';
      const { lastOffset, maxTimestamp, sizeBytes } = batch;
      const place = { position, sizeBytes, lastOffset, maxTimestamp };
      if (!accept(place)) return 'bad';
      this.verified.add(position, position + sizeBytes);
      batches.push(place);
      return 'next';
    });
    indexes.resume(batches);
    return end;
  }

  #indexPaths(suffix: SegmentFileSuffix = this.#suffix): IndexPaths {
    return { index: this.#path('index', suffix), timeindex: this.#path('timeindex', suffix) };
  }

  #path(kind: 'log' | 'index' | 'timeindex', suffix: SegmentFileSuffix): string {
    return join(this.#directory, segmentFileName(this.baseOffset, kind, suffix));
  }
}
