import type { RecordSet } from '#protocol';

const FIELD_BYTES = 8;

/**
 * Memory of a parsed record set beside the bytes that it was parsed from: many small records take
 * more of it than their bytes.
 */
export function recordSetBytes({ decoded, fields }: RecordSet): number {
  return decoded.length + fields.length * FIELD_BYTES;
}
