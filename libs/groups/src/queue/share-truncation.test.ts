import { describe, expect, it } from 'vitest';
import { offerRecords, offerTruncation } from './offer-records.js';
import { SharePartition } from './share-partition.js';
import { ShareWorld } from './testing/share-world.js';

function worldOf(count: number, config: ConstructorParameters<typeof ShareWorld>[0] = {}) {
  const world = new ShareWorld(config);
  world.produce(Array.from({ length: count }, () => ({})));
  return world;
}

function acksOf(offsets: readonly number[], type: 'ack' | 'reject' = 'ack') {
  return offsets.map((offset) => ({ offset, type }));
}

describe('a log that was truncated', () => {
  it('is scanned again from its end on, and lost records are forgotten', () => {
    const world = worldOf(6);
    world.poll('a', 4);
    world.ack('a', acksOf([0, 2]));
    world.truncate(4);
    world.produce([{}, {}, {}, {}, {}]);
    expect(world.state.scanOffset).toBe(2);
    expect(world.state.acquired.get('a')).toBe(1);
    // The acknowledged record at offset 2 was another one.
    expect(world.poll('b', 10)).toEqual([2, 3, 4, 5, 6]);
    expect(world.ack('a', acksOf([1]))).toEqual(['done']);
    world.assertReplay();
  });

  it('gives none of the records that were found before', () => {
    const world = worldOf(3);
    world.poll('a', 1);
    world.readForLater();
    world.produce([{ delayMs: 0 }, { delayMs: 1000 }]);
    world.readForLater();
    world.scan();
    world.truncate(4);
    world.takeLateOffers();
    expect(world.state.scanOffset).toBe(1);
    world.produce([{}, {}, {}, {}]);
    expect(world.poll('b', 10)).toEqual([1, 2, 3, 4]);
    world.ack('b', acksOf([4]));
    world.advance(2000);
    expect(world.poll('a', 10)).toEqual([]);
  });

  it('has none of the delayed records that were due before', () => {
    const world = worldOf(0);
    world.produce([{ delayMs: 50_000 }, { delayMs: 100 }]);
    world.scan();
    world.advance(200);
    world.readForLater();
    world.truncate(1);
    world.produce([{}]);
    world.scan();
    expect(world.cancel(1)).toBe('done');
    world.takeLateOffers();
    expect(world.poll('a', 10)).toEqual([]);
  });

  it('forgets acks and cancellations of records that were lost', () => {
    const world = worldOf(1);
    world.produce([{ delayMs: 50_000 }, { delayMs: 50_000 }, {}]);
    expect(world.poll('a', 10)).toEqual([0, 3]);
    world.ack('a', acksOf([3]));
    expect(world.cancel(2)).toBe('done');
    expect(world.ack('a', acksOf([3]))).toEqual(['done']);
    world.truncate(2);
    world.produce([{}, {}]);
    // Nobody has acknowledged the record that is there now.
    expect(world.ack('a', acksOf([3]))).toEqual(['notAcquired']);
    expect(world.poll('b', 10)).toEqual([2, 3]);
    world.ack('b', acksOf([3]));
    expect(world.ack('a', acksOf([3]))).toEqual(['finished']);
    expect(world.ack('b', acksOf([3]))).toEqual(['done']);
  });

  it.each([
    ['a record', {}],
    ['a delayed record', { delayMs: 10_000 }],
  ])('delivers %s with the offset of a cancelled one that was lost unseen', (_name, later) => {
    const world = worldOf(1);
    world.poll('a', 1);
    world.produce([{}, { delayMs: 50_000 }, {}]);
    expect([world.cancel(2), world.cancel(3)]).toEqual(['done', 'done']);
    world.truncate(2);
    world.produce([later, later]);
    world.scan();
    world.snapshot(true);
    world.failover();
    world.advance(10_000);
    expect(world.poll('b', 10)).toEqual([1, 2, 3]);
    world.assertReplay();
  });

  it('passes over the record that is cancelled after one with its offset was lost', () => {
    const world = worldOf(1, { recordLocksMax: 1 });
    world.poll('a', 1);
    world.produce([{}, {}]);
    expect(world.cancel(2)).toBe('done');
    world.truncate(1);
    world.produce([{}, {}]);
    expect(world.cancel(2)).toBe('done');
    expect(world.cancel(3)).toBe('full');
    world.snapshot(true);
    world.failover();
    world.ack('a', acksOf([0]));
    expect(world.poll('a', 10)).toEqual([1]);
    world.ack('a', acksOf([1]));
    expect(world.poll('a', 10)).toEqual([3]);
  });

  it('has room for other cancellations in place of those that were lost', () => {
    const world = worldOf(1, { recordLocksMax: 1 });
    world.produce([{ delayMs: 50_000 }, { delayMs: 50_000 }]);
    world.scan();
    expect(world.cancel(2)).toBe('done');
    world.truncate(1);
    world.produce([{}, {}]);
    expect(world.cancel(3)).toBe('done');
  });

  it('makes no dead letter of a record that was lost', () => {
    const world = worldOf(2, { deliveryCountLimit: 1 });
    world.poll('a', 2);
    world.ack('a', acksOf([0, 1], 'reject'));
    world.writeDeadLetters('afterPlan');
    world.truncate(1);
    world.writeDeadLetters('never');
    world.writeDeadLetters('never');
    expect(world.deadLetters).toEqual([0]);
    world.produce([{}]);
    expect(world.poll('a', 2)).toEqual([1]);
  });

  it('is found to be so once, by the first broker', () => {
    const state = new SharePartition(0, 3);
    const read = { from: 0, to: 10, logStartOffset: 0, leaderEpoch: 4, ranges: [0, 9] };
    const context = { ...TIMES, config: new ShareWorld().config };
    for (const change of offerRecords(state, read, context)) state.apply(change, TIMES);
    const found = { scanOffset: 10, scanEpoch: 4, to: 6, leaderEpoch: 5 };
    expect(offerTruncation(state, { ...found, scanEpoch: 3 })).toEqual([]);
    const changes = offerTruncation(state, found);
    expect(changes).toEqual([{ kind: 'truncated', to: 6, leaderEpoch: 5 }]);
    for (const change of changes) state.apply(change, TIMES);
    expect(state).toMatchObject({ scanOffset: 6, scanEpoch: 5, startOffset: 0 });
    expect(offerTruncation(state, found)).toEqual([]);
    // An offer of the leader before is late.
    expect(offerRecords(state, { ...read, from: 6 }, context)).toEqual([]);
  });
});

const TIMES = { nowMs: 0, monotonicMs: 0 };
