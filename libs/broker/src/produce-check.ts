/**
 * Checks a produce request before any of it is written, and assigns its records to partitions. This
 * code runs for every record: plain loops over numbers, and no object per record.
 */
import { batchOfOneSizeBytes } from '#log';
import { partitionForKey } from '#producer';
import {
  type ErrorCode,
  FaultList,
  FIELD_HEADERS_END,
  FIELD_HEADERS_START,
  FIELD_KEY_END,
  FIELD_KEY_START,
  FIELD_PARTITION,
  FIELD_TIMESTAMP,
  FIELD_VALUE_END,
  FIELD_VALUE_START,
  ProtocolError,
  RECORD_STRIDE,
  type RecordSet,
} from '#protocol';
import type { ProduceRequest, TopicLimits } from './broker.js';
import type { PartitionRecords } from './pending-produce.js';
import {
  deliverAtFault,
  type TimestampRange,
  timestampFault,
  timestampRange,
} from './timestamp-range.js';
import type { Topic } from './topic.js';

/** More than a batch and a record need besides keys, values and headers. */
const BATCH_OF_ONE_OVERHEAD_BYTES_MAX = 100;
const INT16_MAX = 2 ** 15 - 1;
const INT32_MAX = 2 ** 31 - 1;

/**
 * Checks all records and the producer's part of a request.
 * @param nowMs wall clock: what timestamps are compared with where the request does not say when
 *   it came
 * @throws ProtocolError with the code of the first fault and the first ones by pointer:
 *   UNKNOWN_TOPIC_OR_PARTITION, MESSAGE_TOO_LARGE, INVALID_RECORD, INVALID_TIMESTAMP,
 *   INVALID_REQUEST
 */
export function checkProduce(request: ProduceRequest, limits: TopicLimits, nowMs: number): void {
  const { records } = request;
  if (records.count === 0) {
    throw new ProtocolError('INVALID_REQUEST', 'There are no records to produce.');
  }
  const bounds = { limits, timestamps: timestampRange(limits, request.receivedMs ?? nowMs) };
  for (let index = 0; index < records.count; index += 1) {
    if (faultOf(records, index, bounds) === undefined) continue;
    throw errorOf(request, index, bounds);
  }
  if (request.producer !== undefined) checkProducer(request.producer, records);
}

/**
 * Assigns records to partitions: to the one that a record names, else by its key, else as the
 * request's partitioner says. Counts the records as produced there.
 */
export function assignPartitions(topic: Topic, request: ProduceRequest): PartitionRecords[] {
  const { records } = request;
  const first = partitionOf(topic, request, 0);
  let sizeBytes = records.source.length + records.decoded.length;
  for (let index = 1; index < records.count; index += 1) {
    const partition = partitionOf(topic, request, index);
    if (partition !== first) return spread(topic, request, index, first, partition);
  }
  // One record may be a small part of the bytes that contain it.
  if (records.count === 1) sizeBytes = Math.min(sizeBytes, contentBytes(records.fields, 0));
  return [{ partition: first, indexes: undefined, sizeBytes }];
}

/** Bytes of memory that the records take until they are written. */
export function memoryBytes(records: RecordSet): number {
  return records.source.length + records.decoded.length + records.fields.length * 8;
}

/**
 * The rest of `assignPartitions`, from the first record on that goes elsewhere than those before.
 */
function spread(
  topic: Topic,
  request: ProduceRequest,
  changedAt: number,
  first: number,
  changedTo: number,
): PartitionRecords[] {
  const { fields, count } = request.records;
  const parts = new Map<number, { partition: number; indexes: number[]; sizeBytes: number }>();
  for (let index = 0; index < count; index += 1) {
    let partition = first;
    if (index === changedAt) partition = changedTo;
    else if (index > changedAt) partition = partitionOf(topic, request, index);
    let part = parts.get(partition);
    if (part === undefined) {
      part = { partition, indexes: [], sizeBytes: 0 };
      parts.set(partition, part);
    }
    part.indexes.push(index);
    part.sizeBytes += contentBytes(fields, index * RECORD_STRIDE);
  }
  return [...parts.values()];
}

function partitionOf(topic: Topic, request: ProduceRequest, index: number): number {
  const { records } = request;
  const { fields } = records;
  const firstField = index * RECORD_STRIDE;
  const givenPartition = fields[firstField + FIELD_PARTITION] as number;
  if (givenPartition >= 0) return givenPartition;
  const count = topic.partitionCount;
  const keyStart = fields[firstField + FIELD_KEY_START] as number;
  if (keyStart < 0) {
    return request.partitioner === 'sticky'
      ? topic.sticky.next(count, contentBytes(fields, firstField))
      : topic.roundRobin.next(count);
  }
  if (count === 1) return 0;
  const keyEnd = fields[firstField + FIELD_KEY_END] as number;
  const sourceLength = records.source.length;
  // An empty key at the very end of the source has the same hash at any position.
  return keyStart < sourceLength || records.decoded.length === 0
    ? partitionForKey(records.source, count, keyStart, keyEnd)
    : partitionForKey(records.decoded, count, keyStart - sourceLength, keyEnd - sourceLength);
}

/** The limits that records are checked against. */
interface RecordBounds {
  readonly limits: TopicLimits;
  readonly timestamps: TimestampRange;
}

interface RecordFault {
  readonly code: ErrorCode;
  readonly member: string;
  readonly detail: string;
  /** True when an earlier attempt with the same record may have been accepted. */
  readonly isAged?: boolean;
}

/** The fault of a record, or undefined. Allocates an object only for a fault. */
function faultOf(
  records: RecordSet,
  index: number,
  { limits, timestamps }: RecordBounds,
): RecordFault | undefined {
  const { fields } = records;
  const firstField = index * RECORD_STRIDE;
  const partition = fields[firstField + FIELD_PARTITION] as number;
  if (partition >= limits.partitions || partition < -1) {
    return {
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      member: '/partition',
      detail: `there is no partition ${partition}, the topic has ${limits.partitions}`,
    };
  }
  if (limits.compacted && (fields[firstField + FIELD_KEY_START] as number) < 0) {
    const detail = 'a record of a compacted topic must have a key';
    return { code: 'INVALID_RECORD', member: '/key', detail };
  }
  const timestamp = fields[firstField + FIELD_TIMESTAMP] as number;
  if (timestamp < -1 || !Number.isSafeInteger(timestamp)) {
    const detail = `a timestamp is in whole milliseconds since 1970, not ${timestamp}`;
    return { code: 'INVALID_TIMESTAMP', member: '/timestamp', detail };
  }
  if (timestamp !== -1 && (timestamp < timestamps.min || timestamp > timestamps.max)) {
    const detail = timestampFault(timestamp, timestamps) ?? '';
    const isAged = timestamp < timestamps.min;
    return { code: 'INVALID_TIMESTAMP', member: '/timestamp', detail, isAged };
  }
  const delay = records.delays?.get(index);
  if (delay !== undefined && delay.deliverAtMs > timestamps.deliverAtMax) {
    const detail = deliverAtFault(delay.deliverAtMs, timestamps) ?? '';
    return { code: 'INVALID_TIMESTAMP', member: delay.member, detail };
  }
  const { maxMessageBytes } = limits;
  if (contentBytes(fields, firstField) + BATCH_OF_ONE_OVERHEAD_BYTES_MAX > maxMessageBytes) {
    const sizeBytes = batchOfOneSizeBytes(records, index);
    if (sizeBytes > maxMessageBytes) {
      const detail =
        `the record takes ${sizeBytes} bytes as a batch of its own, ` +
        `the topic's max.message.bytes is ${maxMessageBytes}`;
      return { code: 'MESSAGE_TOO_LARGE', member: '', detail };
    }
  }
  return undefined;
}

/**
 * The error of a request whose first faulty record is at `firstAt`. A retry of a producer's batch
 * that only the passing of time made too old may be in the log since its first attempt.
 */
function errorOf(request: ProduceRequest, firstAt: number, bounds: RecordBounds): ProtocolError {
  const { topic, records, producer } = request;
  let first: RecordFault | undefined;
  const faults = new FaultList();
  for (let index = firstAt; index < records.count; index += 1) {
    const fault = faultOf(records, index, bounds);
    if (fault === undefined) continue;
    first ??= fault;
    if (faults.isFull) faults.countOne();
    else faults.add(`/records/${index}${fault.member}`, fault.detail);
  }
  const isRetry = producer !== undefined && first?.isAged === true;
  const written = isRetry ? 'This try wrote nothing' : 'Nothing was written';
  const detail = `${written} to topic "${topic}": ${faults.sentence}.`;
  return new ProtocolError(first?.code ?? 'INVALID_RECORD', detail, {
    ...faults.asOptions,
    outcome: isRetry ? 'unknown' : 'failed',
  });
}

function checkProducer(
  producer: NonNullable<ProduceRequest['producer']>,
  records: RecordSet,
): void {
  const { producerId, producerEpoch, sequence } = producer;
  if (
    !isWhole(producerId, Number.MAX_SAFE_INTEGER) ||
    !isWhole(producerEpoch, INT16_MAX) ||
    !isWhole(sequence, INT32_MAX)
  ) {
    throw new ProtocolError(
      'INVALID_REQUEST',
      `A producer has a whole id, an epoch from 0 to ${INT16_MAX} and a sequence from 0 to ` +
        `${INT32_MAX}; not ${producerId}, ${producerEpoch} and ${sequence}.`,
    );
  }
  const first = records.fields[FIELD_PARTITION] as number;
  for (let index = 0; index < records.count; index += 1) {
    const partition = records.fields[index * RECORD_STRIDE + FIELD_PARTITION] as number;
    if (partition >= 0 && partition === first) continue;
    const detail = 'the records of a request with a producer id name one and the same partition';
    throw new ProtocolError('INVALID_REQUEST', `Nothing was written: ${detail}.`, {
      faults: [{ pointer: `/records/${index}/partition`, detail }],
    });
  }
}

/** Bytes of a record's key, value and headers. */
function contentBytes(fields: readonly number[], firstField: number): number {
  return (
    (fields[firstField + FIELD_KEY_END] as number) -
    (fields[firstField + FIELD_KEY_START] as number) +
    (fields[firstField + FIELD_VALUE_END] as number) -
    (fields[firstField + FIELD_VALUE_START] as number) +
    (fields[firstField + FIELD_HEADERS_END] as number) -
    (fields[firstField + FIELD_HEADERS_START] as number)
  );
}

function isWhole(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= max;
}
