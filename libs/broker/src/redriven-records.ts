/**
 * Reads dead letters, and writes their records back at the end of the topics that they come from.
 * Such a record has the header `sluice.redrive.group`, so that other queue groups pass over it.
 *
 * Overlap: calls may overlap; the caller writes one batch per group at a time.
 */
import {
  type DeadLetterPage,
  type DeadLetterRead,
  type FoundDeadLetter,
  REDRIVE_GROUP_HEADER,
  type RedrivePlan,
  type RedriveTopics,
} from '#groups';
import { type RecordBatch, RecordCursor, VarintReader } from '#log';
import { isInternalTopic, type Offset, ProtocolError, type TopicPartition } from '#protocol';
import type { FetchRequest, FetchResult, ProduceRequest, ProduceResult } from './broker.js';
import { HEADER_PREFIX } from './dead-letters.js';
import { produceOnce, RecordCopies, type SourceRecord, sourceRecord } from './record-copies.js';
import type { Topic } from './topic.js';

const READ_BYTES = 1024 * 1024;
/** Bytes that a record and its new header take beside its parts, at most. */
const OVERHEAD_BYTES = 1024;
/** Bytes that the head of a batch takes, at most. */
const BATCH_HEAD_BYTES = 1024;

interface RedrivePorts {
  readonly topic: (name: string) => Topic | undefined;
  readonly newProducer: RedriveTopics['newProducer'];
  readonly fetch: (request: FetchRequest) => Promise<FetchResult>;
  readonly produce: (topic: Topic, request: ProduceRequest) => Promise<ProduceResult>;
}

type ReadBatches = Pick<FetchResult, 'batches' | 'logStartOffset'>;

/** A dead letter: the record without the headers that name its origin, and those headers. */
interface ReadLetter {
  readonly offset: Offset;
  readonly record: SourceRecord;
  readonly origin: ReadonlyMap<string, string>;
}

export class RedrivenRecords implements RedriveTopics {
  readonly #ports: RedrivePorts;

  constructor(ports: RedrivePorts) {
    this.#ports = ports;
  }

  newProducer(): Promise<{ readonly producerId: number; readonly producerEpoch: number }> {
    return this.#ports.newProducer();
  }

  async readLetters(
    place: TopicPartition,
    { group, from, lettersMax }: DeadLetterRead,
  ): Promise<DeadLetterPage> {
    const { batches, logStartOffset } = await this.#read(place, from);
    const letters: FoundDeadLetter[] = [];
    let to = from;
    for (const letter of lettersIn(batches, Math.max(from, logStartOffset))) {
      to = letter.offset + 1;
      if (letter.origin.get('group') !== group) continue;
      letters.push(this.#found(letter));
      if (letters.length >= lettersMax) return { logStartOffset, to, letters };
    }
    return { logStartOffset, to: Math.max(to, batches.at(-1)?.nextOffset ?? from), letters };
  }

  async writeRedriven(place: TopicPartition, plan: RedrivePlan, group: string): Promise<boolean> {
    const topic = this.#ports.topic(plan.topic);
    if (topic?.id !== plan.topicId) return false;
    const copies = new RecordCopies(plan.partition);
    const { ranges, producerId, producerEpoch, sequence } = plan;
    for (let at = 0; at + 1 < ranges.length; at += 2) {
      const [first, last] = [ranges[at] as Offset, ranges[at + 1] as Offset];
      for (let offset = first; offset <= last; ) {
        const read = await this.#read(place, offset);
        const next = addLetters(copies, read, { first: offset, last }, group);
        if (next === offset) return false;
        offset = next;
      }
    }
    const producer = { producerId, producerEpoch, sequence };
    await produceOnce(this.#ports.produce, topic, { records: copies.recordSet(), producer });
    return true;
  }

  #found({ offset, record, origin }: ReadLetter): FoundDeadLetter {
    const sourceTopic = origin.get('topic') ?? '';
    const topic = isInternalTopic(sourceTopic) ? undefined : this.#ports.topic(sourceTopic);
    const partition = Number(origin.get('partition') ?? Number.NaN);
    const { key, value, headers } = record;
    const sizeBytes = (key?.length ?? 0) + (value?.length ?? 0) + headers.length + OVERHEAD_BYTES;
    const batchBytesMax = (topic?.config['max.message.bytes'] ?? 0) - BATCH_HEAD_BYTES;
    const letter = { offset, sourceTopic, sizeBytes, batchBytesMax };
    const isThere = topic !== undefined && partition >= 0 && partition < topic.partitionCount;
    // A dead letter without any part of its record was too large to be a copy, or copies are off.
    const isCopy = key !== undefined || value !== undefined || record.headerCount > 0;
    if (!isThere || !isCopy || sizeBytes > batchBytesMax) return { ...letter, target: null };
    return { ...letter, target: { topic: topic.name, topicId: topic.id, partition } };
  }

  /** Batches from an offset on, or from the start of the log where that is higher. */
  async #read({ topic, partition }: TopicPartition, offset: Offset): Promise<ReadBatches> {
    const request = { topic, partition, offset, maxBytes: READ_BYTES, minBytes: 1, waitMs: 0 };
    try {
      return await this.#ports.fetch(request);
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.code !== 'OFFSET_OUT_OF_RANGE') throw error;
      const { logStartOffset } = error.members;
      if (typeof logStartOffset !== 'number' || logStartOffset <= offset) {
        return { batches: [], logStartOffset: offset };
      }
      return this.#ports.fetch({ ...request, offset: logStartOffset });
    }
  }
}

/** Adds the dead letters of a range. @returns the offset up to which none was missing */
function addLetters(
  copies: RecordCopies,
  { batches, logStartOffset }: ReadBatches,
  { first, last }: { readonly first: Offset; readonly last: Offset },
  group: string,
): Offset {
  let next = first;
  // A batch that was deleted in part still has all of its records.
  for (const { offset, record } of lettersIn(batches, Math.max(first, logStartOffset))) {
    if (offset > last) break;
    if (offset > next) return first;
    copies.add(record, [[REDRIVE_GROUP_HEADER, group]]);
    next = offset + 1;
  }
  return next;
}

function* lettersIn(batches: readonly RecordBatch[], from: Offset): Iterable<ReadLetter> {
  for (const batch of batches) {
    if (batch.isControl) continue;
    const cursor = new RecordCursor(batch);
    while (cursor.next()) if (cursor.offset >= from) yield letterAt(cursor);
  }
}

function letterAt(cursor: RecordCursor): ReadLetter {
  const { bytes, offset, headersStart, headersEnd, headerCount } = cursor;
  const origin = new Map<string, string>();
  const kept: Buffer[] = [];
  const reader = new VarintReader(bytes, headersStart, headersEnd);
  for (let index = 0; index < headerCount; index += 1) {
    const start = reader.position;
    const name = nextText(reader, bytes);
    const value = nextText(reader, bytes);
    if (name.startsWith(HEADER_PREFIX)) origin.set(name.slice(HEADER_PREFIX.length), value);
    else if (name !== REDRIVE_GROUP_HEADER) kept.push(bytes.subarray(start, reader.position));
  }
  const headers = Buffer.concat(kept);
  const record = { ...sourceRecord(cursor), headers, headerCount: kept.length };
  return { offset, record, origin };
}

function nextText(reader: VarintReader, bytes: Buffer): string {
  const length = Math.max(0, reader.readVarint());
  const start = reader.position;
  reader.position = start + length;
  return bytes.toString('utf8', start, start + length);
}
