/**
 * A reader of one partition: a position, and two ways to get the records that follow it.
 *
 *     held --start--> behind --end of the log--> live
 *                       ^ (reads by itself)      | (gets runs from the feed)
 *                       +--- no room or credit --+
 *
 * Invariant: every record from the first position on is delivered once and in order. A cursor
 * advances its position by what it delivers, ignores every run that does not begin at its position,
 * and reads by itself whatever it was not offered or did not accept.
 *
 * The position carries the leader epoch of the last record read: when an election has truncated
 * that record, the next read reports it (KIP-320).
 *
 * Overlap: all calls are synchronous and may come at any time, also while a read is in progress; a
 * read whose cursor was held meanwhile (`#holdCount` has changed) delivers nothing.
 */
import type { LeaderEpoch, Offset, TopicPartition } from '#protocol';
import type { CatchUpReads, ReadPosition } from './catch-up-reads.js';
import type { LiveCursor, PartitionFeed } from './partition-feed.js';
import type { RecordRun } from './record-run.js';

/** Receives the records that the cursor reads. */
export interface CursorOwner {
  /**
   * Number of records that may be delivered now. After a 0 the owner calls the cursor's `resume`
   * once there is room.
   */
  roomFor(cursor: Cursor): number;
  /** Accepts all records of the run. */
  deliver(run: RecordRun): void;
  /** The cursor has stopped at its position; `start` continues from there. */
  failed(cursor: Cursor, error: unknown): void;
}

export class Cursor implements LiveCursor {
  /** Index of this cursor in the feed's list while it is live; -1 otherwise. */
  liveIndex = -1;
  readonly #owner: CursorOwner;
  readonly #feed: PartitionFeed;
  readonly #reads: CatchUpReads;
  #position: Offset;
  /** Leader epoch in which the records before the position were read; undefined if unknown. */
  #leaderEpoch: LeaderEpoch | undefined;
  #state: 'held' | 'behind' | 'reading' | 'live' | 'closed' = 'held';
  /** Counts the times this cursor was held: a read begun before the last one delivers nothing. */
  #holdCount = 0;

  constructor(
    owner: CursorOwner,
    feed: PartitionFeed,
    reads: CatchUpReads,
    { offset, leaderEpoch }: ReadPosition,
  ) {
    this.#owner = owner;
    this.#feed = feed;
    this.#reads = reads;
    this.#position = offset;
    this.#leaderEpoch = leaderEpoch;
  }

  get target(): TopicPartition {
    return this.#feed.target;
  }

  /** Next offset to deliver. */
  get position(): Offset {
    return this.#position;
  }

  /** The position as a reader resumes from it. */
  get readPosition(): ReadPosition {
    const offset = this.#position;
    const leaderEpoch = this.#leaderEpoch;
    return leaderEpoch === undefined ? { offset } : { offset, leaderEpoch };
  }

  get leaderEpoch(): LeaderEpoch | undefined {
    return this.#leaderEpoch;
  }

  /**
   * Number of times this cursor was held; it shows a caller that starts the cursor later whether
   * another call has held it since.
   */
  get holds(): number {
    return this.#holdCount;
  }

  /** Begins to deliver, or continues after a failure or a seek. */
  start(): void {
    if (this.#state !== 'held') return;
    this.#state = 'behind';
    this.resume();
  }

  /** Continues once there is room or credit again. */
  resume(): void {
    if (this.#state !== 'behind') return;
    this.#state = 'reading';
    const holds = this.#holdCount;
    this.#catchUp(holds).catch((error: unknown) => {
      if (holds === this.#holdCount) this.fail(error);
    });
  }

  /** Stops delivery until `start`, which continues from this position. */
  seek({ offset, leaderEpoch }: ReadPosition): void {
    if (this.#state === 'closed') return;
    this.#hold('held');
    this.#position = offset;
    this.#leaderEpoch = leaderEpoch;
  }

  close(): void {
    this.#hold('closed');
  }

  /** Hot: the feed offers each run to all of its cursors. */
  offer(run: RecordRun): void {
    if (run.from === this.#position) {
      if (this.#owner.roomFor(this) >= run.count) {
        this.#position = run.nextOffset;
        this.#leaderEpoch = run.source.leaderEpoch;
        if (run.count > 0) this.#owner.deliver(run);
        return;
      }
    } else if (run.nextOffset <= this.#position) {
      return;
    }
    this.#feed.leave(this);
    this.#state = 'behind';
    // There is room for a part of the run, or for the rest of it: nobody else would resume it.
    if (this.#owner.roomFor(this) > 0) this.resume();
  }

  /** Stops at the current position and reports the error to the owner. */
  fail(error: unknown): void {
    if (this.#state === 'closed') return;
    this.#hold('held');
    this.#owner.failed(this, error);
  }

  #hold(state: 'held' | 'closed'): void {
    if (this.#state === 'live') this.#feed.leave(this);
    this.#state = state;
    this.#holdCount += 1;
  }

  /** Reads and delivers until the cursor is live or there is no room. */
  async #catchUp(holds: number): Promise<void> {
    for (;;) {
      if (this.#feed.tryJoin(this)) {
        this.#state = 'live';
        return;
      }
      const room = this.#owner.roomFor(this);
      if (room === 0) {
        this.#state = 'behind';
        return;
      }
      const { run, leaderEpoch } = await this.#reads.read(this.#feed, this.readPosition, room);
      if (holds !== this.#holdCount) return;
      this.#leaderEpoch = leaderEpoch;
      if (run !== undefined) {
        this.#deliverPart(run);
      } else if (this.#feed.tryJoinAtEnd(this)) {
        this.#state = 'live';
        return;
      }
    }
  }

  /**
   * Delivers as much as there is room for now: other cursors may have used room during the read.
   */
  #deliverPart(run: RecordRun): void {
    const part = run.firstPart(this.#owner.roomFor(this));
    this.#position = part.nextOffset;
    if (part.count > 0) this.#owner.deliver(part);
  }
}
