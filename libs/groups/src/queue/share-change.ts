/**
 * Changes of a share partition: what a decision results in, what the group's log has, and what the
 * state is the fold of. They name offsets as ranges: a change of a thousand neighbouring records
 * is as small as a change of one.
 */
import type { LeaderEpoch, Offset } from '#protocol';
import type { OffsetRanges } from './offset-ranges.js';

/**
 * A place in the order of delayed records: by time, then by offset. Records up to and including it
 * are due.
 */
export interface DueCursor {
  /** Wall clock, ms since 1970. */
  readonly atMs: number;
  readonly offset: Offset;
}

/** Keys of records in the order of their offsets, as hashes; null for a record without key. */
export type KeyHashes = readonly (number | null)[];

/** Dead letters that are written as one batch: the k-th record has the sequence `sequence + k`. */
export interface DeadLetterPlan {
  readonly ranges: OffsetRanges;
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Sequence of the first record of the batch in its partition. */
  readonly sequence: number;
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
}

/** A record that was cancelled. */
export interface CancelledRecord {
  readonly offset: Offset;
  /** Its time of delivery, ms since 1970; null for a record that is not delayed. */
  readonly deliverAtMs: number | null;
  /**
   * Epoch of the leader that appended it, which tells it from a later record with its offset; left
   * out where it is not known.
   */
  readonly leaderEpoch?: LeaderEpoch;
}

export type ShareChange =
  /** Records below `to` were scanned; those in `ranges` came into the window. */
  | {
      readonly kind: 'scanned';
      readonly to: Offset;
      readonly ranges: OffsetRanges;
      readonly keys?: KeyHashes;
      /** Records of `ranges` that are delayed: offset and time of each, ms since 1970. */
      readonly delayed?: readonly number[];
      /** Number of delayed records that were passed and are pending. */
      readonly pending?: number;
      /** Epoch of the leader from which they were read; left out where it is not known. */
      readonly leaderEpoch?: LeaderEpoch;
      /** Offsets of cancelled records that were lost: other records have these offsets now. */
      readonly uncancelled?: readonly Offset[];
    }
  /** Delayed records up to the cursor are due; those in `ranges` are available from now on. */
  | {
      readonly kind: 'due';
      readonly cursor: DueCursor;
      readonly ranges: OffsetRanges;
      readonly keys?: KeyHashes;
      /** True when no record is pending any more. */
      readonly isLast?: boolean;
    }
  /** Delayed records that waited in the window lose their places: they are pending again. */
  | { readonly kind: 'postponed'; readonly ranges: OffsetRanges }
  /** Records below `to` are no longer in the log; those that no member has are finished. */
  | { readonly kind: 'trimmed'; readonly to: Offset }
  /**
   * Records from `to` on were lost with the end of the log: whatever is there now was not looked
   * at. Those in the window are dropped.
   */
  | {
      readonly kind: 'truncated';
      readonly to: Offset;
      /** Epoch of the leader whose log has this end. */
      readonly leaderEpoch: LeaderEpoch;
    }
  | {
      readonly kind: 'acquired';
      readonly member: string;
      readonly receiveId: string | null;
      readonly lockMs: number;
      readonly ranges: OffsetRanges;
    }
  | { readonly kind: 'extended'; readonly lockMs: number; readonly ranges: OffsetRanges }
  | { readonly kind: 'acknowledged'; readonly ranges: OffsetRanges }
  | {
      readonly kind: 'released';
      /** True when the delivery counts towards the limit. */
      readonly isCounted: boolean;
      /** Wall clock before which the records are not delivered again, ms; 0 for at once. */
      readonly notBeforeMs: number;
      /** Delay that ends then, ms; left out for none. */
      readonly delayMs?: number;
      readonly ranges: OffsetRanges;
    }
  | { readonly kind: 'condemned'; readonly reason: string; readonly ranges: OffsetRanges }
  | { readonly kind: 'archived'; readonly ranges: OffsetRanges }
  | { readonly kind: 'deadLettersPlanned'; readonly plan: DeadLetterPlan }
  | { readonly kind: 'deadLettersWritten' }
  /** There is no dead-letter topic any more: records that wait for their copies are finished. */
  | { readonly kind: 'deadLettersAbandoned' }
  /** The window is dropped and begins again at `offset`. */
  | { readonly kind: 'reset'; readonly offset: Offset }
  /**
   * A record that waits for its time, or that was not scanned yet, is finished: the group skips it
   * when it reaches it.
   */
  | ({ readonly kind: 'cancelled' } & CancelledRecord)
  /** All records below `to` that no member has are finished, delayed ones too. */
  | { readonly kind: 'purged'; readonly to: Offset };

/** The order of delayed records. */
export function compareDue(left: DueCursor, right: DueCursor): number {
  return left.atMs - right.atMs || left.offset - right.offset;
}
