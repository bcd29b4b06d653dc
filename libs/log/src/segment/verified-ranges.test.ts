import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VerifiedRanges } from './verified-ranges.js';

describe('verified ranges', () => {
  it('merge what touches and overlaps', () => {
    const ranges = new VerifiedRanges();
    ranges.add(0, 10);
    ranges.add(20, 30);
    expect(ranges.contains(0, 30)).toBe(false);
    ranges.add(10, 20);
    expect(ranges.contains(0, 30)).toBe(true);
    expect(ranges.contains(5, 31)).toBe(false);
  });

  it('know exactly what was added and not truncated, as long as there is room', () => {
    const edge = fc.nat(60);
    const step = fc.oneof(
      fc.record({ add: fc.tuple(edge, fc.integer({ min: 1, max: 20 })) }),
      fc.record({ truncateTo: edge }),
    );
    fc.assert(
      fc.property(fc.array(step), edge, fc.integer({ min: 1, max: 20 }), (steps, start, length) => {
        const ranges = new VerifiedRanges();
        const bytes = new Set<number>();
        for (const one of steps) {
          if ('add' in one) {
            const [from, size] = one.add;
            ranges.add(from, from + size);
            for (let at = from; at < from + size; at += 1) bytes.add(at);
          } else {
            ranges.truncateTo(one.truncateTo);
            for (const at of bytes) if (at >= one.truncateTo) bytes.delete(at);
          }
        }
        const expected = Array.from({ length }, (_, i) => start + i).every((at) => bytes.has(at));
        expect(ranges.contains(start, start + length)).toBe(expected);
      }),
    );
  });

  it('forget rather than grow, and never claim what was not added', () => {
    const ranges = new VerifiedRanges();
    for (let i = 0; i < 1000; i += 1) ranges.add(i * 10, i * 10 + 5);
    const known = Array.from({ length: 1000 }, (_, i) => i).filter((i) => {
      expect(ranges.contains(i * 10, i * 10 + 6)).toBe(false);
      return ranges.contains(i * 10, i * 10 + 5);
    });
    expect(known).toHaveLength(64);
  });
});
