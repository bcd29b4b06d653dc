import { ProtocolError } from '#protocol';
import type { ShareTimes } from './share-context.js';
import type { DeltaRecord, ShareRecord, SnapshotChunkRecord } from './share-log-records.js';
import type { ShareLogPosition } from './share-log-writer.js';
import type { SharePartition } from './share-partition.js';
import { restoreSnapshot, type SnapshotPart, snapshotOf } from './share-snapshot.js';

/** A share partition as the log has it. */
export interface ReplayedShare {
  readonly state: SharePartition;
  readonly position: ShareLogPosition;
}

/** Chunks of a snapshot that is not whole yet. */
interface OpenSnapshot {
  readonly topicId: string;
  readonly epoch: number;
  readonly chunks: number;
  readonly lists: (readonly SnapshotPart[])[];
}

/**
 * Folds the log's records of one share partition, in their order, into its state.
 *
 * Records of another epoch are ignored: they are left from before a snapshot, or belong to a
 * snapshot that was not finished.
 */
export class ShareReplay {
  #open: OpenSnapshot | undefined;
  #share: ReplayedShare | undefined;
  /**
   * The first delta whose predecessor is missing. A snapshot that follows makes up for it, because
   * its deltas have replaced some of those before it.
   */
  #gap: DeltaRecord['key'] | undefined;

  readonly #times: () => ShareTimes;

  /** @param times clocks that locks and delays run by */
  constructor(times: () => ShareTimes) {
    this.#times = times;
  }

  /**
   * The share partition; undefined when the log has no whole snapshot of it.
   * @throws ProtocolError CORRUPT_MESSAGE when a delta after the last snapshot is missing
   */
  get share(): ReplayedShare | undefined {
    if (this.#gap !== undefined) throw gapError(this.#gap);
    return this.#share;
  }

  /** True when there is nothing of the share partition. */
  get isEmpty(): boolean {
    return this.#share === undefined && this.#open === undefined;
  }

  /** Epoch of the last whole snapshot; -1 before the first. */
  get lastEpoch(): number {
    return this.#share?.position.epoch ?? -1;
  }

  /** Number of records in the window. */
  get windowSize(): number {
    return this.#share?.state.window.size ?? 0;
  }

  take(record: ShareRecord): void {
    if (record.kind === 'share-snapshot') this.#takeChunk(record);
    else this.#takeDelta(record);
  }

  #takeChunk({ key, value }: SnapshotChunkRecord): void {
    if (value === null) {
      // The removal of a share partition removes all of its records.
      this.#open = undefined;
      if (key.half === (this.#share?.position.epoch ?? 0) % 2) this.#share = undefined;
      return;
    }
    const { topicId, epoch, chunks, parts } = value;
    if (key.chunk === 0) this.#open = { topicId, epoch, chunks, lists: [] };
    const open = this.#open;
    const isNext =
      open?.lists.length === key.chunk &&
      open.epoch === epoch &&
      open.topicId === topicId &&
      open.chunks === chunks;
    if (!isNext) return;
    open.lists.push(parts);
    if (open.lists.length < chunks) return;
    this.#open = undefined;
    this.#gap = undefined;
    const snapshot = open.lists.flat();
    this.#share = {
      state: this.#sameState(snapshot) ?? restoreSnapshot(snapshot, this.#times()),
      position: { topicId, epoch, slot: 0 },
    };
  }

  /** The present state where it equals a snapshot: the locks that are running go on. */
  #sameState(snapshot: readonly SnapshotPart[]): SharePartition | undefined {
    const state = this.#share?.state;
    if (state === undefined) return undefined;
    return JSON.stringify(snapshotOf(state)) === JSON.stringify(snapshot) ? state : undefined;
  }

  #takeDelta({ key, value }: DeltaRecord): void {
    const share = this.#share;
    if (share === undefined || value === null) return;
    const { topicId, epoch, slot } = share.position;
    if (value.epoch !== epoch || value.topicId !== topicId) return;
    if (key.slot !== slot) this.#gap ??= key;
    if (this.#gap !== undefined) return;
    const times = this.#times();
    for (const change of value.changes) share.state.apply(change, times);
    this.#share = { ...share, position: { topicId, epoch, slot: slot + 1 } };
  }
}

function gapError({ group, topic, partition, slot }: DeltaRecord['key']): ProtocolError {
  return new ProtocolError(
    'CORRUPT_MESSAGE',
    `The log of group "${group}" lacks a change of the queue on partition ${partition} of topic ` +
      `"${topic}" before slot ${slot}.`,
  );
}
