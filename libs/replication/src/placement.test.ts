import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '#runtime/testing';
import { type PlacementBroker, placeReplicas } from './placement.js';

function brokersOf(racks: readonly (string | null)[]): PlacementBroker[] {
  return racks.map((rack, at) => ({ id: at * 10, rack, alive: true }));
}

function spread(counts: Iterable<number>): number {
  const all = [...counts];
  return Math.max(...all) - Math.min(...all);
}

function countsOf(brokers: readonly PlacementBroker[], ids: readonly number[]): number[] {
  return brokers.map(({ id }) => ids.filter((one) => one === id).length);
}

describe('placeReplicas', () => {
  const cluster = fc
    .record({
      brokers: fc.integer({ min: 1, max: 9 }),
      counts: fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 5 }),
      seed: fc.integer(),
    })
    .chain((shape) =>
      fc.integer({ min: 1, max: shape.brokers }).map((replicas) => ({ ...shape, replicas })),
    );

  it('places replicas on different brokers and spreads leaders evenly', () => {
    fc.assert(
      fc.property(cluster, ({ brokers: size, counts, replicas, seed }) => {
        const brokers = brokersOf(Array.from({ length: size }, () => null));
        const random = new SeededRandom(seed);
        const present: number[][] = [];
        for (const count of counts) {
          const placement = { brokers, count, replicationFactor: replicas, present };
          const placed = placeReplicas(placement, random);
          expect(placed).toHaveLength(count);
          present.push(...placed);
        }
        for (const one of present) {
          expect(one).toHaveLength(replicas);
          expect(new Set(one).size).toBe(replicas);
        }
        const leaders = countsOf(
          brokers,
          present.map(([leader]) => leader ?? -1),
        );
        expect(spread(leaders)).toBeLessThanOrEqual(1);
        // A leader is chosen for its leaderships first, which may cost a replica or two of
        // evenness.
        expect(spread(countsOf(brokers, present.flat()))).toBeLessThanOrEqual(2);
      }),
    );
  });

  it("gives one broker's leaderships different followers", () => {
    const brokers = brokersOf([null, null, null]);
    const placement = { brokers, count: 12, replicationFactor: 2, present: [] };
    const placed = placeReplicas(placement, new SeededRandom(1));
    const followersOf0 = placed.filter(([leader]) => leader === 0).map(([, follower]) => follower);
    expect(new Set(followersOf0)).toEqual(new Set([10, 20]));
  });

  it('spreads the replicas of a partition over racks, as far as there are racks', () => {
    const brokers = brokersOf(['a', 'a', 'a', 'b', 'c', 'c']);
    const rackOf = new Map(brokers.map(({ id, rack }) => [id, rack]));
    for (const [replicationFactor, racks] of [
      [2, 2],
      [3, 3],
      [5, 3],
    ] as const) {
      const placement = { brokers, count: 40, replicationFactor, present: [] };
      for (const replicas of placeReplicas(placement, new SeededRandom(7))) {
        expect(new Set(replicas.map((id) => rackOf.get(id))).size).toBe(racks);
      }
    }
  });

  it('takes no notice of racks when a broker has none', () => {
    const brokers = brokersOf(['a', 'a', null]);
    const placement = { brokers, count: 30, replicationFactor: 2, present: [] };
    const placed = placeReplicas(placement, new SeededRandom(7));
    expect(spread(countsOf(brokers, placed.flat()))).toBeLessThanOrEqual(1);
  });

  it('uses brokers that are not alive only when there are too few others', () => {
    const brokers = brokersOf([null, null, null]).map((one) => ({ ...one, alive: one.id !== 0 }));
    const place = (replicationFactor: number): number[][] =>
      placeReplicas({ brokers, count: 6, replicationFactor, present: [] }, new SeededRandom(3));
    expect(place(2).flat()).not.toContain(0);
    for (const replicas of place(3)) expect(replicas[2]).toBe(0);
  });
});
