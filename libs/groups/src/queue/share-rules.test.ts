import { describe, expect, it } from 'vitest';
import { object, shapeFault } from '#replication';
import { DELIVERY_TRANSITIONS } from './delivery-state.js';
import { FinishedDeliveries } from './finished-deliveries.js';
import { countIn, isOffsetRanges, offsetsIn, rangesOf } from './offset-ranges.js';
import { nextTimes } from './release-records.js';
import { DELTA_SLOTS, SHARE_RECORD_FORMS } from './share-log-records.js';
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

describe('the next times of a share partition', () => {
  it('are the end of its first lock and of its first delay', () => {
    const world = worldOf(3);
    expect(nextTimes(world.state)).toEqual({ lockUntilMs: undefined, notBeforeMs: undefined });
    world.poll('a', 1);
    const lockUntilMs = world.nowMs + 30_000;
    world.advance(10);
    world.ack('b', [{ offset: world.poll('b', 1)[0] ?? -1, type: 'nack', delayMs: 5000 }]);
    world.poll('a', 1);
    expect(nextTimes(world.state)).toEqual({ lockUntilMs, notBeforeMs: world.nowMs + 5000 });
    expect(world.availableCount).toBe(0);
    world.advance(5000);
    expect(world.availableCount).toBe(1);
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
    expect(countIn([1, 3, 5, 5])).toBe(4);
  });

  it('are recognised by their shape', () => {
    expect(isOffsetRanges([1, 3, 5, 5])).toBe(true);
    for (const wrong of [[1], [3, 1], [1, 3, 3, 4], ['1', '2'], {}, [-2, 1]]) {
      expect(isOffsetRanges(wrong)).toBe(false);
    }
  });
});
