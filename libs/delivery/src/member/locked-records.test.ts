import { describe, expect, it } from 'vitest';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import { type ExpiringRecords, LockedRecords } from './locked-records.js';

const TARGET = { topic: 't', partition: 0 };

class HeldTest {
  readonly scheduler: FakeScheduler;
  readonly expiring: ExpiringRecords[] = [];
  expired = 0;
  counted = 0;
  readonly held: LockedRecords;

  constructor() {
    this.scheduler = new FakeScheduler(new FakeClock());
    this.held = new LockedRecords({
      scheduler: this.scheduler,
      onExpiring: (records) => this.expiring.push(records),
      onCount: (change) => {
        this.counted += change;
      },
      onExpired: () => {
        this.expired += 1;
      },
    });
  }

  add(offsets: readonly number[], lockMs = 300, deliveryCount = 1): void {
    const records = offsets.map((offset) => ({ offset, deliveryCount }));
    this.held.add(TARGET, records, lockMs);
  }
}

describe('the records that a member has under lock', () => {
  it('are reported once after two thirds of the lock, and gone at its end', async () => {
    const test = new HeldTest();
    test.add([1, 2]);
    await test.scheduler.advance(199);
    expect(test.expiring).toEqual([]);
    test.held.remove(TARGET, 1);
    await test.scheduler.advance(1);
    expect(test.expiring).toEqual([{ ...TARGET, offsets: [2], deadlineMs: 100 }]);
    await test.scheduler.advance(99);
    expect([test.held.count, test.expired]).toEqual([1, 0]);
    await test.scheduler.advance(1);
    expect([test.held.count, test.expired, test.expiring.length]).toEqual([0, 1, 1]);
  });

  it('stay for another lock when it is extended', async () => {
    const test = new HeldTest();
    test.add([1, 2]);
    await test.scheduler.advance(250);
    test.held.extend(TARGET, 2);
    await test.scheduler.advance(50);
    expect(test.held.deliveryOf(TARGET, 1)).toBeUndefined();
    expect(test.held.deliveryOf(TARGET, 2)).toBe(1);
    await test.scheduler.advance(150);
    expect(test.expiring.at(-1)).toMatchObject({ offsets: [2] });
    await test.scheduler.advance(100);
    expect(test.held.count).toBe(0);
  });

  it('count once when they are delivered again before their lock is over here', async () => {
    const test = new HeldTest();
    test.add([1]);
    await test.scheduler.advance(299);
    test.add([1], 300, 2);
    expect([test.held.count, test.held.deliveryOf(TARGET, 1)]).toEqual([1, 2]);
    await test.scheduler.advance(1);
    expect([test.held.count, test.expired]).toEqual([1, 0]);
  });

  it('leave no timer behind when all are removed', async () => {
    const test = new HeldTest();
    test.add([1]);
    test.add([2]);
    test.held.remove(TARGET, 1);
    test.held.clear();
    await test.scheduler.advance(1000);
    expect([test.held.count, test.expired, test.expiring.length]).toEqual([0, 0, 0]);
    expect(test.counted).toBe(0);
  });
});
