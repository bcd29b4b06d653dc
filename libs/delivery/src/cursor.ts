/**
 * One reader of one partition: a position, and two ways on from it.
 *
 *     held --start--> behind --nothing more to read--> live
 *                       ^  (reads by itself)             |  (is offered what comes)
 *                       +------ no room or credit -------+
 *
 * Invariant: every record from the first position on is delivered once and in order. A cursor moves
 * its position with what it delivers, takes nothing that does not begin at its position, and reads
 * by itself from there whatever it was not offered or did not take.
 *
 * What was read carries its leader epoch: where an election made the log go on without some of it,
 * the next read says so (KIP-320).
 *
 * Overlap: `seek` and `close` may come while a read is under way; its result is dropped then.
 */
import type { LeaderEpoch, Offset, TopicPartition } from '#protocol';
import type { CatchUpReads, ReadPosition } from './catch-up-reads.js';
import type { LiveCursor, PartitionFeed } from './partition-feed.js';
import type { RecordRun } from './record-run.js';

/** Whoever the cursor reads for. */
export interface CursorOwner {
  /**
   * How many records may be delivered now; where that is none, the cursor's `resume` is called once
   * it is some.
   */
  roomFor(cursor: Cursor): number;
  /** Takes all of the records. */
  deliver(run: RecordRun): void;
  /** The cursor has stopped where it is; `start` goes on. */
  failed(cursor: Cursor, error: unknown): void;
}

export class Cursor implements LiveCursor {
  /** Where the feed keeps it while it is live. */
  liveIndex = -1;
  readonly #owner: CursorOwner;
  readonly #feed: PartitionFeed;
  readonly #reads: CatchUpReads;
  #position: Offset;
  /** In which what comes before the position was found in the log; undefined: not yet. */
  #leaderEpoch: LeaderEpoch | undefined;
  #state: 'held' | 'behind' | 'reading' | 'live' | 'closed' = 'held';
  /** Counts the positions it was set to: a read that was begun for another one is not for it. */
  #begun = 0;

  constructor(owner: CursorOwner, feed: PartitionFeed, reads: CatchUpReads, position: Offset) {
    this.#owner = owner;
    this.#feed = feed;
    this.#reads = reads;
    this.#position = position;
  }

  get target(): TopicPartition {
    return this.#feed.target;
  }

  /** The next offset that it delivers. */
  get position(): Offset {
    return this.#position;
  }

  get leaderEpoch(): LeaderEpoch | undefined {
    return this.#leaderEpoch;
  }

  /**
   * Counts the times that it was held: whoever starts it again later sees whether another held it.
   */
  get holds(): number {
    return this.#begun;
  }

  /** Begins to deliver, or goes on after a failure. */
  start(): void {
    if (this.#state !== 'held') return;
    this.#state = 'behind';
    this.resume();
  }

  /** There is room again, or credit. */
  resume(): void {
    if (this.#state !== 'behind') return;
    this.#state = 'reading';
    const begun = this.#begun;
    this.#catchUp(begun).catch((error: unknown) => {
      if (begun === this.#begun) this.fail(error);
    });
  }

  /** Delivers nothing more until `start`, and then from `position` on. */
  seek(position: Offset): void {
    if (this.#state === 'closed') return;
    this.#hold('held');
    this.#position = position;
    this.#leaderEpoch = undefined;
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
    // Room for a part of the run, or for what is left of it: nobody else will wake it for that.
    if (this.#owner.roomFor(this) > 0) this.resume();
  }

  /** Stops where it is, and tells its owner. */
  fail(error: unknown): void {
    if (this.#state === 'closed') return;
    this.#hold('held');
    this.#owner.failed(this, error);
  }

  #hold(state: 'held' | 'closed'): void {
    if (this.#state === 'live') this.#feed.leave(this);
    this.#state = state;
    this.#begun += 1;
  }

  /** Reads and delivers until it is live, or there is no room. */
  async #catchUp(begun: number): Promise<void> {
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
      const { run, leaderEpoch } = await this.#reads.read(this.target, this.#readPosition(), room);
      if (begun !== this.#begun) return;
      this.#leaderEpoch = leaderEpoch;
      if (run !== undefined) {
        this.#deliverPart(run);
      } else if (this.#feed.tryJoinAtEnd(this)) {
        this.#state = 'live';
        return;
      }
    }
  }

  #readPosition(): ReadPosition {
    const offset = this.#position;
    const leaderEpoch = this.#leaderEpoch;
    return leaderEpoch === undefined ? { offset } : { offset, leaderEpoch };
  }

  /** Delivers what there is room for now: while it was read, others may have taken some. */
  #deliverPart(run: RecordRun): void {
    const part = run.firstPart(this.#owner.roomFor(this));
    this.#position = part.nextOffset;
    if (part.count > 0) this.#owner.deliver(part);
  }
}
