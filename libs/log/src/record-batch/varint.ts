/**
 * Kafka's variable-length integers: zigzag, then base 128, least significant group first, the high
 * bit of a byte says that another follows. A varint (int32) has at most 5 bytes, a varlong (int64)
 * 10.
 *
 * Varlongs are JavaScript numbers here: the ones Kafka writes (timestamp deltas) fit. Beyond 2^48
 * the arithmetic goes through BigInt, and a value that is not a safe integer is refused when read.
 */
import { ProtocolError } from '#protocol';

/**
 * Varlongs whose zigzag form is below this have at most 7 bytes and are computed in doubles,
 * exactly.
 */
const ZIGZAG_DOUBLE_LIMIT = 2 ** 49;
const INT32_LIMIT = 2 ** 31;

/** Bytes that `writeVarint` writes. @param value an int32 */
export function varintSizeBytes(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  return zigzag < 0x4000 ? 2 : longVarintSizeBytes(zigzag);
}

/** Works like `varintSizeBytes`, for a length or a count: 0 or more. */
export function lengthSizeBytes(value: number): number {
  if (value < 0x40) return 1;
  return value < 0x2000 ? 2 : varintSizeBytes(value);
}

/** Bytes that `writeVarlong` writes. @param value a safe integer */
export function varlongSizeBytes(value: number): number {
  if (value < INT32_LIMIT && value >= -INT32_LIMIT) return varintSizeBytes(value);
  let limit = 2 ** 35;
  let size = 5;
  // 2 * |value| may round up to the next even double only above 2^53, far from the next limit.
  const zigzag = value < 0 ? -value * 2 - 1 : value * 2;
  while (zigzag >= limit) {
    limit *= 0x80;
    size += 1;
  }
  return size;
}

/**
 * Writes a varint. One and two bytes, the usual sizes of lengths and counts, are separate so that
 * the rest of the function stays small enough to be inlined into the encoder.
 *
 * @param value an int32
 * @returns the position after the written bytes
 */
export function writeVarint(target: Uint8Array, position: number, value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) {
    target[position] = zigzag;
    return position + 1;
  }
  if (zigzag < 0x4000) {
    target[position] = zigzag | 0x80;
    target[position + 1] = zigzag >>> 7;
    return position + 2;
  }
  return writeLongVarint(target, position, zigzag);
}

/** Works like `writeVarint`, for a length or a count: 0 or more. */
export function writeLength(target: Uint8Array, position: number, value: number): number {
  if (value < 0x40) {
    target[position] = value << 1;
    return position + 1;
  }
  if (value < 0x2000) {
    target[position] = (value << 1) | 0x80;
    target[position + 1] = value >> 6;
    return position + 2;
  }
  return writeVarint(target, position, value);
}

/**
 * @param value a safe integer
 * @returns the position after the written bytes
 */
export function writeVarlong(target: Uint8Array, position: number, value: number): number {
  return value < INT32_LIMIT && value >= -INT32_LIMIT
    ? writeVarint(target, position, value)
    : writeVarlong64(target, position, BigInt(value));
}

/**
 * @param value an int64
 * @returns the position after the written bytes
 */
export function writeVarlong64(target: Uint8Array, position: number, value: bigint): number {
  let index = position;
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  while (rest >= 0x80n) {
    target[index] = Number(rest & 0x7fn) | 0x80;
    index += 1;
    rest >>= 7n;
  }
  target[index] = Number(rest);
  index += 1;
  return index;
}

/**
 * Reads consecutive varints from `bytes[position, end)`; `position` moves past each. Every read
 * throws ProtocolError CORRUPT_MESSAGE when the range ends within it or it is too long.
 */
export class VarintReader {
  constructor(
    readonly bytes: Uint8Array,
    public position: number,
    public end: number,
  ) {}

  /** @returns an int32 */
  readVarint(): number {
    const { bytes, position, end } = this;
    if (position < end) {
      const first = bytes[position] as number;
      if (first < 0x80) {
        this.position = position + 1;
        return (first >>> 1) ^ -(first & 1);
      }
      if (position + 1 < end) {
        const second = bytes[position + 1] as number;
        if (second < 0x80) {
          this.position = position + 2;
          return ((second << 6) | ((first & 0x7f) >>> 1)) ^ -(first & 1);
        }
      }
    }
    return this.#readLongVarint();
  }

  /** @returns a safe integer; a larger value is refused as damage */
  readVarlong(): number {
    const first = this.position < this.end ? (this.bytes[this.position] as number) : 0x80;
    if (first >= 0x80) return this.#readLongVarlong();
    this.position += 1;
    return (first >>> 1) ^ -(first & 1);
  }

  /** @returns an int64 */
  readVarlong64(): bigint {
    let position = this.position;
    let zigzag = 0n;
    for (let shift = 0n; position < this.end; shift += 7n) {
      const byte = this.bytes[position] as number;
      position += 1;
      if (shift === 63n && byte > 1) break;
      zigzag |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.position = position;
        return (zigzag >> 1n) ^ -(zigzag & 1n);
      }
    }
    throw malformed('varlong', this.position);
  }

  #readLongVarint(): number {
    let zigzag = 0;
    let position = this.position;
    for (let shift = 0; position < this.end; shift += 7) {
      const byte = this.bytes[position] as number;
      position += 1;
      if (shift === 28 && byte > 0x0f) break;
      zigzag |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.position = position;
        return (zigzag >>> 1) ^ -(zigzag & 1);
      }
    }
    throw malformed('varint', this.position);
  }

  #readLongVarlong(): number {
    let position = this.position;
    let zigzag = 0;
    for (let unit = 1; position < this.end && unit < ZIGZAG_DOUBLE_LIMIT; unit *= 0x80) {
      const byte = this.bytes[position] as number;
      position += 1;
      zigzag += (byte & 0x7f) * unit;
      if (byte < 0x80) {
        this.position = position;
        return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
      }
    }
    const start = this.position;
    const value = Number(this.readVarlong64());
    if (!Number.isSafeInteger(value)) throw malformed('varlong', start);
    return value;
  }
}

function longVarintSizeBytes(zigzag: number): number {
  if (zigzag < 0x20_0000) return 3;
  return zigzag < 0x1000_0000 ? 4 : 5;
}

function writeLongVarint(target: Uint8Array, position: number, zigzag: number): number {
  let index = position;
  let rest = zigzag;
  while (rest >= 0x80) {
    target[index] = rest | 0x80;
    index += 1;
    rest >>>= 7;
  }
  target[index] = rest;
  index += 1;
  return index;
}

function malformed(what: string, position: number): ProtocolError {
  return new ProtocolError('CORRUPT_MESSAGE', `A malformed ${what} at byte ${position}.`);
}
