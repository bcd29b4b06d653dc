import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '#runtime/testing';
import { placeReplicas } from './placement.js';

describe('placeReplicas', () => {
  const cluster = fc
    .record({
      brokers: fc.integer({ min: 1, max: 9 }),
      partitions: fc.integer({ min: 0, max: 50 }),
      seed: fc.integer(),
    })
    .chain((shape) =>
      fc.integer({ min: 1, max: shape.brokers }).map((replicas) => ({ ...shape, replicas })),
    );

  it('puts no two replicas of a partition on one broker, and spreads leaders evenly', () => {
    fc.assert(
      fc.property(cluster, ({ brokers, partitions, replicas, seed }) => {
        const ids = Array.from({ length: brokers }, (_, index) => index * 10);
        const placed = placeReplicas(ids, partitions, replicas, new SeededRandom(seed));
        const leaderships = new Map(ids.map((id) => [id, 0]));
        for (const brokersOfOne of placed) {
          expect(new Set(brokersOfOne).size).toBe(replicas);
          const leader = brokersOfOne[0] ?? -1;
          leaderships.set(leader, (leaderships.get(leader) ?? Number.NaN) + 1);
        }
        expect(placed).toHaveLength(partitions);
        const counts = [...leaderships.values()];
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("gives one broker's leaderships different followers", () => {
    const placed = placeReplicas([0, 1, 2], 12, 2, new SeededRandom(1));
    const followersOf0 = placed.filter(([leader]) => leader === 0).map(([, follower]) => follower);
    expect(new Set(followersOf0)).toEqual(new Set([1, 2]));
  });
});
