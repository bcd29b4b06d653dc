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
import type { ProduceTransport, SerializedRecord } from './produce-transport.js';
import type { ProducerErrors } from './producer-errors.js';
import { ProducerTopic } from './producer-topic.js';
import { createSenderContext, type SenderContext, type SenderParts } from './sender-context.js';
import type { UnsettledRecords } from './unsettled-records.js';

/** The producer of a pipeline. */
export interface PipelineParts extends SenderParts {
  readonly errors: ProducerErrors;
  readonly unsettled: UnsettledRecords;
  /** True while a flush is in progress: nothing lingers meanwhile. */
  readonly isFlushing: () => boolean;
  /** Fails a send that is not in the buffer. */
  readonly refuse: (send: PendingSend, error: Error) => void;
}

export class RecordPipeline {
  readonly #parts: PipelineParts;
  readonly #context: SenderContext;
  readonly #buffer: BufferPool;
  readonly #topics = new Map<string, ProducerTopic>();
  #isClosed = false;

  constructor(transport: ProduceTransport, parts: PipelineParts) {
    const { errors, settings } = parts;
    this.#parts = parts;
    this.#context = createSenderContext(transport, parts);
    this.#buffer = new BufferPool({
      totalBytes: settings.bufferMemory,
      maxBlockMs: settings.maxBlockMs,
      waitingBytesMax: Number.POSITIVE_INFINITY,
      timers: parts.runtime.timers,
      errors: {
        exhausted: () => errors.bufferFull(),
        neverFits: (bytes) => errors.tooLarge(bytes),
        waitEnded: () => errors.closedTooEarly(),
      },
    });
  }

  /** Bytes of `buffer.memory` that are not in use. */
  get availableBytes(): number {
    return this.#buffer.availableBytes;
  }

  /** Requests that no broker has answered. */
  get requestsInFlight(): number {
    return this.#context.lanes.inFlight;
  }

  /** Enqueues a record if its topic is known and there is memory, else returns false. */
  tryAdd(send: PendingSend, serialized: SerializedRecord, sizeBytes: number): boolean {
    const topic = this.#topics.get(send.record.topic);
    if (topic === undefined || (send.record.partition ?? 0) >= topic.partitionCount) return false;
    if (!this.#buffer.tryReserve(sizeBytes)) return false;
    this.#enqueue(send, topic, serialized, sizeBytes);
    return true;
  }

  /**
   * Enqueues a record when its topic is known and there is memory.
   * @param untilMs time of the clock at which the wait ends
   */
  async add(
    send: PendingSend,
    serialized: SerializedRecord,
    sizeBytes: number,
    untilMs: number,
  ): Promise<void> {
    const topic = this.#topicOf(send.record.topic);
    await this.#waitForMetadata(send, topic, untilMs);
    if (!this.#buffer.tryReserve(sizeBytes)) {
      this.flush();
      const leftMs = untilMs - this.#context.clock.monotonicMs();
      await this.#buffer.reserve(sizeBytes, send.signal, leftMs);
    }
    this.#enqueue(send, topic, serialized, sizeBytes);
  }

  /** Drops a topic unless it exists: a name that is no topic's is not kept. */
  maybeForget(name: string): void {
    if (this.#topics.get(name)?.partitionCount === 0) this.#topics.delete(name);
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
    for (const topic of this.#topics.values()) {
      for (const sender of topic.senders) sender.close(error);
    }
    this.#context.abandonCalls();
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
          timedOut: () => this.#parts.errors.metadataMissing(topic.name),
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
      else entry.answer(undefined, this.#parts.errors.abortedInFlight(reason));
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
