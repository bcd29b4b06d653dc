import type { Offset } from '#protocol';
import type { FileHandle } from '#runtime';
import type { BatchUnpacker } from '../compression/compression.js';
import {
  BASE_OFFSET_AT,
  BASE_OFFSET_UPPER_LIMIT,
  BATCH_LENGTH_AT,
  LAST_OFFSET_DELTA_AT,
  LOG_OVERHEAD_BYTES,
  MAGIC_AT,
  RECORD_BATCH_HEADER_BYTES,
  RECORD_BATCH_MAGIC,
  RECORD_COUNT_AT,
  RecordBatch,
} from './record-batch.js';

/** Answer of a visitor of a scan; `bad`: this batch may not come here. */
export type VisitResult = 'next' | 'bad' | 'stop';

/**
 * Visits one batch of a scan. Its framing is sound; its CRC was not checked.
 * @param position of its first byte in the file
 */
export type BatchVisitor = (batch: RecordBatch, position: number) => VisitResult;

/**
 * End of a scan: at the given end, at the batch that stopped it, or at bytes that are not a batch.
 */
export interface ScanEnd {
  readonly reason: 'end' | 'stopped' | 'bad';
  /** Position of the first byte that was not accepted. */
  readonly position: number;
}

/** A span of a file's bytes: [from, to). */
export interface ByteSpan {
  readonly from: number;
  readonly to: number;
}

/** A scan of the batches of a span, which begins at a batch. */
export interface BatchScan extends ByteSpan {
  /** Bytes that are read at once; SCAN_CHUNK_BYTES if absent. */
  readonly chunkBytes?: number;
  /** Bytes of the first piece; `chunkBytes` if absent. */
  readonly firstChunkBytes?: number;
  /** Called before each piece is read; the scan ends when it returns false. */
  readonly mayReadOn?: () => boolean;
  /** Unpacks the batches; needed only if their records are read. */
  readonly unpacker?: BatchUnpacker;
}

/** Bytes read at once when a whole file is scanned. */
export const SCAN_CHUNK_BYTES = 1024 * 1024;

/**
 * Scans the batches of a span. The file is read in pieces of `chunkBytes`, each in its own buffer:
 * batches may be kept, and keep their piece alive. A batch longer than a piece is read on its own.
 * Anything but a whole batch within the span is `bad`.
 */
export async function scanBatches(
  file: FileHandle,
  scan: BatchScan,
  visit: BatchVisitor,
): Promise<ScanEnd> {
  const { to, chunkBytes = SCAN_CHUNK_BYTES, mayReadOn, unpacker } = scan;
  let position = scan.from;
  let wantedBytes = scan.firstChunkBytes ?? chunkBytes;
  while (position < to) {
    if (mayReadOn?.() === false) return { reason: 'stopped', position };
    const askedBytes = Math.min(wantedBytes, to - position);
    const chunk = await readChunk(file, position, askedBytes);
    const span = unpacker === undefined ? { from: position, to } : { from: position, to, unpacker };
    const walk = walkChunk(chunk, span, visit);
    position = walk.position;
    if (walk.reason !== 'more') return { reason: walk.reason, position };
    // The file ends before the span does.
    if (chunk.length < askedBytes) return { reason: 'bad', position };
    wantedBytes = Math.max(chunkBytes, walk.bytesNeeded);
  }
  return { reason: 'end', position };
}

interface ChunkWalk {
  readonly reason: 'more' | 'stopped' | 'bad';
  readonly position: number;
  /** Bytes needed from `position` on to continue, when the reason is `more`. */
  readonly bytesNeeded: number;
}

/** Scans the whole batches of a piece of a file that begins at `span.from`. */
function walkChunk(chunk: Buffer, span: BatchScan, visit: BatchVisitor): ChunkWalk {
  let chunkPosition = 0;
  for (;;) {
    const position = span.from + chunkPosition;
    const leftInSpan = span.to - position;
    if (leftInSpan === 0) return { reason: 'more', position, bytesNeeded: 0 };
    if (leftInSpan < RECORD_BATCH_HEADER_BYTES) return { reason: 'bad', position, bytesNeeded: 0 };
    if (chunk.length - chunkPosition < RECORD_BATCH_HEADER_BYTES) {
      return { reason: 'more', position, bytesNeeded: RECORD_BATCH_HEADER_BYTES };
    }
    const sizeBytes = plausibleBatchSize(chunk, chunkPosition);
    if (sizeBytes === undefined || sizeBytes > leftInSpan) {
      return { reason: 'bad', position, bytesNeeded: 0 };
    }
    if (sizeBytes > chunk.length - chunkPosition) {
      return { reason: 'more', position, bytesNeeded: sizeBytes };
    }
    const verdict = visit(
      new RecordBatch(chunk.subarray(chunkPosition, chunkPosition + sizeBytes), span.unpacker),
      position,
    );
    if (verdict === 'bad') return { reason: 'bad', position, bytesNeeded: 0 };
    if (verdict === 'stop') return { reason: 'stopped', position, bytesNeeded: 0 };
    chunkPosition += sizeBytes;
  }
}

/**
 * The first whole batch with a right CRC that begins in `span` and has offsets in the given range.
 */
export interface FoundBatch {
  readonly batch: RecordBatch;
  readonly position: number;
}

/**
 * Searches damaged bytes for a batch, trying every byte as its first.
 * @param offsets the batch's offsets must lie in [from, to)
 */
export async function findNextBatch(
  file: FileHandle,
  span: ByteSpan,
  offsets: { readonly from: Offset; readonly to: Offset },
): Promise<FoundBatch | undefined> {
  let position = span.from;
  while (span.to - position >= RECORD_BATCH_HEADER_BYTES) {
    const chunk = await readChunk(file, position, Math.min(SCAN_CHUNK_BYTES, span.to - position));
    const starts = chunk.length - RECORD_BATCH_HEADER_BYTES + 1;
    if (starts <= 0) return undefined;
    for (
      let chunkPosition = nextMagic(chunk, 0);
      chunkPosition < starts;
      chunkPosition = nextMagic(chunk, chunkPosition + 1)
    ) {
      const sizeBytes = plausibleBatchSize(chunk, chunkPosition);
      if (sizeBytes === undefined || sizeBytes > span.to - position - chunkPosition) continue;
      if (!areOffsetsWithin(chunk, chunkPosition, offsets)) continue;
      const bytes =
        sizeBytes <= chunk.length - chunkPosition
          ? Buffer.from(chunk.subarray(chunkPosition, chunkPosition + sizeBytes))
          : await readChunk(file, position + chunkPosition, sizeBytes);
      if (bytes.length < sizeBytes) continue;
      const batch = new RecordBatch(bytes);
      if (batch.isCrcValid()) return { batch, position: position + chunkPosition };
    }
    position += starts;
  }
  return undefined;
}

/** Reads up to `length` bytes into a new buffer; fewer only at the end of the file. */
export async function readChunk(
  file: FileHandle,
  position: number,
  length: number,
): Promise<Buffer> {
  const target = Buffer.allocUnsafeSlow(length);
  const bytesRead = await file.read(target, 0, length, position);
  return bytesRead === length ? target : target.subarray(0, bytesRead);
}

/**
 * Returns the size that a batch header declares; undefined when no batch of magic 2 can have this
 * header.
 */
function plausibleBatchSize(bytes: Buffer, position: number): number | undefined {
  if (bytes[position + MAGIC_AT] !== RECORD_BATCH_MAGIC) return undefined;
  const sizeBytes = bytes.readInt32BE(position + BATCH_LENGTH_AT) + LOG_OVERHEAD_BYTES;
  if (sizeBytes < RECORD_BATCH_HEADER_BYTES) return undefined;
  if (bytes.readUInt32BE(position + BASE_OFFSET_AT) >= BASE_OFFSET_UPPER_LIMIT) return undefined;
  if (bytes.readInt32BE(position + LAST_OFFSET_DELTA_AT) < 0) return undefined;
  return bytes.readInt32BE(position + RECORD_COUNT_AT) < 0 ? undefined : sizeBytes;
}

function areOffsetsWithin(
  bytes: Buffer,
  position: number,
  offsets: { readonly from: Offset; readonly to: Offset },
): boolean {
  const base =
    bytes.readUInt32BE(position + BASE_OFFSET_AT) * 2 ** 32 +
    bytes.readUInt32BE(position + BASE_OFFSET_AT + 4);
  return (
    base >= offsets.from && base + bytes.readInt32BE(position + LAST_OFFSET_DELTA_AT) < offsets.to
  );
}

/**
 * Finds the next possible batch start: a position from `position` on with a magic byte at the right
 * distance.
 */
function nextMagic(chunk: Buffer, position: number): number {
  const magicAt = chunk.indexOf(RECORD_BATCH_MAGIC, position + MAGIC_AT);
  return magicAt < 0 ? chunk.length : magicAt - MAGIC_AT;
}
