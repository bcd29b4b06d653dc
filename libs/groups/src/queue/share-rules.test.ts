import { describe, expect, it } from 'vitest';
import { object, shapeFault } from '#replication';
import { planDeadLetters } from './dead-letters.js';
import { DELIVERY_TRANSITIONS } from './delivery-state.js';
import { FinishedDeliveries } from './finished-deliveries.js';
import { offerDue, offerRecords } from './offer-records.js';
import { offsetCountOf, offsetsIn, rangesOf } from './offset-ranges.js';
import { nextTimeMs } from './release-records.js';
import { DELTA_SLOTS, SHARE_RECORD_FORMS } from './share-log-records.js';
import { SharePartition } from './share-partition.js';
import { ShareWorld } from './testing/share-world.js';

function worldOf(count: number, config: ConstructorParameters<typeof ShareWorld>[0] = {}) {
  const world = new ShareWorld({ recordLocksMax: 2000, ...config });
  world.produce(Array.from({ length: count }, () => ({})));
  return world;
}

function acksOf(offsets: readonly number[], type: 'ack' | 'nack' | 'extend' | 'reject' = 'ack') {
  return offsets.map((offset) => ({ offset, type }));
}

describe('a delivery', () => {
  it('is final when the record is acknowledged or archived', () => {
    for (const state of ['acknowledged', 'archived'] as const) {
      expect(Object.values(DELIVERY_TRANSITIONS[state]).every((next) => next === undefined)).toBe(
        true,
      );
    }
  });

  it('goes to one member at a time, the lowest offsets first', () => {
    const world = worldOf(6);
    expect(world.poll('a', 2)).toEqual([0, 1]);
    expect(world.poll('b', 3)).toEqual([2, 3, 4]);
    expect(world.poll('a', 9)).toEqual([5]);
  });

  it('comes back with a higher count when its lock is over', () => {
    const world = worldOf(1);
    world.poll('a', 1);
    world.advance(29_999);
    expect(world.poll('b', 1)).toEqual([]);
    world.advance(1);
    expect(world.poll('b', 1)).toEqual([0]);
    expect(world.state.window.get(0)?.deliveryCount).toBe(2);
  });

  it('keeps its lock when the member extends it in time', () => {
    const world = worldOf(1);
    world.poll('a', 1);
    world.advance(20_000);
    expect(world.ack('a', acksOf([0], 'extend'))).toEqual(['done']);
    world.advance(20_000);
    expect(world.poll('b', 1)).toEqual([]);
  });

  it('does not count when the member leaves in order', () => {
    const world = worldOf(1);
    world.poll('a', 1);
    world.memberGone('a', false);
    world.poll('b', 1);
    expect(world.state.window.get(0)?.deliveryCount).toBe(1);
  });

  it('is answered again to a poll with the same receive id, with the same count', () => {
    const world = worldOf(4);
    expect(world.poll('a', 2, 'r1')).toEqual([0, 1]);
    expect(world.poll('a', 2, 'r1')).toEqual([0, 1]);
    expect(world.poll('a', 2, 'r2')).toEqual([2, 3]);
    expect(world.state.window.get(0)?.deliveryCount).toBe(1);
  });

  it('is not answered again to a repeated poll when its lock is over', () => {
    const world = worldOf(1);
    expect(world.poll('a', 1, 'r1')).toEqual([0]);
    world.advance(30_000, true);
    expect(world.poll('a', 1, 'r1')).toEqual([]);
  });

  it('is alone from half of the delivery limit on', () => {
    const world = worldOf(3, { deliveryCountLimit: 5 });
    for (let delivery = 1; delivery <= 3; delivery += 1) {
      const offsets = world.poll('a', 10);
      expect(offsets).toEqual([0, 1, 2]);
      world.memberGone('a', true);
    }
    expect(world.poll('a', 10)).toEqual([0]);
    expect(world.poll('b', 10)).toEqual([1]);
  });

  it('is alone from half of the limit on, before and after records that are not', () => {
    const world = worldOf(3, { deliveryCountLimit: 5 });
    for (let delivery = 1; delivery <= 3; delivery += 1) {
      expect(world.poll('a', 10)).toEqual([0, 1, 2]);
      world.ack('a', acksOf([1], 'nack'));
      world.memberGone('a', false);
    }
    expect(world.poll('a', 10)).toEqual([0]);
    expect(world.poll('b', 10)).toEqual([1]);
    expect(world.poll('c', 10)).toEqual([2]);
  });

  it('waits twice as long after each failure, up to the maximum', () => {
    const world = worldOf(1, { retryBackoffMs: 1000, retryBackoffMaxMs: 3000 });
    world.poll('a', 1);
    for (const waitMs of [1000, 2000, 3000, 3000]) {
      world.ack('a', acksOf([0], 'nack'));
      world.advance(waitMs - 1);
      expect(world.poll('a', 1)).toEqual([]);
      world.advance(1);
      expect(world.poll('a', 1)).toEqual([0]);
    }
  });

  it('is bounded by the record locks of the partition', () => {
    const world = worldOf(30, { recordLocksMax: 12 });
    expect(world.poll('a', 20)).toHaveLength(12);
    expect(world.poll('b', 20)).toEqual([]);
    world.ack('a', acksOf([3, 4]));
    expect(world.poll('b', 20)).toEqual([12, 13]);
  });
});

describe('an ack', () => {
  it('that is repeated is taken again, also after the start offset has passed it', () => {
    const world = worldOf(3);
    world.poll('a', 3);
    expect(world.ack('a', acksOf([0, 0]))).toEqual(['done', 'done']);
    expect(world.state.startOffset).toBe(1);
    world.failover();
    expect(world.ack('a', acksOf([0]))).toEqual(['done']);
    expect(world.ack('b', acksOf([0]))).toEqual(['finished']);
  });

  it('that rejects a record again is told that the group is done with it', () => {
    const world = worldOf(3);
    world.poll('a', 3);
    expect(world.ack('a', acksOf([1, 1], 'reject'))).toEqual(['done', 'finished']);
    expect(world.ack('a', acksOf([1], 'reject'))).toEqual(['finished']);
    expect(world.ack('a', acksOf([1], 'nack'))).toEqual(['notAcquired']);
  });

  it('of another member, of an earlier delivery or after the lock is refused', () => {
    const world = worldOf(2);
    world.poll('a', 1);
    expect(world.ack('b', acksOf([0]))).toEqual(['notAcquired']);
    world.advance(30_000);
    expect(world.ack('a', acksOf([0]))).toEqual(['notAcquired']);
    world.poll('a', 1);
    const stale = { offset: 0, type: 'ack', deliveryCount: 1 } as const;
    expect(world.ack('a', [stale])).toEqual(['staleDelivery']);
    expect(world.ack('a', [{ ...stale, deliveryCount: 2 }])).toEqual(['done']);
  });

  it('after the end of the lock is refused before a timer has released the record', () => {
    const world = worldOf(1);
    world.poll('a', 1);
    world.advance(30_000, true);
    for (const type of ['ack', 'nack', 'extend', 'reject'] as const) {
      expect(world.ack('a', acksOf([0], type))).toEqual(['notAcquired']);
    }
  });

  it('is remembered in bounded memory', () => {
    const finished = new FinishedDeliveries();
    for (let offset = 0; offset < 1000; offset += 1) finished.add(offset, 'a', 1);
    expect(finished.runs).toHaveLength(1);
    for (let offset = 2000; offset < 4000; offset += 2) finished.add(offset, 'a', 1);
    expect(finished.runs.length).toBeLessThan(100);
    expect(finished.has(3998, 'a', 1)).toBe(true);
    expect(finished.has(0, 'a', 1)).toBe(false);
  });
});

describe('a delayed record', () => {
  it('takes no room until its time has come', () => {
    const world = new ShareWorld({ recordLocksMax: 3 });
    world.produce(Array.from({ length: 100 }, (_, at) => ({ delayMs: 1000 + at })));
    world.produce([{}]);
    expect(world.poll('a', 10)).toEqual([100]);
    world.ack('a', acksOf([100]));
    expect(world.state.window.size).toBe(0);
    world.advance(1001);
    expect(world.poll('a', 10)).toEqual([0, 1]);
  });

  it('does not stall a key-ordered group: half of the window stays free of delayed ones', () => {
    const world = new ShareWorld({ isKeyOrdered: true, recordLocksMax: 12 });
    world.produce(Array.from({ length: 100 }, (_, key) => ({ key, delayMs: 1000 + key })));
    world.produce([{ key: 1 }, { key: 99 }, { key: 100 }]);
    // The first delayed records hold their keys; the others are outside of the window.
    expect(world.poll('a', 20)).toEqual([101, 102]);
    expect(world.state.pendingCount).toBe(94);
    // A record that comes due waits while a member has another one of its key.
    world.advance(2000);
    const due: number[] = [];
    for (let round = 0; round < 40; round += 1) {
      const offsets = world.poll('b', 20);
      due.push(...offsets);
      world.ack('b', acksOf(offsets));
      world.assertReplay();
    }
    expect(due.toSorted((left, right) => left - right)).toEqual([
      ...Array.from({ length: 99 }, (_, at) => at),
      100,
    ]);
    world.ack('a', acksOf([101, 102]));
    expect(world.poll('b', 20)).toEqual([99]);
  });

  it('holds its key back in a key-ordered group, and nothing else', () => {
    const world = new ShareWorld({ isKeyOrdered: true });
    world.produce([{ key: 1, delayMs: 1000 }, { key: 1 }, { key: 2 }, {}]);
    expect(world.poll('a', 10)).toEqual([2, 3]);
    world.advance(1000);
    expect(world.poll('a', 10)).toEqual([0]);
    world.ack('a', acksOf([0]));
    expect(world.poll('a', 10)).toEqual([1]);
  });

  it('is finished by a purge', () => {
    const world = new ShareWorld();
    world.produce([{ delayMs: 1000 }, {}]);
    world.poll('a', 10);
    world.purge();
    world.advance(1000);
    expect(world.poll('b', 10)).toEqual([]);
    expect(world.ack('a', acksOf([1]))).toEqual(['done']);
  });
});

describe('an offer of records', () => {
  const context = { nowMs: 0, monotonicMs: 0, config: new ShareWorld().config };
  const offer = { from: 5, to: 10, logStartOffset: 0, ranges: [5, 9] };

  it('changes nothing where it leaves records out', () => {
    expect(offerRecords(new SharePartition(4), offer, context)).toEqual([]);
    expect(offerRecords(new SharePartition(10), offer, context)).toEqual([]);
  });

  it('adds what was not scanned before', () => {
    const added = { kind: 'scanned', to: 10, ranges: [7, 9] };
    expect(offerRecords(new SharePartition(7), offer, context)).toEqual([added]);
  });
});

describe('an offer of due records', () => {
  it('moves the cursor only where it begins at the cursor', () => {
    const state = new SharePartition(4);
    const context = { nowMs: 20, monotonicMs: 0, config: new ShareWorld().config };
    const rest = { to: { atMs: 9, offset: 0 }, records: [], indexedTo: 4, nextAtMs: null };
    expect(offerDue(state, { from: { atMs: 5, offset: 0 }, ...rest }, context)).toEqual([]);
    expect(offerDue(state, { from: state.due, ...rest }, context)).toHaveLength(1);
  });
});

describe('a dead letter', () => {
  it('is written once although the coordinator dies between the write and its note', () => {
    const world = worldOf(2);
    world.poll('a', 2);
    world.ack('a', [...acksOf([0], 'reject'), ...acksOf([1], 'ack')]);
    world.writeDeadLetters('afterWrite');
    world.writeDeadLetters('never');
    expect(world.deadLetters).toEqual([0]);
    expect(world.state.deadLetterCount).toBe(1);
    expect(world.state.window.size).toBe(0);
  });

  it('has the sequence after that of the one before', () => {
    const world = worldOf(2);
    world.poll('a', 2);
    for (const offset of [0, 1]) {
      world.ack('a', acksOf([offset], 'reject'));
      world.writeDeadLetters('never');
    }
    expect(world.deadLetters).toEqual([0, 1]);
    expect(world.state.deadLetterCount).toBe(2);
  });

  it('is in one plan at a time, until the topic of that plan is gone', () => {
    const world = worldOf(1);
    world.poll('a', 1);
    world.ack('a', acksOf([0], 'reject'));
    world.writeDeadLetters('afterPlan');
    const { deadLetterProducer: producer } = world.state;
    if (producer === undefined) throw new Error('nothing was planned');
    expect(planDeadLetters(world.state, producer, 9)).toEqual([]);
    expect(planDeadLetters(world.state, { ...producer, topicId: 'other' }, 9)).toHaveLength(1);
  });

  it('carries the reason of the last nack', () => {
    const world = worldOf(1, { deliveryCountLimit: 2 });
    for (const reason of ['first', 'The server is away.']) {
      world.poll('a', 1);
      world.ack('a', [{ offset: 0, type: 'nack', reason }]);
    }
    expect(world.state.window.get(0)?.reason).toBe(
      'The record was delivered 2 times. The server is away.',
    );
  });

  it('is written after the last delivery that the limit allows', () => {
    const world = worldOf(1, { deliveryCountLimit: 2 });
    for (let delivery = 1; delivery <= 2; delivery += 1) {
      expect(world.poll('a', 1)).toEqual([0]);
      world.advance(30_000);
    }
    expect(world.poll('a', 1)).toEqual([]);
    expect(world.state.window.get(0)?.reason).toBe('The record was delivered 2 times.');
    world.writeDeadLetters('never');
    expect(world.deadLetters).toEqual([0]);
  });
});

describe('a group without a dead-letter topic', () => {
  it('finishes a record at once that becomes a dead letter', () => {
    const world = worldOf(2, { deliveryCountLimit: 1, hasDeadLetters: false });
    expect(world.poll('a', 1)).toEqual([0]);
    world.ack('a', acksOf([0], 'reject'));
    expect([world.state.window.size, world.state.startOffset]).toEqual([1, 1]);
    expect(world.poll('a', 1)).toEqual([1]);
    world.advance(30_000);
    expect([world.state.window.size, world.state.startOffset]).toEqual([0, 2]);
    expect(world.state.deadLetterCount).toBe(0);
  });
});

describe('records that wait for their copies', () => {
  it('are finished when the group loses its dead-letter topic', () => {
    const world = worldOf(1);
    world.poll('a', 1);
    world.ack('a', acksOf([0], 'reject'));
    world.abandonDeadLetters();
    world.assertReplay();
    expect(world.state.window.size).toBe(0);
    expect(world.state.startOffset).toBe(1);
  });
});

describe('the next time of a share partition', () => {
  it('is the end of its first lock or of its first delay', () => {
    const world = worldOf(3);
    expect(nextTimeMs(world.state, world.nowMs)).toBe(Number.POSITIVE_INFINITY);
    world.poll('a', 1);
    const lockUntilMs = world.nowMs + 30_000;
    world.advance(10);
    world.ack('b', [{ offset: world.poll('b', 1)[0] ?? -1, type: 'nack', delayMs: 5000 }]);
    world.poll('a', 1);
    expect(nextTimeMs(world.state, world.nowMs)).toBe(world.nowMs + 5000);
    expect(world.availableCount).toBe(0);
    world.advance(5000);
    expect(world.availableCount).toBe(1);
    expect(nextTimeMs(world.state, world.nowMs)).toBe(lockUntilMs);
  });
});

describe('the log of a share partition', () => {
  it('has a snapshot when the slots of deltas are used up', () => {
    const world = worldOf(DELTA_SLOTS + 10);
    for (let at = 0; at < DELTA_SLOTS; at += 1) world.ack('a', acksOf(world.poll('a', 1)));
    world.compact();
    expect(world.log.filter(({ kind }) => kind === 'share-delta').length).toBeLessThanOrEqual(
      DELTA_SLOTS,
    );
    world.assertReplay();
  });

  it('has records of the documented shapes', () => {
    const world = worldOf(40, { retryBackoffMs: 10, retryBackoffMaxMs: 10 });
    world.produce([{ delayMs: 10 }]);
    world.ack('a', acksOf(world.poll('a', 4, 'r'), 'nack'));
    world.ack('a', acksOf(world.poll('a', 4), 'reject'));
    world.writeDeadLetters('afterPlan');
    world.ack('a', acksOf(world.poll('a', 9)));
    world.snapshot(true);
    world.purge();
    world.reset(0);
    for (const { kind, key, value } of world.log) {
      const form = SHARE_RECORD_FORMS[kind];
      expect(shapeFault(key, object(form.key))).toBeUndefined();
      expect(shapeFault(value, object(form.value))).toBeUndefined();
    }
  });

  it('that lacks a delta is reported as damage', () => {
    const world = worldOf(3);
    world.poll('a', 1);
    world.poll('a', 1);
    (world.log as unknown[]).splice(-2, 1);
    expect(() => world.failover()).toThrow('lacks a change');
  });
});

describe('ranges of offsets', () => {
  it('are as few as possible, whatever the order', () => {
    expect(rangesOf([5, 1, 2, 3, 7, 3])).toEqual([1, 3, 5, 5, 7, 7]);
    expect([...offsetsIn([1, 3, 5, 5])]).toEqual([1, 2, 3, 5]);
    expect(offsetCountOf([1, 3, 5, 5])).toBe(4);
  });
});

describe('a cancelled record', () => {
  it('is not delivered, whether it was looked at or not', () => {
    const world = worldOf(3);
    world.poll('a', 1);
    expect(world.cancel(0)).toBe('inUse');
    expect(world.cancel(1)).toBe('done');
    world.produce([{}, {}]);
    expect(world.cancel(3)).toBe('done');
    expect(world.poll('a', 9)).toEqual([2, 4]);
    expect(world.cancel(1)).toBe('finished');
    expect(world.state.cancelled.size).toBe(0);
  });

  it('that is delayed is passed over when its time comes, also by an offer from before', () => {
    const world = worldOf(0);
    world.produce([{ delayMs: 1000 }, { delayMs: 1000 }]);
    world.scan();
    world.advance(1000);
    world.readForLater();
    expect(world.cancel(0)).toBe('done');
    world.takeLateOffers();
    world.failover();
    expect(world.poll('a', 9)).toEqual([1]);
    expect(world.state.pendingCount).toBe(0);
    expect(world.state.cancelled.size).toBe(0);
  });

  it('that the log has lost is finished, and takes nothing from one that waits', () => {
    const world = new ShareWorld({ isKeyOrdered: true, recordLocksMax: 2 });
    world.produce([{ delayMs: 1000 }, { delayMs: 1000 }]);
    expect(world.poll('m1', 1)).toEqual([]);
    world.trim(1);
    expect(world.poll('m1', 1)).toEqual([]);
    expect(world.cancel(0)).toBe('finished');
    world.advance(2000);
    expect(world.poll('m1', 1)).toEqual([1]);
  });

  it('is refused where too many are remembered', () => {
    const world = new ShareWorld({ recordLocksMax: 2 });
    world.produce([{}, {}, {}]);
    expect([world.cancel(0), world.cancel(1), world.cancel(2)]).toEqual(['done', 'done', 'full']);
  });
});
