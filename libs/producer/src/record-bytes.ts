import type { SerializedRecord } from './produce-transport.js';

/** Upper bound of what a record takes besides key, value and headers, in bytes, as in Kafka. */
const OVERHEAD_BYTES = 21;

/** Bytes that a record counts in batches and in the buffer. */
export function recordBytes({ key, value, headers }: SerializedRecord): number {
  let bytes = OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) bytes += header.key.length + (header.value?.length ?? 0);
  return bytes;
}
