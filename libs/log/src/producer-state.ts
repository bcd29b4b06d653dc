import { ProtocolError } from '#protocol';
import { assert, type FileSystem, type Logger } from '#runtime';
import { readFileIfAny, replaceFile } from './checkpoint-file.js';
import { ProducerEntry, sequenceAfter } from './producer-entry.js';
import {
  decodeSnapshot,
  encodeSidecar,
  encodeSnapshot,
  type ProducerSnapshot,
  sidecarFileName,
  snapshotFileName,
  snapshotOffset,
} from './producer-snapshot.js';

/** What is looked at of a record batch; `RecordBatch` has it all. */
export interface SequencedBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestamp: number;
  /** -1: none, and the batch is not looked at. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly isControl: boolean;
}

/** A batch that is in the log already: what its first append was answered. */
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
  /** Batches remembered per producer, at least 1; Kafka has 5. */
  readonly batchesRememberedMax: number;
  /** How long a producer that appends nothing is known, in ms. */
  readonly producerIdExpirationMs: number;
  /** Bounds of one partition's memory: over them the producers silent for longest are forgotten. */
  readonly producersMax?: number;
  readonly batchesInAllMax?: number;
}

const PRODUCERS_MAX = 100_000;
const BATCHES_IN_ALL_MAX = 1_000_000;
/** Distances of sequences at or above this one count as ahead, those below as behind. */
const HALF_OF_ALL_SEQUENCES = 2 ** 30;

/** How an append is taken back. */
type Undo = () => void;

/**
 * Which batches of each idempotent producer a partition has (kafka-format 7, replication-safety 3.6):
 * tells a retry from a new batch and from one that is out of order.
 *
 * On disk: `<offset>.snapshot` and `<offset>.producers`, written when a segment is rolled and when the
 * log is closed; after a start the log is scanned from the newest good snapshot on.
 *
 * Appending has three steps, all synchronous: `checkSequence`, `append` (the batch gets its offsets and
 * the next check knows it) and, once the write is done, `commit`; when it failed `undoTo` takes back
 * all that was appended since. Rounds of writes must not overlap between `append` and `commit`.
 * The asynchronous methods may overlap with those, but not with each other.
 */
export class ProducerStateManager {
  /** By producer id; the one that appended last comes last. */
  readonly #producers = new Map<number, ProducerEntry>();
  readonly #undos: Undo[] = [];
  readonly #options: ProducerStateOptions;
  /** Offsets of the snapshots on disk, ascending. */
  #snapshots: number[] = [];
  #batchesInAll = 0;

  constructor(options: ProducerStateOptions) {
    assert(options.batchesRememberedMax >= 1, 'at least one batch is remembered');
    this.#options = options;
  }

  get producerCount(): number {
    return this.#producers.size;
  }

  /** Offsets of the snapshots on disk, ascending. */
  get snapshotOffsets(): readonly number[] {
    return this.#snapshots;
  }

  /**
   * Decides what a batch from a producer is. Looks at the producer's fields and the number of offsets
   * only, so the batch needs no offsets yet.
   * @returns undefined when it may be appended, else the answer of its first append: append nothing
   * @throws ProtocolError INVALID_PRODUCER_EPOCH an older epoch than the producer's last;
   *   OUT_OF_ORDER_SEQUENCE_NUMBER a gap, or a sequence used by a batch of another size: not applied
   *   (outcome `unknown` below what is remembered since the producer became known);
   *   DUPLICATE_SEQUENCE_NUMBER applied, but too long ago for its offsets to be remembered
   */
  checkSequence(batch: SequencedBatch): DuplicateBatch | undefined {
    if (batch.producerId < 0) return undefined;
    const producer = this.#producers.get(batch.producerId);
    // As Kafka: of a producer that is not known (any more) every sequence is taken.
    if (producer === undefined) return undefined;
    if (batch.producerEpoch < producer.epoch) {
      throw new ProtocolError(
        'INVALID_PRODUCER_EPOCH',
        `Producer ${batch.producerId} has epoch ${producer.epoch} by now, not ${batch.producerEpoch}.`,
        { members: { producerEpoch: producer.epoch } },
      );
    }
    if (batch.producerEpoch > producer.epoch) {
      if (batch.baseSequence === 0) return undefined;
      throw outOfOrder(batch, 0, 'failed');
    }
    if (batch.baseSequence === producer.nextSequence) return undefined;
    const duplicate = producer.find(batch.baseSequence, batch.lastOffset - batch.baseOffset);
    if (duplicate !== undefined) return duplicate;
    throw notInOrder(batch, producer);
  }

  /**
   * Takes a batch into the state: one that `checkSequence` let pass, or one found in the log. Batches
   * without a producer id may be passed too, and change nothing.
   * @param baseOffset the batch's first offset in the log (the batch need not have it yet)
   * @param nowMs wall clock
   */
  append(batch: SequencedBatch, baseOffset: number, nowMs: number): void {
    if (batch.producerId < 0) return;
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
      this.#options.batchesRememberedMax,
    );
    if (forgotten === undefined) this.#batchesInAll += 1;
    if (follows) {
      // The map's order is that of the last appends.
      this.#producers.delete(producer.producerId);
      this.#producers.set(producer.producerId, producer);
    }
    this.#undos.push(() => {
      producer.unpush(forgotten, lastAppendMsBefore);
      if (forgotten === undefined) this.#batchesInAll -= 1;
    });
  }

  /** Where `undoTo` gets back to. */
  get mark(): number {
    return this.#undos.length;
  }

  /** Takes back every append since `mark` had this value, or all that are not committed. */
  undoTo(mark = 0): void {
    while (this.#undos.length > mark) this.#undos.pop()?.();
  }

  /** The appends so far are in the log: they cannot be taken back any more. */
  commit(): void {
    this.#undos.length = 0;
    const producersMax = this.#options.producersMax ?? PRODUCERS_MAX;
    const batchesMax = this.#options.batchesInAllMax ?? BATCHES_IN_ALL_MAX;
    while (this.#producers.size > producersMax || this.#batchesInAll > batchesMax) {
      const [oldest] = this.#producers.values();
      if (oldest === undefined || this.#producers.size === 1) return;
      this.#forget(oldest);
    }
  }

  /** Forgets the producers that have appended nothing for `producerIdExpirationMs`. */
  removeExpired(nowMs: number): void {
    for (const producer of this.#producers.values()) {
      if (nowMs - producer.lastAppendMs < this.#options.producerIdExpirationMs) return;
      this.#forget(producer);
    }
  }

  /** Forgets everything, on disk too: for a log that starts anew. */
  async clear(): Promise<void> {
    this.#forgetAll();
    await this.#listSnapshots();
    await this.#removeSnapshots(() => true);
  }

  /** Last offset of each producer's last batch, by producer id. */
  lastOffsets(): Map<number, number> {
    const offsets = new Map<number, number>();
    for (const producer of this.#producers.values()) {
      const { lastOffset } = producer;
      if (lastOffset !== undefined) offsets.set(producer.producerId, lastOffset);
    }
    return offsets;
  }

  /** Everything known, the producer that appended last at the end. */
  snapshot(): ProducerSnapshot[] {
    return Array.from(this.#producers.values(), (producer) => producer.snapshot());
  }

  /**
   * Writes the state as it is now, durably, as the one up to `offset`, the log end. Nothing may wait
   * for `commit`: a snapshot must not know what the log may never get.
   */
  async takeSnapshot(offset: number): Promise<void> {
    assert(this.#undos.length === 0, `producer snapshot at ${offset} amid a write`);
    const { fileSystem, directory } = this.#options;
    const producers = this.snapshot();
    // The sidecar first: without Kafka's file beside it nobody reads it.
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
  }

  /**
   * Forgets the state in memory and reads the newest good snapshot within the log. Snapshots beyond
   * its end, and damaged ones, are removed. Used at start and after every truncation.
   * @param firstOffset base offset of the first segment: older snapshots do not connect to the log
   * @returns from which offset on the caller has to scan the log, `append`ing each batch
   */
  async reload(firstOffset: number, logEndOffset: number, nowMs: number): Promise<number> {
    this.#forgetAll();
    await this.#listSnapshots();
    await this.#removeSnapshots((offset) => offset > logEndOffset);
    for (;;) {
      const offset = this.#snapshots.at(-1);
      if (offset === undefined || offset < firstOffset) return firstOffset;
      if (await this.#load(offset, nowMs)) return offset;
      this.#options.logger.warn(
        { directory: this.#options.directory, offset },
        'a producer snapshot is damaged: an older one and the log are read instead',
      );
      await this.#removeSnapshots((other) => other === offset);
    }
  }

  /** Removes the snapshots below an offset, the log start: no scan begins there any more. */
  removeSnapshotsBefore(offset: number): Promise<void> {
    return this.#removeSnapshots((other) => other < offset);
  }

  async #load(offset: number, nowMs: number): Promise<boolean> {
    const { fileSystem, directory } = this.#options;
    const snapshot = await readFileIfAny(fileSystem, `${directory}/${snapshotFileName(offset)}`);
    if (snapshot === undefined) return false;
    const sidecar = await readFileIfAny(fileSystem, `${directory}/${sidecarFileName(offset)}`);
    const producers = decodeSnapshot(snapshot, sidecar, nowMs);
    if (producers === undefined) return false;
    const oldestFirst = producers.toSorted((a, b) => a.lastAppendMs - b.lastAppendMs);
    for (const snapshotOfOne of oldestFirst) {
      const producer = ProducerEntry.from(snapshotOfOne, this.#options.batchesRememberedMax);
      this.#producers.set(producer.producerId, producer);
      this.#batchesInAll += producer.batchCount;
    }
    this.removeExpired(nowMs);
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

  async #removeSnapshots(isGone: (offset: number) => boolean): Promise<void> {
    const { fileSystem, directory } = this.#options;
    for (const offset of this.#snapshots.filter(isGone)) {
      // Kafka's file first: a sidecar alone is no snapshot.
      await fileSystem.removeFile(`${directory}/${snapshotFileName(offset)}`);
      await fileSystem.removeFile(`${directory}/${sidecarFileName(offset)}`);
    }
    this.#snapshots = this.#snapshots.filter((offset) => !isGone(offset));
  }

  /** Puts `producer` in the place of the one before, until it is undone. */
  #replace(producer: ProducerEntry, before: ProducerEntry | undefined): void {
    const id = producer.producerId;
    this.#producers.delete(id);
    this.#producers.set(id, producer);
    this.#batchesInAll -= before?.batchCount ?? 0;
    this.#undos.push(() => {
      if (before === undefined) this.#producers.delete(id);
      else this.#producers.set(id, before);
      this.#batchesInAll += before?.batchCount ?? 0;
    });
  }

  #forget(producer: ProducerEntry): void {
    this.#producers.delete(producer.producerId);
    this.#batchesInAll -= producer.batchCount;
  }

  #forgetAll(): void {
    this.#producers.clear();
    this.#undos.length = 0;
    this.#batchesInAll = 0;
  }
}

/** The error for a batch of the producer's epoch that neither follows nor is remembered. */
function notInOrder(batch: SequencedBatch, producer: ProducerEntry): ProtocolError {
  const offsetDelta = batch.lastOffset - batch.baseOffset;
  const lastSequence = sequenceAfter(batch.baseSequence, offsetDelta);
  const behind = sequenceAfter(producer.lastSequence, -lastSequence);
  const isAhead = producer.lastSequence < 0 || behind >= HALF_OF_ALL_SEQUENCES;
  // A remembered batch of another size has these sequences, so that this one was never appended.
  const isRemembered = behind < producer.rememberedCount;
  if (isAhead || isRemembered) return outOfOrder(batch, producer.nextSequence, 'failed');
  if (behind + offsetDelta + 1 > producer.doneCount) {
    // From before the producer became known (again): it may be in the log or not.
    return outOfOrder(batch, producer.nextSequence, 'unknown');
  }
  return new ProtocolError(
    'DUPLICATE_SEQUENCE_NUMBER',
    `Sequence ${batch.baseSequence} of producer ${batch.producerId} was appended before; its offsets ` +
      `are no longer remembered. The next sequence is ${producer.nextSequence}.`,
    { members: { nextSequence: producer.nextSequence } },
  );
}

function outOfOrder(
  batch: SequencedBatch,
  nextSequence: number,
  outcome: 'failed' | 'unknown',
): ProtocolError {
  return new ProtocolError(
    'OUT_OF_ORDER_SEQUENCE_NUMBER',
    `Producer ${batch.producerId} must go on with sequence ${nextSequence}, not ${batch.baseSequence}.`,
    { outcome, members: { nextSequence } },
  );
}
