import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SystemClock, SystemRandom, SystemScheduler } from './system-clock.js';

describe('SystemClock', () => {
  it('returns whole milliseconds, and a monotonic time that never goes back', () => {
    const clock = new SystemClock();
    expect(Number.isSafeInteger(clock.nowMs())).toBe(true);
    const first = clock.monotonicMs();
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(first);
  });
});

describe('SystemScheduler', () => {
  const scheduler = new SystemScheduler();
  const task = vi.fn();

  beforeEach(() => {
    vi.useFakeTimers();
    task.mockReset();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('calls a task once, after its delay', () => {
    scheduler.after(50, task);
    vi.advanceTimersByTime(49);
    expect(task).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1_000);
    expect(task).toHaveBeenCalledOnce();
  });

  it('never calls a task that was cancelled', () => {
    scheduler.after(50, task).cancel();
    vi.advanceTimersByTime(1_000);
    expect(task).not.toHaveBeenCalled();
  });

  it('waits longer than one timer of Node can', () => {
    const monthMs = 31 * 24 * 3_600_000;
    scheduler.after(monthMs, task);
    const cancelled = scheduler.after(monthMs, () => expect.fail('it was cancelled'));
    vi.advanceTimersByTime(monthMs - 1);
    expect(task).not.toHaveBeenCalled();
    cancelled.cancel();
    vi.advanceTimersByTime(1);
    expect(task).toHaveBeenCalledOnce();
  });

  it('calls a task at the end of the turn, not within the call', () => {
    scheduler.soon(task);
    expect(task).not.toHaveBeenCalled();
    vi.advanceTimersByTime(0);
    expect(task).toHaveBeenCalledOnce();
  });
});

describe('SystemRandom', () => {
  it('returns numbers below the bound and UUIDs of version 4', () => {
    const random = new SystemRandom();
    const drawn = new Set(Array.from({ length: 200 }, () => random.below(3)));
    expect(drawn).toStrictEqual(new Set([0, 1, 2]));
    expect(random.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-/);
  });
});
