/**
 * Frames of a server (RFC 6455, section 5.2): never masked and never fragmented, so that a frame is
 * a head followed by the unchanged payload.
 *
 *     byte 0      0x80 FIN | 0x40 RSV1 (the message is compressed) | opcode
 *     byte 1      length of the payload; 126: bytes 2..3 have it; 127: bytes 2..9 have it
 *     then        the payload
 */

const FIN = 0x80;
const COMPRESSED = 0x40;
const OPCODE_TEXT = 0x1;
const OPCODE_PING = 0x9;
const OPCODE_PONG = 0xa;

const LENGTH_16 = 126;
const LENGTH_64 = 127;
const UINT16_MAX = 0xffff;

/** Returns the bytes of the head of a frame with a payload of this size. */
export function frameHeadBytes(payloadBytes: number): number {
  if (payloadBytes < LENGTH_16) return 2;
  return payloadBytes <= UINT16_MAX ? 4 : 10;
}

/**
 * Writes the head of a text frame.
 * @returns the position after it
 */
export function writeTextHead(
  target: Buffer,
  at: number,
  payloadBytes: number,
  isCompressed = false,
): number {
  target[at] = FIN | OPCODE_TEXT | (isCompressed ? COMPRESSED : 0);
  if (payloadBytes < LENGTH_16) {
    target[at + 1] = payloadBytes;
    return at + 2;
  }
  if (payloadBytes <= UINT16_MAX) {
    target[at + 1] = LENGTH_16;
    return target.writeUInt16BE(payloadBytes, at + 2);
  }
  target[at + 1] = LENGTH_64;
  target.writeUInt16BE(0, at + 2);
  return target.writeUIntBE(payloadBytes, at + 4, 6);
}

/** Encodes texts as text frames, one after the other in one buffer. */
export function textFrames(texts: readonly string[]): Buffer {
  let sizeBytes = 0;
  const lengths: number[] = [];
  for (const text of texts) {
    const length = Buffer.byteLength(text);
    lengths.push(length);
    sizeBytes += frameHeadBytes(length) + length;
  }
  const frames = Buffer.allocUnsafe(sizeBytes);
  let at = 0;
  for (let index = 0; index < texts.length; index += 1) {
    const text = texts[index] as string;
    const length = lengths[index] as number;
    at = writeTextHead(frames, at, length);
    // The text has as many bytes as characters, so it is ASCII and needs no encoding.
    at += frames.write(text, at, length === text.length ? 'latin1' : 'utf8');
  }
  return frames;
}

/** Bytes of a position in a ping: 2^48 bytes of one connection are never reached. */
const POSITION_BYTES = 6;

/**
 * Returns a ping with a position as its payload, which the client repeats in its pong.
 * @param position bytes that were written to the connection before
 */
export function pingFrame(position: number): Buffer {
  const frame = Buffer.allocUnsafe(2 + POSITION_BYTES);
  frame[0] = FIN | OPCODE_PING;
  frame[1] = POSITION_BYTES;
  frame.writeUIntBE(position, 2, POSITION_BYTES);
  return frame;
}

/** Returns the position of the ping that a pong answers; undefined for any other pong. */
export function pongPosition(payload: Buffer): number | undefined {
  return payload.length === POSITION_BYTES ? payload.readUIntBE(0, POSITION_BYTES) : undefined;
}

/** Returns the answer to a ping. @param payload payload of the ping: at most 125 bytes */
export function pongFrame(payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(2 + payload.length);
  frame[0] = FIN | OPCODE_PONG;
  frame[1] = payload.length;
  payload.copy(frame, 2);
  return frame;
}
