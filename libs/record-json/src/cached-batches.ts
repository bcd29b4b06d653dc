import type { RecordBatch } from '#log';
import type { LeaderEpoch, Offset } from '#protocol';
import type { RenderedBatch } from './render-records.js';

/** JSON of one batch, and what distinguishes that batch from all others. */
export class CachedBatch {
  /** True when a reader used the JSON since the entry was added or last passed over. */
  wasUsed = false;
  /** Next entry of the same slot. */
  next: CachedBatch | undefined = undefined;
  readonly #baseOffset: Offset;
  /** CRC as an int32: V8 would keep a greater number in an object of its own. */
  readonly #crc: number;
  readonly #batchBytes: number;
  readonly #leaderEpoch: LeaderEpoch;

  /** @param sizeBytes heap bytes of the entry with its JSON */
  constructor(
    batch: RecordBatch,
    readonly topic: string,
    readonly partition: number,
    readonly rendered: RenderedBatch,
    readonly sizeBytes: number,
  ) {
    this.#baseOffset = batch.baseOffset;
    this.#crc = batch.crc | 0;
    this.#batchBytes = batch.sizeBytes;
    this.#leaderEpoch = batch.leaderEpoch;
  }

  /** Int32 that is equal for equal batches of a partition. */
  get hash(): number {
    return hashOf(this.#crc, this.#baseOffset, this.partition);
  }

  /** The numbers differ for most batches, so that they are compared before the name. */
  isOf(batch: RecordBatch, topic: string, partition: number): boolean {
    return (
      (batch.crc | 0) === this.#crc &&
      batch.baseOffset === this.#baseOffset &&
      batch.leaderEpoch === this.#leaderEpoch &&
      batch.sizeBytes === this.#batchBytes &&
      partition === this.partition &&
      topic === this.topic
    );
  }
}

/**
 * Entries of the render cache by topic, partition and batch: a hash table of a fixed number of
 * slots, each a list. Every fetch looks here once per batch: a `Map` by partition and offset would
 * need a key to be built, or three lookups.
 */
export class CachedBatches {
  readonly #slots: (CachedBatch | undefined)[];
  readonly #mask: number;

  /** @param entriesMax how many entries are expected at most; more make the lists longer */
  constructor(entriesMax: number) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(1, entriesMax)));
    this.#slots = Array.from<CachedBatch | undefined>({ length: slots });
    this.#mask = slots - 1;
  }

  find(batch: RecordBatch, topic: string, partition: number): CachedBatch | undefined {
    const slot = hashOf(batch.crc, batch.baseOffset, partition) & this.#mask;
    let entry = this.#slots[slot];
    while (entry !== undefined && !entry.isOf(batch, topic, partition)) entry = entry.next;
    return entry;
  }

  /** Adds an entry that `find` does not find yet. */
  add(entry: CachedBatch): void {
    const slot = entry.hash & this.#mask;
    entry.next = this.#slots[slot];
    this.#slots[slot] = entry;
  }

  /** Removes an entry that was added. */
  remove(entry: CachedBatch): void {
    const slot = entry.hash & this.#mask;
    let before = this.#slots[slot];
    if (before === entry) {
      this.#slots[slot] = entry.next;
      return;
    }
    while (before !== undefined && before.next !== entry) before = before.next;
    if (before !== undefined) before.next = entry.next;
  }
}

/** An odd number that spreads the partitions over the slots. */
const PARTITION_FACTOR = 0x9e3779b1;

function hashOf(crc: number, baseOffset: Offset, partition: number): number {
  return crc ^ baseOffset ^ Math.imul(partition, PARTITION_FACTOR);
}
