/**
 * Writes the dead letters of queue groups to their topics (KIP-1191): copies of the records with
 * headers that say where they come from.
 *
 * Overlap: calls may overlap; the caller writes one batch per producer at a time.
 */
import type { DeadLetterBatch, DeadLetterTarget, DeadLetterTopics } from '#groups';
import { type RecordBatch, RecordCursor } from '#log';
import { type Offset, ProtocolError } from '#protocol';
import type { FetchRequest, FetchResult, ProduceRequest, ProduceResult } from './broker.js';
import {
  NO_RECORD,
  produceOnce,
  RecordCopies,
  type SourceRecord,
  sourceRecord,
} from './record-copies.js';
import type { Topic } from './topic.js';

/** Prefix of the headers of a dead letter, as KIP-1191 has it. */
export const HEADER_PREFIX = '__dlq.errors.';
/** Config that an existing topic needs, so that a slip does not fill a business topic. */
const ENABLE_CONFIG = 'errors.deadletterqueue.group.enable';
const READ_BYTES = 1024 * 1024;
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
    const builder = new RecordCopies(plan.partition);
    // All dead letters of a plan are one batch: together they may be too large to be copies.
    const leftBytes = { value: copyBytesMax };
    for (const letter of letters) {
      const found = isCopied ? await this.#recordAt(batch, letter.offset) : undefined;
      builder.add(fitting(found ?? NO_RECORD, leftBytes), headersOf(batch, letter));
    }
    const { producerId, producerEpoch, sequence } = plan;
    const producer = { producerId, producerEpoch, sequence };
    await produceOnce(this.#ports.produce, topic, { records: builder.recordSet(), producer });
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
  while (cursor.next()) if (cursor.offset === offset) return sourceRecord(cursor);
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
  const headers = [
    ['topic', topic],
    ['partition', String(partition)],
    ['offset', String(offset)],
    ['group', group],
    ['delivery.count', String(deliveryCount)],
    ['message', reason],
  ] as const;
  return headers.map(([name, value]) => [HEADER_PREFIX + name, value]);
}

function noTopic(name: string): ProtocolError {
  return new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', `There is no topic "${name}".`);
}
