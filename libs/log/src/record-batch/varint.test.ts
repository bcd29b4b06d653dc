import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  VarintReader,
  varintSizeBytes,
  varlongSizeBytes,
  writeVarint,
  writeVarlong,
  writeVarlong64,
} from './varint.js';

const CORRUPT = { code: 'CORRUPT_MESSAGE' };

/** The values of Kafka's own ByteUtilsTest. */
const VARINT_VECTORS: [number, string][] = [
  [0, '00'],
  [-1, '01'],
  [1, '02'],
  [63, '7e'],
  [-64, '7f'],
  [64, '8001'],
  [-65, '8101'],
  [8191, 'fe7f'],
  [-8192, 'ff7f'],
  [8192, '808001'],
  [-8193, '818001'],
  [1048575, 'feff7f'],
  [1048576, '80808001'],
  [2147483647, 'feffffff0f'],
  [-2147483648, 'ffffffff0f'],
];

const VARLONG_VECTORS: [number, string][] = [
  ...VARINT_VECTORS,
  [17179869183, 'feffffff7f'],
  [17179869184, '808080808001'],
];

const VARLONG_64_VECTORS: [bigint, string][] = [
  ...VARLONG_VECTORS.map(([value, hex]): [bigint, string] => [BigInt(value), hex]),
  [2n ** 63n - 1n, 'feffffffffffffffff01'],
  [-(2n ** 63n), 'ffffffffffffffffff01'],
];

const safeInteger = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer(),
  fc.integer({ min: -(2 ** 50), max: 2 ** 50 }),
);

function written<T>(write: (target: Uint8Array, position: number, value: T) => number, value: T) {
  const target = Buffer.alloc(32, 0xee);
  const end = write(target, 3, value);
  expect(target.subarray(end).every((byte) => byte === 0xee)).toBe(true);
  return target.subarray(3, end);
}

function readerOf(bytes: Uint8Array): VarintReader {
  return new VarintReader(bytes, 0, bytes.length);
}

describe('varint', () => {
  it.each(VARINT_VECTORS)("%i is written and read as Kafka's test has it", (value, hex) => {
    const bytes = written(writeVarint, value);
    expect(bytes.toString('hex')).toBe(hex);
    expect(varintSizeBytes(value)).toBe(bytes.length);
    expect(readerOf(bytes).readVarint()).toBe(value);
  });

  it('every int32 is read as it was written, in the size foretold', () => {
    fc.assert(
      fc.property(fc.integer(), (value) => {
        const bytes = written(writeVarint, value);
        const reader = readerOf(bytes);
        expect(reader.readVarint()).toBe(value);
        expect(reader.position).toBe(bytes.length);
        expect(varintSizeBytes(value)).toBe(bytes.length);
      }),
    );
  });

  it.each(['', '80', 'ffffffff', 'ffffffff1f', 'ffffffff8f00', '808080808000'])(
    'the bytes "%s" are refused',
    (hex) => {
      const reader = readerOf(Buffer.from(hex, 'hex'));
      expect(() => reader.readVarint()).toThrow(expect.objectContaining(CORRUPT));
    },
  );

  it('reads nothing after its end', () => {
    const reader = new VarintReader(Buffer.from('8001', 'hex'), 0, 1);
    expect(() => reader.readVarint()).toThrow(expect.objectContaining(CORRUPT));
    expect(() => reader.readVarlong()).toThrow(expect.objectContaining(CORRUPT));
  });
});

describe('varlong', () => {
  it.each(VARLONG_VECTORS)("%i is written and read as Kafka's test has it", (value, hex) => {
    const bytes = written(writeVarlong, value);
    expect(bytes.toString('hex')).toBe(hex);
    expect(varlongSizeBytes(value)).toBe(bytes.length);
    expect(readerOf(bytes).readVarlong()).toBe(value);
  });

  it.each(VARLONG_64_VECTORS)('%i is written and read as an int64', (value, hex) => {
    const bytes = written(writeVarlong64, value);
    expect(bytes.toString('hex')).toBe(hex);
    expect(readerOf(bytes).readVarlong64()).toBe(value);
  });

  it('every safe integer is read as it was written, in the size foretold', () => {
    fc.assert(
      fc.property(safeInteger, (value) => {
        const bytes = written(writeVarlong, value);
        expect(bytes).toStrictEqual(written(writeVarlong64, BigInt(value)));
        const reader = readerOf(bytes);
        expect(reader.readVarlong()).toBe(value);
        expect(reader.position).toBe(bytes.length);
        expect(varlongSizeBytes(value)).toBe(bytes.length);
      }),
    );
  });

  it('an int64 beyond 2^53 is refused as a number', () => {
    for (const value of [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)]) {
      const reader = readerOf(written(writeVarlong64, value));
      expect(() => reader.readVarlong()).toThrow(expect.objectContaining(CORRUPT));
    }
  });

  it.each(['', '80', 'ffffffffffffffffff02', 'ffffffffffffffffffff00'])(
    'the bytes "%s" are refused',
    (hex) => {
      const bytes = Buffer.from(hex, 'hex');
      expect(() => readerOf(bytes).readVarlong()).toThrow(expect.objectContaining(CORRUPT));
      expect(() => readerOf(bytes).readVarlong64()).toThrow(expect.objectContaining(CORRUPT));
    },
  );
});
