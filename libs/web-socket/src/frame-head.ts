/**
 * The head of a client's frame (RFC 6455, section 5.2): the parts that are needed to find the ends
 * of messages.
 *
 *     byte 0      0x80 FIN | 0x40 RSV1 (compressed, first frame only) | 0x30 reserved | opcode
 *     byte 1      0x80 MASK | length of the payload; 126: 2 bytes follow with it; 127: 8 bytes do
 *     then        the mask, 4 bytes, and the payload
 */

import { MASK_BYTES } from './unmask.js';

const FIN = 0x80;
const COMPRESSED = 0x40;
const RESERVED = 0x30;
const MASKED = 0x80;
const OPCODE = 0x0f;
const OPCODE_CONTINUATION = 0x0;
const OPCODE_BINARY = 0x2;
const OPCODE_CLOSE = 0x8;
const OPCODE_PONG = 0xa;
const CONTROL = 0x8;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const CONTROL_PAYLOAD_BYTES_MAX = 125;
/** Above this, the upper half of a 64-bit length makes it larger than a safe integer. */
const UPPER_LENGTH_MAX = 2 ** 21 - 1;

/** Bytes of a head that determine its size. */
export const HEAD_BYTES_MIN = 2;
/** Bytes of the largest control frame; no other head is larger. */
export const HEAD_BYTES_MAX = HEAD_BYTES_MIN + MASK_BYTES + CONTROL_PAYLOAD_BYTES_MAX;

/** Returns the bytes of the head at `at`, whose first two bytes are present. */
export function headBytes(bytes: Buffer, at: number): number {
  const length = (bytes[at + 1] as number) & 0x7f;
  const lengthBytes = length === LENGTH_16 ? 2 : length === LENGTH_64 ? 8 : 0;
  return HEAD_BYTES_MIN + lengthBytes + MASK_BYTES;
}

/** Returns the bytes of the payload; Infinity if the head gives more than a number can hold. */
export function payloadBytes(bytes: Buffer, at: number): number {
  const length = (bytes[at + 1] as number) & 0x7f;
  if (length === LENGTH_16) return bytes.readUInt16BE(at + 2);
  if (length !== LENGTH_64) return length;
  const upper = bytes.readUInt32BE(at + 2);
  if (upper > UPPER_LENGTH_MAX) return Number.POSITIVE_INFINITY;
  return upper * 2 ** 32 + bytes.readUInt32BE(at + 6);
}

export function isControl(bytes: Buffer, at: number): boolean {
  return ((bytes[at] as number) & CONTROL) !== 0;
}

export function isClose(bytes: Buffer, at: number): boolean {
  return ((bytes[at] as number) & OPCODE) === OPCODE_CLOSE;
}

/** True when the frame is the last one of its message. */
export function isFinal(bytes: Buffer, at: number): boolean {
  return ((bytes[at] as number) & FIN) !== 0;
}

/** True when the frame begins a message that is compressed. */
export function isCompressed(bytes: Buffer, at: number): boolean {
  return ((bytes[at] as number) & COMPRESSED) !== 0;
}

/**
 * True when a frame with this head is valid now.
 * @param isWithinMessage true if an earlier frame began a message that has not ended
 * @param mayCompress true if permessage-deflate was negotiated
 */
export function isAcceptedHead(
  bytes: Buffer,
  at: number,
  isWithinMessage: boolean,
  mayCompress: boolean,
): boolean {
  const first = bytes[at] as number;
  const opcode = first & OPCODE;
  if ((first & RESERVED) !== 0 || ((bytes[at + 1] as number) & MASKED) === 0) return false;
  if ((opcode & CONTROL) !== 0) {
    const length = (bytes[at + 1] as number) & 0x7f;
    const hasForm = (first & FIN) !== 0 && (first & COMPRESSED) === 0;
    return hasForm && opcode <= OPCODE_PONG && length <= CONTROL_PAYLOAD_BYTES_MAX;
  }
  if ((first & COMPRESSED) !== 0 && (!mayCompress || isWithinMessage)) return false;
  return isWithinMessage
    ? opcode === OPCODE_CONTINUATION
    : opcode !== OPCODE_CONTINUATION && opcode <= OPCODE_BINARY;
}
