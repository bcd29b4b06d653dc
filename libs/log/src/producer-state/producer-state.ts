import { ProtocolError } from '#protocol';
import { assert, type FileSystem, type Logger } from '#runtime';
import { replaceFile, tryReadFile } from '../checkpoint/checkpoint-file.js';
import { ProducerEntry, sequenceAfter } from './producer-entry.js';
import {
  EVICTION_TARGET_SHARE,
  type PartitionProducers,
  type ProducerMemory,
} from './producer-memory.js';
import {
  decodeSnapshot,
  encodeSidecar,
  encodeSnapshot,
  type ProducerSnapshot,
  sidecarFileName,
  snapshotFileName,
  snapshotOffset,
} from './producer-snapshot.js';
import { outOfOrderSequenceError, unexpectedSequenceError } from './sequence-errors.js';
import type { SequencedBatch } from './sequenced-batch.js';

/** A batch that is in the log already: the answer of its first append. */
export interface DuplicateBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestamp: number;
}

export interface ProducerStateOptions {
  readonly fileSystem: FileSystem;
  /** The partition's directory. */
  readonly directory: string;
  readonly logger: Logger;
  /** Batches remembered per producer, at least 1; Kafka remembers 5. */
  readonly batchesRememberedMax: number;
  /** Time in ms after which a producer that appends nothing is removed. */
  readonly producerIdExpirationMs: number;
  /** Accounts for the memory of this partition's producers and limits it. */
  readonly memory: ProducerMemory;
}

/** Batches that Kafka remembers; every producer keeps this many, even if others use more. */
const BATCHES_GUARANTEED = 5;
/**
 * Heap bytes measured on Node 20 and rounded up (docs/operating/memory.md): of a producer without
 * batches, and of each batch.
 */
const PRODUCER_BYTES = 384;
const BATCH_BYTES = 112;
/** Snapshots kept per partition: the oldest, and the newest ones. */
const SNAPSHOTS_MAX = 8;
/** Retry delay in ms for a refused producer. */
const REFUSED_RETRY_MS = 5000;

/** Reverts an append. */
type Undo = () => void;

/**
 * The batches of each idempotent producer that a partition has (Kafka's ProducerStateManager;
 * replication-safety 3.6): it distinguishes a retry from a new batch and from one out of order.
 *
 * On disk: `<offset>.snapshot` and `<offset>.producers`, written when a segment is rolled and when
 * the log is closed; after a start the log is scanned from the newest good snapshot on.
 *
 * Appending has three synchronous steps: `checkSequence`, `append` (the batch gets its offsets and
 * the next check knows it) and, after the write, `commit`; after a failed write `undoTo` reverts
 * all appends since.
 *
 * Memory is bounded in bytes, per partition and over all partitions (`ProducerMemory`). A leader
 * calls `assertRoomFor` before it accepts a new producer. Batches found in the log or copied from a
 * leader are always accepted: over the limit of the partition, the producers that are idle longest
 * are evicted, which are those that the leader had evicted before it accepted the later ones.
 *
 * Invariant: each producer is accounted with at least `BATCHES_GUARANTEED` batches, so that a known
 * producer always has room for these.
 *
 * Overlap: rounds of writes must not overlap between `append` and `commit`. The asynchronous
 * methods may overlap with those, but not with each other; the log's write lane serialises both.
 */
export class ProducerStateManager implements PartitionProducers {
  /** Producers by id, in the order of their last appends. */
  readonly #producers = new Map<number, ProducerEntry>();
  readonly #undos: Undo[] = [];
  readonly #options: ProducerStateOptions;
  readonly #memory: ProducerMemory;
  readonly #batchesGuaranteed: number;
  /** Offsets of the snapshots on disk, ascending. */
  #snapshots: number[] = [];
  #usedBytes = 0;
  /** Wall clock of the last append, ms. */
  #lastAppendMs = 0;

  constructor(options: ProducerStateOptions) {
    assert(options.batchesRememberedMax >= 1, 'at least one batch is remembered');
    this.#options = options;
    this.#memory = options.memory;
    this.#batchesGuaranteed = Math.min(BATCHES_GUARANTEED, options.batchesRememberedMax);
    this.#memory.add(this);
  }

  /** Accounted bytes of the producers. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  get producerCount(): number {
    return this.#producers.size;
  }

  /** Offsets of the snapshots on disk, ascending. */
  get snapshotOffsets(): readonly number[] {
    return this.#snapshots;
  }

  /**
   * Classifies a batch of a producer. It reads only the producer's fields and the number of
   * offsets, so that the batch needs no offsets yet.
   * @returns undefined when it may be appended, else the answer of its first append: append nothing
   * @throws ProtocolError INVALID_PRODUCER_EPOCH an older epoch than the producer's last;
   *   OUT_OF_ORDER_SEQUENCE_NUMBER a gap, or a sequence used by a batch of another size: not
   *   applied (outcome `unknown` below the batches remembered since the producer became known);
   *   DUPLICATE_SEQUENCE_NUMBER applied, but too long ago for its offsets to be remembered
   */
  checkSequence(batch: SequencedBatch): DuplicateBatch | undefined {
    if (batch.producerId < 0) return undefined;
    const producer = this.#producers.get(batch.producerId);
    // As in Kafka, every sequence of an unknown producer is accepted.
    if (producer === undefined) return undefined;
    if (batch.producerEpoch < producer.epoch) {
      throw new ProtocolError(
        'INVALID_PRODUCER_EPOCH',
        `Producer ${batch.producerId} has epoch ${producer.epoch} now, not ${batch.producerEpoch}.`,
        { members: { producerEpoch: producer.epoch } },
      );
    }
    if (batch.producerEpoch > producer.epoch) {
      if (batch.baseSequence === 0) return undefined;
      throw outOfOrderSequenceError(batch, 0, 'failed');
    }
    if (batch.baseSequence === producer.nextSequence) return undefined;
    const duplicate = producer.find(batch.baseSequence, batch.lastOffset - batch.baseOffset);
    if (duplicate !== undefined) return duplicate;
    throw unexpectedSequenceError(batch, producer);
  }

  /**
   * Refuses a batch of an unknown producer when there is no room for another one: a leader calls it
   * before `append`.
   * @param nowMs wall clock
   * @throws ProtocolError THROTTLING_QUOTA_EXCEEDED
   */
  assertRoomFor(batch: SequencedBatch, nowMs: number): void {
    if (batch.producerId < 0 || this.#hasRoomForOne) return;
    if (this.#producers.has(batch.producerId)) return;
    this.#makeRoom(nowMs);
    if (this.#hasRoomForOne) return;
    this.#memory.refused();
    throw new ProtocolError(
      'THROTTLING_QUOTA_EXCEEDED',
      'There is no room for another idempotent producer: the broker and the partition remember as many ' +
        'as SLUICE_PRODUCER_STATE_BYTES and SLUICE_PRODUCER_STATE_PARTITION_BYTES allow. ' +
        'Producers that the partition knows can continue.',
      { retryAfterMs: REFUSED_RETRY_MS },
    );
  }

  /**
   * Adds a batch: one that `checkSequence` accepted, or one found in the log. A batch without a
   * producer id changes nothing.
   * @param baseOffset the batch's first offset in the log (the batch itself need not have it yet)
   * @param nowMs wall clock
   */
  append(batch: SequencedBatch, baseOffset: number, nowMs: number): void {
    if (batch.producerId < 0) return;
    this.#lastAppendMs = nowMs;
    const before = this.#producers.get(batch.producerId);
    if (batch.isControl) {
      if (before === undefined || batch.producerEpoch <= before.epoch) return;
      this.#replace(new ProducerEntry(batch.producerId, batch.producerEpoch, nowMs), before);
      return;
    }
    const follows =
      before?.epoch === batch.producerEpoch && before.nextSequence === batch.baseSequence;
    const producer = follows
      ? before
      : new ProducerEntry(batch.producerId, batch.producerEpoch, nowMs);
    if (!follows) this.#replace(producer, before);
    const offsetDelta = batch.lastOffset - batch.baseOffset;
    const lastAppendMsBefore = producer.lastAppendMs;
    const forgotten = producer.push(
      {
        lastSequence: sequenceAfter(batch.baseSequence, offsetDelta),
        offsetDelta,
        lastOffset: baseOffset + offsetDelta,
        maxTimestamp: batch.maxTimestamp,
      },
      nowMs,
      this.#batchesMaxOf(producer),
    );
    const bytes = forgotten === undefined ? this.#newestBatchBytes(producer) : 0;
    if (bytes > 0) this.#count(bytes, 0);
    if (follows) {
      // The map is ordered by the last appends.
      this.#producers.delete(producer.producerId);
      this.#producers.set(producer.producerId, producer);
    }
    this.#undos.push(() => {
      producer.unpush(forgotten, lastAppendMsBefore);
      if (bytes > 0) this.#count(-bytes, 0);
    });
  }

  /** Mark to pass to `undoTo`. */
  get mark(): number {
    return this.#undos.length;
  }

  /** Reverts every append since `mark` had this value, or all uncommitted ones. */
  undoTo(mark = 0): void {
    while (this.#undos.length > mark) this.#undos.pop()?.();
  }

  /** Makes the appends so far permanent: they are in the log. */
  commit(): void {
    this.#undos.length = 0;
    const { partitionBytes, brokerBytes } = this.#memory.limits;
    if (this.#usedBytes > partitionBytes) this.#evictOldest(partitionBytes * EVICTION_TARGET_SHARE);
    if (this.#memory.usedBytes > brokerBytes) this.#memory.makeRoom(this.#lastAppendMs);
  }

  trim(): void {
    if (this.#undos.length > 0) return;
    for (const producer of this.#producers.values()) {
      if (producer.batchCount <= this.#batchesGuaranteed) continue;
      const before = this.#bytesOf(producer);
      producer.trimTo(this.#batchesGuaranteed);
      this.#count(this.#bytesOf(producer) - before, 0);
    }
  }

  evictIdle(nowMs: number, isEnough: () => boolean): void {
    if (this.#undos.length > 0) return;
    const { protectedMs } = this.#memory.limits;
    for (const producer of this.#producers.values()) {
      if (isEnough() || nowMs - producer.lastAppendMs < protectedMs) return;
      this.#evict(producer);
    }
  }

  /** Frees all memory because the log is closed. */
  close(): void {
    this.#forgetAll();
    this.#memory.remove(this);
  }

  /** Removes the producers that have appended nothing for `producerIdExpirationMs`. */
  removeExpired(nowMs: number): void {
    // Appends of the current write may still be reverted.
    if (this.#undos.length > 0) return;
    for (const producer of this.#producers.values()) {
      if (nowMs - producer.lastAppendMs < this.#options.producerIdExpirationMs) return;
      this.#forget(producer);
    }
  }

  /** Removes everything, including the files: for a log that begins again. */
  async clear(): Promise<void> {
    this.#forgetAll();
    await this.#listSnapshots();
    await this.#removeSnapshotsDurably(() => true);
  }

  /** Returns the last offset of each producer's last batch, by producer id. */
  lastOffsets(): Map<number, number> {
    const offsets = new Map<number, number>();
    for (const producer of this.#producers.values()) {
      const { lastOffset } = producer;
      if (lastOffset !== undefined) offsets.set(producer.producerId, lastOffset);
    }
    return offsets;
  }

  /** Returns the complete state; the producer that appended last is at the end. */
  snapshot(): ProducerSnapshot[] {
    return Array.from(this.#producers.values(), (producer) => producer.snapshot());
  }

  /**
   * Writes the current state, durably, as the snapshot at `offset`, the log end. No append may wait
   * for `commit`: a snapshot must not have batches that the log may never get.
   */
  async takeSnapshot(offset: number): Promise<void> {
    assert(this.#undos.length === 0, `producer snapshot at ${offset} amid a write`);
    const { fileSystem, directory } = this.#options;
    const producers = this.snapshot();
    // The sidecar is written first: it is read only when Kafka's file exists.
    if (producers.length > 0) {
      const sidecar = encodeSidecar(producers);
      await replaceFile(fileSystem, `${directory}/${sidecarFileName(offset)}`, sidecar);
    } else {
      await fileSystem.removeFile(`${directory}/${sidecarFileName(offset)}`);
    }
    const snapshot = encodeSnapshot(producers);
    await replaceFile(fileSystem, `${directory}/${snapshotFileName(offset)}`, snapshot);
    if (!this.#snapshots.includes(offset)) {
      this.#snapshots = [...this.#snapshots, offset].toSorted((a, b) => a - b);
    }
    // Only the oldest snapshot may know producers whose records were deleted.
    const surplus = this.#snapshots.slice(1, 1 - SNAPSHOTS_MAX);
    if (surplus.length > 0) {
      await this.#removeSnapshots((snapshotOffset) => surplus.includes(snapshotOffset));
    }
  }

  /**
   * Discards the state in memory and reads the newest good snapshot within the log. Snapshots
   * beyond its end, and damaged ones, are removed. Used at start and after every truncation. The
   * removal is durable before the log may grow again: a snapshot that reappeared after a crash
   * would match a log that has grown to its offset with other batches.
   * @param firstOffset base offset of the first segment: older snapshots do not connect to the log
   * @returns the offset from which the caller has to scan the log, `append`ing each batch
   */
  async reload(firstOffset: number, logEndOffset: number, nowMs: number): Promise<number> {
    this.#forgetAll();
    await this.#listSnapshots();
    await this.#removeSnapshotsDurably((offset) => offset > logEndOffset);
    for (;;) {
      const offset = this.#snapshots.at(-1);
      if (offset === undefined || offset < firstOffset) return firstOffset;
      if (await this.#load(offset, nowMs)) return offset;
      this.#options.logger.warn(
        { directory: this.#options.directory, offset },
        'a producer snapshot is damaged: an older one and the log are read instead',
      );
      await this.#removeSnapshots((snapshotOffset) => snapshotOffset === offset);
    }
  }

  /** Removes the snapshots below the log start: no scan begins there any more. */
  removeSnapshotsBefore(offset: number): Promise<void> {
    return this.#removeSnapshots((snapshotOffset) => snapshotOffset < offset);
  }

  async #load(offset: number, nowMs: number): Promise<boolean> {
    const { fileSystem, directory } = this.#options;
    const snapshot = await tryReadFile(fileSystem, `${directory}/${snapshotFileName(offset)}`);
    if (snapshot === undefined) return false;
    const sidecar = await tryReadFile(fileSystem, `${directory}/${sidecarFileName(offset)}`);
    const producers = decodeSnapshot(snapshot, sidecar, nowMs);
    if (producers === undefined) return false;
    const oldestFirst = producers.toSorted((a, b) => a.lastAppendMs - b.lastAppendMs);
    for (const snapshotOfOne of oldestFirst) {
      const producer = ProducerEntry.from(snapshotOfOne, this.#options.batchesRememberedMax);
      this.#producers.set(producer.producerId, producer);
      this.#count(this.#bytesOf(producer), 1);
    }
    this.removeExpired(nowMs);
    this.commit();
    return true;
  }

  async #listSnapshots(): Promise<void> {
    const entries = await this.#options.fileSystem.readDirectory(this.#options.directory);
    const offsets = new Set<number>();
    for (const { name } of entries) {
      const offset = snapshotOffset(name);
      if (offset !== undefined) offsets.add(offset);
    }
    this.#snapshots = [...offsets].toSorted((a, b) => a - b);
  }

  async #removeSnapshotsDurably(isGone: (offset: number) => boolean): Promise<void> {
    await this.#removeSnapshots(isGone);
    // Also when there are none: an earlier attempt may have removed them and failed to sync.
    await this.#options.fileSystem.syncDirectory(this.#options.directory);
  }

  async #removeSnapshots(isGone: (offset: number) => boolean): Promise<void> {
    const { fileSystem, directory } = this.#options;
    for (const offset of this.#snapshots.filter(isGone)) {
      // Kafka's file is removed first: a sidecar without it is not a snapshot.
      await fileSystem.removeFile(`${directory}/${snapshotFileName(offset)}`);
      await fileSystem.removeFile(`${directory}/${sidecarFileName(offset)}`);
    }
    this.#snapshots = this.#snapshots.filter((offset) => !isGone(offset));
  }

  /** Replaces the entry `before` by `producer`, until it is reverted. */
  #replace(producer: ProducerEntry, before: ProducerEntry | undefined): void {
    const id = producer.producerId;
    this.#producers.delete(id);
    this.#producers.set(id, producer);
    const bytes = this.#bytesOf(producer) - (before === undefined ? 0 : this.#bytesOf(before));
    const added = before === undefined ? 1 : 0;
    this.#count(bytes, added);
    this.#undos.push(() => {
      if (before === undefined) this.#producers.delete(id);
      else this.#producers.set(id, before);
      this.#count(-bytes, -added);
    });
  }

  /**
   * Returns how many batches to remember with the producer's next one: it grows only while there is
   * room.
   */
  #batchesMaxOf(producer: ProducerEntry): number {
    const { batchCount } = producer;
    if (batchCount < this.#batchesGuaranteed) return this.#batchesGuaranteed;
    const mayGrow =
      this.#usedBytes + BATCH_BYTES <= this.#memory.limits.partitionBytes &&
      this.#memory.hasRoomFor(BATCH_BYTES);
    return mayGrow ? this.#options.batchesRememberedMax : batchCount;
  }

  /** Returns the bytes that the newest batch added to the account beyond the guaranteed ones. */
  #newestBatchBytes(producer: ProducerEntry): number {
    return producer.batchCount > this.#batchesGuaranteed ? BATCH_BYTES : 0;
  }

  #bytesOf({ batchCount }: ProducerEntry): number {
    return PRODUCER_BYTES + Math.max(batchCount, this.#batchesGuaranteed) * BATCH_BYTES;
  }

  #count(bytes: number, producers: number): void {
    this.#usedBytes += bytes;
    this.#memory.take(bytes, producers);
  }

  get #hasRoomForOne(): boolean {
    const bytes = PRODUCER_BYTES + this.#batchesGuaranteed * BATCH_BYTES;
    return (
      this.#usedBytes + bytes <= this.#memory.limits.partitionBytes &&
      this.#memory.hasRoomFor(bytes)
    );
  }

  #makeRoom(nowMs: number): void {
    const { partitionBytes } = this.#memory.limits;
    const bytes = PRODUCER_BYTES + this.#batchesGuaranteed * BATCH_BYTES;
    if (this.#usedBytes + bytes > partitionBytes) {
      const isEnough = (): boolean => this.#usedBytes <= partitionBytes * EVICTION_TARGET_SHARE;
      this.trim();
      this.evictIdle(nowMs, isEnough);
    }
    if (!this.#memory.hasRoomFor(bytes)) this.#memory.makeRoom(nowMs);
  }

  /** Evicts the producers that appended least recently, until `enoughBytes` are left; one stays. */
  #evictOldest(enoughBytes: number): void {
    this.trim();
    for (const producer of this.#producers.values()) {
      if (this.#usedBytes <= enoughBytes || this.#producers.size === 1) return;
      this.#evict(producer);
    }
  }

  #evict(producer: ProducerEntry): void {
    this.#forget(producer);
    this.#memory.evicted();
  }

  #forget(producer: ProducerEntry): void {
    this.#producers.delete(producer.producerId);
    this.#count(-this.#bytesOf(producer), -1);
  }

  #forgetAll(): void {
    this.#count(-this.#usedBytes, -this.#producers.size);
    this.#producers.clear();
    this.#undos.length = 0;
  }
}
