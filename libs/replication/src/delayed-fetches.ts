/**
 * The fetches that wait for records, in a list for each partition, woken by its high watermark.
 *
 * Bounded in number, feeds apart: of those there is one a partition. A fetch leaves its list at
 * once when it is answered, timed out or abandoned. Waking many readers of one partition is done in
 * slices, so that none of them holds the event loop for long; readers at the same position share
 * one answer.
 */
import { type Offset, ProtocolError } from '#protocol';
import type { Scheduler } from '#runtime';
import {
  type FetchedBatches,
  fetchedBatches,
  type PartitionFetch,
  positionFault,
  readBatches,
} from './fetch.js';
import type { Partition } from './partition.js';

const WOKEN_PER_SLICE = 256;

export class DelayedFetches {
  readonly #scheduler: Scheduler;
  readonly #countMax: number;
  readonly #byPartition = new Map<Partition, Set<DelayedFetch>>();
  #count = 0;
  #refusedTotal = 0;
  #isEnded = false;

  constructor(scheduler: Scheduler, countMax: number) {
    this.#scheduler = scheduler;
    this.#countMax = countMax;
  }

  /** Number of fetches that wait now, without feeds. */
  get count(): number {
    return this.#count;
  }

  /** Number of fetches refused because too many waited. */
  get refusedTotal(): number {
    return this.#refusedTotal;
  }

  /**
   * Answers when `minBytes` are available, the time is over or the caller disconnects: with the
   * available records then.
   * @throws ProtocolError THROTTLING_QUOTA_EXCEEDED when too many wait
   */
  wait(partition: Partition, fetch: PartitionFetch): Promise<FetchedBatches> {
    if (this.#isEnded || fetch.signal?.aborted === true) return readNow(partition, fetch);
    if (this.#count >= this.#countMax && fetch.isFeed !== true) {
      this.#refusedTotal += 1;
      return Promise.reject(
        new ProtocolError(
          'THROTTLING_QUOTA_EXCEEDED',
          `${this.#countMax} fetches wait already, which is the limit of this broker.`,
        ),
      );
    }
    return new Promise((resolve) => this.#add(partition, fetch, resolve));
  }

  /** Answers the fetches of a partition that have enough now; all of them when it is closed. */
  wake(partition: Partition): void {
    const delayed = this.#byPartition.get(partition);
    if (delayed !== undefined) this.#wakeSlice(partition, delayed.values());
  }

  /** Answers all of them with the available records, and lets none wait from now on. */
  end(): void {
    this.#isEnded = true;
    for (const [partition, delayed] of this.#byPartition) {
      for (const delayedFetch of delayed)
        delayedFetch.answer(readNow(partition, delayedFetch.fetch));
    }
  }

  #add(
    partition: Partition,
    fetch: PartitionFetch,
    resolve: (result: Promise<FetchedBatches>) => void,
  ): void {
    const giveUp = (): void => delayed.answer(readNow(partition, fetch));
    const timer = this.#scheduler.after(fetch.waitMs, giveUp);
    const delayed: DelayedFetch = {
      fetch,
      seenBytes: 0,
      seenEnd: fetch.offset,
      answer: (result) => {
        if (!this.#remove(partition, delayed)) return;
        timer.cancel();
        fetch.signal?.removeEventListener('abort', giveUp);
        resolve(result);
      },
    };
    fetch.signal?.addEventListener('abort', giveUp, { once: true });
    const existing = this.#byPartition.get(partition);
    if (existing === undefined) this.#byPartition.set(partition, new Set([delayed]));
    else existing.add(delayed);
    if (fetch.isFeed !== true) this.#count += 1;
  }

  #remove(partition: Partition, delayed: DelayedFetch): boolean {
    const existing = this.#byPartition.get(partition);
    if (existing?.delete(delayed) !== true) return false;
    if (existing.size === 0) this.#byPartition.delete(partition);
    if (delayed.fetch.isFeed !== true) this.#count -= 1;
    return true;
  }

  #wakeSlice(partition: Partition, delayed: SetIterator<DelayedFetch>): void {
    let shared: SharedAnswer | undefined;
    for (let checkedCount = 0; checkedCount < WOKEN_PER_SLICE; checkedCount += 1) {
      const step = delayed.next();
      if (step.done === true) return;
      const delayedFetch = step.value;
      if (!partition.isClosed && !hasEnough(partition, delayedFetch)) continue;
      const { offset, maxBytes, recordsMax, leaderEpoch } = delayedFetch.fetch;
      if (
        shared?.offset !== offset ||
        shared.maxBytes !== maxBytes ||
        shared.recordsMax !== recordsMax ||
        shared.leaderEpoch !== leaderEpoch
      ) {
        const answer = readNow(partition, delayedFetch.fetch);
        shared = { offset, maxBytes, recordsMax, leaderEpoch, answer };
      }
      delayedFetch.answer(shared.answer);
    }
    this.#scheduler.soon(() => this.#wakeSlice(partition, delayed));
  }
}

interface DelayedFetch {
  readonly fetch: PartitionFetch;
  /** Bytes of the batches from its offset to `seenEnd`. */
  seenBytes: number;
  seenEnd: Offset;
  answer(result: Promise<FetchedBatches>): void;
}

/** An answer for all fetches of one position that are woken together. */
interface SharedAnswer {
  readonly offset: Offset;
  readonly maxBytes: number;
  readonly recordsMax: number | undefined;
  readonly leaderEpoch: number | undefined;
  readonly answer: Promise<FetchedBatches>;
}

/** Answers a fetch with the records there are now. */
export function readNow(partition: Partition, fetch: PartitionFetch): Promise<FetchedBatches> {
  const fault = partition.isClosed ? partition.closedError() : positionFault(partition, fetch);
  if (fault !== undefined) return Promise.reject(fault);
  const batches = readBatches(partition, fetch);
  return batches instanceof Promise
    ? batches.then((read) => fetchedBatches(partition, read))
    : Promise.resolve(fetchedBatches(partition, batches));
}

/**
 * True when a waiting fetch can be answered. Bytes already seen are only counted, not kept: a
 * waiting fetch holds no records in memory.
 */
function hasEnough(partition: Partition, delayed: DelayedFetch): boolean {
  const { log, highWatermark } = partition;
  const { fetch } = delayed;
  if (positionFault(partition, fetch) !== undefined) return true;
  if (fetch.minBytes <= 1) return fetch.offset < highWatermark;
  while (delayed.seenEnd < highWatermark) {
    const leftBytes = fetch.maxBytes - delayed.seenBytes;
    const batches = log.reader.readCached(delayed.seenEnd, leftBytes, highWatermark);
    const last = batches?.at(-1);
    // Records that left the cache are old: the reader is behind, and need not wait.
    if (batches === undefined || last === undefined) return true;
    for (const batch of batches) delayed.seenBytes += batch.sizeBytes;
    delayed.seenEnd = last.nextOffset;
    if (delayed.seenBytes >= Math.min(fetch.minBytes, fetch.maxBytes)) return true;
  }
  return false;
}
