/**
 * Kafka's producer: a record passes the interceptors and the serializers, and then the pipeline:
 * the partitioner, the accumulator, where it gathers with others of its partition, and the sender
 * of its partition.
 *
 * Records that are neither written nor failed hold bytes of `buffer.memory`. A send that finds it
 * full, or does not know its topic yet, waits for at most `max.block.ms`, as it does for the
 * pipeline while that is being loaded; the waiting sends of one topic stay in line, so that they
 * keep their order. Kafka blocks the thread of the caller meanwhile, which JavaScript cannot: a
 * caller that gets a promise can wait for it, and of the others no more wait than `buffer.memory`
 * would hold, and further ones are refused. Each record settles once.
 *
 * Overlap: all methods may overlap.
 */
import { attempt } from './attempt.js';
import { ElapsedClock } from './elapsed-clock.js';
import type { Settle } from './pending-record.js';
import { PendingSend, type SendOwner, type SendResult } from './pending-send.js';
import type { ProduceFailure, SerializedRecord } from './produce-transport.js';
import { closeFault, signalFault } from './producer-calls.js';
import { ProducerErrors } from './producer-errors.js';
import { ProducerMetrics, type ProducerMetricsSnapshot } from './producer-metrics.js';
import { type ProducerRecord, type RecordMetadata, recordFault } from './producer-record.js';
import type { ProducerRuntime } from './producer-runtime.js';
import {
  checkProducerOptions,
  type ProducerOptions,
  type ProducerSettings,
} from './producer-settings.js';
import { withSignal } from './promises.js';
import { recordBytes } from './record-bytes.js';
import type { PipelineParts, RecordPipeline } from './record-pipeline.js';
import { RecordSerializer } from './record-serializer.js';
import { TrackedTimers } from './tracked-timers.js';
import { UnsettledRecords } from './unsettled-records.js';
import { UserCode } from './user-code.js';

/**
 * Loads the module of the pipeline of a producer, and makes it. When it rejects, with a
 * `ProduceFailure`, the sends that wait for it fail, and the next send calls it again.
 */
export type OpenPipeline = (parts: PipelineParts) => Promise<RecordPipeline>;

/** Receives the result of a record in place of a promise: one of the arguments is undefined. */
export type SendCallback = (
  ...result:
    | [error: ProduceFailure, metadata: undefined]
    | [error: undefined, metadata: RecordMetadata]
) => void;

export interface SendOptions {
  /**
   * Ends the wait for the record. A record that was not sent yet never will be; otherwise its
   * outcome is unknown.
   */
  readonly signal?: AbortSignal | undefined;
}

const NOBODY_WAITS: SendResult = { tell: undefined, isAwaited: false, signal: undefined };

export class Producer<K = unknown, V = unknown> {
  readonly #settings: ProducerSettings;
  readonly #timers: TrackedTimers;
  readonly #clock: ElapsedClock;
  readonly #serializer: RecordSerializer;
  readonly #userCode: UserCode;
  readonly #owner: SendOwner;
  readonly #errors: ProducerErrors;
  readonly #metrics = new ProducerMetrics();
  readonly #unsettled = new UnsettledRecords();
  readonly #openPipeline: () => Promise<RecordPipeline>;
  /** Undefined until it is loaded. */
  #pipeline: RecordPipeline | undefined;
  #loading: Promise<RecordPipeline> | undefined;
  /** The last wait for it. */
  #awaited: { readonly untilMs: number; readonly result: Promise<RecordPipeline> } | undefined;
  /** Records that wait for the pipeline, and their bytes as far as they are serialized. */
  readonly #early = new Set<PendingSend>();
  #earlyBytes = 0;
  /** Flushes in progress: nothing lingers meanwhile. */
  #flushes = 0;
  #closing: Promise<void> | undefined;

  /** @throws an error with code INVALID_CONFIG that names the setting and what is accepted */
  constructor(
    openPipeline: OpenPipeline,
    runtime: ProducerRuntime,
    options: ProducerOptions<K, V> = {},
  ) {
    const { createError } = runtime;
    const settings = checkProducerOptions(options, createError);
    this.#settings = settings;
    this.#timers = new TrackedTimers(runtime.timers);
    this.#clock = new ElapsedClock(runtime.clock);
    this.#serializer = new RecordSerializer(options, createError);
    this.#errors = new ProducerErrors(createError, settings);
    this.#userCode = new UserCode(options, this.#metrics);
    this.#owner = {
      userCode: this.#userCode,
      timeoutMs: settings.deliveryTimeoutMs,
      finished: (entry) => this.#pipeline?.finished(entry),
    };
    const parts: PipelineParts = {
      settings,
      runtime: { ...runtime, timers: this.#timers },
      clock: this.#clock,
      metrics: this.#metrics,
      errors: this.#errors,
      unsettled: this.#unsettled,
      isFlushing: () => this.#flushes > 0,
      refuse: (send, error) => this.#refuse(send, error),
      refuseSoon: (send) => this.#refuseSoon(send),
    };
    this.#openPipeline = () => openPipeline(parts);
    // A send that needs the pipeline loads it again, and fails with the error.
    this.#load().catch(() => undefined);
  }

  /**
   * Sends a record. The promise resolves when it is written. It rejects when it is not (outcome
   * `failed`) or may not be (`unknown`), and with the reason of a signal that was aborted in time.
   * With a callback nothing is returned: of such records as many as `bufferMemory` holds may wait
   * for the buffer, and at most 250,000; further ones fail with BUFFER_EXHAUSTED, which is
   * retriable.
   * @throws an error for a closed producer, a malformed record and a wrong option, at once
   */
  send(record: ProducerRecord<K, V>, callback: SendCallback): void;
  send(record: ProducerRecord<K, V>, callback: (error: ProduceFailure | undefined) => void): void;
  send(record: ProducerRecord<K, V>, options?: SendOptions): Promise<RecordMetadata>;
  send(
    record: ProducerRecord<K, V>,
    how: SendOptions | SendCallback | ((error: ProduceFailure | undefined) => void) = {},
  ): Promise<RecordMetadata> | undefined {
    this.#assertUsable(record);
    if (typeof how === 'function') {
      const tell: Settle = (metadata, error) => {
        // A callback has no signal, so that each error is one of the producer.
        const callback = how as (error: Error | undefined, metadata?: RecordMetadata) => void;
        this.#userCode.call(() => callback(error, metadata));
      };
      this.#accept(record, { tell, isAwaited: false, signal: undefined });
      return undefined;
    }
    this.#refuseMisuse('INVALID_CONFIG', signalFault('send', how));
    return new Promise((resolve, reject) => {
      const tell: Settle = (metadata, error) => {
        if (metadata === undefined) reject(error);
        else resolve(metadata);
      };
      this.#accept(record, { tell, isAwaited: true, signal: how.signal });
    });
  }

  /**
   * Sends records, and resolves with their positions in the order given. When one fails, it rejects
   * after all have settled: with the error of the first that failed, and with `results` as
   * `Promise.allSettled` has them.
   */
  async sendAll(
    records: readonly ProducerRecord<K, V>[],
    options: SendOptions = {},
  ): Promise<RecordMetadata[]> {
    if (!Array.isArray(records)) {
      throw this.#errors.misuse('INVALID_RECORD', 'sendAll needs a list of records.');
    }
    this.#assertOpen();
    for (const record of records) this.#assertUsable(record);
    const results = await Promise.allSettled(records.map((record) => this.send(record, options)));
    const written: RecordMetadata[] = [];
    for (const result of results) if (result.status === 'fulfilled') written.push(result.value);
    if (written.length < results.length) throw this.#errors.notAllWritten(results);
    return written;
  }

  /**
   * Sends a record and returns nothing: a failure is counted and told to `onError`. As many such
   * records wait for the buffer as with a callback.
   * @throws an error for a closed producer and a malformed record, at once
   */
  sendAndForget(record: ProducerRecord<K, V>): void {
    this.#assertUsable(record);
    this.#accept(record, NOBODY_WAITS);
  }

  /**
   * Sends what waits without lingering; resolves when all records sent so far are settled. It
   * rejects with the reason of a signal that was aborted before; the records stay on their way.
   */
  flush(options: SendOptions = {}): Promise<void> {
    this.#refuseMisuse('INVALID_CONFIG', signalFault('flush', options));
    return withSignal(this.#flush(), options.signal);
  }

  /**
   * Refuses new records, sends the others and resolves when they are settled; those that are not
   * after `timeoutMs` fail. All calls return the promise of the first one.
   * @param options time to wait, ms; default: until all records are settled
   * @throws an error with code INVALID_CONFIG for a time that is none, at once
   */
  close(options: { readonly timeoutMs?: number | undefined } = {}): Promise<void> {
    this.#refuseMisuse('INVALID_CONFIG', closeFault(options));
    this.#closing ??= this.#close(options.timeoutMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Counters since the creation of this producer, and what it holds now. */
  metrics(): ProducerMetricsSnapshot {
    return this.#metrics.snapshot({
      recordsBuffered: this.#unsettled.count,
      bufferAvailableBytes: this.#pipeline?.availableBytes ?? this.#settings.bufferMemory,
      recordsWaiting: this.#early.size + (this.#pipeline?.recordsWaiting ?? 0),
      requestsInFlight: this.#pipeline?.requestsInFlight ?? 0,
    });
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw this.#errors.closed();
  }

  #assertUsable(record: ProducerRecord<K, V>): void {
    this.#assertOpen();
    this.#refuseMisuse('INVALID_RECORD', recordFault(record));
  }

  /** @throws an error with the code unless the fault is undefined */
  #refuseMisuse(code: string, fault: string | undefined): void {
    if (fault !== undefined) throw this.#errors.misuse(code, fault);
  }

  #accept(given: ProducerRecord<K, V>, result: SendResult): void {
    const record = this.#userCode.intercepted(given);
    const send = new PendingSend(record, this.#owner, this.#unsettled.add(), result);
    const serialized = this.#serialized(send);
    if (this.#pipeline !== undefined && this.#early.size === 0) {
      this.#pipeline.accept(send, serialized);
    } else void this.#acceptEarly(send, serialized);
  }

  /** A fault becomes a rejection, so that no callback is called before `send` has returned. */
  #serialized({ record, signal }: PendingSend): SerializedRecord | Promise<SerializedRecord> {
    try {
      signal?.throwIfAborted();
      return this.#serializer.serialize(record);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Holds a record until the pipeline is loaded, within `max.block.ms`; they keep their order. */
  async #acceptEarly(
    send: PendingSend,
    serialized: SerializedRecord | Promise<SerializedRecord>,
  ): Promise<void> {
    const { bufferMemory, maxBlockMs } = this.#settings;
    let sizeBytes = 0;
    if (serialized instanceof Promise) serialized.catch((error) => this.#refuse(send, error));
    else sizeBytes = recordBytes(serialized);
    if (!send.isAwaited && this.#earlyBytes + sizeBytes > bufferMemory) {
      this.#refuseSoon(send);
      return;
    }
    const untilMs = Math.ceil(this.#clock.monotonicMs()) + maxBlockMs;
    const ignoreSignal = send.watchSignal();
    this.#early.add(send);
    this.#earlyBytes += sizeBytes;
    try {
      const pipeline = await this.#loaded(untilMs);
      if (!send.isRefused) pipeline.accept(send, serialized, untilMs);
    } catch (error) {
      this.#refuse(send, error as Error);
    }
    ignoreSignal?.();
    this.#early.delete(send);
    this.#earlyBytes -= sizeBytes;
  }

  /** Loads the pipeline; calls share one attempt. */
  #load(): Promise<RecordPipeline> {
    this.#loading ??= this.#openPipeline().then(
      (pipeline) => (this.#pipeline = pipeline),
      (error: unknown) => {
        this.#loading = undefined;
        this.#awaited = undefined;
        throw error;
      },
    );
    return this.#loading;
  }

  /** The pipeline, if it is loaded in time. Sends of one millisecond share a timer. */
  #loaded(untilMs: number): Promise<RecordPipeline> {
    if (this.#awaited?.untilMs !== untilMs) {
      const timeoutMs = Math.max(0, untilMs - this.#clock.monotonicMs());
      const timedOut = (): Error => this.#errors.notLoaded();
      const { result } = attempt(() => this.#load(), { timers: this.#timers, timeoutMs, timedOut });
      this.#awaited = { untilMs, result };
    }
    return this.#awaited.result;
  }

  #refuse(send: PendingSend, error: Error): void {
    if (send.isRefused) return;
    send.isRefused = true;
    this.#unsettled.settle(send.epoch);
    send.settle(undefined, error);
  }

  /** A caller that sends again in its callback leaves the event loop to others meanwhile. */
  #refuseSoon(send: PendingSend): void {
    this.#timers.soon(() => this.#refuse(send, this.#errors.tooManyWait()));
  }

  async #flush(): Promise<void> {
    this.#flushes += 1;
    this.#pipeline?.flush();
    await this.#unsettled.whenSettled();
    this.#flushes -= 1;
  }

  async #close(timeoutMs: number | undefined): Promise<void> {
    const flushed = this.#flush();
    await (timeoutMs === undefined ? flushed : this.#within(flushed, timeoutMs));
    const error = this.#errors.closedTooEarly();
    for (const send of this.#early) this.#refuse(send, error);
    this.#pipeline?.close(error);
    this.#timers.cancelAll();
    await this.#userCode.close();
  }

  /** Resolves when the promise does, or when the time is over. */
  #within(promise: Promise<void>, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#timers.after(timeoutMs, resolve);
      promise.then(resolve, reject);
    });
  }
}
