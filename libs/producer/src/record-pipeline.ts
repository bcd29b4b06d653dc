/**
 * The part of a producer behind the serializers: buffer memory, the metadata and the partitioner of
 * each topic, the accumulator, and the senders of the partitions. Its module is loaded after the
 * producer was made, so that a page need not wait for it.
 *
 * Overlap: all methods may overlap.
 */
import { attempt } from './attempt.js';
import { BufferPool } from './buffer-pool.js';
import type { PartitionSender } from './partition-sender.js';
import { PendingRecord } from './pending-record.js';
import type { PendingSend } from './pending-send.js';
import { PipelineErrors } from './pipeline-errors.js';
import type { ProduceTransport, SerializedRecord } from './produce-transport.js';
import type { ProducerErrors } from './producer-errors.js';
import { ProducerTopic } from './producer-topic.js';
import { recordBytes } from './record-bytes.js';
import { createSenderContext, type SenderContext, type SenderParts } from './sender-context.js';
import type { UnsettledRecords } from './unsettled-records.js';
import { WaitingSend, WaitingSends } from './waiting-sends.js';

/** The producer of a pipeline. */
export interface PipelineParts extends SenderParts {
  readonly errors: ProducerErrors;
  readonly unsettled: UnsettledRecords;
  /** True while a flush is in progress: nothing lingers meanwhile. */
  readonly isFlushing: () => boolean;
  /** Fails a send that is not in the buffer. */
  readonly refuse: (send: PendingSend, error: Error) => void;
  /** Fails a send in a later turn of the event loop, because too many wait. */
  readonly refuseSoon: (send: PendingSend) => void;
}

export class RecordPipeline {
  readonly #parts: PipelineParts;
  readonly #errors: PipelineErrors;
  readonly #context: SenderContext;
  readonly #buffer: BufferPool;
  readonly #topics = new Map<string, ProducerTopic>();
  /** Records that wait for their turn, metadata or memory. */
  readonly #waiting: WaitingSends;
  #isClosed = false;

  constructor(transport: ProduceTransport, parts: PipelineParts) {
    const { errors, runtime, settings } = parts;
    this.#parts = parts;
    this.#errors = new PipelineErrors(runtime.createError, settings);
    this.#context = createSenderContext(transport, parts);
    this.#buffer = new BufferPool({
      totalBytes: settings.bufferMemory,
      maxBlockMs: settings.maxBlockMs,
      waitingBytesMax: Number.POSITIVE_INFINITY,
      timers: parts.runtime.timers,
      errors: {
        exhausted: () => this.#errors.bufferFull(),
        neverFits: (bytes) => this.#errors.tooLarge(bytes),
        waitEnded: () => errors.closedTooEarly(),
      },
    });
    this.#waiting = new WaitingSends(
      settings.bufferMemory,
      (waiting) => this.#enter(waiting),
      (topic) => this.#maybeForget(topic),
    );
  }

  /** Bytes of `buffer.memory` that are not in use. */
  get availableBytes(): number {
    return this.#buffer.availableBytes;
  }

  /** Requests that no broker has answered. */
  get requestsInFlight(): number {
    return this.#context.lanes.inFlight;
  }

  /** Records that wait for their turn, metadata or memory. */
  get recordsWaiting(): number {
    return this.#waiting.count;
  }

  /**
   * Puts a record into the buffer, or into the line of its topic.
   * @param untilMs time of the clock at which its wait ends; default: in `max.block.ms`
   */
  accept(
    send: PendingSend,
    serialized: SerializedRecord | Promise<SerializedRecord>,
    untilMs?: number,
  ): void {
    const isLater = serialized instanceof Promise;
    const sizeBytes = isLater ? 0 : recordBytes(serialized);
    const isTooLarge = this.#isTooLarge(sizeBytes);
    const mayEnter = !isLater && !isTooLarge;
    if (mayEnter && !this.#waiting.has(send.record.topic)) {
      // The usual case, without a promise: the topic is known, and there is memory.
      if (this.#tryAdd(send, serialized, sizeBytes)) return;
    }
    if (!send.isAwaited && !isTooLarge && this.#waiting.isFull(sizeBytes)) {
      // A fault of the serializer is not told: the record is refused for a reason that passes.
      if (isLater) serialized.catch(() => undefined);
      this.#parts.refuseSoon(send);
      return;
    }
    const waiting = new WaitingSend(send);
    waiting.untilMs = untilMs ?? Number.POSITIVE_INFINITY;
    waiting.onOver = send.watchSignal();
    if (mayEnter) this.#serialized(waiting, serialized, sizeBytes);
    else waiting.serializing = this.#serializedLater(waiting, serialized);
    this.#waiting.add(waiting);
  }

  /** Sends what waits without lingering. */
  flush(): void {
    for (const topic of this.#topics.values()) {
      for (const sender of topic.senders) sender.queue.flush();
    }
  }

  /** Returns the memory of a record that is settled. */
  finished(entry: PendingRecord): void {
    this.#context.deadlines.remove(entry);
    this.#parts.unsettled.settle(entry.epoch);
    this.#buffer.release(entry.sizeBytes);
  }

  /** Fails all records that are not settled, and sends nothing more. */
  close(error: ReturnType<ProducerErrors['closedTooEarly']>): void {
    this.#isClosed = true;
    this.#waiting.forEach((send) => this.#parts.refuse(send, error));
    for (const topic of this.#topics.values()) {
      for (const sender of topic.senders) sender.close(error);
    }
    this.#context.abandonCalls();
  }

  async #serializedLater(
    waiting: WaitingSend,
    serializing: SerializedRecord | Promise<SerializedRecord>,
  ): Promise<void> {
    const { send } = waiting;
    try {
      const serialized = await serializing;
      const sizeBytes = recordBytes(serialized);
      if (this.#isTooLarge(sizeBytes)) throw this.#errors.tooLarge(sizeBytes);
      if (!send.isAwaited && this.#waiting.isFull(sizeBytes)) {
        throw this.#parts.errors.tooManyWait();
      }
      this.#serialized(waiting, serialized, sizeBytes);
    } catch (error) {
      this.#parts.refuse(send, error as Error);
    }
  }

  /** The wait for the buffer begins: that for the serializers does not count. */
  #serialized(waiting: WaitingSend, record: SerializedRecord, sizeBytes: number): void {
    const { clock, settings } = this.#context;
    waiting.untilMs = Math.min(waiting.untilMs, clock.monotonicMs() + settings.maxBlockMs);
    this.#waiting.serialized(waiting, record, sizeBytes);
  }

  /** Enqueues a record whose turn it is. */
  #enter(waiting: WaitingSend): Promise<void> | undefined {
    const { record, send, sizeBytes } = waiting;
    if (record === undefined || this.#tryAdd(send, record, sizeBytes)) return undefined;
    return this.#enterLater(waiting, record);
  }

  /** Waits for metadata and memory; enqueues. */
  async #enterLater(
    { send, sizeBytes, untilMs }: WaitingSend,
    record: SerializedRecord,
  ): Promise<void> {
    try {
      send.signal?.throwIfAborted();
      const topic = this.#topicOf(send.record.topic);
      await this.#waitForMetadata(send, topic, untilMs);
      if (!this.#buffer.tryReserve(sizeBytes)) {
        this.flush();
        const leftMs = untilMs - this.#context.clock.monotonicMs();
        await this.#buffer.reserve(sizeBytes, send.signal, leftMs);
      }
      this.#enqueue(send, topic, record, sizeBytes);
    } catch (error) {
      this.#parts.refuse(send, error as Error);
    }
  }

  /** Enqueues a record if its topic is known and there is memory, else returns false. */
  #tryAdd(send: PendingSend, serialized: SerializedRecord, sizeBytes: number): boolean {
    const topic = this.#topics.get(send.record.topic);
    if (topic === undefined || (send.record.partition ?? 0) >= topic.partitionCount) return false;
    if (!this.#buffer.tryReserve(sizeBytes)) return false;
    this.#enqueue(send, topic, serialized, sizeBytes);
    return true;
  }

  /** Drops a topic unless it exists: the name of a topic that does not exist is not kept. */
  #maybeForget(name: string): void {
    if (this.#topics.get(name)?.partitionCount === 0) this.#topics.delete(name);
  }

  #isTooLarge(sizeBytes: number): boolean {
    const { bufferMemory, maxRequestSize } = this.#context.settings;
    return sizeBytes > maxRequestSize || sizeBytes > bufferMemory;
  }

  async #waitForMetadata(
    { record }: PendingSend,
    topic: ProducerTopic,
    untilMs: number,
  ): Promise<void> {
    const { clock, failureOf, runtime } = this.#context;
    while ((record.partition ?? 0) >= topic.partitionCount) {
      try {
        await attempt(() => topic.load(), {
          timers: runtime.timers,
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
  #enqueue(
    send: PendingSend,
    topic: ProducerTopic,
    record: SerializedRecord,
    sizeBytes: number,
  ): void {
    const { signal } = send;
    const sender = this.#senderFor(send, topic, record, sizeBytes);
    if (sender === undefined) {
      this.#buffer.release(sizeBytes);
      return;
    }
    const entry = new PendingRecord(record, sizeBytes, send, sender);
    this.#context.deadlines.add(entry);
    if (signal !== undefined) this.#watch(entry, signal);
    sender.queue.add(entry);
    if (this.#parts.isFlushing() || this.#buffer.waiters > 0) sender.queue.flush();
  }

  /** The sender of the record's partition; undefined when the record is refused. */
  #senderFor(
    send: PendingSend,
    topic: ProducerTopic,
    record: SerializedRecord,
    sizeBytes: number,
  ): PartitionSender | undefined {
    try {
      send.signal?.throwIfAborted();
      if (this.#isClosed) throw this.#parts.errors.closedTooEarly();
      return topic.senderOf(topic.partitionOf(send.record, record, sizeBytes));
    } catch (error) {
      // No callback is called before `send` has returned.
      void Promise.resolve().then(() => this.#parts.refuse(send, error as Error));
      return undefined;
    }
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

  #topicOf(name: string): ProducerTopic {
    const existing = this.#topics.get(name);
    if (existing !== undefined) return existing;
    const topic = new ProducerTopic(name, this.#context);
    this.#topics.set(name, topic);
    return topic;
  }
}
