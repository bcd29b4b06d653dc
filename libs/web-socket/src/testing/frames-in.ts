/** A decoded frame. */
export interface ReadFrame {
  readonly opcode: number;
  readonly isCompressed: boolean;
  readonly payload: Buffer;
}

/** Decodes the frames in the bytes by RFC 6455, section 5.2: whole, final and not masked. */
export function framesIn(bytes: Buffer): ReadFrame[] {
  const frames: ReadFrame[] = [];
  let at = 0;
  while (at < bytes.length) {
    const first = bytes.readUInt8(at);
    const second = bytes.readUInt8(at + 1);
    if ((first & 0x80) === 0) throw new Error('a frame is not final');
    if ((second & 0x80) !== 0) throw new Error('a frame of a server is masked');
    const { length, start } = lengthAt(bytes, at + 1);
    if (start + length > bytes.length) throw new Error('a frame is cut off');
    frames.push({
      opcode: first & 0x0f,
      isCompressed: (first & 0x40) !== 0,
      payload: bytes.subarray(start, start + length),
    });
    at = start + length;
  }
  return frames;
}

/** Reads a length; refuses one that is not in the shortest form. */
function lengthAt(bytes: Buffer, at: number): { readonly length: number; readonly start: number } {
  const short = bytes.readUInt8(at);
  if (short < 126) return { length: short, start: at + 1 };
  const length = short === 126 ? bytes.readUInt16BE(at + 1) : Number(bytes.readBigUInt64BE(at + 1));
  if (length < (short === 126 ? 126 : 65_536)) throw new Error('a length is written too long');
  return { length, start: at + (short === 126 ? 3 : 9) };
}
