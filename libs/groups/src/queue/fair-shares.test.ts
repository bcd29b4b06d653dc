import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fairShares } from './fair-shares.js';

const taker = (held: number, room: number) => ({ held, room });

describe('fair shares of records', () => {
  it.each([
    [[taker(0, 16), taker(0, 16), taker(0, 16), taker(0, 16)], 4, [1, 1, 1, 1]],
    [[taker(0, 16), taker(0, 16)], 5, [3, 2]],
    [[taker(10, 6), taker(0, 16)], 4, [0, 4]],
    [[taker(3, 100), taker(0, 100)], 5, [1, 4]],
    [[taker(0, 1), taker(0, 100)], 10, [1, 9]],
    [[taker(0, 2), taker(0, 2)], 10, [2, 2]],
    [[], 3, []],
  ])('%j of %i records', (takers, records, shares) => {
    expect(fairShares(takers, records)).toEqual(shares);
  });

  it('give all records that have room, and nobody two more than another one could take', () => {
    const takers = fc.array(fc.record({ held: fc.nat(50), room: fc.nat(50) }), { maxLength: 8 });
    fc.assert(
      fc.property(takers, fc.nat(300), (all, records) => {
        const shares = fairShares(all, records);
        const room = all.reduce((total, each) => total + each.room, 0);
        expect(shares.reduce((total, each) => total + each, 0)).toBe(Math.min(records, room));
        const ends = all.map(({ held }, at) => held + (shares[at] ?? 0));
        for (const [at, share] of shares.entries()) {
          expect(share).toBeLessThanOrEqual(all[at]?.room ?? 0);
          for (const [other, end] of ends.entries()) {
            const couldTake = (shares[other] ?? 0) < (all[other]?.room ?? 0);
            if (share > 0 && couldTake) expect(ends[at]).toBeLessThanOrEqual(end + 1);
          }
        }
      }),
    );
  });
});
