/**
 * Writes the dead letters of queue groups to their topics (KIP-1191): copies of the records with
 * headers that say where they come from.
 *
 * Overlap: calls may overlap; the caller writes one batch per producer at a time.
 */
import type { DeadLetterBatch, DeadLetterTarget, DeadLetterTopics } from '#groups';
import { type RecordBatch, RecordCursor, writeVarint } from '#log';
import { type Offset, ProtocolError, type RecordSet } from '#protocol';
import type { FetchRequest, FetchResult, ProduceRequest, ProduceResult } from './broker.js';
import type { Topic } from './topic.js';

/** Prefix of the headers of a dead letter, as KIP-1191 has it. */
const HEADER_PREFIX = '__dlq.errors.';
/** Config that an existing topic needs, so that a slip does not fill a business topic. */
const ENABLE_CONFIG = 'errors.deadletterqueue.group.enable';
const WRITE_TIMEOUT_MS = 30_000;
const READ_BYTES = 1024 * 1024;
const VARINT_BYTES_MAX = 5;
/** Bytes that a batch of one and its headers take beside key and value, at most. */
const OVERHEAD_BYTES = 4096;

interface DeadLetterPorts {
  readonly topic: (name: string) => Topic | undefined;
  /** Makes the topic unless it exists. */
  readonly ensureTopic: (name: string) => Promise<Topic>;
  readonly newProducer: DeadLetterTopics['newProducer'];
  readonly fetch: (request: FetchRequest) => Promise<FetchResult>;
  readonly produce: (topic: Topic, request: ProduceRequest) => Promise<ProduceResult>;
}

/** A record that is copied; undefined parts are null. */
interface SourceRecord {
  readonly key: Buffer | undefined;
  readonly value: Buffer | undefined;
  readonly attributes: number;
  readonly headers: Buffer;
  readonly headerCount: number;
}

const NO_RECORD: SourceRecord = {
  key: undefined,
  value: undefined,
  attributes: 0,
  headers: Buffer.alloc(0),
  headerCount: 0,
};

export class DeadLetters implements DeadLetterTopics {
  readonly #ports: DeadLetterPorts;

  constructor(ports: DeadLetterPorts) {
    this.#ports = ports;
  }

  isCurrent({ topic, topicId }: DeadLetterTarget): boolean {
    return this.#ports.topic(topic)?.id === topicId;
  }

  async target(name: string, sourcePartition: number): Promise<DeadLetterTarget> {
    const topic = this.#ports.topic(name) ?? (await this.#ports.ensureTopic(name));
    if (!topic.config[ENABLE_CONFIG]) {
      throw new ProtocolError(
        'POLICY_VIOLATION',
        `Topic "${name}" takes no dead letters: set its config ${ENABLE_CONFIG} to true, or name ` +
          'another topic in errors.deadletterqueue.topic.name of the group.',
      );
    }
    return { topic: name, topicId: topic.id, partition: sourcePartition % topic.partitionCount };
  }

  newProducer(): Promise<{ readonly producerId: number; readonly producerEpoch: number }> {
    return this.#ports.newProducer();
  }

  async write(batch: DeadLetterBatch): Promise<void> {
    const { plan, letters, isCopied } = batch;
    const topic = this.#ports.topic(plan.topic);
    if (topic === undefined) throw noTopic(plan.topic);
    const copyBytesMax = Math.max(0, topic.config['max.message.bytes'] - OVERHEAD_BYTES);
    const builder = new DeadLetterSet(plan.partition);
    // All dead letters of a plan are one batch: together they may be too large to be copies.
    const leftBytes = { value: copyBytesMax };
    for (const letter of letters) {
      const found = isCopied ? await this.#recordAt(batch, letter.offset) : undefined;
      builder.add(fitting(found ?? NO_RECORD, leftBytes), headersOf(batch, letter));
    }
    const { producerId, producerEpoch, sequence } = plan;
    await this.#produce(topic, {
      topic: plan.topic,
      records: builder.recordSet(),
      acks: 'all',
      timeoutMs: WRITE_TIMEOUT_MS,
      partitioner: 'sticky',
      producer: { producerId, producerEpoch, sequence },
    });
  }

  async #produce(topic: Topic, request: ProduceRequest): Promise<void> {
    try {
      const { parts } = await this.#ports.produce(topic, request);
      const error = parts.find((part) => part.error !== undefined)?.error;
      if (error !== undefined) throw error;
    } catch (error) {
      const isWritten =
        error instanceof ProtocolError && error.code === 'DUPLICATE_SEQUENCE_NUMBER';
      if (!isWritten) throw error;
    }
  }

  /** Undefined when the record is no longer in the log. */
  async #recordAt(
    { topic, partition }: DeadLetterBatch,
    offset: Offset,
  ): Promise<SourceRecord | undefined> {
    const request = { topic, partition, offset, maxBytes: READ_BYTES, minBytes: 1, waitMs: 0 };
    try {
      const { batches } = await this.#ports.fetch(request);
      return recordIn(batches, offset);
    } catch (error) {
      if (error instanceof ProtocolError && error.code === 'OFFSET_OUT_OF_RANGE') return undefined;
      throw error;
    }
  }
}

function recordIn(batches: readonly RecordBatch[], offset: Offset): SourceRecord | undefined {
  const batch = batches.find(({ lastOffset }) => lastOffset >= offset);
  if (batch === undefined) return undefined;
  const cursor = new RecordCursor(batch);
  while (cursor.next()) {
    if (cursor.offset !== offset) continue;
    const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
    return {
      key: keyStart < 0 ? undefined : bytes.subarray(keyStart, keyEnd),
      value: valueStart < 0 ? undefined : bytes.subarray(valueStart, valueEnd),
      attributes: cursor.attributes,
      headers: bytes.subarray(cursor.headersStart, cursor.headersEnd),
      headerCount: cursor.headerCount,
    };
  }
  return undefined;
}

/** The record, or nothing of it when it does not fit into the batch. */
function fitting(record: SourceRecord, leftBytes: { value: number }): SourceRecord {
  const { key, value, headers } = record;
  const sizeBytes = (key?.length ?? 0) + (value?.length ?? 0) + headers.length + OVERHEAD_BYTES;
  if (sizeBytes > leftBytes.value) return NO_RECORD;
  leftBytes.value -= sizeBytes;
  return record;
}

function headersOf(
  { group, topic, partition }: DeadLetterBatch,
  { offset, deliveryCount, reason }: DeadLetterBatch['letters'][number],
): [string, string][] {
  return [
    ['topic', topic],
    ['partition', String(partition)],
    ['offset', String(offset)],
    ['group', group],
    ['delivery.count', String(deliveryCount)],
    ['message', reason],
  ];
}

/** Builds the record set of one batch of dead letters. */
class DeadLetterSet {
  readonly #chunks: Buffer[] = [];
  readonly #fields: number[] = [];
  readonly #partition: number;
  #length = 0;
  #count = 0;

  constructor(partition: number) {
    this.#partition = partition;
  }

  add(record: SourceRecord, headers: readonly (readonly [string, string])[]): void {
    const added = headers.map(([name, value]) => [sized(HEADER_PREFIX + name), sized(value)]);
    const all = Buffer.concat([record.headers, ...added.flat()]);
    this.#fields.push(
      ...this.#span(record.value),
      ...this.#span(record.key),
      ...this.#span(all),
      record.headerCount + headers.length,
      record.attributes,
      this.#partition,
      -1,
    );
    this.#count += 1;
  }

  recordSet(): RecordSet {
    const source = Buffer.concat(this.#chunks);
    return { source, decoded: new Uint8Array(0), count: this.#count, fields: this.#fields };
  }

  #span(bytes: Buffer | undefined): [start: number, end: number] {
    if (bytes === undefined) return [-1, -1];
    this.#chunks.push(bytes);
    this.#length += bytes.length;
    return [this.#length - bytes.length, this.#length];
  }
}

/** A text after its length, as in the headers of Kafka's records. */
function sized(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(VARINT_BYTES_MAX);
  const end = writeVarint(length, 0, bytes.length);
  return Buffer.concat([length.subarray(0, end), bytes]);
}

function noTopic(name: string): ProtocolError {
  return new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', `There is no topic "${name}".`);
}
