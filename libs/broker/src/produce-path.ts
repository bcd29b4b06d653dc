/**
 * The path of records into the log: checked, assigned to partitions, gathered with those of other
 * requests, and handed to the writer of their partition.
 *
 * A request is all or nothing before the first append: a fault of any record refuses the whole
 * request, and so do full buffers. Afterwards each partition succeeds or fails by itself.
 *
 * Overlap: requests may overlap. Requests for one partition are written in the order in which they
 * were buffered.
 */
import { Accumulator, BufferPool, Deadlines, type PartitionQueue } from '#producer';
import { ProtocolError } from '#protocol';
import type { Clock, Scheduler } from '#runtime';
import type { ProduceRequest, ProduceResult } from './broker.js';
import { BUFFER_ERRORS } from './buffer-errors.js';
import type { PartitionWriter } from './partition-writer.js';
import { type PartitionRecords, PendingProduce, type ProduceEntry } from './pending-produce.js';
import { assignPartitions, checkProduce, memoryBytes } from './produce-check.js';
import type { Requester } from './requester.js';
import type { Topic } from './topic.js';
import { unknownTopicError } from './topic-registry.js';

/** A larger drain continues in the next one, which bounds the time of one encoding. */
const DRAIN_BYTES_MAX = 1024 * 1024;

export interface ProducePathOptions {
  readonly writer: PartitionWriter;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly bufferMemoryBytes: number;
  readonly maxBlockMs: number;
  readonly batchSizeBytes: number;
  readonly lingerMs: number;
}

export class ProducePath {
  readonly buffer: BufferPool;
  readonly #writer: PartitionWriter;
  readonly #clock: Clock;
  readonly #accumulator: Accumulator<ProduceEntry>;
  readonly #deadlines: Deadlines<PendingProduce>;
  #isClosed = false;
  readonly #onFinished = (pending: PendingProduce): void => {
    this.#deadlines.remove(pending);
    this.buffer.release(memoryBytes(pending.records));
  };

  constructor(options: ProducePathOptions) {
    const { clock, scheduler, bufferMemoryBytes, maxBlockMs, lingerMs, batchSizeBytes } = options;
    this.#writer = options.writer;
    this.#clock = clock;
    this.buffer = new BufferPool({
      totalBytes: bufferMemoryBytes,
      maxBlockMs,
      timers: scheduler,
      errors: BUFFER_ERRORS,
    });
    this.#accumulator = new Accumulator({
      drainBytesMax: DRAIN_BYTES_MAX,
      lingerMs,
      batchSizeBytes,
      timers: scheduler,
    });
    this.#deadlines = new Deadlines(clock, scheduler, (pending) => pending.timeOut());
  }

  /**
   * @param requester undefined while authentication is off
   * @throws ProtocolError with a code that the operation `produce` lists (libs/api)
   */
  produce(topic: Topic, request: ProduceRequest, requester?: Requester): Promise<ProduceResult> {
    try {
      this.#check(topic, request);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.buffer.tryReserve(memoryBytes(request.records))) {
      return this.#enqueue(topic, request, requester);
    }
    if (request.acks === '0' || request.mayBlock === false) {
      return Promise.reject(this.buffer.exhausted());
    }
    return this.#produceWhenThereIsRoom(topic, request, requester);
  }

  /** Refuses new requests and resolves when those of these topics are written. */
  async close(topics: Iterable<Topic>): Promise<void> {
    this.#isClosed = true;
    for (const topic of topics) {
      for (const queue of topic.queues) await queue?.whenIdle();
    }
  }

  #check(topic: Topic, request: ProduceRequest): void {
    if (this.#isClosed) throw stopping();
    if (topic.isInternal) throw internalTopic(topic.name);
    checkProduce(request, topic.limits, this.#clock.nowMs());
  }

  async #produceWhenThereIsRoom(
    topic: Topic,
    request: ProduceRequest,
    requester: Requester | undefined,
  ): Promise<ProduceResult> {
    const bytes = memoryBytes(request.records);
    await this.buffer.reserve(bytes, request.signal);
    // Things may have changed meanwhile: the broker stops, the topic is gone or has other limits.
    try {
      if (topic.isDeleted) throw unknownTopicError(topic.name);
      this.#check(topic, request);
    } catch (error) {
      this.buffer.release(bytes);
      throw error;
    }
    return this.#enqueue(topic, request, requester);
  }

  /** Queues the records, for which memory is reserved. */
  #enqueue(
    topic: Topic,
    request: ProduceRequest,
    requester: Requester | undefined,
  ): Promise<ProduceResult> {
    const parts = assignPartitions(topic, request);
    const pending = new PendingProduce(request, parts, this.#onFinished, requester);
    const answer = request.acks === '0' ? accepted(parts) : pending.answer();
    if (request.acks !== '0') this.#deadlines.add(pending);
    for (const entry of pending.entries) this.#enqueueEntry(topic, entry);
    return answer;
  }

  #enqueueEntry(topic: Topic, entry: ProduceEntry): void {
    const refusal = this.#writer.refusal(topic, entry);
    if (refusal !== undefined) entry.fail(refusal);
    else (topic.queues[entry.partition] ??= this.#openQueue(topic, entry.partition)).add(entry);
  }

  #openQueue(topic: Topic, partition: number): PartitionQueue<ProduceEntry> {
    return this.#accumulator.openQueue((entries) => this.#writer.write(topic, partition, entries));
  }
}

function accepted(parts: readonly PartitionRecords[]): Promise<ProduceResult> {
  return Promise.resolve({
    parts: parts.map(({ partition, indexes }) => ({
      partition,
      indexes,
      baseOffset: null,
      logAppendTimeMs: null,
      createTimeMs: 0,
      error: undefined,
    })),
  });
}

function stopping(): ProtocolError {
  return new ProtocolError('BROKER_NOT_AVAILABLE', 'The broker is stopping.');
}

function internalTopic(name: string): ProtocolError {
  return new ProtocolError(
    'INVALID_TOPIC_EXCEPTION',
    `Topic "${name}" is the cluster's own: clients do not produce to it.`,
  );
}
