import type { Offset } from '#protocol';
import { SerialQueue } from '#runtime';
import { SCAN_CHUNK_BYTES } from './batch-scan.js';
import { damagedEndOffset, isUnreadable } from './damage.js';
import type { RecordBatch } from './record-batch.js';
import { RecordCursor } from './record-cursor.js';

/**
 * End of a transaction. `undecided`: its marker is not committed. `open`: the log has no marker of
 * it.
 */
export type TransactionEnd = 'committed' | 'aborted' | 'undecided' | 'open';

/** The side of a log that is read for markers. */
export interface MarkerSource {
  logEndOffset(): Offset;
  read(offset: Offset, maxBytes: number, endOffset: Offset): Promise<readonly RecordBatch[]>;
}

interface Marker {
  readonly offset: Offset;
  readonly isCommit: boolean;
}

/** A range of the log, [from, to), all of whose markers are known. */
interface ScannedRange {
  readonly from: Offset;
  to: Offset;
  /** Markers by producer id, in the order of the offsets. */
  readonly markers: Map<number, Marker[]>;
}

/** Markers kept per log; above it the scanned ranges are dropped and read again when needed. */
const MARKERS_MAX = 20_000;

/**
 * The ends of the transactions in a log. Only Kafka writes transactions: the log was written by a
 * Kafka broker, or is a copy of such a log.
 *
 * A transaction ends with a control batch (a marker) of its producer, after its records. The end
 * of a batch's transaction is therefore the first marker of its producer after it. It is found by
 * reading on from the batch, and all markers on the way are remembered, so that a reader of the
 * whole log causes every byte to be read once more at most. Kafka's `.txnindex` is not used: it
 * lacks the committed transactions, has no checksum, and copies of a log do not have it.
 *
 * Overlap: look-ups may overlap; they run one after the other.
 */
export class TransactionMarkers {
  readonly #queue = new SerialQueue();
  #ranges: ScannedRange[] = [];
  #markerCount = 0;
  readonly #log: MarkerSource;

  constructor(log: MarkerSource) {
    this.#log = log;
  }

  /**
   * Returns the end of the transaction that a batch of records belongs to.
   * @param committedEnd markers from this offset on may still be truncated
   * @throws ProtocolError KAFKA_STORAGE_ERROR
   */
  async endOf(batch: RecordBatch, committedEnd: Offset): Promise<TransactionEnd> {
    const { producerId, nextOffset } = batch;
    const marker = await this.#queue.run(() => this.#markerAfter(producerId, nextOffset));
    if (marker === undefined) return 'open';
    if (marker.offset >= committedEnd) return 'undecided';
    return marker.isCommit ? 'committed' : 'aborted';
  }

  /** Drops all known markers, because the log was truncated. */
  clear(): void {
    this.#ranges = [];
    this.#markerCount = 0;
  }

  async #markerAfter(producerId: number, from: Offset): Promise<Marker | undefined> {
    const range = this.#rangeAt(from);
    for (;;) {
      const marker = range.markers.get(producerId)?.find(({ offset }) => offset >= from);
      if (marker !== undefined || range.to >= this.#log.logEndOffset()) return marker;
      const next = this.#rangeFrom(range);
      if (next !== undefined) this.#join(range, next);
      else await this.#scanOn(range);
    }
  }

  #rangeAt(offset: Offset): ScannedRange {
    const existing = this.#ranges.find(({ from, to }) => from <= offset && offset <= to);
    if (existing !== undefined) return existing;
    const range = { from: offset, to: offset, markers: new Map() };
    this.#ranges.push(range);
    return range;
  }

  /** Finds the range that begins where another one ends. */
  #rangeFrom(range: ScannedRange): ScannedRange | undefined {
    return this.#ranges.find((candidate) => {
      return candidate !== range && candidate.from <= range.to && candidate.to > range.to;
    });
  }

  #join(range: ScannedRange, next: ScannedRange): void {
    for (const [producerId, markers] of next.markers) {
      for (const marker of markers) {
        if (marker.offset >= range.to) this.#add(range, producerId, marker);
        this.#markerCount -= 1;
      }
    }
    range.to = next.to;
    this.#ranges = this.#ranges.filter((candidate) => candidate !== next);
  }

  async #scanOn(range: ScannedRange): Promise<void> {
    const log = this.#log;
    try {
      const batches = await log.read(range.to, SCAN_CHUNK_BYTES, log.logEndOffset());
      if (batches.length === 0) range.to = log.logEndOffset();
      for (const batch of batches) {
        if (batch.isControl) this.#addMarker(range, batch);
        range.to = batch.nextOffset;
      }
    } catch (error) {
      // A damaged marker is unknown: the next one of its producer is taken instead.
      const damagedEnd = damagedEndOffset(error);
      if (damagedEnd === undefined) throw error;
      range.to = damagedEnd;
    }
    if (this.#markerCount > MARKERS_MAX) this.clear();
  }

  #addMarker(range: ScannedRange, batch: RecordBatch): void {
    const type = markerType(batch);
    if (type === undefined) return;
    this.#add(range, batch.producerId, { offset: batch.baseOffset, isCommit: type === COMMIT });
  }

  #add(range: ScannedRange, producerId: number, marker: Marker): void {
    const markers = range.markers.get(producerId);
    if (markers === undefined) range.markers.set(producerId, [marker]);
    else markers.push(marker);
    this.#markerCount += 1;
  }
}

/** Types of control records (Kafka's ControlRecordType); other types are not of transactions. */
const ABORT = 0;
const COMMIT = 1;

function markerType(batch: RecordBatch): number | undefined {
  try {
    const cursor = new RecordCursor(batch);
    // The key: int16 version, int16 type.
    if (!cursor.next() || cursor.keyEnd - cursor.keyStart < 4) return undefined;
    const type = cursor.bytes.readInt16BE(cursor.keyStart + 2);
    return type === ABORT || type === COMMIT ? type : undefined;
  } catch (error) {
    if (isUnreadable(error)) return undefined;
    throw error;
  }
}
