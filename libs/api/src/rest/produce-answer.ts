import type { ProducePart, ProduceResult } from '#broker';
import { FIELD_TIMESTAMP, RECORD_STRIDE, type RecordSet } from '#protocol';
import { assert, inSlices, type SlicedWork } from '#runtime';
import { problemDocument } from '../problem/problem.js';

/** Records up to this number are answered without slices. */
const RECORDS_AT_ONCE_MAX = 5000;
/** The last two digits of the offsets of a hundred. */
const LAST_DIGITS = Array.from({ length: 100 }, (_, number) => String(number).padStart(2, '0'));

/**
 * True when some of the parts ended in an error: the broker rejects a request whose parts fail
 * alike.
 */
export function isPartial(result: ProduceResult): boolean {
  return result.parts.some((part) => part.error !== undefined);
}

/**
 * Returns the answer's JSON, `{"offsets": [...]}` in the order of the records. It is concatenated
 * as text, because one object per record would cost more than the text.
 * @param instance the request's path, for the problems in it
 */
export function produceAnswer(result: ProduceResult, records: RecordSet, instance: string): string {
  const [only] = result.parts;
  if (result.parts.length === 1 && only?.indexes === undefined && only?.error === undefined) {
    assert(only !== undefined, 'a produce result has a part');
    return `{"offsets":[${consecutiveEntries(only, records)}]}\n`;
  }
  const entries = Array.from<string>({ length: records.count });
  for (const part of result.parts) {
    const to = part.indexes?.length ?? records.count;
    placeEntries(part, { records, instance, from: 0, to }, entries);
  }
  return `{"offsets":[${entries.join(',')}]}\n`;
}

/**
 * Resolves with the same text; the text of many records is built in slices.
 * @param instance the request's path, for the problems in it
 */
export function producedText(
  result: ProduceResult,
  records: RecordSet,
  instance: string,
): string | Promise<string> {
  if (records.count <= RECORDS_AT_ONCE_MAX) return produceAnswer(result, records, instance);
  const entries = Array.from<string>({ length: records.count });
  return inSlices(largeAnswer(result, records, instance, entries));
}

function* largeAnswer(
  { parts }: ProduceResult,
  records: RecordSet,
  instance: string,
  entries: string[],
): SlicedWork<string> {
  for (const part of parts) {
    const count = part.indexes?.length ?? records.count;
    for (let from = 0; from < count; from += RECORDS_AT_ONCE_MAX) {
      const to = Math.min(count, from + RECORDS_AT_ONCE_MAX);
      placeEntries(part, { records, instance, from, to }, entries);
      yield;
    }
  }
  const texts: string[] = [];
  for (let from = 0; from < entries.length; from += RECORDS_AT_ONCE_MAX) {
    texts.push(entries.slice(from, from + RECORDS_AT_ONCE_MAX).join(','));
    yield;
  }
  return `{"offsets":[${texts.join(',')}]}\n`;
}

/** Returns the timestamp that record `index` of the request has in the log. */
function storedTimestamp(part: ProducePart, records: RecordSet, index: number): number {
  if (part.logAppendTimeMs !== null) return part.logAppendTimeMs;
  const given = records.fields[index * RECORD_STRIDE + FIELD_TIMESTAMP] as number;
  return given < 0 ? part.createTimeMs : given;
}

/**
 * Handles a request to one partition: only the offsets, and perhaps the timestamps, differ. Numbers
 * are written as text only where one changes: with each hundred, and with each other timestamp.
 */
function consecutiveEntries(part: ProducePart, records: RecordSet): string {
  const { baseOffset, partition } = part;
  assert(baseOffset !== null, 'an appended part has its offsets');
  let text = '';
  /** Everything from the last digits of an offset to those of the next one. */
  let between = '';
  let hundreds = 0;
  let hundredEnd = 0;
  let timestamp = -1;
  let timestampBetween = -1;
  for (let index = 0; index < records.count; index += 1) {
    const offset = baseOffset + index;
    if (offset >= hundredEnd || timestamp !== timestampBetween) {
      hundreds = Math.floor(offset / 100);
      hundredEnd = hundreds * 100 + 100;
      timestampBetween = timestamp;
      const end = index === 0 ? '' : `,"timestamp":${timestamp}},`;
      between = `${end}{"partition":${partition},"offset":${hundreds === 0 ? '' : hundreds}`;
    }
    timestamp = storedTimestamp(part, records, index);
    text += between + (hundreds === 0 ? offset : LAST_DIGITS[offset - hundreds * 100]);
  }
  return `${text},"timestamp":${timestamp}}`;
}

/** A range of the records of a part. */
interface PartRange {
  readonly records: RecordSet;
  readonly instance: string;
  readonly from: number;
  readonly to: number;
}

function placeEntries(
  part: ProducePart,
  { records, instance, from, to }: PartRange,
  entries: string[],
): void {
  const { indexes, error, baseOffset } = part;
  const begin = `{"partition":${part.partition}`;
  if (error !== undefined) {
    const problem = JSON.stringify(problemDocument(error, instance, { isWrite: true }));
    for (let k = from; k < to; k += 1) entries[indexes?.[k] ?? k] = `${begin},"error":${problem}}`;
    return;
  }
  assert(baseOffset !== null, 'an appended part has its offsets');
  for (let k = from; k < to; k += 1) {
    const index = indexes?.[k] ?? k;
    const timestamp = storedTimestamp(part, records, index);
    entries[index] = `${begin},"offset":${baseOffset + k},"timestamp":${timestamp}}`;
  }
}
