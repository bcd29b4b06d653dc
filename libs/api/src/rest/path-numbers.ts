import { ProtocolError } from '#protocol';
import { INT32_MAX } from '../schema/values.js';

const PARTITION_NUMBER = /^(0|[1-9]\d{0,9})$/;
const OFFSET_NUMBER = /^(0|[1-9]\d{0,15})$/;

/**
 * Parses the partition in a segment of a path; `01`, `1e1` and `0x1` are none.
 * @throws ProtocolError INVALID_REQUEST
 */
export function partitionNumber(text: string): number {
  const partition = PARTITION_NUMBER.test(text) ? Number(text) : Number.NaN;
  if (partition <= INT32_MAX) return partition;
  throw new ProtocolError(
    'INVALID_REQUEST',
    `The partition in the path is ${JSON.stringify(text)}; accepted: a whole number from 0 to ` +
      `${INT32_MAX}.`,
  );
}

/**
 * Parses the offset in a segment of a path.
 * @throws ProtocolError INVALID_REQUEST
 */
export function offsetNumber(text: string): number {
  const offset = OFFSET_NUMBER.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(offset)) return offset;
  throw new ProtocolError(
    'INVALID_REQUEST',
    `The offset in the path is ${JSON.stringify(text)}; accepted: a whole number from 0 to ` +
      `${Number.MAX_SAFE_INTEGER}.`,
  );
}
