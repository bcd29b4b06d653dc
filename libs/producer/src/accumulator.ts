/**
 * The record accumulator: one queue per partition, in which entries gather while the last send of
 * that partition is in flight (`linger.ms` 0), or for at most `linger.ms`.
 *
 * The entries of a partition are sent in the order in which they were added, one *drain* at a time:
 * the next drain begins when all sends of the previous one have ended. A drain sends neighbouring
 * entries together, and sends entries that must stay alone (those with a producer id are record
 * batches of their own) one by one. All sends of a drain begin in order without waiting for each
 * other, so that they can share one write and one sync.
 *
 * This is the hot path of small requests. An entry is a link of its queue (no arrays are shifted,
 * removing one is O(1)), and all queues that became ready in one turn of the event loop are drained
 * by one task at its end.
 */
import type { Timers } from './timers.js';

/** Base class of queued entries. An entry is in at most one queue. */
export abstract class AccumulatorEntry<E extends AccumulatorEntry<E>> {
  /** Bytes that count against the limit of a drain. */
  readonly sizeBytes: number;
  /** True when the entry is sent by itself. */
  readonly isAlone: boolean;
  /** Links of its queue; only the queue uses them. */
  next: E | undefined;
  previous: E | undefined;
  queue: PartitionQueue<E> | undefined;

  constructor(sizeBytes: number, isAlone: boolean) {
    this.sizeBytes = sizeBytes;
    this.isAlone = isAlone;
  }
}

/**
 * Sends entries of one partition. The sender owns the entries from the call on and reports their
 * result. The promise settles when they are done; a rejection counts as done.
 */
export type SendEntries<E> = (entries: readonly E[]) => Promise<void>;

export interface AccumulatorOptions {
  /** Bytes after which a drain accepts no further entry; its first entry always fits. */
  readonly drainBytesMax: number;
  /**
   * The same for a drain that `mayDrain` refused before: its entries are late, and cost less
   * together. Default: `drainBytesMax`.
   */
  readonly lateDrainBytesMax?: number;
  /** Time that a first entry waits for others, ms; 0: until the turn of the event loop ends. */
  readonly lingerMs: number;
  /** Queued bytes that end a linger early. */
  readonly batchSizeBytes: number;
  readonly timers: Timers;
}

export class Accumulator<E extends AccumulatorEntry<E>> {
  readonly options: AccumulatorOptions;
  #ready: PartitionQueue<E>[] = [];
  readonly #drainReady = (): void => {
    const ready = this.#ready;
    this.#ready = [];
    let drainedBytes = 0;
    for (const [index, queue] of ready.entries()) {
      drainedBytes += queue.drain();
      if (drainedBytes <= this.options.drainBytesMax || index === ready.length - 1) continue;
      // Other tasks get their turn between drains: encoding takes time.
      this.#ready = [...ready.slice(index + 1), ...this.#ready];
      this.options.timers.soon(this.#drainReady);
      return;
    }
  };

  constructor(options: AccumulatorOptions) {
    this.options = options;
  }

  /**
   * Creates the queue of one partition.
   * @param mayDrain asked before each drain; when it returns false nothing is sent, and its owner
   *   calls `drain` once that has changed. Default: always
   */
  openQueue(send: SendEntries<E>, mayDrain?: () => boolean): PartitionQueue<E> {
    return new PartitionQueue<E>(this, send, mayDrain);
  }

  /** Called by queues: drains the queue at the end of this turn of the event loop. */
  drainSoon(queue: PartitionQueue<E>): void {
    if (this.#ready.push(queue) === 1) this.options.timers.soon(this.#drainReady);
  }
}

export class PartitionQueue<E extends AccumulatorEntry<E>> {
  readonly #accumulator: Accumulator<E>;
  readonly #send: SendEntries<E>;
  readonly #mayDrain: (() => boolean) | undefined;
  readonly #sendDone = (): void => this.#onSendDone();
  /** Bytes of a late drain; its owner lowers it where such drains are too large. */
  lateDrainBytesMax: number;
  #head: E | undefined;
  #tail: E | undefined;
  #queuedBytes = 0;
  #sendsInFlight = 0;
  /** True while the queue is in the accumulator's list of ready queues. */
  #isReady = false;
  /** True when `mayDrain` has refused the next drain. */
  #isLate = false;
  #linger: { cancel(): void } | undefined;
  #lingerIsOver: boolean;
  #idleListeners: (() => void)[] = [];

  constructor(
    accumulator: Accumulator<E>,
    send: SendEntries<E>,
    mayDrain: (() => boolean) | undefined,
  ) {
    this.#accumulator = accumulator;
    this.#send = send;
    this.#mayDrain = mayDrain;
    const { drainBytesMax, lateDrainBytesMax = drainBytesMax, lingerMs } = accumulator.options;
    this.lateDrainBytesMax = lateDrainBytesMax;
    this.#lingerIsOver = lingerMs === 0;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** True when nothing is queued and no send is in flight. */
  get isIdle(): boolean {
    return this.#head === undefined && this.#sendsInFlight === 0;
  }

  add(entry: E): void {
    entry.queue = this;
    entry.previous = this.#tail;
    if (this.#tail === undefined) this.#head = entry;
    else this.#tail.next = entry;
    this.#tail = entry;
    this.#queuedBytes += entry.sizeBytes;
    this.#maybeBecomeReady();
  }

  /**
   * Removes an entry before it is sent.
   * @returns false when it is not queued any more
   */
  remove(entry: E): boolean {
    if (entry.queue !== this) return false;
    this.#unlink(entry);
    this.#maybeResolveIdle();
    return true;
  }

  /** Removes all entries that are not sent yet. */
  removeAll(): E[] {
    const removed: E[] = [];
    while (this.#head !== undefined) {
      removed.push(this.#head);
      this.#unlink(this.#head);
    }
    this.#maybeResolveIdle();
    return removed;
  }

  /** True when entries wait for no others: they are a whole batch, or their linger is over. */
  get isDue(): boolean {
    if (this.#head === undefined) return false;
    return this.#lingerIsOver || this.#queuedBytes >= this.#accumulator.options.batchSizeBytes;
  }

  /** Ends the linger of the queued entries. */
  flush(): void {
    if (this.#head === undefined) return;
    this.#lingerIsOver = true;
    this.#maybeBecomeReady();
  }

  /** Resolves when nothing is queued and no send is in flight. */
  whenIdle(): Promise<void> {
    if (this.isIdle) return Promise.resolve();
    return new Promise((resolve) => this.#idleListeners.push(resolve));
  }

  /**
   * Sends queued entries, unless a send is in flight. The accumulator calls it at the end of a
   * turn, and the owner of `mayDrain` when its answer has changed.
   * @returns bytes of the entries that are sent
   */
  drain(): number {
    this.#isReady = false;
    if (this.#sendsInFlight > 0) return 0;
    if (this.#mayDrain?.() === false) {
      this.#isLate = true;
      return 0;
    }
    const { drainBytesMax, lingerMs } = this.#accumulator.options;
    const bytesMax = this.#isLate ? this.lateDrainBytesMax : drainBytesMax;
    this.#isLate = false;
    let takenBytes = 0;
    let run: E[] = [];
    while (this.#head !== undefined) {
      const entry: E = this.#head;
      if (takenBytes > 0 && takenBytes + entry.sizeBytes > bytesMax) break;
      takenBytes += entry.sizeBytes;
      this.#unlink(entry);
      if (entry.isAlone) {
        this.#sendRun(run);
        this.#sendRun([entry]);
        run = [];
      } else {
        run.push(entry);
      }
    }
    this.#sendRun(run);
    // Entries that did not fit have waited long enough: they are sent as soon as this drain is
    // done.
    if (this.#head === undefined) this.#lingerIsOver = lingerMs === 0;
    return takenBytes;
  }

  #sendRun(entries: E[]): void {
    if (entries.length === 0) return;
    this.#sendsInFlight += 1;
    this.#send(entries).then(this.#sendDone, this.#sendDone);
  }

  #onSendDone(): void {
    this.#sendsInFlight -= 1;
    if (this.#sendsInFlight > 0) return;
    this.#maybeBecomeReady();
    this.#maybeResolveIdle();
  }

  #maybeBecomeReady(): void {
    if (this.#head === undefined || this.#isReady) return;
    if (!this.isDue) {
      this.#linger ??= this.#startLinger();
      return;
    }
    if (this.#sendsInFlight > 0) return;
    this.#linger?.cancel();
    this.#linger = undefined;
    this.#isReady = true;
    this.#accumulator.drainSoon(this);
  }

  #startLinger(): { cancel(): void } {
    const { lingerMs, timers } = this.#accumulator.options;
    return timers.after(lingerMs, () => {
      this.#linger = undefined;
      if (this.#head === undefined) return;
      this.#lingerIsOver = true;
      this.#maybeBecomeReady();
    });
  }

  #unlink(entry: E): void {
    const { next, previous } = entry;
    if (previous === undefined) this.#head = next;
    else previous.next = next;
    if (next === undefined) this.#tail = previous;
    else next.previous = previous;
    entry.next = undefined;
    entry.previous = undefined;
    entry.queue = undefined;
    this.#queuedBytes -= entry.sizeBytes;
  }

  #maybeResolveIdle(): void {
    if (this.#idleListeners.length === 0 || !this.isIdle) return;
    const listeners = this.#idleListeners;
    this.#idleListeners = [];
    for (const listener of listeners) listener();
  }
}
