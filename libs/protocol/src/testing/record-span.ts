import { RECORD_STRIDE, type RecordSet } from '../record-set.js';

/** The bytes of one span of a record set; undefined for null. */
export function recordSpan(
  set: RecordSet,
  index: number,
  startField: number,
): Uint8Array | undefined {
  const firstField = index * RECORD_STRIDE + startField;
  const start = set.fields[firstField] as number;
  const end = set.fields[firstField + 1] as number;
  if (start < 0) return undefined;
  const sourceLength = set.source.length;
  return start >= sourceLength && set.decoded.length > 0
    ? set.decoded.subarray(start - sourceLength, end - sourceLength)
    : set.source.subarray(start, end);
}
