/**
 * Kafka's producer: a record passes the interceptors, the serializers and the partitioner, gathers
 * with others of its partition in the accumulator, and is sent by the sender of its partition.
 *
 * Records that are neither written nor failed hold bytes of `buffer.memory`. A send that finds it
 * full, or does not know its topic yet, waits for at most `max.block.ms`; the waiting sends of one
 * topic stay in line, so that they keep their order. Each record settles once.
 *
 * Overlap: all methods may overlap.
 */
import { attempt } from './attempt.js';
import { BufferPool } from './buffer-pool.js';
import type { PartitionSender } from './partition-sender.js';
import { PendingRecord, recordBytes, type Settle } from './pending-record.js';
import { PendingSend, type SendOwner } from './pending-send.js';
import type { ProduceFailure, ProduceTransport, SerializedRecord } from './produce-transport.js';
import { ProducerErrors } from './producer-errors.js';
import type { ProducerMetricsSnapshot } from './producer-metrics.js';
import { type ProducerRecord, type RecordMetadata, recordFault } from './producer-record.js';
import type { ProducerRuntime } from './producer-runtime.js';
import { checkProducerOptions, type ProducerOptions } from './producer-settings.js';
import { ProducerTopic } from './producer-topic.js';
import { RecordSerializer } from './record-serializer.js';
import { createSenderContext, type SenderContext } from './sender-context.js';
import { TrackedTimers } from './tracked-timers.js';
import { UnsettledRecords } from './unsettled-records.js';
import { UserCode } from './user-code.js';

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

export class Producer<K = unknown, V = unknown> {
  readonly #context: SenderContext;
  readonly #timers: TrackedTimers;
  readonly #buffer: BufferPool;
  readonly #serializer: RecordSerializer;
  readonly #userCode: UserCode;
  readonly #owner: SendOwner;
  readonly #errors: ProducerErrors;
  readonly #topics = new Map<string, ProducerTopic>();
  readonly #unsettled = new UnsettledRecords();
  /** Records that wait for their turn, metadata or memory. */
  readonly #waiting = new Set<PendingSend>();
  /** Bytes of those that are serialized. */
  #waitingBytes = 0;
  /** Flushes in progress: nothing lingers meanwhile. */
  #flushes = 0;
  #closing: Promise<void> | undefined;
  #isClosed = false;
  /** @throws an error with code INVALID_CONFIG that names the setting and what is accepted */
  constructor(
    transport: ProduceTransport,
    runtime: ProducerRuntime,
    options: ProducerOptions<K, V> = {},
  ) {
    const settings = checkProducerOptions(options, runtime.createError);
    this.#timers = new TrackedTimers(runtime.timers);
    this.#context = createSenderContext(settings, transport, { ...runtime, timers: this.#timers });
    const { createError, metrics } = this.#context;
    this.#serializer = new RecordSerializer(options, createError);
    this.#errors = new ProducerErrors(createError, settings);
    this.#userCode = new UserCode(options, metrics);
    this.#owner = {
      userCode: this.#userCode,
      timeoutMs: settings.deliveryTimeoutMs,
      finished: (entry) => this.#finished(entry),
    };
    this.#buffer = new BufferPool({
      totalBytes: settings.bufferMemory,
      maxBlockMs: settings.maxBlockMs,
      waitingBytesMax: Number.POSITIVE_INFINITY,
      timers: this.#timers,
      errors: {
        exhausted: () => this.#errors.bufferFull(),
        neverFits: (bytes) => this.#errors.tooLarge(bytes),
        waitEnded: () => this.#errors.closedTooEarly(),
      },
    });
  }

  /**
   * Sends a record. The promise resolves when it is written. It rejects when it is not (outcome
   * `failed`) or may not be (`unknown`), and with the reason of a signal that was aborted in time.
   * With a callback nothing is returned.
   * @throws an error for a closed producer and a malformed record, at once
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
      this.#accept(record, (metadata, error) => {
        // A callback has no signal, so that each error is one of the producer.
        const callback = how as (error: Error | undefined, metadata?: RecordMetadata) => void;
        this.#userCode.call(() => callback(error, metadata));
      });
      return undefined;
    }
    return new Promise((resolve, reject) => {
      const settle: Settle = (metadata, error) => {
        if (metadata === undefined) reject(error);
        else resolve(metadata);
      };
      this.#accept(record, settle, how.signal);
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
    for (const record of records) this.#assertUsable(record);
    const results = await Promise.allSettled(records.map((record) => this.send(record, options)));
    const written: RecordMetadata[] = [];
    for (const result of results) if (result.status === 'fulfilled') written.push(result.value);
    if (written.length < results.length) throw this.#errors.notAllWritten(results);
    return written;
  }

  /**
   * Sends a record and returns nothing: a failure is counted and told to `onError`.
   * @throws an error for a closed producer and a malformed record, at once
   */
  sendAndForget(record: ProducerRecord<K, V>): void {
    this.#assertUsable(record);
    this.#accept(record, undefined);
  }

  /** Sends what waits without lingering; resolves when all records sent so far are settled. */
  async flush(): Promise<void> {
    this.#flushes += 1;
    this.#flushQueues();
    await this.#unsettled.whenSettled();
    this.#flushes -= 1;
  }

  /**
   * Refuses new records, sends the others and resolves when they are settled; those that are not
   * after `timeoutMs` fail. All calls return the promise of the first one.
   * @param options time to wait, ms; default: until all records are settled
   */
  close({ timeoutMs }: { readonly timeoutMs?: number | undefined } = {}): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Counters since the creation of this producer, and what it holds now. */
  metrics(): ProducerMetricsSnapshot {
    return this.#context.metrics.snapshot({
      recordsBuffered: this.#unsettled.count,
      bufferAvailableBytes: this.#buffer.availableBytes,
      recordsWaiting: this.#waiting.size,
      requestsInFlight: this.#context.lanes.inFlight,
    });
  }

  #assertUsable(record: ProducerRecord<K, V>): void {
    if (this.#closing !== undefined) throw this.#errors.closed();
    const fault = recordFault(record);
    if (fault !== undefined) throw this.#errors.misuse('INVALID_RECORD', fault);
  }

  /** @param tell undefined: nobody waits for the result */
  #accept(given: ProducerRecord<K, V>, tell: Settle | undefined, signal?: AbortSignal): void {
    const record = this.#userCode.intercepted(given);
    const send = new PendingSend(record, this.#owner, {
      topic: this.#topicOf(record.topic),
      epoch: this.#unsettled.add(),
      signal,
      tell,
    });
    const serialized = this.#serialized(send);
    if (serialized instanceof Promise || !this.#maybeEnqueueAtOnce(send, serialized)) {
      void this.#enqueueInTurn(send, serialized);
    }
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

  /** The usual case, without a promise: the topic is known, and there is memory. */
  #maybeEnqueueAtOnce(send: PendingSend, serialized: SerializedRecord): boolean {
    const { topic, record } = send;
    if (topic.hasWaiting || (record.partition ?? 0) >= topic.partitionCount) return false;
    const sizeBytes = recordBytes(serialized);
    if (this.#isTooLarge(sizeBytes) || !this.#buffer.tryReserve(sizeBytes)) return false;
    this.#enqueue(send, serialized, sizeBytes);
    return true;
  }

  /** Enqueues a record when it is serialized, those before it are enqueued, and there is memory. */
  async #enqueueInTurn(
    send: PendingSend,
    serializing: SerializedRecord | Promise<SerializedRecord>,
  ): Promise<void> {
    const { signal, topic } = send;
    const turn = topic.takeTurn();
    const onAbort = (): void => send.settle(undefined, signal?.reason as Error);
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#waiting.add(send);
    try {
      const serialized = await serializing;
      const sizeBytes = recordBytes(serialized);
      if (this.#isTooLarge(sizeBytes)) throw this.#errors.tooLarge(sizeBytes);
      await this.#waitForMemory(send, sizeBytes, turn.begins);
      this.#enqueue(send, serialized, sizeBytes);
    } catch (error) {
      this.#refuse(send, error as Error);
    }
    signal?.removeEventListener('abort', onAbort);
    this.#waiting.delete(send);
    await turn.begins;
    turn.end();
    // A name that is no topic's is not kept.
    if (topic.partitionCount === 0 && !topic.hasWaiting) this.#topics.delete(topic.name);
  }

  /** Waits for the turn, the metadata and the memory of a record, within `max.block.ms`. */
  async #waitForMemory(send: PendingSend, sizeBytes: number, turn: Promise<void>): Promise<void> {
    const { clock, settings } = this.#context;
    if (send.isForgotten && this.#waitingBytes + sizeBytes > settings.bufferMemory) {
      throw this.#buffer.exhausted();
    }
    const untilMs = clock.monotonicMs() + settings.maxBlockMs;
    this.#waitingBytes += sizeBytes;
    try {
      await turn;
      send.signal?.throwIfAborted();
      await this.#waitForMetadata(send, untilMs);
      if (this.#buffer.tryReserve(sizeBytes)) return;
      this.#flushQueues();
      await this.#buffer.reserve(sizeBytes, send.signal, untilMs - clock.monotonicMs());
    } finally {
      this.#waitingBytes -= sizeBytes;
    }
  }

  async #waitForMetadata({ record, topic }: PendingSend, untilMs: number): Promise<void> {
    const { clock, failureOf } = this.#context;
    while ((record.partition ?? 0) >= topic.partitionCount) {
      try {
        await attempt(() => topic.load(), {
          timers: this.#timers,
          timeoutMs: Math.max(0, untilMs - clock.monotonicMs()),
          timedOut: () => this.#errors.metadataMissing(topic.name),
        }).result;
        return;
      } catch (error) {
        // A load that an earlier record began ends with the time of that record.
        if (!failureOf(error).retriable || clock.monotonicMs() >= untilMs) throw error;
      }
    }
  }

  /** Enqueues a record, for which memory is reserved. */
  #enqueue(send: PendingSend, record: SerializedRecord, sizeBytes: number): void {
    const { signal } = send;
    const sender = this.#senderFor(send, record, sizeBytes);
    if (sender === undefined) {
      this.#buffer.release(sizeBytes);
      return;
    }
    const entry = new PendingRecord(record, sizeBytes, send, sender);
    this.#context.deadlines.add(entry);
    if (signal !== undefined) this.#watch(entry, signal);
    sender.queue.add(entry);
    if (this.#flushes > 0 || this.#buffer.waiters > 0) sender.queue.flush();
  }

  /** The sender of the record's partition; undefined when the record is refused. */
  #senderFor(
    send: PendingSend,
    record: SerializedRecord,
    sizeBytes: number,
  ): PartitionSender | undefined {
    try {
      send.signal?.throwIfAborted();
      if (this.#isClosed) throw this.#errors.closedTooEarly();
      return send.topic.senderOf(send.topic.partitionOf(send.record, record, sizeBytes));
    } catch (error) {
      this.#refuse(send, error as Error);
      return undefined;
    }
  }

  #finished(entry: PendingRecord): void {
    this.#context.deadlines.remove(entry);
    this.#unsettled.settle(entry.epoch);
    this.#buffer.release(entry.sizeBytes);
  }

  /** Ends the wait for a record when its caller aborts it. */
  #watch(entry: PendingRecord, signal: AbortSignal): void {
    const onAbort = (): void => {
      const reason = signal.reason as Error;
      if (entry.sender.queue.remove(entry)) entry.finish(undefined, reason);
      else entry.answer(undefined, this.#errors.abortedInFlight(reason));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    entry.onAnswered = () => signal.removeEventListener('abort', onAbort);
  }

  #refuse(send: PendingSend, error: Error): void {
    if (send.isRefused) return;
    send.isRefused = true;
    this.#unsettled.settle(send.epoch);
    send.settle(undefined, error);
  }

  #flushQueues(): void {
    for (const topic of this.#topics.values()) {
      for (const sender of topic.senders) sender.queue.flush();
    }
  }

  async #close(timeoutMs: number | undefined): Promise<void> {
    const flushed = this.flush();
    await (timeoutMs === undefined ? flushed : this.#within(flushed, timeoutMs));
    this.#isClosed = true;
    const error = this.#errors.closedTooEarly();
    for (const send of this.#waiting) this.#refuse(send, error);
    for (const topic of this.#topics.values()) {
      for (const sender of topic.senders) sender.close(error);
    }
    this.#context.abandonCalls();
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

  #topicOf(name: string): ProducerTopic {
    const existing = this.#topics.get(name);
    if (existing !== undefined) return existing;
    const topic = new ProducerTopic(name, this.#context);
    this.#topics.set(name, topic);
    return topic;
  }

  #isTooLarge(sizeBytes: number): boolean {
    const { bufferMemory, maxRequestSize } = this.#context.settings;
    return sizeBytes > maxRequestSize || sizeBytes > bufferMemory;
  }
}
