/**
 * The live end of one partition: one fetch waits for all readers that have read to the end. New
 * records are rendered once and offered to each reader.
 *
 * Invariant: `position` is the next offset to be offered, and no live cursor is behind it. A cursor
 * therefore joins only when it is not behind `position`, so that no record lies between its last
 * record and the first one that it is offered.
 *
 * Overlap: one loop at a time; cursors may join and leave at any time, also while a run is being
 * offered.
 */
import type { Broker, FetchResult } from '#broker';
import type { RecordBatch } from '#log';
import { type LeaderEpoch, type Offset, ProtocolError, type TopicPartition } from '#protocol';
import {
  batchGroups,
  isRenderedAtOnce,
  type RecordFormat,
  type RenderCache,
  type RenderedBatch,
  renderGroup,
  renderRun,
} from '#record-json';
import { RecordRun, type RunSource } from './record-run.js';

/** Bytes of record batches read at once; the rest follows in the next turn. */
const READ_BYTES = 512 * 1024;
/** Longest wait of one fetch; another one follows. */
const WAIT_MS = 60_000;

export interface PartitionFeedOptions {
  readonly broker: Broker;
  readonly renderCache: RenderCache;
  readonly frameBytesMax: number;
}

/** The side of a cursor that its feed uses. */
export interface LiveCursor {
  /** Next offset that the cursor needs. */
  readonly position: Offset;
  /** Leader epoch of the last record before the position; undefined before the first read. */
  readonly leaderEpoch: LeaderEpoch | undefined;
  /** Index in the feed's list. */
  liveIndex: number;
  /** Accepts the run or leaves the feed. */
  offer(run: RecordRun): void;
  /** Leaves the feed, which cannot read further. */
  fail(error: unknown): void;
}

export class PartitionFeed {
  readonly #options: PartitionFeedOptions;
  readonly #live: LiveCursor[] = [];
  #position: Offset = 0;
  #leaderEpoch: LeaderEpoch | undefined;
  #isRunning = false;
  #isClosed = false;

  /** @param format format of the records; only the default one is kept in the render cache */
  constructor(
    readonly target: TopicPartition,
    readonly format: RecordFormat,
    options: PartitionFeedOptions,
  ) {
    this.#options = options;
  }

  get liveCount(): number {
    return this.#live.length;
  }

  /**
   * Adds a cursor that is not behind the feed. Returns false when it must read further by itself.
   */
  tryJoin(cursor: LiveCursor): boolean {
    if (!this.#isRunning || cursor.position < this.#position) return false;
    // Records read in an earlier epoch may have been truncated: the cursor's next read finds out.
    if (isEarlier(cursor.leaderEpoch, this.#leaderEpoch)) return false;
    this.#add(cursor);
    return true;
  }

  /** Adds a cursor that has read to the end; an idle feed continues from the cursor's position. */
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
        // Offered frames are sent before more is read; a stopping broker answers at once with
        // nothing.
        const mayHaveMore = this.#position < result.highWatermark || result.batches.length === 0;
        if (mayHaveMore) await new Promise((resolve) => setImmediate(resolve));
      }
      this.#isRunning = false;
    } catch (error) {
      this.#isRunning = false;
      // Each cursor leaves as it fails.
      for (const cursor of this.#live.slice()) cursor.fail(error);
    }
  }

  /**
   * @throws ProtocolError when a batch cannot be rendered; the records before it are offered first
   */
  async #offer({ batches, highWatermark, leaderEpoch }: FetchResult): Promise<void> {
    const { topic, partition } = this.target;
    const source = { topic, partition, highWatermark, leaderEpoch };
    for (const batch of batches) {
      if (batch.nextOffset <= this.#position) continue;
      if (this.format !== 'default' || !isRenderedAtOnce(batch)) {
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

  /** Cursors may join and leave between two slices, as they may between two batches. */
  async #offerInSlices(source: RunSource, batch: RecordBatch): Promise<void> {
    const { topic, partition } = source;
    const all = { recordsMax: Number.POSITIVE_INFINITY, bytesMax: Number.POSITIVE_INFINITY };
    for await (const group of batchGroups([batch], this.#position)) {
      const bounds = { topic, partition, offset: this.#position, format: this.format, ...all };
      const run = await renderGroup(group, bounds);
      if (this.#isClosed) return;
      this.#offerRendered(source, run.nextOffset, run);
      if (run.fault !== undefined) throw run.fault;
    }
  }

  /** Offers the records of a batch that precede one that cannot be read. */
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
    // The loop runs from the end: a leaving cursor is replaced by the last one, which was already
    // offered the run.
    for (let index = live.length - 1; index >= 0; index -= 1) live[index]?.offer(run);
  }
}

function isEarlier(epoch: LeaderEpoch | undefined, other: LeaderEpoch | undefined): boolean {
  return epoch !== undefined && other !== undefined && epoch < other;
}
