import type { Offset } from '#protocol';
import type { FileHandle, FileSystem } from '#runtime';
import { type ByteSpan, findNextBatch, scanBatches } from '../record-batch/batch-scan.js';
import type { RecordBatch } from '../record-batch/record-batch.js';
import { OffsetIndex } from './offset-index.js';
import { TimeIndex } from './time-index.js';

/** Bytes of log between two index entries (Kafka's index.interval.bytes). */
export const INDEX_INTERVAL_BYTES = 4096;

/** The fields of a batch in the log that the indexes need. */
export interface BatchPlace {
  readonly position: number;
  readonly sizeBytes: number;
  readonly lastOffset: Offset;
  readonly maxTimestamp: number;
}

/** Paths of a segment's index files. */
export interface IndexPaths {
  readonly index: string;
  readonly timeindex: string;
}

/**
 * The offset index and the time index of one segment, which get their entries together. They are a
 * cache of the log: after any fault they are rebuilt from it.
 *
 * Overlap: adding, truncating and flushing must not overlap; the log's write lane serialises them.
 * Look-ups may overlap with all of them, after `load`.
 */
export class SegmentIndexes {
  #bytesSinceEntry = 0;
  /**
   * Greatest timestamp of all batches so far; undefined while only the file's last entry has it.
   */
  #maxTimestamp: number | undefined;
  #offsetOfMaxTimestamp: Offset;
  /** Last offset of the batches added so far. */
  #lastOffset: Offset;

  private constructor(
    readonly offset: OffsetIndex,
    readonly time: TimeIndex,
  ) {
    this.#offsetOfMaxTimestamp = offset.baseOffset;
    this.#lastOffset = offset.baseOffset - 1;
  }

  /** Creates indexes for a segment without batches, or one whose batches are added again. */
  static empty(fileSystem: FileSystem, paths: IndexPaths, baseOffset: Offset): SegmentIndexes {
    const indexes = new SegmentIndexes(
      OffsetIndex.empty({ fileSystem, path: paths.index, baseOffset }),
      TimeIndex.empty({ fileSystem, path: paths.timeindex, baseOffset }),
    );
    indexes.#maxTimestamp = -1;
    return indexes;
  }

  /** Opens the files; undefined when one is missing or cannot be right. */
  static async open(
    fileSystem: FileSystem,
    paths: IndexPaths,
    baseOffset: Offset,
  ): Promise<SegmentIndexes | undefined> {
    const offset = await OffsetIndex.open({ fileSystem, path: paths.index, baseOffset });
    const time = await TimeIndex.open({ fileSystem, path: paths.timeindex, baseOffset });
    if (offset === undefined || time === undefined) return undefined;
    return new SegmentIndexes(offset, time);
  }

  /**
   * Adds the batches of a part of the segment's file. Damage is skipped: the batches after it are
   * indexed too.
   */
  async addFrom(file: FileHandle, span: ByteSpan): Promise<void> {
    let expectedOffset = this.#lastOffset + 1;
    let position = span.from;
    const add = (batch: RecordBatch, batchPosition: number): 'next' | 'bad' => {
      const { baseOffset, lastOffset, maxTimestamp, sizeBytes } = batch;
      if (baseOffset < expectedOffset || !batch.isCrcValid()) return 'bad';
      expectedOffset = lastOffset + 1;
      this.add({ position: batchPosition, sizeBytes, lastOffset, maxTimestamp });
      return 'next';
    };
    for (;;) {
      const end = await scanBatches(file, { from: position, to: span.to }, add);
      if (end.reason !== 'bad') return;
      const next = await findNextBatch(
        file,
        { from: end.position + 1, to: span.to },
        { from: expectedOffset, to: Number.MAX_SAFE_INTEGER },
      );
      if (next === undefined) return;
      position = next.position;
    }
  }

  get isLoaded(): boolean {
    return this.offset.isLoaded && this.time.isLoaded;
  }

  get isFull(): boolean {
    return this.offset.isFull || this.time.isFull;
  }

  /** Greatest timestamp of the segment's records, -1 without one. */
  get maxTimestamp(): number {
    return this.#maxTimestamp ?? this.time.lastEntry.timestamp;
  }

  /** Adds the last batch of the segment. */
  add(batch: BatchPlace): void {
    if (batch.maxTimestamp > this.maxTimestamp) {
      this.#maxTimestamp = batch.maxTimestamp;
      this.#offsetOfMaxTimestamp = batch.lastOffset;
    }
    if (this.#bytesSinceEntry > INDEX_INTERVAL_BYTES && !this.isFull) {
      this.offset.append(batch.lastOffset, batch.position);
      this.#addTimeEntry();
      this.#bytesSinceEntry = 0;
    }
    this.#bytesSinceEntry += batch.sizeBytes;
    this.#lastOffset = batch.lastOffset;
  }

  /**
   * Adds batches after the last entry, which the indexes do not have yet: after a start, and after
   * a truncation.
   * @param batches in the order of the log, from the position of the last entry on
   */
  resume(batches: readonly BatchPlace[]): void {
    const last = this.time.lastEntry;
    this.#maxTimestamp = last.timestamp;
    this.#offsetOfMaxTimestamp = last.offset;
    this.#bytesSinceEntry = 0;
    for (const { maxTimestamp, lastOffset, sizeBytes } of batches) {
      this.#bytesSinceEntry += sizeBytes;
      if (maxTimestamp <= this.#maxTimestamp) continue;
      this.#maxTimestamp = maxTimestamp;
      this.#offsetOfMaxTimestamp = lastOffset;
    }
  }

  /** Drops entries at or above an offset; `resume` must follow. */
  truncateTo(offset: Offset): void {
    this.offset.truncateTo(offset);
    this.time.truncateTo(offset);
  }

  /** @returns false when the files are no longer the unloaded ones and have to be rebuilt */
  async load(): Promise<boolean> {
    return (await this.offset.load()) && (await this.time.load());
  }

  /** Frees the memory when there was no look-up since the last call. */
  unloadIfIdle(): void {
    if (this.#maxTimestamp === undefined && this.time.isLoaded) {
      const last = this.time.lastEntry;
      this.#maxTimestamp = last.timestamp;
      this.#offsetOfMaxTimestamp = last.offset;
    }
    this.offset.unloadIfIdle();
    this.time.unloadIfIdle();
  }

  /**
   * Makes the files equal to the memory, durably, with the last entry that a roll or a close adds.
   */
  async flush(): Promise<void> {
    this.#addTimeEntry();
    await this.offset.flush();
    await this.time.flush();
  }

  /** Renames the files once they have all entries. The directory is not synced. */
  async rename(paths: IndexPaths): Promise<void> {
    await this.flush();
    await this.offset.rename(paths.index);
    await this.time.rename(paths.timeindex);
  }

  async remove(): Promise<void> {
    await this.offset.remove();
    await this.time.remove();
  }

  #addTimeEntry(): void {
    if (this.#maxTimestamp === undefined || this.#maxTimestamp < 0) return;
    this.time.maybeAppend(this.#maxTimestamp, this.#offsetOfMaxTimestamp);
  }
}
