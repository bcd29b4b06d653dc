/**
 * JSON of batches for the readers at the tail: many of them read the same batch, so that it is
 * rendered once and sent many times.
 *
 * The JSON is a function of the topic's name, the partition and the bytes of the batch. An entry is
 * found by the first two and the base offset, and is used only for a batch of the same size, CRC,
 * leader epoch and maximum timestamp: after a truncation, a compaction or the deletion of the topic
 * another batch may begin at that offset.
 *
 * The cache is bounded in bytes. The oldest entry is evicted first, unless it was used since: then
 * it stays for another round. It holds no batch, so that it keeps none alive that the log has
 * dropped.
 *
 * `render` keeps a batch's JSON only from its second reader on: a scan of old records leaves the
 * cache alone.
 */
import type { RecordBatch } from '#log';
import { type LeaderEpoch, type Offset, ProtocolError } from '#protocol';
import {
  RecordsAnswer,
  type RenderedBatch,
  type RenderedRecords,
  type RenderRequest,
  renderBatch,
  renderRecords,
} from './render-records.js';
import { SeenBatches } from './seen-batches.js';

/** Counters since the start, for metrics. */
export interface RenderCacheCounters {
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  readonly entries: number;
  readonly sizeBytes: number;
}

/** JSON of one batch, and what distinguishes that batch from others of its base offset. */
class Entry {
  wasUsed = false;
  readonly baseOffset: Offset;
  readonly #batchBytes: number;
  readonly #crc: number;
  readonly #leaderEpoch: LeaderEpoch;

  constructor(
    batch: RecordBatch,
    readonly rendered: RenderedBatch,
    readonly partitionKey: string,
    readonly sizeBytes: number,
  ) {
    this.baseOffset = batch.baseOffset;
    this.#batchBytes = batch.sizeBytes;
    this.#crc = batch.crc;
    this.#leaderEpoch = batch.leaderEpoch;
  }

  isOf({ crc, sizeBytes, leaderEpoch }: RecordBatch): boolean {
    const isSame = crc === this.#crc && sizeBytes === this.#batchBytes;
    return isSame && leaderEpoch === this.#leaderEpoch;
  }
}

/** Heap bytes of an entry beside its JSON: objects, slots of maps, and two numbers per record. */
const ENTRY_OVERHEAD_BYTES = 512;
const RECORD_OVERHEAD_BYTES = 16;

/** Evicted slots of the queue that are kept before it is copied. */
const QUEUE_HOLES_MAX = 4096;

export class RenderCache {
  readonly #seen = new SeenBatches();
  /** Entries by `partitionKey` and base offset; no inner map is empty. */
  readonly #partitions = new Map<string, Map<Offset, Entry>>();
  /** Entries from `queueHead` on, the one that came first at its head. */
  #queue: (Entry | undefined)[] = [];
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
    const entry = this.#entryOf(batch, partitionKey(topic, partition));
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
    const key = partitionKey(request.topic, request.partition);
    const answer = new RecordsAnswer(request);
    let unseen: RecordBatch[] = [];
    for (const batch of batches) {
      if (batch.nextOffset <= request.offset) continue;
      const entry = this.#entryOf(batch, key);
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
      else answer.addRendered(rendered, batch.nextOffset);
      if (answer.isFull) break;
    }
    if (unseen.length > 0) answer.addBatches(unseen);
    return answer.end();
  }

  #entryOf(batch: RecordBatch, key: string): Entry | undefined {
    const entry = this.#partitions.get(key)?.get(batch.baseOffset);
    return entry?.isOf(batch) === true ? entry : undefined;
  }

  #use(entry: Entry): RenderedBatch {
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
    this.#add(new Entry(batch, rendered, partitionKey(topic, partition), sizeBytes));
    return rendered;
  }

  #add(entry: Entry): void {
    const { partitionKey: key, baseOffset } = entry;
    const entries = this.#partitions.get(key) ?? new Map<Offset, Entry>();
    this.#partitions.set(key, entries);
    entries.set(baseOffset, entry);
    this.#queue.push(entry);
    this.#sizeBytes += entry.sizeBytes;
  }

  #makeRoom(bytes: number): void {
    while (this.#sizeBytes + bytes > this.#bytesMax) {
      const entry = this.#queue[this.#queueHead] as Entry;
      // The slot stays until the queue is copied, but must not keep the JSON alive.
      this.#queue[this.#queueHead] = undefined;
      this.#queueHead += 1;
      if (entry.wasUsed) {
        entry.wasUsed = false;
        this.#queue.push(entry);
        continue;
      }
      this.#remove(entry);
      this.#sizeBytes -= entry.sizeBytes;
      this.#evictions += 1;
    }
    if (this.#queueHead > QUEUE_HOLES_MAX && this.#queueHead > this.#queue.length / 2) {
      this.#queue = this.#queue.slice(this.#queueHead);
      this.#queueHead = 0;
    }
  }

  /** Removes an entry, unless another batch of its base offset has replaced it. */
  #remove(entry: Entry): void {
    const { partitionKey: key, baseOffset } = entry;
    const entries = this.#partitions.get(key);
    if (entries?.get(baseOffset) !== entry) return;
    entries.delete(baseOffset);
    if (entries.size === 0) this.#partitions.delete(key);
  }
}

/** Names a partition; a topic's name has no slash. */
function partitionKey(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
