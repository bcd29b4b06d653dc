/**
 * JSON of batches for the readers at the tail: there a batch is the same object for all of them
 * (the log's tail cache), so that it is rendered once and sent many times.
 *
 * The cache is bounded in bytes. The oldest entry is evicted first, unless it was used since: then
 * it stays for another round. An entry is attached to its batch, so that the cache keeps no batch
 * alive that the log has dropped.
 *
 * A batch read from disk is an object that is never seen again. `render` therefore keeps a batch's
 * JSON only from its second reader on, and a scan of old records leaves the cache alone.
 */
import type { RecordBatch } from '#log';
import { ProtocolError } from '#protocol';
import {
  RecordsAnswer,
  type RenderedBatch,
  type RenderedRecords,
  type RenderRequest,
  renderBatch,
  renderRecords,
} from './render-records.js';

/** Counters since the start, for metrics. */
export interface RenderCacheCounters {
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  readonly entries: number;
  readonly sizeBytes: number;
}

/** Entry of one batch, attached to it. */
class Entry {
  wasUsed = false;

  /** @param rendered undefined: seen once, or evicted */
  constructor(
    readonly cache: RenderCache,
    public rendered: RenderedBatch | undefined,
    readonly sizeBytes: number,
  ) {}
}

/** Heap bytes of an entry without its JSON: objects, and two numbers per record. */
const ENTRY_OVERHEAD_BYTES = 256;
const RECORD_OVERHEAD_BYTES = 16;

/** Evicted slots of the queue that are kept before it is copied. */
const QUEUE_HOLES_MAX = 4096;

export class RenderCache {
  /** The shared entry of all batches that were seen once. */
  readonly #seenOnce = new Entry(this, undefined, 0);
  /** Entries with JSON from `queueHead` on, the oldest at its head. */
  #queue: Entry[] = [];
  #queueHead = 0;
  #hits = 0;
  #misses = 0;
  #evictions = 0;
  #sizeBytes = 0;
  readonly #bytesMax: number;

  /** @param bytesMax 0: nothing is kept */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  counters(): RenderCacheCounters {
    const hits = this.#hits;
    const misses = this.#misses;
    const evictions = this.#evictions;
    const sizeBytes = this.#sizeBytes;
    return { hits, misses, evictions, sizeBytes, entries: this.#queue.length - this.#queueHead };
  }

  /**
   * The JSON of a whole batch in the default format, kept from the first time on: for batches that
   * other readers are sure to want.
   * @throws ProtocolError CORRUPT_MESSAGE, UNSUPPORTED_COMPRESSION_TYPE
   */
  renderedBatch(batch: RecordBatch, topic: string, partition: number): RenderedBatch {
    return this.#renderedOf(this.#entryOf(batch), batch, topic, partition);
  }

  /**
   * Renders like `renderRecords`, and uses cached JSON instead of rendering.
   * @throws ProtocolError CORRUPT_MESSAGE, UNSUPPORTED_COMPRESSION_TYPE
   */
  render(batches: readonly RecordBatch[], request: RenderRequest): RenderedRecords {
    if (request.format !== 'default' || request.framing !== 'array' || this.#bytesMax === 0) {
      return renderRecords(batches, request);
    }
    const answer = new RecordsAnswer(request);
    let unseen: RecordBatch[] = [];
    for (const batch of batches) {
      if (batch.nextOffset <= request.offset) continue;
      const entry = this.#entryOf(batch);
      if (entry === undefined) {
        batch.attachment = this.#seenOnce;
        this.#misses += 1;
        unseen.push(batch);
        continue;
      }
      if (unseen.length > 0) answer.addBatches(unseen);
      unseen = [];
      if (answer.isFull) break;
      const rendered = this.#tryRenderedOf(entry, batch, request);
      if (rendered === undefined) answer.addBatches([batch]);
      else answer.addRendered(rendered, batch.nextOffset);
      if (answer.isFull) break;
    }
    if (unseen.length > 0) answer.addBatches(unseen);
    return answer.end();
  }

  #entryOf({ attachment }: RecordBatch): Entry | undefined {
    return attachment instanceof Entry && attachment.cache === this ? attachment : undefined;
  }

  /** Returns undefined for a batch that cannot be rendered completely. */
  #tryRenderedOf(
    existing: Entry,
    batch: RecordBatch,
    { topic, partition }: RenderRequest,
  ): RenderedBatch | undefined {
    try {
      return this.#renderedOf(existing, batch, topic, partition);
    } catch (error) {
      if (error instanceof ProtocolError) return undefined;
      throw error;
    }
  }

  #renderedOf(
    existing: Entry | undefined,
    batch: RecordBatch,
    topic: string,
    partition: number,
  ): RenderedBatch {
    if (existing?.rendered !== undefined) {
      this.#hits += 1;
      existing.wasUsed = true;
      return existing.rendered;
    }
    this.#misses += 1;
    const rendered = renderBatch(batch, topic, partition);
    const sizeBytes =
      ENTRY_OVERHEAD_BYTES + rendered.bytes.length + rendered.ends.length * RECORD_OVERHEAD_BYTES;
    if (sizeBytes > this.#bytesMax) return rendered;
    // First, so that the new entry is not evicted when all others were used.
    this.#makeRoom(sizeBytes);
    const entry = new Entry(this, rendered, sizeBytes);
    batch.attachment = entry;
    this.#queue.push(entry);
    this.#sizeBytes += sizeBytes;
    return rendered;
  }

  #makeRoom(bytes: number): void {
    while (this.#sizeBytes + bytes > this.#bytesMax) {
      const entry = this.#queue[this.#queueHead] as Entry;
      this.#queueHead += 1;
      if (entry.wasUsed) {
        entry.wasUsed = false;
        this.#queue.push(entry);
        continue;
      }
      entry.rendered = undefined;
      this.#sizeBytes -= entry.sizeBytes;
      this.#evictions += 1;
    }
    if (this.#queueHead > QUEUE_HOLES_MAX && this.#queueHead > this.#queue.length / 2) {
      this.#queue = this.#queue.slice(this.#queueHead);
      this.#queueHead = 0;
    }
  }
}
