import { type TopicLimits, timestampFault, timestampRange } from '#broker';
import { batchOfOneSizeBytes } from '#log';
import {
  FIELD_KEY_START,
  FIELD_PARTITION,
  FIELD_TIMESTAMP,
  ProtocolError,
  RECORD_STRIDE,
  type RecordSet,
} from '#protocol';
import { placeOf, type RecordPlaces } from '#record-json';

/** Records with the number of each one's line. */
export interface NumberedRecords {
  readonly records: RecordSet;
  readonly lines: readonly number[];
}

/** Where the records of a stream are to go. */
export interface LineTarget {
  readonly topic: string;
  /** Of `?partition=`: that of every line. */
  readonly partition: number | undefined;
  /** Undefined: the topic is yet to be made. */
  readonly limits: TopicLimits | undefined;
  /** Where a line, or the query, has the members of its record. */
  readonly places: RecordPlaces;
  /** When the lines came, wall clock in ms: what timestamps are compared with. */
  readonly receivedMs: number;
}

/**
 * Takes out the records that the broker would refuse, and notes why by their lines.
 *
 * The broker refuses a request as a whole when one record of it cannot be taken; lines stand each
 * for itself, so their records are looked at before they go there together.
 */
export function checkLines(
  taken: NumberedRecords,
  target: LineTarget,
  faults: Map<number, ProtocolError>,
): NumberedRecords {
  const { records, lines } = taken;
  const refused = new Set<number>();
  // No record takes more bytes than all of them have.
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

/** Content of fewer bytes than this fits into a batch of its own for certain. */
function smallBytes(limits: TopicLimits | undefined): number {
  return limits === undefined ? Number.POSITIVE_INFINITY : limits.maxMessageBytes - 100;
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
    const detail = 'a record of a compacted topic has a key';
    return new ProtocolError('INVALID_RECORD', 'A record of a compacted topic has a key.', {
      faults: [{ pointer: placeOf(target.places, 0, '/key'), detail }],
    });
  }
  const timestamp = records.fields[at + FIELD_TIMESTAMP] as number;
  if (timestamp !== -1) {
    const fault = timestampFault(timestamp, timestampRange(limits, target.receivedMs));
    if (fault !== undefined) return invalidTimestamp(fault);
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

function invalidTimestamp(detail: string): ProtocolError {
  return new ProtocolError('INVALID_TIMESTAMP', `The record is not taken: ${detail}.`, {
    faults: [{ pointer: '/timestamp', detail }],
  });
}

function recordTooLarge(sizeBytes: number, maxBytes: number): ProtocolError {
  const detail = `takes ${sizeBytes} bytes as a batch of its own; max.message.bytes is ${maxBytes}`;
  return new ProtocolError('MESSAGE_TOO_LARGE', `The record ${detail}.`, {
    faults: [{ pointer: '', detail }],
  });
}

/** Without some of the records, each of the others with the partition of the query. */
function without(
  { records, lines }: NumberedRecords,
  refused: ReadonlySet<number>,
  partition: number | undefined,
): NumberedRecords {
  const fields: number[] = [];
  const kept: number[] = [];
  for (let index = 0; index < records.count; index += 1) {
    if (refused.has(index)) continue;
    const from = index * RECORD_STRIDE;
    const to = kept.length * RECORD_STRIDE;
    for (let field = 0; field < RECORD_STRIDE; field += 1) {
      fields[to + field] = records.fields[from + field] as number;
    }
    if (partition !== undefined) fields[to + FIELD_PARTITION] = partition;
    kept.push(lines[index] as number);
  }
  return { records: { ...records, count: kept.length, fields }, lines: kept };
}
