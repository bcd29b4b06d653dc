import type { RecordSet } from '#protocol';

const FIELD_BYTES = 8;

/**
 * Returns the memory of a parsed record set without the bytes that it was parsed from: many small
 * records take more memory than their bytes.
 */
export function recordSetBytes({ decoded, fields }: RecordSet): number {
  return decoded.length + fields.length * FIELD_BYTES;
}
