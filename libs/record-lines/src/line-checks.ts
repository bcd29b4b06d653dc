import { deliverAtFault, type TopicLimits, timestampFault, timestampRange } from '#broker';
import { batchOfOneSizeBytes } from '#log';
import {
  FIELD_KEY_START,
  FIELD_PARTITION,
  FIELD_TIMESTAMP,
  ProtocolError,
  RECORD_STRIDE,
  type RecordDelay,
  type RecordSet,
} from '#protocol';
import { placeOf, type RecordPlaces } from '#record-json';

/** Records with the line number of each. */
export interface NumberedRecords {
  readonly records: RecordSet;
  readonly lines: readonly number[];
}

/** The destination of the records of a stream. */
export interface LineTarget {
  readonly topic: string;
  /** The value of `?partition=`, which applies to every line. */
  readonly partition: number | undefined;
  /** Undefined if the topic does not exist yet. */
  readonly limits: TopicLimits | undefined;
  /** Locations of the members of a record in its line, or in the query. */
  readonly places: RecordPlaces;
  /** Time of arrival, wall clock in ms; timestamps are compared with it. */
  readonly receivedMs: number;
}

/**
 * Removes the records that the broker would refuse, and records the error of each line.
 *
 * The broker refuses a whole request if one of its records is refused; lines are independent, so
 * their records are checked before they are sent together.
 */
export function checkLines(
  taken: NumberedRecords,
  target: LineTarget,
  faults: Map<number, ProtocolError>,
): NumberedRecords {
  const { records, lines } = taken;
  const refused = new Set<number>();
  // No single record has more bytes than all of them together.
  const areSmall = records.source.length + records.decoded.length < smallBytes(target.limits);
  for (let index = 0; index < records.count; index += 1) {
    const fault = faultOf(records, index, target, areSmall);
    if (fault === undefined) continue;
    faults.set(lines[index] as number, fault);
    refused.add(index);
  }
  if (refused.size === 0 && target.partition === undefined) return taken;
  return without(taken, refused, target.partition);
}

/** A batch of one record has fewer bytes than this beside the content of the record. */
const BATCH_OVERHEAD_BYTES_MAX = 100;

/** Returns the size below which content always fits into a batch of its own. */
function smallBytes(limits: TopicLimits | undefined): number {
  if (limits === undefined) return Number.POSITIVE_INFINITY;
  return limits.maxMessageBytes - BATCH_OVERHEAD_BYTES_MAX;
}

function faultOf(
  records: RecordSet,
  index: number,
  target: LineTarget,
  isSmall: boolean,
): ProtocolError | undefined {
  const at = index * RECORD_STRIDE;
  const own = records.fields[at + FIELD_PARTITION] as number;
  const { limits, partition } = target;
  if (own >= 0 && partition !== undefined && own !== partition) {
    const detail = `is ${own}, but ?partition= is ${partition}`;
    return new ProtocolError('INVALID_REQUEST', `The partition of the record ${detail}.`, {
      faults: [{ pointer: '/partition', detail }],
    });
  }
  if (limits === undefined) return undefined;
  const asked = partition ?? own;
  if (asked >= limits.partitions) return unknownPartition(asked, target, limits.partitions);
  if (limits.compacted && (records.fields[at + FIELD_KEY_START] as number) < 0) {
    const detail = 'a record of a compacted topic must have a key';
    return new ProtocolError('INVALID_RECORD', 'A record of a compacted topic must have a key.', {
      faults: [{ pointer: placeOf(target.places, 0, '/key'), detail }],
    });
  }
  const timestamp = records.fields[at + FIELD_TIMESTAMP] as number;
  if (timestamp !== -1) {
    const fault = timestampFault(timestamp, timestampRange(limits, target.receivedMs));
    if (fault !== undefined) return invalidTimestamp('/timestamp', fault);
  }
  const delay = records.delays?.get(index);
  if (delay !== undefined) {
    const fault = deliverAtFault(delay.deliverAtMs, timestampRange(limits, target.receivedMs));
    if (fault !== undefined) return invalidTimestamp(delay.member, fault);
  }
  if (isSmall) return undefined;
  const sizeBytes = batchOfOneSizeBytes(records, index);
  return sizeBytes > limits.maxMessageBytes
    ? recordTooLarge(sizeBytes, limits.maxMessageBytes)
    : undefined;
}

function unknownPartition(
  partition: number,
  { topic, places }: LineTarget,
  partitions: number,
): ProtocolError {
  const detail = `is ${partition}, but ${topic} has the partitions 0 to ${partitions - 1}`;
  return new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', `The partition of the record ${detail}.`, {
    faults: [{ pointer: placeOf(places, 0, '/partition'), detail }],
  });
}

function invalidTimestamp(pointer: string, detail: string): ProtocolError {
  return new ProtocolError('INVALID_TIMESTAMP', `The record is refused: ${detail}.`, {
    faults: [{ pointer, detail }],
  });
}

function recordTooLarge(sizeBytes: number, maxBytes: number): ProtocolError {
  const detail = `has ${sizeBytes} bytes as a batch of its own; max.message.bytes is ${maxBytes}`;
  return new ProtocolError('MESSAGE_TOO_LARGE', `The record ${detail}.`, {
    faults: [{ pointer: '', detail }],
  });
}

/** Returns the records without some of them, the others with the partition of the query. */
function without(
  { records, lines }: NumberedRecords,
  refused: ReadonlySet<number>,
  partition: number | undefined,
): NumberedRecords {
  const fields: number[] = [];
  const kept: number[] = [];
  const delays = new Map<number, RecordDelay>();
  for (let index = 0; index < records.count; index += 1) {
    if (refused.has(index)) continue;
    const from = index * RECORD_STRIDE;
    const to = kept.length * RECORD_STRIDE;
    for (let field = 0; field < RECORD_STRIDE; field += 1) {
      fields[to + field] = records.fields[from + field] as number;
    }
    if (partition !== undefined) fields[to + FIELD_PARTITION] = partition;
    const delay = records.delays?.get(index);
    if (delay !== undefined) delays.set(kept.length, delay);
    kept.push(lines[index] as number);
  }
  return { records: { ...records, count: kept.length, fields, delays }, lines: kept };
}
