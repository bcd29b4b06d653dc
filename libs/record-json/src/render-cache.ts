/**
 * JSON of batches for the readers at the tail: many of them read the same batch, so that it is
 * rendered once and sent many times.
 *
 * The JSON is a function of the topic's name, the partition and the bytes of the batch. An entry is
 * used for a batch of the same topic, partition, base offset, CRC, size and leader epoch: after a
 * truncation, a compaction or the deletion of the topic another batch may begin at that offset.
 *
 * The cache is bounded in bytes. The oldest entry is evicted first, unless it was used since: then
 * it stays for another round. It holds no batch, so that it keeps none alive that the log has
 * dropped.
 *
 * `render` keeps a batch's JSON only from its second reader on: a scan of old records leaves the
 * cache alone.
 */
import type { RecordBatch } from '#log';
import { ProtocolError } from '#protocol';
import { BatchesReadOnce } from './batches-read-once.js';
import { CachedBatch, CachedBatches } from './cached-batches.js';
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

/** Heap bytes of an entry beside its JSON: objects, slots of maps, and two numbers per record. */
const ENTRY_OVERHEAD_BYTES = 512;
const RECORD_OVERHEAD_BYTES = 16;
/** Bytes of the cache per slot of its table. */
const ENTRY_BYTES_EXPECTED = 2048;

/** Evicted slots of the queue that are kept before it is copied. */
const QUEUE_HOLES_MAX = 4096;

export class RenderCache {
  readonly #seen = new BatchesReadOnce();
  readonly #batches: CachedBatches;
  /** Entries from `queueHead` on, the one that came first at its head. */
  #queue: (CachedBatch | undefined)[] = [];
  #queueHead = 0;
  #hits = 0;
  #misses = 0;
  #evictions = 0;
  #sizeBytes = 0;
  readonly #bytesMax: number;

  /** @param bytesMax 0: nothing is kept */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#batches = new CachedBatches(bytesMax / ENTRY_BYTES_EXPECTED);
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
    const entry = this.#batches.find(batch, topic, partition);
    return entry === undefined ? this.#renderNew(batch, topic, partition) : this.#use(entry);
  }

  /**
   * Renders like `renderRecords`, and uses cached JSON instead of rendering.
   * @throws ProtocolError CORRUPT_MESSAGE, UNSUPPORTED_COMPRESSION_TYPE
   */
  render(batches: readonly RecordBatch[], request: RenderRequest): RenderedRecords {
    if (request.format !== 'default' || request.framing !== 'array' || this.#bytesMax === 0) {
      return renderRecords(batches, request);
    }
    const { topic, partition } = request;
    const answer = new RecordsAnswer(request);
    let unseen: RecordBatch[] = [];
    for (const batch of batches) {
      const { nextOffset } = batch;
      if (nextOffset <= request.offset) continue;
      const entry = this.#batches.find(batch, topic, partition);
      if (entry === undefined && !this.#seen.add(batch)) {
        this.#misses += 1;
        unseen.push(batch);
        continue;
      }
      if (unseen.length > 0) answer.addBatches(unseen);
      unseen = [];
      if (answer.isFull) break;
      const rendered = entry === undefined ? this.#tryRenderNew(batch, request) : this.#use(entry);
      if (rendered === undefined) answer.addBatches([batch]);
      else answer.addRendered(rendered, nextOffset);
      if (answer.isFull) break;
    }
    if (unseen.length > 0) answer.addBatches(unseen);
    return answer.end();
  }

  #use(entry: CachedBatch): RenderedBatch {
    this.#hits += 1;
    entry.wasUsed = true;
    return entry.rendered;
  }

  /** Returns undefined for a batch that cannot be rendered completely. */
  #tryRenderNew(
    batch: RecordBatch,
    { topic, partition }: RenderRequest,
  ): RenderedBatch | undefined {
    try {
      return this.#renderNew(batch, topic, partition);
    } catch (error) {
      if (error instanceof ProtocolError) return undefined;
      throw error;
    }
  }

  /** Renders a batch, and keeps its JSON unless that is larger than the cache. */
  #renderNew(batch: RecordBatch, topic: string, partition: number): RenderedBatch {
    this.#misses += 1;
    const rendered = renderBatch(batch, topic, partition);
    const sizeBytes =
      ENTRY_OVERHEAD_BYTES + rendered.bytes.length + rendered.ends.length * RECORD_OVERHEAD_BYTES;
    if (sizeBytes > this.#bytesMax) return rendered;
    // Room comes first: the new entry must not be evicted when all others were used.
    this.#makeRoom(sizeBytes);
    const entry = new CachedBatch(batch, topic, partition, rendered, sizeBytes);
    this.#batches.add(entry);
    this.#queue.push(entry);
    this.#sizeBytes += sizeBytes;
    return rendered;
  }

  #makeRoom(bytes: number): void {
    while (this.#sizeBytes + bytes > this.#bytesMax) {
      const entry = this.#queue[this.#queueHead] as CachedBatch;
      // The slot stays until the queue is copied, but must not keep the JSON alive.
      this.#queue[this.#queueHead] = undefined;
      this.#queueHead += 1;
      if (entry.wasUsed) {
        entry.wasUsed = false;
        this.#queue.push(entry);
        continue;
      }
      this.#batches.remove(entry);
      this.#sizeBytes -= entry.sizeBytes;
      this.#evictions += 1;
    }
    if (this.#queueHead > QUEUE_HOLES_MAX && this.#queueHead > this.#queue.length / 2) {
      this.#queue = this.#queue.slice(this.#queueHead);
      this.#queueHead = 0;
    }
  }
}
