/** Renders fetched record batches as the JSON of their records. */
import { type RecordBatch, RecordCursor, unreadableBatch } from '#log';
import type { Offset } from '#protocol';
import { inSlices, joinedInSlices } from '#runtime';
import { batchGroups, isLargeRecord } from './batch-groups.js';
import { type LargeRecordJson, largeRecordJson } from './large-record-json.js';
import type { RecordFormat, RecordFrame, WrittenRecords } from './record-frame.js';
import { RecordJsonWriter } from './record-json-writer.js';

/** Selection and form of the records. */
export interface RenderRequest extends RecordFrame {
  /** Records below are skipped: the first batch may begin earlier. */
  readonly offset: Offset;
  readonly recordsMax: number;
  /** Bytes of JSON; one record always fits. */
  readonly bytesMax: number;
}

/** Rendered records: joined, the chunks are the inside of a list, or whole lines. */
export interface RenderedRecords {
  readonly chunks: readonly Buffer[];
  readonly sizeBytes: number;
  readonly count: number;
  /** Offset to continue from: after all rendered and hidden records. */
  readonly nextOffset: Offset;
  /** Reason why the records end at `nextOffset`: the batch there cannot be read. */
  readonly fault?: unknown;
}

/** All records of one batch as elements of a list, each with a comma before it, even the first. */
export interface RenderedBatch {
  readonly bytes: Buffer;
  /** Offset of each record. */
  readonly offsets: readonly Offset[];
  /** Position in `bytes` after each record. */
  readonly ends: readonly number[];
}

/** Smaller pieces are copied together: a chunk of its own costs more than such a copy. */
const CHUNK_BYTES_MIN = 16 * 1024;
/**
 * Size of the chunks of the output: the writer's memory stays in the processor's cache, and the
 * allocator reuses memory of this size instead of mapping new pages.
 */
const CHUNK_BYTES = 64 * 1024;

const COMMA = Buffer.from(',');
const NEWLINE = Buffer.from('\n');

/** Writing is synchronous: one writer, and one scratch array, for the whole process. */
const writer = new RecordJsonWriter();

/**
 * Renders records of whole batches in offset order; control batches are skipped. The records before
 * an unreadable batch are returned first.
 * @throws ProtocolError CORRUPT_MESSAGE, UNSUPPORTED_COMPRESSION_TYPE when there are none before it
 */
export function renderRecords(
  batches: readonly RecordBatch[],
  request: RenderRequest,
): RenderedRecords {
  const answer = new RecordsAnswer(request);
  answer.addBatches(batches);
  return answer.end();
}

/**
 * Renders a whole batch in the default format. A control batch has no records.
 * @throws ProtocolError CORRUPT_MESSAGE, UNSUPPORTED_COMPRESSION_TYPE
 */
export function renderBatch(batch: RecordBatch, topic: string, partition: number): RenderedBatch {
  const { bytes, offsets, ends, fault } = renderRun([batch], {
    topic,
    partition,
    offset: batch.baseOffset,
    recordsMax: Number.POSITIVE_INFINITY,
    bytesMax: Number.POSITIVE_INFINITY,
  });
  if (fault !== undefined) throw fault;
  return { bytes, offsets, ends };
}

/**
 * Renders like `renderRecords`, in slices: for batches that are not `areRenderedAtOnce`.
 * @param isWanted called before each slice; after false the result has the records rendered so far
 * @throws ProtocolError as `renderRecords` does
 */
export async function renderInSlices(
  batches: readonly RecordBatch[],
  request: RenderRequest,
  isWanted: () => boolean,
): Promise<RenderedRecords> {
  const answer = new RecordsAnswer(request);
  try {
    for await (const group of batchGroups(batches, request.offset)) {
      await answer.addGroup(group);
      if (answer.isFull || !isWanted()) break;
    }
  } catch (error) {
    answer.endWith(error);
  }
  return answer.end();
}

/** A run without records. */
const NO_RUN = { bytes: Buffer.alloc(0), offsets: [], ends: [] };

/** Limits of a run of records, which ends before the first that it would exceed. */
export interface RunBounds {
  readonly topic: string;
  readonly partition: number;
  /** Records below are skipped: the first batch may begin earlier. */
  readonly offset: Offset;
  readonly recordsMax: number;
  /** Bytes of JSON; one record always fits. */
  readonly bytesMax: number;
  /** Format of keys and values; `default` unless given. */
  readonly format?: RecordFormat;
}

/** A rendered range of records, over batches or within one. */
export interface RenderedRun extends RenderedBatch {
  /** Offset to continue from: after all its records, and after hidden ones. */
  readonly nextOffset: Offset;
  /** Reason why it ends at `nextOffset`: the batch there cannot be read. */
  readonly fault?: unknown;
}

/**
 * Renders like `renderBatch`, for a range that begins and ends anywhere in consecutive batches. The
 * records before an unreadable batch are rendered.
 * @throws ProtocolError CORRUPT_MESSAGE, UNSUPPORTED_COMPRESSION_TYPE when there are none before it
 */
export function renderRun(batches: readonly RecordBatch[], bounds: RunBounds): RenderedRun {
  const { topic, partition, offset, format = 'default' } = bounds;
  const written: WrittenRecords = { offsets: [], ends: [] };
  let nextOffset = offset;
  writer.begin({ topic, partition, format, framing: 'array' }, true);
  let fault: unknown;
  for (const batch of batches) {
    if (batch.nextOffset <= nextOffset) continue;
    try {
      const end = batch.isControl ? batch.nextOffset : writeRun(batch, nextOffset, bounds, written);
      nextOffset = end;
    } catch (error) {
      fault = unreadableBatch(batch, error);
      if (written.offsets.length === 0) throw fault;
      nextOffset = Math.max(nextOffset, (written.offsets.at(-1) ?? nextOffset) + 1);
    }
    if (nextOffset < batch.nextOffset) break;
  }
  const end = fault === undefined ? { nextOffset } : { nextOffset, fault };
  return { bytes: writer.take(), ...written, ...end };
}

/**
 * Renders like `renderRun`, in slices: for batches that are not `areRenderedAtOnce`. The run may
 * end before its bounds, and a large record is a run of its own.
 * @throws ProtocolError as `renderRun` does
 */
export async function renderRunInSlices(
  batches: readonly RecordBatch[],
  bounds: RunBounds,
): Promise<RenderedRun> {
  let run: RenderedRun = { ...NO_RUN, nextOffset: bounds.offset };
  for await (const group of batchGroups(batches, bounds.offset)) {
    run = await renderGroup(group, { ...bounds, offset: run.nextOffset });
    if (run.offsets.length > 0 || run.fault !== undefined) break;
  }
  return run;
}

/**
 * Renders a group of `batchGroups` as one run.
 * @throws ProtocolError CORRUPT_MESSAGE when no record precedes the unreadable one
 */
export async function renderGroup(
  group: readonly RecordBatch[],
  bounds: RunBounds,
): Promise<RenderedRun> {
  const [batch] = group;
  if (batch === undefined || !isLargeRecord(batch)) return renderRun(group, bounds);
  const { topic, partition, format = 'default' } = bounds;
  const frame: RecordFrame = { topic, partition, format, framing: 'array' };
  let record: LargeRecordJson | undefined;
  try {
    record = await inSlices(largeRecordJson(batch, frame));
  } catch (error) {
    throw unreadableBatch(batch, error);
  }
  const { nextOffset } = batch;
  if (record === undefined || record.offset < bounds.offset) return { ...NO_RUN, nextOffset };
  const bytes = await inSlices(joinedInSlices([COMMA, ...record.pieces]));
  return { bytes, offsets: [record.offset], ends: [bytes.length], nextOffset };
}

/**
 * Writes records of the batch from an offset on until one does not fit. @returns the offset to
 * continue from
 */
function writeRun(
  batch: RecordBatch,
  from: Offset,
  { recordsMax, bytesMax }: RunBounds,
  written: WrittenRecords,
): Offset {
  const { offsets, ends } = written;
  const cursor = new RecordCursor(batch);
  writer.stage(cursor.bytes);
  let nextOffset = from;
  while (cursor.next()) {
    if (cursor.offset < from) continue;
    const isFull = ends.length >= recordsMax || writer.sizeBytes >= bytesMax;
    if (isFull && ends.length > 0) return nextOffset;
    writer.writeRecord(cursor);
    offsets.push(cursor.offset);
    ends.push(writer.sizeBytes);
    writer.writePlainRecords(cursor, recordsMax - ends.length, bytesMax, written);
    nextOffset = cursor.offset + 1;
  }
  return batch.nextOffset;
}
/**
 * An answer assembled from batches, rendered here or before, until it is full.
 *
 * Overlap: calls must not overlap; the one reader that owns it awaits each.
 */
export class RecordsAnswer {
  /** True when a record did not fit any more, or could not be read. */
  isFull = false;
  /** Error of the batch at `nextOffset`, which cannot be read. */
  #fault: unknown;
  #count = 0;
  #sizeBytes = 0;
  #nextOffset: Offset;
  readonly #chunks: Buffer[] = [];
  /** Small pieces to be copied into one chunk. */
  #small: Buffer[] = [];
  #smallBytes = 0;
  readonly #request: RenderRequest;

  constructor(request: RenderRequest) {
    this.#request = request;

    this.#nextOffset = request.offset;
  }

  /** Renders and adds batches that follow those added before. */
  addBatches(batches: readonly RecordBatch[]): void {
    const request = this.#request;
    writer.begin(request, this.#count > 0 && request.framing === 'array');
    for (const batch of batches) {
      if (batch.nextOffset <= this.#nextOffset) continue;
      if (!batch.isControl) this.#tryWriteBatch(batch);
      if (this.isFull) break;
      this.#nextOffset = batch.nextOffset;
      if (writer.sizeBytes >= CHUNK_BYTES) {
        this.#addPiece(writer.take());
        writer.begin(request, request.framing === 'array');
      }
    }
    if (writer.sizeBytes > 0) this.#addPiece(writer.take());
  }

  /** Adds a group of `batchGroups`; a large record in slices. */
  async addGroup(group: readonly RecordBatch[]): Promise<void> {
    const [batch] = group;
    if (batch === undefined) return;
    if (isLargeRecord(batch)) await this.#addLargeRecord(batch);
    else this.addBatches(group);
  }

  /**
   * Ends the answer because reading failed. @param error an UnreadableBatchError, or a fault of the
   * disk
   */
  endWith(error: unknown): void {
    this.#fault = error;
    this.isFull = true;
  }

  async #addLargeRecord(batch: RecordBatch): Promise<void> {
    const request = this.#request;
    const count = this.#count;
    if (count >= request.recordsMax) {
      this.isFull = true;
      return;
    }
    const record = await this.#tryLargeRecord(batch);
    if (this.isFull) return;
    if (record !== undefined && record.offset >= this.#nextOffset) {
      const { pieces } = record;
      if (request.framing === 'lines') pieces.push(NEWLINE);
      else if (count > 0) pieces.unshift(COMMA);
      const sizeBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
      if (count > 0 && this.#sizeBytes + sizeBytes > request.bytesMax) {
        this.isFull = true;
        return;
      }
      for (const piece of pieces) this.#addPiece(piece);
      this.#count += 1;
    }
    this.#nextOffset = batch.nextOffset;
  }

  async #tryLargeRecord(batch: RecordBatch): Promise<LargeRecordJson | undefined> {
    try {
      return await inSlices(largeRecordJson(batch, this.#request));
    } catch (error) {
      this.endWith(unreadableBatch(batch, error));
      return undefined;
    }
  }

  /** Adds a batch that was rendered before; `nextOffset` is the batch's. */
  addRendered(rendered: RenderedBatch, nextOffset: Offset): void {
    const { offsets, ends, bytes } = rendered;
    const { recordsMax, bytesMax } = this.#request;
    let first = 0;
    while (first < offsets.length && (offsets[first] as Offset) < this.#nextOffset) first += 1;
    const start = first === 0 ? 0 : (ends[first - 1] as number);
    const comma = this.#count === 0 ? 1 : 0;
    // Most batches fit whole: their records need not be examined.
    let last = this.#hasRoomFor(offsets.length - first, bytes.length - start)
      ? offsets.length
      : first;
    for (; last < offsets.length && !this.isFull; last += 1) {
      const sizeBytes = this.#sizeBytes + (ends[last] as number) - start - comma;
      const isFirst = this.#count === 0 && last === first;
      if (this.#count + last - first >= recordsMax || (!isFirst && sizeBytes > bytesMax)) break;
    }
    if (last > first) this.#addPiece(bytes.subarray(start + comma, ends[last - 1]));
    this.#count += last - first;
    this.isFull = last < offsets.length;
    if (!this.isFull) this.#nextOffset = Math.max(this.#nextOffset, nextOffset);
    else if (last > first) this.#nextOffset = (offsets[last - 1] as Offset) + 1;
  }

  #hasRoomFor(records: number, sizeBytes: number): boolean {
    const { recordsMax, bytesMax } = this.#request;
    return this.#count + records <= recordsMax && this.#sizeBytes + sizeBytes <= bytesMax;
  }

  /** @throws ProtocolError CORRUPT_MESSAGE, UNSUPPORTED_COMPRESSION_TYPE of the first batch */
  end(): RenderedRecords {
    this.#flushSmall();
    const chunks = this.#chunks;
    const sizeBytes = this.#sizeBytes;
    const count = this.#count;
    const nextOffset = this.#nextOffset;
    const fault = this.#fault;
    if (fault === undefined) return { chunks, sizeBytes, count, nextOffset };
    if (count === 0) throw fault;
    return { chunks, sizeBytes, count, nextOffset, fault };
  }

  #tryWriteBatch(batch: RecordBatch): void {
    try {
      this.#writeBatch(batch);
    } catch (error) {
      this.#fault = unreadableBatch(batch, error);
      this.isFull = true;
    }
  }

  /** Writes what fits of the batch's records from the next offset on. */
  #writeBatch(batch: RecordBatch): void {
    const { recordsMax, bytesMax } = this.#request;
    if (this.#count >= recordsMax) {
      this.isFull = true;
      return;
    }
    const cursor = new RecordCursor(batch);
    writer.stage(cursor.bytes);
    while (cursor.next()) {
      if (cursor.offset < this.#nextOffset) continue;
      if (this.#count >= recordsMax) {
        this.isFull = true;
        return;
      }
      const sizeBefore = writer.sizeBytes;
      writer.writeRecord(cursor);
      if (this.#count > 0 && this.#sizeBytes + writer.sizeBytes > bytesMax) {
        writer.cutTo(sizeBefore);
        this.isFull = true;
        return;
      }
      this.#count += 1;
      const sizeLeft = bytesMax - this.#sizeBytes;
      this.#count += writer.writePlainRecords(cursor, recordsMax - this.#count, sizeLeft);
      this.#nextOffset = cursor.offset + 1;
    }
  }

  #addPiece(piece: Buffer): void {
    this.#sizeBytes += piece.length;
    if (piece.length >= CHUNK_BYTES_MIN) {
      this.#flushSmall();
      this.#chunks.push(piece);
      return;
    }
    this.#small.push(piece);
    this.#smallBytes += piece.length;
    if (this.#smallBytes >= CHUNK_BYTES_MIN) this.#flushSmall();
  }

  #flushSmall(): void {
    const small = this.#small;
    if (small.length === 0) return;
    const only = small.length === 1 ? small[0] : undefined;
    this.#chunks.push(only ?? Buffer.concat(small, this.#smallBytes));
    this.#small = [];
    this.#smallBytes = 0;
  }
}
