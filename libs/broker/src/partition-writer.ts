/**
 * Writes the gathered entries of a partition to its leader: this broker, or another one.
 *
 * A partition that is led here and has no other replica is appended to at once: no other broker can
 * become its leader, so nothing is sent twice. Any other batch has a producer id: the client's, or
 * one of this broker's own. It can therefore be sent again to a new leader, no matter what the old
 * one did with it, and is in the log once.
 *
 * Overlap: sends to a partition without other replicas may overlap. Any other partition has one
 * unresolved send at a time; entries that arrive meanwhile go with the next one.
 */
import {
  type AppendResult,
  type BatchProducer,
  type EncodedBatches,
  type EncodeOptions,
  encodeInSlices,
  encodeRecordBatches,
} from '#log';
import { ProtocolError } from '#protocol';
import { NotLeaderError, type Partition } from '#replication';
import { type Clock, inSlices } from '#runtime';
import type { Acks } from './broker.js';
import type { LeaderCallLimits } from './cluster/leader-calls.js';
import type { BatchAppended, LeaderAppend } from './cluster/leader-transport.js';
import type { LocalLeader } from './cluster/local-leader.js';
import type { PartitionAccess } from './cluster/partition-access.js';
import { PartitionProducer } from './cluster/partition-producer.js';
import { createTimeOf } from './create-time.js';
import { areEncodedInSlices } from './large-entries.js';
import { notEnoughReplicasError } from './not-enough-replicas.js';
import type { ProduceEntry } from './pending-produce.js';
import type { Requester } from './requester.js';
import { answerEntries, appendedRecords, failEntries, type Send } from './send.js';
import type { Topic } from './topic.js';

/** Attempts under new producer ids when the leader does not know the old one. */
const NEW_IDS_MAX = 3;

interface PartitionWriterOptions {
  readonly clock: Clock;
  /** About how large batches are that are appended here. */
  readonly batchSizeBytes: number;
  readonly nextProducerId: () => Promise<number>;
  /** This broker as the leader of its partitions. */
  readonly localLeader: Pick<LocalLeader, 'append'>;
  /** Appends at the current leader, and again at a new leader. */
  readonly appendAtLeader: (
    append: LeaderAppend,
    limits: LeaderCallLimits,
  ) => Promise<readonly BatchAppended[]>;
  readonly partitions: Pick<PartitionAccess, 'fetch'>;
}

/** State of a partition between sends. */
interface PartitionSends {
  readonly producer: PartitionProducer;
  /** Ends when the last send begun so far is resolved. */
  last: Promise<void>;
}

export class PartitionWriter {
  readonly #options: PartitionWriterOptions;
  readonly #sends = new WeakMap<Topic, Map<number, PartitionSends>>();
  /**
   * Partitions whose entries are being encoded in slices. Each promise resolves when all entries so
   * far are handed to the log; later entries are handed over after them.
   */
  readonly #slicing = new Map<Partition, Promise<void>>();

  constructor(options: PartitionWriterOptions) {
    this.#options = options;
  }

  /**
   * The reason to refuse an entry before it is queued; undefined when there is none, or when the
   * leader is another broker, which decides.
   */
  refusal(topic: Topic, { partition, pending }: ProduceEntry): ProtocolError | undefined {
    if (pending.acks !== 'all') return undefined;
    const led = topic.ledPartition(partition);
    return led === undefined || led.hasEnoughReplicas() ? undefined : notEnoughReplicasError(led);
  }

  /**
   * Writes entries of one partition together and reports the result of each. Never rejects; settles
   * when the next entries of the partition may be written. Calls for one partition may overlap only
   * within one turn of the event loop, and are written in their order.
   */
  write(topic: Topic, number: number, entries: readonly ProduceEntry[]): Promise<void> {
    const partition = topic.ledPartition(number);
    if (partition?.isSoleReplica !== true) return this.#writeInTurn(topic, number, entries);
    const isAtOnce = !this.#slicing.has(partition) && !areEncodedInSlices(entries);
    return isAtOnce
      ? this.#appendHere(topic, number, entries)
      : this.#appendInSlices(topic, partition, entries);
  }

  /** Never rejects. Hot: two promises a send. */
  #appendHere(topic: Topic, partition: number, entries: readonly ProduceEntry[]): Promise<void> {
    const encoding = this.#encodingOf(topic, entries, producerOf(entries));
    let encoded: EncodedBatches;
    try {
      encoded = encodeRecordBatches(entries, encoding);
    } catch (error) {
      return this.#appendApart(topic, partition, entries, error);
    }
    return this.#handToLog(sendOf(topic, partition, entries, { encoding, encoded }));
  }

  #handToLog(send: Send): Promise<void> {
    const { topic, partition, entries } = send;
    return this.#options.localLeader.append(appendOf(send)).then(
      (appended) => this.#answer(send, appended),
      (error: unknown) => {
        if (isNotBegun(error)) return this.#writeInTurn(topic, partition, entries);
        failEntries(entries, error);
        return undefined;
      },
    );
  }

  /**
   * Appends like `#appendHere`, encoded in slices. No entry is in the log before all of them are
   * encoded; earlier entries are handed to the log first.
   */
  async #appendInSlices(
    topic: Topic,
    partition: Partition,
    entries: readonly ProduceEntry[],
  ): Promise<void> {
    const { partition: number } = partition.topicPartition;
    let handedOver = (): void => undefined;
    const before = this.#slicing.get(partition);
    const turn = new Promise<void>((resolve) => {
      handedOver = resolve;
    });
    this.#slicing.set(partition, turn);
    const encoding = this.#encodingOf(topic, entries, producerOf(entries));
    let sent: Promise<void>;
    try {
      const encoded = await inSlices(encodeInSlices(entries, encoding));
      await before;
      sent = this.#handToLog(sendOf(topic, number, entries, { encoding, encoded }));
    } catch (error) {
      await before;
      sent = this.#appendApart(topic, number, entries, error);
    }
    if (this.#slicing.get(partition) === turn) this.#slicing.delete(partition);
    handedOver();
    await sent;
  }

  /**
   * The topic's limit may have been lowered since entries were checked: others must not fail with
   * one.
   */
  async #appendApart(
    topic: Topic,
    partition: number,
    entries: readonly ProduceEntry[],
    error: unknown,
  ): Promise<void> {
    if (entries.length === 1) failEntries(entries, error);
    else await Promise.all(entries.map((entry) => this.#appendHere(topic, partition, [entry])));
  }

  /** Writes once the sends before are resolved. */
  #writeInTurn(topic: Topic, partition: number, entries: readonly ProduceEntry[]): Promise<void> {
    const sends = this.#sendsOf(topic, partition);
    sends.last = sends.last.then(() => this.#write(topic, partition, entries, sends.producer));
    return sends.last;
  }

  #sendsOf(topic: Topic, partition: number): PartitionSends {
    let sendsOfTopic = this.#sends.get(topic);
    if (sendsOfTopic === undefined) {
      sendsOfTopic = new Map();
      this.#sends.set(topic, sendsOfTopic);
    }
    let sends = sendsOfTopic.get(partition);
    if (sends === undefined) {
      const producer = new PartitionProducer(this.#options.nextProducerId);
      sends = { producer, last: Promise.resolve() };
      sendsOfTopic.set(partition, sends);
    }
    return sends;
  }

  /** Never rejects. */
  async #write(
    topic: Topic,
    partition: number,
    entries: readonly ProduceEntry[],
    producer: PartitionProducer,
  ): Promise<void> {
    // Entries that timed out while an earlier send was unresolved were answered as not written.
    const waiting = entries.filter((entry) => !entry.isDone);
    if (waiting.length === 0) return;
    const client = producerOf(waiting);
    try {
      if (client === undefined) await this.#sendAsBroker(topic, partition, waiting, producer);
      else {
        const send = await this.#encode(topic, partition, waiting, client);
        await this.#answer(send, await this.#append(send));
      }
    } catch (error) {
      if (!isOfOneEntry(error) || waiting.length === 1) failEntries(waiting, error);
      // The others must not fail with one.
      else for (const entry of waiting) await this.#write(topic, partition, [entry], producer);
    }
  }

  /**
   * @throws ProtocolError MESSAGE_TOO_LARGE before anything is sent; what `appendAtLeader` throws
   */
  async #sendAsBroker(
    topic: Topic,
    partition: number,
    entries: readonly ProduceEntry[],
    producer: PartitionProducer,
  ): Promise<void> {
    for (let ids = 1; ; ids += 1) {
      const send = await this.#encode(topic, partition, entries, await producer.next());
      const appended = await this.#appendUnderOwnId(send, producer);
      // The leader may have lost track of this producer, with records that were acknowledged too
      // early.
      const isUnknownThere = appended[0]?.error?.code === 'OUT_OF_ORDER_SEQUENCE_NUMBER';
      if (isUnknownThere && ids < NEW_IDS_MAX) {
        producer.giveUpId();
        continue;
      }
      resolveSequences(send, appended, producer);
      answerEntries(send, appended);
      return;
    }
  }

  async #appendUnderOwnId(
    send: Send,
    producer: PartitionProducer,
  ): Promise<readonly BatchAppended[]> {
    try {
      return await this.#append(send);
    } catch (error) {
      // Nothing of it is in the log only when the error says so.
      if (!(error instanceof ProtocolError) || error.outcome !== 'failed') producer.giveUpId();
      throw error;
    }
  }

  #append(send: Send): Promise<readonly BatchAppended[]> {
    const { topic, entries } = send;
    const nowMs = this.#options.clock.monotonicMs();
    const deadlineMs = Math.max(
      ...entries.map(({ pending }) => pending.deadlineMs || nowMs + pending.timeoutMs),
    );
    const isAbandoned = (): boolean => topic.isDeleted || entries.every((entry) => entry.isDone);
    return this.#options.appendAtLeader(forwardableAppendOf(send), { deadlineMs, isAbandoned });
  }

  /**
   * Answers a send without an id of this broker's own: it was appended as a whole, or not at all.
   */
  #answer(send: Send, appended: readonly BatchAppended[]): Promise<void> | undefined {
    const result = appended[0]?.result;
    if (result?.isDuplicate === true) return this.#answerDuplicate(send, result);
    answerEntries(send, appended);
    return undefined;
  }

  /** A retry is answered like the first attempt, including its times. */
  async #answerDuplicate(send: Send, result: AppendResult): Promise<void> {
    const { topic, partition, entries } = send;
    const [entry] = entries;
    if (entry === undefined) return;
    const request = { topic: topic.name, partition, maxBytes: 1, minBytes: 1, waitMs: 0 };
    const createTimeMs = await createTimeOf(entry, result, async (offset) => {
      const { batches } = await this.#options.partitions.fetch({ ...request, offset }, 'broker');
      return batches[0];
    });
    entry.succeed(result.baseOffset, result.logAppendTimeMs, createTimeMs ?? send.nowMs);
  }

  /** @throws ProtocolError MESSAGE_TOO_LARGE */
  async #encode(
    topic: Topic,
    partition: number,
    entries: readonly ProduceEntry[],
    producer: BatchProducer,
  ): Promise<Send> {
    const encoding = this.#encodingOf(topic, entries, producer);
    const encoded = areEncodedInSlices(entries)
      ? await inSlices(encodeInSlices(entries, encoding))
      : encodeRecordBatches(entries, encoding);
    return sendOf(topic, partition, entries, { encoding, encoded });
  }

  #encodingOf(
    topic: Topic,
    entries: readonly ProduceEntry[],
    producer: BatchProducer | undefined,
  ): EncodeOptions {
    const maxBatchBytes = topic.config['max.message.bytes'];
    return {
      nowMs: this.#options.clock.nowMs(),
      timestampType: topic.config['message.timestamp.type'],
      // Batches of this broker's own id are appended one by one: the fewer, the better.
      batchSizeBytes: producer === undefined ? this.#options.batchSizeBytes : maxBatchBytes,
      maxBatchBytes,
      isOneBatch: entries[0]?.isAlone === true,
      producer,
    };
  }
}

function sendOf(
  topic: Topic,
  partition: number,
  entries: readonly ProduceEntry[],
  encodedSend: { readonly encoding: EncodeOptions; readonly encoded: EncodedBatches },
): Send {
  const { nowMs, producer } = encodedSend.encoding;
  const { batches, starts, recordCount } = encodedSend.encoded;
  const isStamped = producer !== undefined;
  return { topic, partition, entries, starts, recordCount, batches, isStamped, nowMs };
}

/** The producer of a client's request, whose entry is always alone. */
function producerOf([entry]: readonly ProduceEntry[]): BatchProducer | undefined {
  const producer = entry?.pending.producer;
  if (producer === undefined) return undefined;
  const { producerId, producerEpoch, sequence: baseSequence } = producer;
  return { producerId, producerEpoch, baseSequence };
}

function appendOf({ topic, partition, entries, batches }: Send): LeaderAppend {
  const acks: Acks = entries.some(({ pending }) => pending.acks === 'all') ? 'all' : '1';
  return { topic: topic.name, topicId: topic.id, partition, acks, batches };
}

/** An append that may be sent to another broker, which decides about its callers. */
function forwardableAppendOf(send: Send): LeaderAppend {
  const append = appendOf(send);
  if (send.entries[0]?.pending.requester === undefined) return append;
  return { ...append, callers: requestersOf(send.entries) };
}

/** Requesters of entries, each once. */
function requestersOf(entries: readonly ProduceEntry[]): readonly Requester[] {
  const requesters = new Set<Requester>();
  for (const { pending } of entries) {
    if (pending.requester !== undefined) requesters.add(pending.requester);
  }
  return [...requesters];
}

/** True for errors of single entries, which the others that were sent with them do not share. */
function isOfOneEntry(error: unknown): boolean {
  return error instanceof ProtocolError && ERRORS_OF_ONE.has(error.code);
}

const ERRORS_OF_ONE: ReadonlySet<string> = new Set([
  // The topic's limit may have been lowered since the entries were checked.
  'MESSAGE_TOO_LARGE',
  // The leader may know newer rules than this broker.
  'TOPIC_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
]);

/** True when leadership was lost before anything was appended: the new leader may append it. */
function isNotBegun(error: unknown): boolean {
  if (error instanceof NotLeaderError) return true;
  return (
    error instanceof ProtocolError &&
    error.code === 'LEADER_NOT_AVAILABLE' &&
    error.outcome === 'failed'
  );
}

/** Continues with the sequence after the last record that is in the log. */
function resolveSequences(
  send: Send,
  appended: readonly BatchAppended[],
  producer: PartitionProducer,
): void {
  producer.advance(appendedRecords(send, appended));
  const failure = appended.find(({ error }) => error !== undefined)?.error;
  // Batches after one that was not appended are out of order, so they were not either.
  if (failure !== undefined && failure.outcome !== 'failed') producer.giveUpId();
}
