import {
  FIELD_HEADER_COUNT,
  FIELD_HEADERS_START,
  FIELD_KEY_START,
  FIELD_VALUE_START,
  RECORD_STRIDE,
  type RecordSet,
} from '#protocol';
import { RECORD_BATCH_HEADER_BYTES } from './record-batch.js';
import { lengthSizeBytes, varlongSizeBytes } from './varint.js';

/** Exact size in bytes of a batch of this record alone, as `max.message.bytes` limits it. */
export function batchOfOneSizeBytes(records: RecordSet, index: number): number {
  const contentBytes = contentSizeBytesAt(records.fields, index * RECORD_STRIDE);
  const bodyBytes = deltasSizeBytes(0, 0) + contentBytes;
  return RECORD_BATCH_HEADER_BYTES + lengthSizeBytes(bodyBytes) + bodyBytes;
}

/** Returns the size of the parts of a record that depend on its position in its batch. */
export function deltasSizeBytes(timestampDelta: number, offsetDelta: number): number {
  return (
    (timestampDelta === 0 ? 1 : varlongSizeBytes(timestampDelta)) + lengthSizeBytes(offsetDelta)
  );
}

/**
 * Returns the size of the other parts of a record: attributes, key, value and headers; -1 for null.
 */
export function contentSizeBytes(
  keyBytes: number,
  valueBytes: number,
  headerCount: number,
  headersBytes: number,
): number {
  return (
    1 +
    (keyBytes < 0 ? 1 : lengthSizeBytes(keyBytes) + keyBytes) +
    (valueBytes < 0 ? 1 : lengthSizeBytes(valueBytes) + valueBytes) +
    (headerCount === 0 ? 1 : lengthSizeBytes(headerCount) + headersBytes)
  );
}

/** Computes `contentSizeBytes` off the hot path. */
export function contentSizeBytesAt(fields: readonly number[], first: number): number {
  const span = (startField: number) => {
    const start = fields[first + startField] as number;
    return start < 0 ? -1 : (fields[first + startField + 1] as number) - start;
  };
  return contentSizeBytes(
    span(FIELD_KEY_START),
    span(FIELD_VALUE_START),
    fields[first + FIELD_HEADER_COUNT] as number,
    span(FIELD_HEADERS_START),
  );
}
