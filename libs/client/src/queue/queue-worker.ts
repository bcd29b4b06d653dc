import {
  assertArgument,
  assertOptions,
  type Check,
  isWhole,
  SIGNAL_OPTION,
} from '../connection/checks.js';
import type { SignalOption } from '../consumer/batch.js';
import type { QueueOptions } from '../consumer/options.js';
import {
  type ReceivedRecord,
  type RecordFormat,
  type RecordJson,
  RecordReader,
} from '../received-record.js';
import { hasCode, isRetriable, SluiceError } from '../sluice-error.js';
import { childOf, observed, Signal, sleep, withSignal } from '../waiting.js';
import { type Job, type JobHandler, type JobRunOptions, Reject } from './job.js';
import type { AckType, QueueAck, QueueEvents, QueueLink } from './queue-link.js';

export type OpenQueueLink = (details: {
  readonly events: QueueEvents;
  readonly format: RecordFormat | undefined;
  readonly prefetch: number;
  readonly room: () => number;
}) => QueueLink;

export interface QueueTransport {
  readonly open: OpenQueueLink;
  /** Opens the link to a gateway whose WebSocket has no queues; undefined: `open` does that. */
  readonly fallback: OpenQueueLink | undefined;
  /** Returns how long a lock lasts, ms. */
  lockMs(): Promise<number>;
}

/** A record that is held. */
interface Held {
  readonly json: RecordJson;
  readonly lost: AbortController;
  /** Time at which its lock began for certain, ms. */
  lockedMs: number;
}

type AckDetails = Pick<QueueAck, 'delayMs' | 'reason'>;

const A_REASON: Check = [(value) => typeof value === 'string', 'a text'];
const NACK_CHECKS: Readonly<Record<string, Check>> = {
  delayMs: [(value) => isWhole(value), 'a whole number from 0'],
  reason: A_REASON,
  ...SIGNAL_OPTION,
};
const LOCK_MS_DEFAULT = 30_000;
/** Extensions per time of a lock. */
const EXTENSIONS = 3;

/**
 * The worker of a `Queue`: its membership, the records that it holds and their locks. It joins when
 * it is made. It holds at most `prefetch` records that are not settled.
 *
 * Overlap: one `take` or `run` at a time; jobs overlap.
 */
export class QueueWorker<K = unknown, V = unknown> implements QueueEvents {
  readonly #reader: RecordReader<K, V>;
  readonly #transport: QueueTransport;
  readonly #prefetch: number;
  /** Aborted when the queue is closed. */
  readonly #closed: AbortSignal;
  readonly #arrived = new Signal();
  /** All records that are held, by `topic:partition:offset`. */
  readonly #held = new Map<string, Held>();
  #waiting: Held[] = [];
  #link: QueueLink;
  #hasFallenBack = false;
  #failure: { readonly error: unknown } | undefined;
  /** True in `run`: locks are extended as long as the process lives. */
  #isRunning = false;
  #lockMs = LOCK_MS_DEFAULT;

  constructor(options: QueueOptions<K, V>, transport: QueueTransport, closed: AbortSignal) {
    this.#reader = new RecordReader(options);
    this.#transport = transport;
    this.#prefetch = options.prefetch ?? 16;
    this.#closed = closed;
    this.#link = this.#open(transport.open);
    void observed(this.#watchLocks());
  }

  /** Handles records as `Queue.run` says. */
  async run(handler: JobHandler<K, V>, options: JobRunOptions): Promise<void> {
    this.#isRunning = true;
    const { controller, release } = childOf(options.signal, this.#closed);
    const { concurrency = 1 } = options;
    const running = new Set<Promise<void>>();
    try {
      while (!controller.signal.aborted) {
        const job = await this.take(controller.signal);
        if (job === undefined) break;
        const handled = this.#handle(handler, job).finally(() => running.delete(handled));
        running.add(handled);
        if (running.size >= concurrency) await Promise.race(running);
      }
      options.signal?.throwIfAborted();
    } finally {
      await Promise.all(running);
      release();
      this.#isRunning = false;
    }
  }

  /** Gives back what is held and not settled, and leaves the group. */
  async close(): Promise<void> {
    this.#arrived.notify();
    await this.#link.close();
    this.#release(this.#closed.reason);
  }

  /** Takes records of the link. */
  delivered(records: readonly RecordJson[]): void {
    for (const json of records) {
      const held = { json, lost: new AbortController(), lockedMs: Date.now() };
      // A record that comes again was delivered under a lock that is over.
      this.#held.get(keyOf(json))?.lost.abort(lockOver());
      this.#held.set(keyOf(json), held);
      this.#waiting.push(held);
    }
    this.#arrived.notify();
  }

  /** Extends locks that end soon, of records that a handler works on or that wait for one. */
  expiring(topic: string, partition: number, offsets: readonly number[]): void {
    if (!this.#isRunning) return;
    for (const offset of offsets) this.#extend(this.#held.get(keyOf({ topic, partition, offset })));
  }

  /** The member is gone, and its locks with it. */
  lost(reason: unknown): void {
    this.#release(reason);
  }

  failed(error: unknown): void {
    const { fallback } = this.#transport;
    if (fallback !== undefined && !this.#hasFallenBack && isWithoutQueues(error)) {
      this.#hasFallenBack = true;
      void this.#link.close();
      this.#link = this.#open(fallback);
      return;
    }
    this.#failure ??= { error };
    this.#release(error);
    this.#arrived.notify();
  }

  #open(open: OpenQueueLink): QueueLink {
    return open({
      events: this,
      format: this.#reader.format,
      prefetch: this.#prefetch,
      room: () => this.#prefetch - this.#held.size,
    });
  }

  /** Returns the next record; undefined when the signal is aborted. */
  async take(signal: AbortSignal): Promise<Job<K, V> | undefined> {
    for (;;) {
      if (signal.aborted) return undefined;
      if (this.#failure !== undefined) throw this.#failure.error;
      const held = this.#waiting.shift();
      if (held !== undefined) {
        // A record that waited for longer than its lock is another worker's.
        if (Date.now() - held.lockedMs >= this.#lockMs) this.#drop(held, lockOver());
        else {
          const job = await this.#jobOf(held);
          if (job !== undefined) return job;
        }
      } else {
        await withSignal(this.#arrived.wait(), signal).catch(() => undefined);
      }
    }
  }

  /**
   * Returns the job of a record. A record that cannot be read goes back, so that it becomes a dead
   * letter in the end: `run` goes on without it, and a loop gets the error.
   */
  async #jobOf(held: Held): Promise<Job<K, V> | undefined> {
    try {
      return this.#actionsOn(held, await this.#reader.read(held.json));
    } catch (error) {
      void this.#settle(held, 'nack', { reason: (error as SluiceError).detail });
      if (this.#isRunning) return undefined;
      throw error;
    }
  }

  #actionsOn(held: Held, record: ReceivedRecord<K, V>): Job<K, V> {
    const settled = (
      type: AckType,
      { signal }: SignalOption,
      details: AckDetails = {},
    ): Promise<void> => {
      return observed(withSignal(this.#settle(held, type, details), signal));
    };
    return {
      ...record,
      deliveryCount: held.json.deliveryCount ?? 1,
      signal: held.lost.signal,
      ack: (options = {}) => {
        assertOptions('ack', options, SIGNAL_OPTION);
        return settled('ack', options);
      },
      nack: (options = {}) => {
        assertOptions('nack', options, NACK_CHECKS);
        const { signal, ...details } = options;
        return settled('nack', { signal }, details);
      },
      reject: (reason, options = {}) => {
        if (reason !== undefined) assertArgument('reason', reason, A_REASON);
        assertOptions('reject', options, SIGNAL_OPTION);
        return settled('reject', options, { reason });
      },
      extend: (options = {}) => {
        assertOptions('extend', options, SIGNAL_OPTION);
        return settled('extend', options);
      },
    };
  }

  #settle(held: Held, type: AckType, details: AckDetails = {}): Promise<void> {
    const { topic, partition, offset, deliveryCount = 1 } = held.json;
    const sentMs = Date.now();
    const settle = async (): Promise<void> => {
      try {
        await this.#link.settle({ topic, partition, offset, deliveryCount, type, ...details });
        if (type === 'extend') held.lockedMs = sentMs;
        else this.#drop(held);
      } catch (error) {
        if (hasCode(error, 'INVALID_RECORD_STATE')) this.#drop(held, error);
        throw error;
      }
    };
    return observed(settle());
  }

  /** Never rejects. */
  async #handle(handler: JobHandler<K, V>, job: Job<K, V>): Promise<void> {
    try {
      await handler(job);
    } catch (error) {
      const settled = error instanceof Reject ? job.reject(error.message) : job.nack();
      await settled.catch(() => undefined);
      return;
    }
    // A lock that was lost means that the record is delivered again.
    await job.ack().catch(() => undefined);
  }

  /**
   * Extends the locks of all records that `run` works on, and drops records whose locks are over:
   * another worker gets them, and there is room for others here.
   */
  async #watchLocks(): Promise<void> {
    const signal = this.#closed;
    this.#lockMs = await this.#transport.lockMs().catch(() => LOCK_MS_DEFAULT);
    while (!signal.aborted) {
      await sleep(this.#lockMs / (2 * EXTENSIONS), signal);
      for (const held of this.#held.values()) {
        const heldMs = Date.now() - held.lockedMs;
        if (heldMs >= this.#lockMs) this.#drop(held, lockOver());
        else if (this.#isRunning && heldMs >= this.#lockMs / EXTENSIONS) this.#extend(held);
      }
    }
  }

  #extend(held: Held | undefined): void {
    if (held !== undefined) void this.#settle(held, 'extend');
  }

  #drop(held: Held, reason?: unknown): void {
    const key = keyOf(held.json);
    if (this.#held.get(key) === held) this.#held.delete(key);
    if (reason !== undefined) held.lost.abort(reason);
    this.#link.room();
  }

  #release(reason: unknown): void {
    for (const held of this.#held.values()) held.lost.abort(reason);
    this.#held.clear();
    this.#waiting = [];
    this.#link.room();
  }
}

function keyOf({ topic, partition, offset }: Pick<RecordJson, 'topic' | 'partition' | 'offset'>) {
  return `${topic}:${partition}:${offset}`;
}

function lockOver(): SluiceError {
  const detail = 'The lock of the record is over.';
  return new SluiceError('INVALID_RECORD_STATE', detail, { outcome: 'failed' });
}

/** True if the gateway is an older one, whose WebSocket has no queues. */
function isWithoutQueues(error: unknown): boolean {
  if (!(error instanceof SluiceError) || isRetriable(error)) return false;
  return error.errors.some(({ pointer }) => /^\/data\/(mode|expiring|format)$/.test(pointer));
}
