import { describe, expect, it } from 'vitest';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import { type DeadlineEntry, Deadlines } from './deadlines.js';

describe('Deadlines', () => {
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
  readonly deadlines: Deadlines<Entry>;
  readonly scheduler: FakeScheduler;
  readonly ended: number[];
} {
  const clock = new FakeClock();
  const scheduler = new FakeScheduler(clock);
  const ended: number[] = [];
  const deadlines = new Deadlines<Entry>(clock, scheduler, (one) => ended.push(one.timeoutMs));
  return { deadlines, scheduler, ended };
}

interface Entry extends DeadlineEntry<Entry> {}

function pendingOf(timeoutMs: number): Entry {
  return { timeoutMs, deadlineMs: 0, nextDeadline: undefined, previousDeadline: undefined };
}
