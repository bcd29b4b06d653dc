import { describe, expect, it } from 'vitest';
import { FakeClock } from '#runtime/testing';
import { isAddedByReassignment, ReassignmentThrottle } from './reassignment-throttle.js';

const RATE = 1000;

describe('ReassignmentThrottle', () => {
  it('lets fetches go until a second of its rate is taken, and then as it fills', () => {
    const clock = new FakeClock();
    const throttle = new ReassignmentThrottle(RATE, clock);
    throttle.take(999);
    expect(throttle.waitMs).toBe(0);
    throttle.take(501);
    expect(throttle.waitMs).toBe(501);
    clock.advance(501);
    expect(throttle.waitMs).toBe(0);
    expect(throttle.bytesTotal).toBe(1500);
  });

  it('keeps its rate over a minute of answers of any size', () => {
    const clock = new FakeClock();
    const throttle = new ReassignmentThrottle(RATE, clock);
    for (let ms = 0; ms < 60_000; ms += 1) {
      if (throttle.waitMs === 0) throttle.take(1 + ((ms * 7919) % 5000));
      clock.advance(1);
    }
    expect(throttle.bytesTotal).toBeGreaterThan(60 * RATE);
    expect(throttle.bytesTotal).toBeLessThan(61 * RATE + 5000);
  });

  it('saves no more than a second', () => {
    const clock = new FakeClock();
    const throttle = new ReassignmentThrottle(RATE, clock);
    clock.advance(60_000);
    throttle.take(RATE);
    expect(throttle.waitMs).toBe(1);
  });

  it('bounds nothing at a rate of 0, and counts', () => {
    const throttle = new ReassignmentThrottle(0, new FakeClock());
    throttle.take(10 ** 9);
    expect(throttle.waitMs).toBe(0);
    expect(throttle.bytesTotal).toBe(10 ** 9);
  });
});

describe('isAddedByReassignment', () => {
  const moving = {
    replicas: [0, 1, 2],
    leader: 0,
    leaderEpoch: 0,
    electionId: '',
    isr: [0, 1],
    partitionEpoch: 0,
    isNew: false,
    reassignment: { from: [0], to: [1, 2], version: 1 },
  };

  it('is true of a replica that was none before and is not in sync', () => {
    expect([0, 1, 2].map((id) => isAddedByReassignment(moving, id))).toEqual([false, false, true]);
    expect(isAddedByReassignment({ ...moving, isr: [0, 1, 2] }, 2)).toBe(false);
    const { reassignment: _, ...still } = moving;
    expect(isAddedByReassignment(still, 2)).toBe(false);
  });
});
