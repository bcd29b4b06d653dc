import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultSerializer, type Serde, serdes } from './serdes.js';

describe('serdes', () => {
  it.each([
    ['string', fc.string({ unit: 'binary' })],
    ['json', fc.jsonValue().filter((value) => value !== null)],
    ['bytes', fc.uint8Array()],
    ['int32', fc.integer()],
    ['int64', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
    ['double', fc.double()],
    ['uuid', fc.uuid()],
  ] as const)('%s reads what it wrote', (name, values) => {
    const serde = serdes[name] as Serde<unknown>;
    fc.assert(
      fc.property(values as fc.Arbitrary<unknown>, (value) => {
        const bytes = serde.serialize('t', value) as Uint8Array;
        const expected = name === 'json' ? JSON.parse(JSON.stringify(value)) : value;
        expect(serde.deserialize('t', bytes)).toEqual(expected);
      }),
    );
  });

  it("writes numbers as Kafka's serializers do", () => {
    expect([...bytesOf(serdes.int32, -2)]).toEqual([255, 255, 255, 254]);
    expect([...bytesOf(serdes.int64, 258n)]).toEqual([0, 0, 0, 0, 0, 0, 1, 2]);
    expect([...bytesOf(serdes.int64, 258 as unknown as bigint)]).toEqual([0, 0, 0, 0, 0, 0, 1, 2]);
    expect([...bytesOf(serdes.double, 1)]).toEqual([0x3f, 0xf0, 0, 0, 0, 0, 0, 0]);
  });

  it('turns null and undefined into null', () => {
    for (const serde of Object.values(serdes) as Serde<unknown>[]) {
      expect(serde.serialize('t', null)).toBeNull();
      expect(serde.serialize('t', undefined)).toBeNull();
    }
  });

  it.each([
    ['string', 7],
    ['json', () => 7],
    ['bytes', 'text'],
    ['int32', 2 ** 31],
    ['int64', 2n ** 63n],
    ['int64', 0.5],
    ['double', '1'],
    ['uuid', 'no uuid'],
  ] as const)('%s refuses what it cannot write', (name, value) => {
    expect(() => (serdes[name] as Serde<unknown>).serialize('t', value)).toThrow();
  });

  it.each([
    ['string', [0xff]],
    ['json', [0x7b]],
    ['int32', [1, 2, 3]],
    ['int64', [1, 2, 3, 4]],
    ['double', []],
    ['uuid', [0x61]],
  ] as const)('%s refuses bytes that it cannot have written', (name, bytes) => {
    expect(() => serdes[name].deserialize('t', Uint8Array.from(bytes))).toThrow();
  });

  it('reads a span of a larger buffer', () => {
    const bytes = Uint8Array.from([9, 0, 0, 0, 7, 9]);
    expect(serdes.int32.deserialize('t', bytes.subarray(1, 5))).toBe(7);
  });
});

describe('defaultSerializer', () => {
  it.each([
    ['text', 'text', 'text'],
    [{ a: 1 }, 'json', '{"a":1}'],
    [7, 'json', '7'],
    [Uint8Array.of(97), 'bytes', 'a'],
  ])('%j becomes %s', (data, encoding, text) => {
    expect(defaultSerializer.encodingOf?.(data)).toBe(encoding);
    const bytes = defaultSerializer.serialize('t', data, []) as Uint8Array;
    expect(new TextDecoder().decode(bytes)).toBe(text);
  });
});

function bytesOf<T>(serde: Serde<T>, value: T): Uint8Array {
  return serde.serialize('t', value) as Uint8Array;
}
