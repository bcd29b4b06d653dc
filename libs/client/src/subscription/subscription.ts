import { isPromise } from '../../../producer/src/index.js';
import { loop } from '../loop.js';
import { type Position, type ReceivedRecord, RecordReader } from '../received-record.js';
import { closedError, SluiceError } from '../sluice-error.js';
import { deferred, observed, whenAborted } from '../waiting.js';
import {
  type SavedPosition,
  type SubscribeOptions,
  type SubscriptionRequest,
  subscriptionRequest,
} from './options.js';
import { ProgressTable, RunBuffer } from './record-runs.js';
import type { RecordSource, SourceState } from './record-source.js';

export type OpenSource = (request: SubscriptionRequest, state: SourceState) => RecordSource;

/**
 * The records of topics from a position on: none is skipped and none repeated, also when
 * connections break. It begins when it is made. Leaving its loop ends nothing: the next loop
 * continues with the next record.
 *
 * Overlap: one loop at a time reads; `close` may come at any time.
 */
export class Subscription<K = unknown, V = unknown> implements AsyncIterable<ReceivedRecord<K, V>> {
  readonly #progress = new ProgressTable();
  readonly #buffer = new RunBuffer();
  readonly #ready = deferred<readonly Position[]>();
  readonly #reader: RecordReader<K, V>;
  readonly #source: RecordSource;
  readonly #onEnd: () => void;
  #isClosed = false;
  #isReading = false;

  /**
   * @internal `Sluice.subscribe` makes it.
   * @param onEnd called once, when it is closed or fails
   */
  constructor(
    topics: string | readonly string[],
    options: SubscribeOptions<K, V>,
    open: OpenSource,
    onEnd: () => void,
  ) {
    const request = subscriptionRequest(topics, options);
    this.#reader = new RecordReader(options);
    const { signal } = options;
    let release: (() => void) | undefined;
    this.#onEnd = () => {
      release?.();
      onEnd();
    };
    this.#source = open(
      { ...request, format: this.#reader.format },
      {
        progress: this.#progress,
        buffer: this.#buffer,
        ready: this.#ready,
        fail: (error) => this.#fail(error),
      },
    );
    release = whenAborted(signal, () => this.#fail(signal?.reason));
  }

  /** Resolves with the positions at which it began; rejects if it cannot begin. */
  get ready(): Promise<readonly Position[]> {
    return this.#ready.promise;
  }

  /** Positions after the last record that the loop was given: plain JSON, to be kept. */
  get position(): SavedPosition {
    const progress = this.#progress;
    return { offsets: progress.positions('given'), topicIds: progress.topicIds };
  }

  /** Begins a loop over records. @throws SluiceError ILLEGAL_STATE while another one reads */
  [Symbol.asyncIterator](): AsyncIterator<ReceivedRecord<K, V>, undefined> {
    if (this.#isReading) {
      throw new SluiceError('ILLEGAL_STATE', 'Another loop reads this subscription.');
    }
    this.#isReading = true;
    return loop(
      () => this.#next(),
      () => {
        this.#isReading = false;
      },
    );
  }

  /** Ends it; its loop ends after the record that it was given. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#end(closedError('subscription'));
    this.#buffer.arrived.notify();
    await this.#source.close();
  }

  /** Closes it, as `await using` does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #next(): Promise<ReceivedRecord<K, V> | undefined> {
    for (;;) {
      if (this.#isClosed) {
        this.#buffer.assertNotFailed();
        return undefined;
      }
      const run = this.#buffer.first();
      const json = run?.records[run.at];
      if (run !== undefined && json !== undefined) {
        const read = this.#reader.read(json);
        // The position stays before a record that cannot be read.
        const record = isPromise(read) ? await read : read;
        if (this.#isClosed) continue;
        this.#buffer.step(run);
        this.#source.read();
        return record;
      }
      await this.#buffer.arrived.wait();
    }
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    this.#buffer.fail(error);
    this.#end(error);
    void observed(this.#source.close());
  }

  #end(error: unknown): void {
    this.#isClosed = true;
    this.#ready.reject(error);
    this.#onEnd();
  }
}
