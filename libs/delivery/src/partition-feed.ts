/**
 * The live end of one partition: one wait for all readers who have read everything so far. What
 * comes is rendered once and offered to each of them.
 *
 * Invariant: `position` is the next offset that will be offered, and every live cursor is there or
 * beyond. So a cursor joins only when it is not behind `position`, and nothing lies between its
 * last record and the first that it is offered.
 *
 * Overlap: one loop at a time; joining and leaving may happen at any time, also while cursors are
 * being offered a run.
 */
import type { Broker, FetchResult } from '#broker';
import type { RecordBatch } from '#log';
import { type LeaderEpoch, type Offset, ProtocolError, type TopicPartition } from '#protocol';
import type { RenderCache } from '#record-json';
import {
  batchGroups,
  isRenderedAtOnce,
  type RenderedBatch,
  renderGroup,
  renderRun,
} from '#record-json';
import { RecordRun, type RunSource } from './record-run.js';

/** Bytes of record batches taken at once; the rest comes in the next turn. */
const READ_BYTES = 512 * 1024;
/** How long one wait lasts; then comes the next. */
const WAIT_MS = 60_000;

export interface PartitionFeedOptions {
  readonly broker: Broker;
  readonly renderCache: RenderCache;
  readonly frameBytesMax: number;
}

/** A cursor, as its feed sees it. */
export interface LiveCursor {
  /** The next offset that it is to get. */
  readonly position: Offset;
  /** In which what comes before that was found in the log; undefined: nothing was read. */
  readonly leaderEpoch: LeaderEpoch | undefined;
  /** Where the feed keeps it. */
  liveIndex: number;
  /** Takes the run, or leaves. */
  offer(run: RecordRun): void;
  /** Leaves: nothing more can be read. */
  fail(error: unknown): void;
}

export class PartitionFeed {
  readonly #options: PartitionFeedOptions;
  readonly #live: LiveCursor[] = [];
  #position: Offset = 0;
  #leaderEpoch: LeaderEpoch | undefined;
  #isRunning = false;
  #isClosed = false;

  constructor(
    readonly target: TopicPartition,
    options: PartitionFeedOptions,
  ) {
    this.#options = options;
  }

  get liveCount(): number {
    return this.#live.length;
  }

  /** Takes a cursor in if it is not behind the feed; false: it has to read on by itself. */
  tryJoin(cursor: LiveCursor): boolean {
    if (!this.#isRunning || cursor.position < this.#position) return false;
    // What it read in an earlier epoch may not be in the log any more: its next read tells.
    if (isEarlier(cursor.leaderEpoch, this.#leaderEpoch)) return false;
    this.#add(cursor);
    return true;
  }

  /**
   * As `tryJoin`, for a cursor that found nothing more to read: a feed that stands begins with it.
   */
  tryJoinAtEnd(cursor: LiveCursor): boolean {
    if (this.#isRunning) return this.tryJoin(cursor);
    if (this.#isClosed) return true;
    this.#position = cursor.position;
    this.#leaderEpoch = cursor.leaderEpoch;
    this.#add(cursor);
    this.#isRunning = true;
    void this.#run();
    return true;
  }

  leave(cursor: LiveCursor): void {
    const live = this.#live;
    const last = live.pop();
    if (last === undefined || last === cursor) return;
    live[cursor.liveIndex] = last;
    last.liveIndex = cursor.liveIndex;
  }

  close(): void {
    this.#isClosed = true;
    this.#live.length = 0;
  }

  #add(cursor: LiveCursor): void {
    cursor.liveIndex = this.#live.push(cursor) - 1;
  }

  async #run(): Promise<void> {
    const { topic, partition } = this.target;
    try {
      while (this.#live.length > 0 && !this.#isClosed) {
        const leaderEpoch = this.#leaderEpoch;
        const result = await this.#options.broker.fetch({
          topic,
          partition,
          offset: this.#position,
          ...(leaderEpoch === undefined ? {} : { leaderEpoch }),
          maxBytes: READ_BYTES,
          minBytes: 1,
          waitMs: WAIT_MS,
          isFeed: true,
          mayBeBehind: true,
        });
        if (this.#isClosed) break;
        this.#leaderEpoch = result.leaderEpoch;
        await this.#offer(result);
        if (this.#isClosed) break;
        // What was offered is to go out before there is more; and a broker that stops lets none
        // wait.
        const mayHaveMore = this.#position < result.highWatermark || result.batches.length === 0;
        if (mayHaveMore) await new Promise((resolve) => setImmediate(resolve));
      }
      this.#isRunning = false;
    } catch (error) {
      this.#isRunning = false;
      // Each leaves as it fails.
      for (const cursor of this.#live.slice()) cursor.fail(error);
    }
  }

  /** @throws ProtocolError where a batch cannot be shown; what stands before it is offered first */
  async #offer({ batches, highWatermark, leaderEpoch }: FetchResult): Promise<void> {
    const { topic, partition } = this.target;
    const source = { topic, partition, highWatermark, leaderEpoch };
    for (const batch of batches) {
      if (batch.nextOffset <= this.#position) continue;
      if (!isRenderedAtOnce(batch)) {
        await this.#offerInSlices(source, batch);
        if (this.#isClosed) return;
        continue;
      }
      try {
        const rendered = this.#options.renderCache.renderedBatch(batch, topic, partition);
        this.#offerRendered(source, batch.nextOffset, rendered);
      } catch (error) {
        if (error instanceof ProtocolError) this.#offerReadablePart(source, batch);
        throw error;
      }
    }
  }

  /** Cursors may join and leave between two slices, as between two batches. */
  async #offerInSlices(source: RunSource, batch: RecordBatch): Promise<void> {
    const { topic, partition } = source;
    const all = { recordsMax: Number.POSITIVE_INFINITY, bytesMax: Number.POSITIVE_INFINITY };
    for await (const group of batchGroups([batch], this.#position)) {
      const run = await renderGroup(group, { topic, partition, offset: this.#position, ...all });
      if (this.#isClosed) return;
      this.#offerRendered(source, run.nextOffset, run);
      if (run.fault !== undefined) throw run.fault;
    }
  }

  /** The records of a batch that stand before one that cannot be read. */
  #offerReadablePart(source: RunSource, batch: RecordBatch): void {
    const { topic, partition } = source;
    const all = { recordsMax: Number.POSITIVE_INFINITY, bytesMax: Number.POSITIVE_INFINITY };
    const part = renderRun([batch], { topic, partition, offset: this.#position, ...all });
    this.#offerRendered(source, part.nextOffset, part);
  }

  #offerRendered(source: RunSource, nextOffset: Offset, rendered: RenderedBatch): void {
    const due = RecordRun.of(source, this.#position, nextOffset, rendered);
    for (const run of due.split(this.#options.frameBytesMax)) this.#offerRun(run);
  }

  #offerRun(run: RecordRun): void {
    this.#position = run.nextOffset;
    const live = this.#live;
    // From the end: a cursor that leaves has the last one put in its place, which had its turn.
    for (let index = live.length - 1; index >= 0; index -= 1) live[index]?.offer(run);
  }
}

function isEarlier(epoch: LeaderEpoch | undefined, than: LeaderEpoch | undefined): boolean {
  return epoch !== undefined && than !== undefined && epoch < than;
}
