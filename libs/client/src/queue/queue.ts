import { assertRun, QUEUE_RUN } from '../consumer/options.js';
import { ExclusiveUse } from '../exclusive-use.js';
import { loop } from '../loop.js';
import { observed } from '../waiting.js';
import type { Job, JobHandler, JobRunOptions } from './job.js';
import type { QueueWorker } from './queue-worker.js';

/** Loads the worker, and makes it. @param closed aborted when the queue is closed */
export type OpenWorker<K, V> = (closed: AbortSignal) => Promise<QueueWorker<K, V>>;

/**
 * A worker on a queue. It joins when it is made. It holds at most `prefetch` records that are not
 * settled.
 *
 * Overlap: one loop or `run` at a time; jobs overlap.
 */
export class Queue<K = unknown, V = unknown> implements AsyncIterable<Job<K, V>> {
  readonly #worker: Promise<QueueWorker<K, V>>;
  readonly #onEnd: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #use = new ExclusiveUse('queue');

  /**
   * @internal `Sluice.queue` makes it.
   * @param onEnd called once, when it is closed
   * @param signal the one that closes it
   */
  constructor(open: OpenWorker<K, V>, onEnd: () => void, signal?: AbortSignal) {
    this.#worker = observed(open(this.#use.closing));
    this.#onEnd = onEnd;
    this.#signal = signal;
  }

  /** Begins a loop over jobs. @throws SluiceError ILLEGAL_STATE while another one reads */
  [Symbol.asyncIterator](): AsyncIterator<Job<K, V>, undefined> {
    this.#use.begin();
    return loop(
      async () => (await this.#opened())?.take(this.#use.closing),
      () => this.#use.end(),
      this.#signal,
    );
  }

  /**
   * Calls the handler for each record, several at a time. It acknowledges a record when its handler
   * resolves, gives it back when that throws, and rejects it when that throws `Reject`; locks are
   * extended meanwhile. Resolves when the queue is closed; rejects with the reason of the signal,
   * after the handlers that run have ended.
   */
  run(handler: JobHandler<K, V>, options: JobRunOptions = {}): Promise<void> {
    assertRun(handler, options, QUEUE_RUN);
    this.#use.begin();
    const run = async (): Promise<void> => {
      try {
        await (await this.#opened())?.run(handler, options);
        this.#signal?.throwIfAborted();
      } finally {
        this.#use.end();
      }
    };
    return observed(run());
  }

  /** Gives back what is held and not settled, and leaves the group. */
  close(): Promise<void> {
    return this.#use.close(() => this.#close());
  }

  /** Closes it, as `await using` does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#worker.then(
      (worker) => worker.close(),
      () => undefined,
    );
    this.#onEnd();
  }

  /** The worker; undefined when the queue is closed before it is made. */
  #opened(): Promise<QueueWorker<K, V> | undefined> {
    return this.#worker.catch((error: unknown) => {
      if (this.#use.closing.aborted) return undefined;
      throw error;
    });
  }
}
