import { describe, expect, it } from 'vitest';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import { PendingProduce } from './pending-produce.js';
import { ProduceDeadlines } from './produce-deadlines.js';
import { produceOf } from './testing/records.js';

describe('ProduceDeadlines', () => {
  it('ends requests when their time is over, whatever the order they came in', async () => {
    const { deadlines, scheduler, ended } = harness();
    const pending = [300, 100, 200, 100].map((timeoutMs) => pendingOf(timeoutMs));
    for (const one of pending) deadlines.add(one);
    await scheduler.advance(99);
    expect(ended).toEqual([]);
    await scheduler.advance(1);
    expect(ended).toEqual([100, 100]);
    await scheduler.advance(200);
    expect(ended).toEqual([100, 100, 200, 300]);
    expect(scheduler.pendingTimers).toBe(0);
  });

  it('forgets requests that were answered, from anywhere in the list', async () => {
    const { deadlines, scheduler, ended } = harness();
    const pending = [100, 200, 300, 400].map((timeoutMs) => pendingOf(timeoutMs));
    for (const one of pending) deadlines.add(one);
    for (const at of [1, 0, 3]) {
      const one = pending[at];
      if (one !== undefined) deadlines.remove(one);
      if (one !== undefined) deadlines.remove(one);
    }
    await scheduler.advance(1000);
    expect(ended).toEqual([300]);
  });

  it('has one timer however many requests there are', () => {
    const { deadlines, scheduler } = harness();
    for (let count = 0; count < 100; count += 1) deadlines.add(pendingOf(30_000));
    expect(scheduler.pendingTimers).toBe(1);
  });
});

function harness(): {
  readonly deadlines: ProduceDeadlines;
  readonly scheduler: FakeScheduler;
  readonly ended: number[];
} {
  const clock = new FakeClock();
  const scheduler = new FakeScheduler(clock);
  const ended: number[] = [];
  const deadlines = new ProduceDeadlines(clock, scheduler, (one) => ended.push(one.timeoutMs));
  return { deadlines, scheduler, ended };
}

function pendingOf(timeoutMs: number): PendingProduce {
  const part = { partition: 0, indexes: undefined, sizeBytes: 1 };
  return new PendingProduce(produceOf('events', ['a'], { timeoutMs }), [part], () => undefined);
}
