import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HalfSipHash } from './half-sip-hash.js';
import { OffsetMap } from './offset-map.js';

describe('HalfSipHash', () => {
  it.each([
    [0, '218d1f59b9b83cc8'],
    [1, 'be552412f8387315'],
    [2, '064f39ef7c50eb57'],
    [3, 'ce0f1a45f7060679'],
    [4, 'd5e78a175be52ea1'],
    [5, 'cb9d7c3f2f3db580'],
  ])('of the reference input of %i bytes is what the reference says', (length, expected) => {
    const hash = new HalfSipHash(0x03020100, 0x07060504);
    hash.update(Buffer.from([9, 9, 0, 1, 2, 3, 4, 5]), 2, 2 + length);
    const output = Buffer.alloc(8);
    output.writeInt32LE(hash.low, 0);
    output.writeInt32LE(hash.high, 4);
    expect(output.toString('hex')).toBe(expected);
  });
});

describe('an offset map', () => {
  it('answers what a Map answers', () => {
    const puts = fc.array(fc.tuple(fc.uint8Array({ maxLength: 3 }), fc.nat(2 ** 31)));
    fc.assert(
      fc.property(puts, (pairs) => {
        const map = new OffsetMap([1, 2, 3, 4], 1_000_000, pairs.length);
        const model = new Map<string, number>();
        for (const [key, offset] of pairs) {
          expect(map.put(key, 0, key.length, offset)).toBe(true);
          model.set(Buffer.from(key).toString('hex'), offset);
        }
        expect(map.count).toBe(model.size);
        for (const [key, offset] of model) {
          const bytes = Buffer.from(key, 'hex');
          expect(map.get(bytes, 0, bytes.length)).toBe(offset);
        }
        expect(map.get(Buffer.from('absent'), 0, 6)).toBe(-1);
      }),
      { numRuns: 300 },
    );
  });

  it('takes no new key when it is full, and still updates those it has', () => {
    const map = new OffsetMap([1, 2, 3, 4], 24 * 8, 1000);
    const keys = Array.from({ length: 100 }, (_, n) => Buffer.from(`key ${n}`));
    const taken = keys.filter((key, n) => map.put(key, 0, key.length, n));
    expect(taken).toHaveLength(6);
    const [first = Buffer.alloc(0)] = taken;
    expect(map.put(first, 0, first.length, 500)).toBe(true);
    expect(map.get(first, 0, first.length)).toBe(500);
    const last = keys[99] ?? Buffer.alloc(0);
    expect(map.get(last, 0, last.length)).toBe(-1);
  });
});
