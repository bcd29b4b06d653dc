import { assertRun, QUEUE_RUN } from '../consumer/options.js';
import { loop } from '../loop.js';
import { closedError, SluiceError } from '../sluice-error.js';
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
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;
  #isReading = false;

  /**
   * @internal `Sluice.queue` makes it.
   * @param onEnd called once, when it is closed
   */
  constructor(open: OpenWorker<K, V>, onEnd: () => void) {
    this.#worker = observed(open(this.#closing.signal));
    this.#onEnd = onEnd;
  }

  /** Begins a loop over jobs. @throws SluiceError ILLEGAL_STATE while another one reads */
  [Symbol.asyncIterator](): AsyncIterator<Job<K, V>, undefined> {
    this.#beginReading();
    return loop(
      async () => (await this.#opened())?.take(this.#closing.signal),
      () => {
        this.#isReading = false;
      },
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
    this.#beginReading();
    const run = this.#opened().then((worker) => worker?.run(handler, options));
    return observed(
      run.finally(() => {
        this.#isReading = false;
      }),
    );
  }

  /** Gives back what is held and not settled, and leaves the group. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Closes it, as `await using` does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#closing.abort(closedError('queue'));
    await this.#worker.then(
      (worker) => worker.close(),
      () => undefined,
    );
    this.#onEnd();
  }

  /** The worker; undefined when the queue is closed before it is made. */
  #opened(): Promise<QueueWorker<K, V> | undefined> {
    return this.#worker.catch((error: unknown) => {
      if (this.#closing.signal.aborted) return undefined;
      throw error;
    });
  }

  #beginReading(): void {
    if (this.#closing.signal.aborted) throw this.#closing.signal.reason;
    if (this.#isReading) {
      throw new SluiceError('ILLEGAL_STATE', 'Another loop or `run` reads this queue.');
    }
    this.#isReading = true;
  }
}
