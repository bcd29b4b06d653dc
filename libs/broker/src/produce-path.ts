/**
 * The way of records into the log: checked, assigned to partitions, gathered with those of other
 * requests, encoded as record batches and appended.
 *
 * All or nothing before the first append: a fault of any record refuses the whole request, and so do
 * full buffers. From then on each partition succeeds or fails by itself.
 *
 * Requests overlap. Requests for one partition are written in the order in which they were buffered.
 */
import { type AppendResult, encodeRecordBatches, RecordCursor } from '#log';
import { Accumulator, BufferPool, type PartitionQueue } from '#producer';
import { FIELD_TIMESTAMP, ProtocolError, RECORD_STRIDE } from '#protocol';
import type { Partition, ReplicaManager } from '#replication';
import type { Clock, Scheduler } from '#runtime';
import type { ProduceRequest, ProduceResult } from './broker.js';
import { type PartitionRecords, PendingProduce, type ProduceEntry } from './pending-produce.js';
import { assignPartitions, checkProduce, memoryBytes } from './produce-check.js';
import { ProduceDeadlines } from './produce-deadlines.js';
import type { Topic } from './topic.js';
import { unknownTopic } from './topic-registry.js';

/** A drain that is larger goes on in the next one: bounds the time that encoding takes at once. */
const DRAIN_BYTES_MAX = 1024 * 1024;

export interface ProducePathOptions {
  readonly replicas: ReplicaManager;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly bufferMemoryBytes: number;
  readonly maxBlockMs: number;
  readonly batchSizeBytes: number;
  readonly lingerMs: number;
}

export class ProducePath {
  readonly buffer: BufferPool;
  readonly #options: ProducePathOptions;
  readonly #accumulator: Accumulator<ProduceEntry>;
  readonly #deadlines: ProduceDeadlines;
  #isClosed = false;
  readonly #onFinished = (pending: PendingProduce): void => {
    this.#deadlines.remove(pending);
    this.buffer.release(memoryBytes(pending.records));
  };

  constructor(options: ProducePathOptions) {
    const { clock, scheduler, bufferMemoryBytes, maxBlockMs, lingerMs, batchSizeBytes } = options;
    this.#options = options;
    this.buffer = new BufferPool({ totalBytes: bufferMemoryBytes, maxBlockMs, timers: scheduler });
    this.#accumulator = new Accumulator({
      drainBytesMax: DRAIN_BYTES_MAX,
      lingerMs,
      batchSizeBytes,
      timers: scheduler,
    });
    this.#deadlines = new ProduceDeadlines(clock, scheduler, (pending) => pending.timeOut());
  }

  /** @throws ProtocolError as api.md's Produce says; see `Broker.produce` */
  produce(topic: Topic, request: ProduceRequest): Promise<ProduceResult> {
    try {
      this.#check(topic, request);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.buffer.tryReserve(memoryBytes(request.records))) return this.#enqueue(topic, request);
    if (request.acks === '0' || request.mayBlock === false) {
      return Promise.reject(this.buffer.exhausted());
    }
    return this.#produceWhenThereIsRoom(topic, request);
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
    checkProduce(request, topic.limits);
  }

  async #produceWhenThereIsRoom(topic: Topic, request: ProduceRequest): Promise<ProduceResult> {
    const bytes = memoryBytes(request.records);
    await this.buffer.reserve(bytes, request.signal);
    // Things may have changed meanwhile: the broker stops, the topic is gone or has other limits.
    try {
      if (topic.isDeleted) throw unknownTopic(topic.name);
      this.#check(topic, request);
    } catch (error) {
      this.buffer.release(bytes);
      throw error;
    }
    return this.#enqueue(topic, request);
  }

  /** Queues the records, for which memory is reserved. */
  #enqueue(topic: Topic, request: ProduceRequest): Promise<ProduceResult> {
    const parts = assignPartitions(topic, request);
    const pending = new PendingProduce(request, parts, this.#onFinished);
    const answer = request.acks === '0' ? accepted(parts) : pending.answer();
    if (request.acks !== '0') this.#deadlines.add(pending);
    for (const entry of pending.entries) this.#enqueueEntry(topic, entry);
    return answer;
  }

  #enqueueEntry(topic: Topic, entry: ProduceEntry): void {
    const partition = topic.partition(entry.partition);
    if (partition === undefined) {
      entry.fail(
        this.#options.replicas.notServed({ topic: topic.name, partition: entry.partition }),
      );
    } else if (entry.pending.acks === 'all' && !partition.hasEnoughReplicas()) {
      entry.fail(notEnoughReplicas(partition));
    } else {
      const queue = (topic.queues[entry.partition] ??= this.#openQueue(topic, partition));
      queue.add(entry);
    }
  }

  #openQueue(topic: Topic, partition: Partition): PartitionQueue<ProduceEntry> {
    return this.#accumulator.openQueue((entries) => this.#send(topic, partition, entries));
  }

  /** Encodes and appends entries of one partition together. Never rejects. */
  #send(topic: Topic, partition: Partition, entries: readonly ProduceEntry[]): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    let encoded: ReturnType<typeof encodeRecordBatches>;
    try {
      encoded = encodeRecordBatches(entries, this.#encodeOptions(topic, entries, nowMs));
    } catch (error) {
      return this.#sendApart(topic, partition, entries, error);
    }
    return partition.append(encoded.batches).then(
      (result) => this.#appended({ partition, entries, starts: encoded.starts, result, nowMs }),
      (error: unknown) => {
        for (const entry of entries) entry.fail(error);
      },
    );
  }

  /**
   * An entry could not be encoded (the topic's limit may have been lowered since it was checked): the
   * others must not fail with it.
   */
  async #sendApart(
    topic: Topic,
    partition: Partition,
    entries: readonly ProduceEntry[],
    error: unknown,
  ): Promise<void> {
    if (entries.length === 1) entries[0]?.fail(error);
    else await Promise.all(entries.map((entry) => this.#send(topic, partition, [entry])));
  }

  #encodeOptions(
    topic: Topic,
    entries: readonly ProduceEntry[],
    nowMs: number,
  ): Parameters<typeof encodeRecordBatches>[1] {
    const options = {
      nowMs,
      timestampType: topic.config['message.timestamp.type'],
      batchSizeBytes: this.#options.batchSizeBytes,
      maxBatchBytes: topic.config['max.message.bytes'],
    };
    const producer = entries[0]?.pending.producer;
    if (producer === undefined) return options;
    const { producerId, producerEpoch, sequence } = producer;
    return { ...options, producer: { producerId, producerEpoch, baseSequence: sequence } };
  }

  #appended(sent: SentEntries): void {
    const { partition, entries, result } = sent;
    if (result.isDuplicate) {
      for (const entry of entries) void this.#answerDuplicate(partition, entry, sent);
      return;
    }
    const isCommitted = partition.highWatermark > result.lastOffset;
    for (const [at, entry] of entries.entries()) {
      if (isCommitted || entry.pending.acks !== 'all') succeed(entry, at, sent);
    }
    if (!isCommitted) void this.#answerWhenCommitted(sent);
  }

  async #answerWhenCommitted(sent: SentEntries): Promise<void> {
    const { partition, entries, result } = sent;
    try {
      await partition.whenCommitted(result.lastOffset + 1);
    } catch (error) {
      for (const entry of entries) entry.fail(outcomeUnknown(error));
      return;
    }
    for (const [at, entry] of entries.entries()) succeed(entry, at, sent);
  }

  /** A retry of what is in the log: answered as the first try was, times included. */
  async #answerDuplicate(
    partition: Partition,
    entry: ProduceEntry,
    { result, nowMs }: SentEntries,
  ): Promise<void> {
    try {
      if (entry.pending.acks === 'all') await partition.whenCommitted(result.lastOffset + 1);
    } catch (error) {
      entry.fail(outcomeUnknown(error));
      return;
    }
    const createTimeMs = await createTimeInLog(partition, entry, result, nowMs).catch(() => nowMs);
    entry.succeed(result.baseOffset, result.logAppendTimeMs, createTimeMs);
  }
}

/** Entries that were appended together. */
interface SentEntries {
  readonly partition: Partition;
  readonly entries: readonly ProduceEntry[];
  /** For each entry the place of its first record in what was appended. */
  readonly starts: readonly number[];
  readonly result: AppendResult;
  readonly nowMs: number;
}

function succeed(entry: ProduceEntry, at: number, { starts, result, nowMs }: SentEntries): void {
  entry.succeed(result.baseOffset + (starts[at] as number), result.logAppendTimeMs, nowMs);
}

/**
 * The time that the first try gave to records which came without one. Where the log does not have
 * that record any more it is the time of the retry: the offsets are what a retry is about.
 */
async function createTimeInLog(
  partition: Partition,
  entry: ProduceEntry,
  result: AppendResult,
  nowMs: number,
): Promise<number> {
  const { fields, count } = entry.records;
  let timeless = 0;
  while (timeless < count && fields[timeless * RECORD_STRIDE + FIELD_TIMESTAMP] !== -1) {
    timeless += 1;
  }
  if (timeless === count) return nowMs;
  const offset = result.baseOffset + timeless;
  const [batch] = await partition.log.read(offset, 1, result.lastOffset + 1);
  const cursor = batch === undefined ? undefined : new RecordCursor(batch);
  while (cursor?.next() === true) if (cursor.offset === offset) return cursor.timestamp;
  return nowMs;
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
  return new ProtocolError('BROKER_NOT_AVAILABLE', 'The broker is stopping.', {
    retryAfterMs: 1000,
  });
}

function internalTopic(name: string): ProtocolError {
  return new ProtocolError(
    'INVALID_TOPIC_EXCEPTION',
    `Topic "${name}" is the cluster's own: clients do not produce to it.`,
  );
}

function notEnoughReplicas(partition: Partition): ProtocolError {
  const { isr } = partition.metadata;
  const required = partition.log.config['min.insync.replicas'];
  return new ProtocolError(
    'NOT_ENOUGH_REPLICAS',
    `${isr.length} of the ${required} replicas that must be in sync are.`,
    { retryAfterMs: 1000 },
  );
}

/** It was appended here, so that it may come to be in the log for good. */
function outcomeUnknown(cause: unknown): ProtocolError {
  if (cause instanceof ProtocolError && cause.code === 'UNKNOWN_TOPIC_OR_PARTITION') {
    const detail = 'The topic was deleted while the records were written to it.';
    return new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', detail, { cause, outcome: 'unknown' });
  }
  return new ProtocolError(
    'UNKNOWN_SERVER_ERROR',
    'The records were appended, and it is not known whether they will stay.',
    { cause },
  );
}
