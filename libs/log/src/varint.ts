/**
 * Kafka's variable-length integers: zigzag, then base 128, least significant group first, the high bit
 * of a byte says that another follows. A varint (int32) has at most 5 bytes, a varlong (int64) 10.
 *
 * Varlongs are JavaScript numbers here: the ones Kafka writes (timestamp deltas) fit. Beyond 2^48 the
 * arithmetic goes through BigInt, and a value that is no safe integer is refused when read.
 */
import { ProtocolError } from '#protocol';

/** Varlongs whose zigzag form is below this have 7 bytes at most and are done in doubles, exactly. */
const ZIGZAG_DOUBLE_LIMIT = 2 ** 49;
const INT32_LIMIT = 2 ** 31;

/** Bytes that `writeVarint` writes. @param value an int32 */
export function varintSizeBytes(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x20_0000) return 3;
  return zigzag < 0x1000_0000 ? 4 : 5;
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
 * @param value an int32
 * @returns the position after what was written
 */
export function writeVarint(target: Uint8Array, position: number, value: number): number {
  let at = position;
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  while (rest >= 0x80) {
    target[at++] = rest | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

/**
 * @param value a safe integer
 * @returns the position after what was written
 */
export function writeVarlong(target: Uint8Array, position: number, value: number): number {
  return value < INT32_LIMIT && value >= -INT32_LIMIT
    ? writeVarint(target, position, value)
    : writeVarlong64(target, position, BigInt(value));
}

/**
 * @param value an int64
 * @returns the position after what was written
 */
export function writeVarlong64(target: Uint8Array, position: number, value: bigint): number {
  let at = position;
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  while (rest >= 0x80n) {
    target[at++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  target[at++] = Number(rest);
  return at;
}

/**
 * Reads varints one after the other from `bytes[position, end)`; `position` moves behind each.
 * Every read throws ProtocolError CORRUPT_MESSAGE when the range ends within it or it is too long.
 */
export class VarintReader {
  constructor(
    readonly bytes: Uint8Array,
    public position: number,
    public end: number,
  ) {}

  /** @returns an int32 */
  readVarint(): number {
    const { bytes, end } = this;
    let at = this.position;
    let zigzag = 0;
    for (let shift = 0; at < end; shift += 7) {
      const byte = bytes[at++] as number;
      if (shift === 28 && byte > 0x0f) break;
      zigzag |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.position = at;
        return (zigzag >>> 1) ^ -(zigzag & 1);
      }
    }
    throw malformed('varint', this.position);
  }

  /** @returns a safe integer; a value beyond is refused as damage */
  readVarlong(): number {
    const { bytes, end } = this;
    let at = this.position;
    let zigzag = 0;
    for (let unit = 1; at < end && unit < ZIGZAG_DOUBLE_LIMIT; unit *= 0x80) {
      const byte = bytes[at++] as number;
      zigzag += (byte & 0x7f) * unit;
      if (byte < 0x80) {
        this.position = at;
        return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
      }
    }
    return this.#readLongVarlong();
  }

  /** @returns an int64 */
  readVarlong64(): bigint {
    let at = this.position;
    let zigzag = 0n;
    for (let shift = 0n; at < this.end; shift += 7n) {
      const byte = this.bytes[at++] as number;
      if (shift === 63n && byte > 1) break;
      zigzag |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.position = at;
        return (zigzag >> 1n) ^ -(zigzag & 1n);
      }
    }
    throw malformed('varlong', this.position);
  }

  #readLongVarlong(): number {
    const start = this.position;
    const value = Number(this.readVarlong64());
    if (!Number.isSafeInteger(value)) throw malformed('varlong', start);
    return value;
  }
}

function malformed(what: string, position: number): ProtocolError {
  return new ProtocolError('CORRUPT_MESSAGE', `A malformed ${what} at byte ${position}.`);
}
