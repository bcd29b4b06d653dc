/** The writer of a cluster of one broker: every partition is led here. */
import { type AppendResult, type EncodedBatches, encodeInSlices, encodeRecordBatches } from '#log';
import { ProtocolError } from '#protocol';
import type { Partition, ReplicaManager } from '#replication';
import { type Clock, inSlices } from '#runtime';
import { createTimeInLog } from './create-time.js';
import { areLarge } from './large-entries.js';
import { notEnoughReplicas } from './not-enough-replicas.js';
import type { PartitionWriter } from './partition-writer.js';
import type { ProduceEntry } from './pending-produce.js';
import type { Topic } from './topic.js';

interface LocalWriterOptions {
  readonly replicas: ReplicaManager;
  readonly clock: Clock;
  readonly batchSizeBytes: number;
}

export class LocalWriter implements PartitionWriter {
  readonly #options: LocalWriterOptions;
  /**
   * Partitions for which entries are being encoded in slices. Resolves when the last of them that came so
   * far has been handed to the log: what comes later is handed over behind it.
   */
  readonly #underWay = new Map<Partition, Promise<void>>();

  constructor(options: LocalWriterOptions) {
    this.#options = options;
  }

  refusal(topic: Topic, entry: ProduceEntry): ProtocolError | undefined {
    const partition = topic.partition(entry.partition);
    if (partition === undefined) {
      return this.#options.replicas.notServed({ topic: topic.name, partition: entry.partition });
    }
    return entry.pending.acks === 'all' && !partition.hasEnoughReplicas()
      ? notEnoughReplicas(partition)
      : undefined;
  }

  write(topic: Topic, number: number, entries: readonly ProduceEntry[]): Promise<void> {
    const partition = topic.partition(number);
    if (partition !== undefined) {
      const isInOrder = !this.#underWay.has(partition) && !areLarge(entries);
      return isInOrder
        ? this.#send(topic, partition, entries)
        : this.#sendInSlices(topic, partition, entries);
    }
    const error = this.#options.replicas.notServed({ topic: topic.name, partition: number });
    for (const entry of entries) entry.fail(error);
    return Promise.resolve();
  }

  /** Encodes and appends entries of one partition together. Never rejects. */
  #send(topic: Topic, partition: Partition, entries: readonly ProduceEntry[]): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    let encoded: EncodedBatches;
    try {
      encoded = encodeRecordBatches(entries, this.#encodeOptions(topic, entries, nowMs));
    } catch (error) {
      return this.#sendApart(topic, partition, entries, error);
    }
    return this.#append(partition, entries, encoded, nowMs);
  }

  #append(
    partition: Partition,
    entries: readonly ProduceEntry[],
    { batches, starts }: EncodedBatches,
    nowMs: number,
  ): Promise<void> {
    return partition.append(batches).then(
      (result) => this.#appended({ partition, entries, starts, result, nowMs }),
      (error: unknown) => {
        for (const entry of entries) entry.fail(error);
      },
    );
  }

  /**
   * As `#send`, encoded in slices. Nothing of the entries is in the log before all of them are encoded;
   * those that were written earlier are handed to the log first.
   */
  async #sendInSlices(
    topic: Topic,
    partition: Partition,
    entries: readonly ProduceEntry[],
  ): Promise<void> {
    let handedOver = (): void => undefined;
    const before = this.#underWay.get(partition);
    const turn = new Promise<void>((resolve) => {
      handedOver = resolve;
    });
    this.#underWay.set(partition, turn);
    const nowMs = this.#options.clock.nowMs();
    const options = this.#encodeOptions(topic, entries, nowMs);
    let sent: Promise<void>;
    try {
      const encoded = await inSlices(encodeInSlices(entries, options));
      await before;
      sent = this.#append(partition, entries, encoded, nowMs);
    } catch (error) {
      await before;
      sent = this.#sendApart(topic, partition, entries, error);
    }
    if (this.#underWay.get(partition) === turn) this.#underWay.delete(partition);
    handedOver();
    await sent;
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
    const createTimeMs = await createTimeInLog(entry, result.baseOffset, async (offset) => {
      const [batch] = await partition.log.read(offset, 1, result.lastOffset + 1);
      return batch;
    }).catch(() => undefined);
    entry.succeed(result.baseOffset, result.logAppendTimeMs, createTimeMs ?? nowMs);
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
