import { describe, expect, it } from 'vitest';
import { RecentMap } from './recent-map.js';

describe('RecentMap', () => {
  it('never has more entries than its bound, and keeps those that are used', () => {
    const map = new RecentMap<number>(100);
    map.set('used', -1);
    for (let index = 0; index < 10_000; index += 1) {
      map.set(`key ${index}`, index);
      expect(map.size).toBeLessThanOrEqual(100);
      expect(map.get('used')).toBe(-1);
    }
    expect(map.get('key 9999')).toBe(9999);
    expect(map.get('key 0')).toBeUndefined();
  });

  it('replaces and deletes an entry of either generation', () => {
    const map = new RecentMap<number>(4);
    map.set('a', 1);
    map.set('b', 1);
    map.set('a', 2);
    expect([map.get('a'), map.size]).toEqual([2, 2]);
    map.delete('a');
    map.delete('b');
    expect([map.get('a'), map.get('b'), map.size]).toEqual([undefined, undefined, 0]);
  });
});
