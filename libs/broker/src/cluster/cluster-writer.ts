/**
 * The writer of a cluster: to the leader of each partition, which may be another broker.
 *
 * Every batch has a producer id: the client's, or one of this broker's own. So a batch can be sent again
 * to a new leader, however far it got with the old one, and is in the log once. A partition has one
 * send unresolved at a time; what comes meanwhile gathers and goes with the next one.
 */
import { encodeInSlices, encodeRecordBatches, RecordBatch, stampProducer } from '#log';
import { type Offset, ProtocolError } from '#protocol';
import { type Clock, inSlices } from '#runtime';
import type { Acks } from '../broker.js';
import { createTimeInLog } from '../create-time.js';
import { areLarge } from '../large-entries.js';
import type { PartitionAccess } from '../partition-access.js';
import type { PartitionWriter } from '../partition-writer.js';
import type { ProduceEntry } from '../pending-produce.js';
import type { Topic } from '../topic.js';
import type { BatchAppended, LeaderAppend } from './leader-append.js';
import type { LeaderCallLimits } from './leader-calls.js';
import { PartitionProducer } from './partition-producer.js';

/** How often a send is tried under a new producer id when the leader does not know the old one. */
const NEW_IDS_MAX = 3;

interface ClusterWriterOptions {
  readonly clock: Clock;
  readonly nextProducerId: () => Promise<number>;
  /** Appends at the leader, retried over its changes; see `LeaderCalls`. */
  readonly appendAtLeader: (
    append: LeaderAppend,
    limits: LeaderCallLimits,
  ) => Promise<readonly BatchAppended[]>;
  readonly partitions: PartitionAccess;
}

/** What is kept for a partition between sends. */
interface PartitionSends {
  readonly producer: PartitionProducer;
  /** Ends when the last send begun so far is resolved. */
  last: Promise<void>;
}

/** Entries on their way, with the batches made of them. */
interface Send {
  readonly topic: Topic;
  readonly partition: number;
  readonly entries: readonly ProduceEntry[];
  /** For each entry the place of its first record. */
  readonly starts: readonly number[];
  readonly recordCount: number;
  readonly batches: readonly Buffer[];
  readonly nowMs: number;
}

export class ClusterWriter implements PartitionWriter {
  readonly #options: ClusterWriterOptions;
  readonly #sends = new WeakMap<Topic, Map<number, PartitionSends>>();

  constructor(options: ClusterWriterOptions) {
    this.#options = options;
  }

  /** The leader decides: what this broker knows of its ISR may be old. */
  refusal(): undefined {
    return undefined;
  }

  write(topic: Topic, partition: number, entries: readonly ProduceEntry[]): Promise<void> {
    const sends = this.#sendsOf(topic, partition);
    sends.last = sends.last.then(() => this.#write(topic, partition, entries, sends.producer));
    return sends.last;
  }

  #sendsOf(topic: Topic, partition: number): PartitionSends {
    let ofTopic = this.#sends.get(topic);
    if (ofTopic === undefined) {
      ofTopic = new Map();
      this.#sends.set(topic, ofTopic);
    }
    let sends = ofTopic.get(partition);
    if (sends === undefined) {
      const producer = new PartitionProducer(this.#options.nextProducerId);
      sends = { producer, last: Promise.resolve() };
      ofTopic.set(partition, sends);
    }
    return sends;
  }

  async #write(
    topic: Topic,
    partition: number,
    entries: readonly ProduceEntry[],
    producer: PartitionProducer,
  ): Promise<void> {
    // Those that timed out while an earlier send was unresolved were answered as not written.
    const waiting = entries.filter((entry) => !entry.isDone);
    if (waiting.length === 0) return;
    let send: Send;
    try {
      send = await this.#encode(topic, partition, waiting);
    } catch (error) {
      // The topic's limit may have been lowered: the others must not fail with one.
      if (waiting.length === 1) waiting[0]?.fail(error);
      else for (const entry of waiting) await this.#write(topic, partition, [entry], producer);
      return;
    }
    try {
      if (waiting[0]?.pending.producer === undefined) await this.#sendAsBroker(send, producer);
      else await this.#sendAsClient(send);
    } catch (error) {
      for (const entry of waiting) entry.fail(error);
    }
  }

  async #encode(topic: Topic, partition: number, entries: readonly ProduceEntry[]): Promise<Send> {
    const nowMs = this.#options.clock.nowMs();
    const maxBatchBytes = topic.config['max.message.bytes'];
    const options = {
      nowMs,
      timestampType: topic.config['message.timestamp.type'],
      batchSizeBytes: maxBatchBytes,
      maxBatchBytes,
    };
    const producer = entries[0]?.pending.producer;
    const ofProducer =
      producer === undefined
        ? options
        : { ...options, producer: { ...producer, baseSequence: producer.sequence } };
    const encoded = areLarge(entries)
      ? await inSlices(encodeInSlices(entries, ofProducer))
      : encodeRecordBatches(entries, ofProducer);
    return { topic, partition, entries, nowMs, ...encoded };
  }

  async #sendAsClient(send: Send): Promise<void> {
    const [appended] = await this.#append(send, send.batches);
    const [entry] = send.entries;
    if (appended === undefined || entry === undefined) return;
    if (appended.error !== undefined) {
      entry.fail(appended.error);
      return;
    }
    const { baseOffset, logAppendTimeMs, isDuplicate } = appended.result;
    const createTimeMs = isDuplicate ? await this.#createTime(send, entry, baseOffset) : undefined;
    entry.succeed(baseOffset, logAppendTimeMs, createTimeMs ?? send.nowMs);
  }

  #createTime(
    { topic, partition }: Send,
    entry: ProduceEntry,
    baseOffset: Offset,
  ): Promise<number | undefined> {
    const request = { topic: topic.name, partition, maxBytes: 1, minBytes: 1, waitMs: 0 };
    return createTimeInLog(entry, baseOffset, async (offset) => {
      const { batches } = await this.#options.partitions.fetch({ ...request, offset });
      return batches[0];
    }).catch(() => undefined);
  }

  async #sendAsBroker(send: Send, producer: PartitionProducer): Promise<void> {
    let appended: readonly BatchAppended[];
    try {
      appended = await this.#appendUnderOwnId(send, producer);
    } catch (error) {
      // Nothing of it is in the log only when the error says so.
      if (!(error instanceof ProtocolError) || error.outcome !== 'failed') producer.giveUpId();
      throw error;
    }
    resolveSequences(send, appended, producer);
    answerEntries(send, appended);
  }

  /** The leader may have lost track of this producer, with records that were acknowledged too early. */
  async #appendUnderOwnId(
    send: Send,
    producer: PartitionProducer,
  ): Promise<readonly BatchAppended[]> {
    for (let ids = 1; ; ids += 1) {
      const batches: Buffer[] = [];
      let recordsBefore = 0;
      for (const batch of send.batches) {
        // A copy: the bytes of an earlier try may be in this broker's log.
        const bytes = ids === 1 ? batch : Buffer.from(batch);
        stampProducer(bytes, await producer.producerAt(recordsBefore));
        recordsBefore += new RecordBatch(bytes).recordCount;
        batches.push(bytes);
      }
      const appended = await this.#append(send, batches);
      const isUnknownHere = appended[0]?.error?.code === 'OUT_OF_ORDER_SEQUENCE_NUMBER';
      if (!isUnknownHere || ids >= NEW_IDS_MAX) return appended;
      producer.giveUpId();
    }
  }

  #append(send: Send, batches: readonly Buffer[]): Promise<readonly BatchAppended[]> {
    const { topic, partition, entries } = send;
    const acks: Acks = entries.some((entry) => entry.pending.acks === 'all') ? 'all' : '1';
    const append = { topic: topic.name, topicId: topic.id, partition, acks, batches };
    const nowMs = this.#options.clock.monotonicMs();
    const deadlineMs = Math.max(
      ...entries.map(({ pending }) => pending.deadlineMs || nowMs + pending.timeoutMs),
    );
    const isAbandoned = (): boolean => topic.isDeleted || entries.every((entry) => entry.isDone);
    return this.#options.appendAtLeader(append, { deadlineMs, isAbandoned });
  }
}

/** Goes on with the sequence behind the last record that is in the log. */
function resolveSequences(
  { batches }: Send,
  appended: readonly BatchAppended[],
  producer: PartitionProducer,
): void {
  for (const [at, bytes] of batches.entries()) {
    const { error } = appended[at] ?? {};
    if (error === undefined) {
      producer.advance(new RecordBatch(bytes).recordCount);
      continue;
    }
    if (error.outcome !== 'failed') producer.giveUpId();
    // Those behind a batch that was not appended are out of order, so they were not either.
    return;
  }
}

/** Tells each entry what became of the batches that its records are in. */
function answerEntries(send: Send, appended: readonly BatchAppended[]): void {
  const { entries, starts, batches, recordCount, nowMs } = send;
  const ends: number[] = [];
  for (const bytes of batches) ends.push((ends.at(-1) ?? 0) + new RecordBatch(bytes).recordCount);
  for (const [at, entry] of entries.entries()) {
    const start = starts[at] ?? 0;
    const end = starts[at + 1] ?? recordCount;
    const first = ends.findIndex((one) => one > start);
    const last = ends.findIndex((one) => one >= end);
    const parts = appended.slice(first, last + 1);
    const failure = failureOf(parts);
    const result = parts[0]?.result;
    if (failure !== undefined) entry.fail(failure);
    else if (result === undefined || !isOneRow(parts)) entry.fail(scattered());
    else {
      const batchStart = first === 0 ? 0 : (ends[first - 1] ?? 0);
      entry.succeed(result.baseOffset + start - batchStart, result.logAppendTimeMs, nowMs);
    }
  }
}

/** The error of an entry whose batches have these ends; what is partly in the log is not failed. */
function failureOf(parts: readonly BatchAppended[]): ProtocolError | undefined {
  const error = parts.find((part) => part.error !== undefined)?.error;
  if (error === undefined || error.outcome !== 'failed') return error;
  if (parts.every((part) => part.error?.outcome === 'failed')) return error;
  return new ProtocolError(error.code, error.message, { cause: error, outcome: 'unknown' });
}

function isOneRow(parts: readonly BatchAppended[]): boolean {
  return parts.every((part, at) => {
    const before = parts[at - 1]?.result;
    return before === undefined || before.lastOffset + 1 === part.result?.baseOffset;
  });
}

/**
 * A crash of a leader may keep the first batches of a request and lose the last ones, which then are
 * written behind what came in between: all are in the log, and no one offset says where.
 */
function scattered(): ProtocolError {
  return new ProtocolError(
    'DUPLICATE_SEQUENCE_NUMBER',
    'The records are in the log, but not next to each other: a leader failed amid them.',
  );
}
