import { type Offset, ProtocolError } from '#protocol';
import type { Throttler } from '../background/throttler.js';
import { readChunk, SCAN_CHUNK_BYTES } from '../record-batch/batch-scan.js';
import { corruptMessage } from '../record-batch/damage.js';
import {
  batchSizeAt,
  RECORD_BATCH_HEADER_BYTES,
  RecordBatch,
} from '../record-batch/record-batch.js';
import type { LogSegment } from '../segment/segment.js';
import { isInPlace } from './batch-place.js';
import { measureDamage } from './damage-search.js';
import type { LogEnvironment, LogState } from './log-state.js';

/**
 * Reads and checks all batches of a segment in order for background work, limited by its throttler.
 * It reads up to the segment's size at construction, and holds the segment's file from the first
 * `next` to `close`.
 *
 * Overlap: calls must not overlap; the owner awaits each.
 */
export class SegmentReader {
  /** A piece of the file that begins at `#chunkPosition`; batches keep their piece alive. */
  #chunk: Buffer = Buffer.alloc(0);
  #chunkPosition = 0;
  /** Position in the file of the next batch. */
  #position = 0;
  #expectedOffset: Offset;
  readonly #upperOffset: Offset;
  #isAcquired = false;
  readonly #sizeBytes: number;
  readonly #log: LogState;
  readonly #environment: LogEnvironment;
  readonly #segment: LogSegment;
  readonly #throttler: Throttler;

  constructor(
    log: LogState,
    environment: LogEnvironment,
    segment: LogSegment,
    throttler: Throttler,
  ) {
    this.#log = log;
    this.#environment = environment;
    this.#segment = segment;
    this.#throttler = throttler;

    this.#expectedOffset = segment.baseOffset;
    this.#upperOffset = log.segments.after(segment)?.baseOffset ?? log.offsets.logEnd;
    this.#sizeBytes = segment.sizeBytes;
  }

  /**
   * @returns undefined after the last batch
   * @throws ProtocolError CORRUPT_MESSAGE when the next bytes are not a valid batch: the damage was
   *   reported; StoppedError; storage errors
   */
  async next(): Promise<RecordBatch | undefined> {
    if (this.#throttler.isDue) await this.#throttler.pause();
    if (this.#position >= this.#sizeBytes) return undefined;
    const batch = await this.#readBatch();
    if (batch === undefined) return this.#damaged();
    this.#position += batch.sizeBytes;
    this.#expectedOffset = batch.nextOffset;
    return batch;
  }

  close(): void {
    if (this.#isAcquired) this.#segment.file.release();
    this.#isAcquired = false;
  }

  /** @returns undefined when the bytes are not a batch, or not one that may come next */
  async #readBatch(): Promise<RecordBatch | undefined> {
    try {
      await this.#fill(RECORD_BATCH_HEADER_BYTES);
      const sizeBytes = batchSizeAt(this.#chunk, this.#position - this.#chunkPosition) ?? 0;
      if (sizeBytes > this.#sizeBytes - this.#position) return undefined;
      await this.#fill(sizeBytes);
      const at = this.#position - this.#chunkPosition;
      const batch = new RecordBatch(
        this.#chunk.subarray(at, at + sizeBytes),
        this.#environment.unpacker,
      );
      const bounds = { expected: this.#expectedOffset, upper: this.#upperOffset };
      return isInPlace(this.#log, batch, bounds) && batch.isCrcValid() ? batch : undefined;
    } catch (error) {
      if (error instanceof ProtocolError && error.code === 'CORRUPT_MESSAGE') return undefined;
      throw error;
    }
  }

  /** Makes the current piece hold `bytes` from the position on, as far as the file has them. */
  async #fill(bytes: number): Promise<void> {
    const end = Math.min(this.#position + bytes, this.#sizeBytes);
    if (end <= this.#chunkPosition + this.#chunk.length) return;
    const file = await this.#segment.file.acquire();
    if (this.#isAcquired) this.#segment.file.release();
    this.#isAcquired = true;
    const length = Math.min(Math.max(bytes, SCAN_CHUNK_BYTES), this.#sizeBytes - this.#position);
    this.#chunk = await readChunk(file, this.#position, length);
    this.#chunkPosition = this.#position;
    this.#throttler.charge(this.#chunk.length);
  }

  async #damaged(): Promise<never> {
    const segment = this.#segment;
    const log = this.#log;
    const environment = this.#environment;
    const file = await segment.file.acquire();
    try {
      const expectedOffset = this.#expectedOffset;
      const place = { segment, file, position: this.#position, expectedOffset };
      throw corruptMessage(await measureDamage(log, environment, place));
    } finally {
      segment.file.release();
    }
  }
}
