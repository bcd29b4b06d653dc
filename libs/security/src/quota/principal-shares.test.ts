import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '#runtime';
import { smallShares } from '../testing/examples.js';
import { PrincipalMemory } from './principal-memory.js';
import { type PrincipalShares, SHARED_BOUNDS } from './principal-shares.js';

const USED_UP = expect.objectContaining({
  code: 'THROTTLING_QUOTA_EXCEEDED',
  bound: 'SLUICE_PRINCIPAL_SHARE_PERCENT',
});

/** The amount that a principal can take until it is refused. */
function takesOf(shares: PrincipalShares, bound: (typeof SHARED_BOUNDS)[number]): number {
  for (let count = 0; count < 1000; count += 1) {
    try {
      shares.take(bound, 'key:greedy', 1);
    } catch (error) {
      expect(error).toEqual(USED_UP);
      return count;
    }
  }
  return Number.POSITIVE_INFINITY;
}

describe('PrincipalShares', () => {
  it.each(SHARED_BOUNDS)(
    'leaves others their part of %s, whatever one principal takes',
    (bound) => {
      const shares = smallShares();
      expect(takesOf(shares, bound)).toBe(50);
      shares.take(bound, 'key:other', 50);
      shares.give(bound, 'key:greedy', 1);
      shares.take(bound, 'key:greedy', 1);
      const status = { shareMax: 50, principals: 2, largest: 50, refusedTotal: 1 };
      expect(shares.status().get(bound)).toEqual(status);
    },
  );

  it('forgets a principal that holds nothing', () => {
    const shares = smallShares();
    for (let index = 0; index < 10_000; index += 1) {
      shares.take('cursors', `user:${index}`, 3);
      shares.give('cursors', `user:${index}`, 3);
      shares.take('requestMemory', `user:${index}`, 0);
    }
    const nothing = { shareMax: 50, principals: 0, largest: 0, refusedTotal: 0 };
    expect(shares.status().get('cursors')).toEqual(nothing);
    expect(shares.status().get('requestMemory')).toEqual(nothing);
  });

  it('rounds a share up, and gives each principal the least that is useful', () => {
    expect(takesOf(smallShares({ percent: 1, max: 3 }), 'cursors')).toBe(1);
    expect(takesOf(smallShares({ percent: 100, max: 3 }), 'cursors')).toBe(3);
    expect(takesOf(smallShares({ percent: 1, max: 100, shareMin: 16 }), 'cursors')).toBe(16);
    expect(takesOf(smallShares({ percent: 1, max: 10, shareMin: 16 }), 'cursors')).toBe(10);
    expect(takesOf(smallShares({ percent: 50, max: 0 }), 'longPolls')).toBe(0);
  });
});

describe('PrincipalMemory', () => {
  it('counts in both, and takes nothing of either when one has no room', () => {
    const shares = smallShares();
    const all = new MemoryBudget(60, () => new Error('full'));
    const memory = new PrincipalMemory(all, shares, 'key:a');
    memory.hold(40);
    expect(() => memory.hold(11)).toThrow(USED_UP);
    const other = new PrincipalMemory(all, shares, 'key:b');
    expect(() => other.hold(21)).toThrow('full');
    expect([shares.held('requestMemory', 'key:a'), all.heldBytes]).toEqual([40, 40]);
    expect(shares.held('requestMemory', 'key:b')).toBe(0);
    memory.holdAnyway(30);
    memory.release(70);
    expect([shares.held('requestMemory', 'key:a'), all.heldBytes]).toEqual([0, 0]);
  });

  it('moves what it holds when its principal becomes known', () => {
    const shares = smallShares();
    const memory = new PrincipalMemory(new MemoryBudget(100, () => new Error()), shares, '');
    memory.hold(20);
    memory.belongTo('key:a');
    memory.hold(5);
    expect(shares.held('requestMemory', '')).toBe(0);
    expect(shares.held('requestMemory', 'key:a')).toBe(25);
    memory.release(25);
    expect(shares.status().get('requestMemory')).toMatchObject({ principals: 0 });
  });
});
