import { describe, expect, it } from 'vitest';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import { StoppedError, Throttler } from './throttler.js';

function throttlerOf(bytesPerSecond: number): {
  clock: FakeClock;
  scheduler: FakeScheduler;
  throttler: Throttler;
} {
  const clock = new FakeClock();
  const scheduler = new FakeScheduler(clock);
  return {
    clock,
    scheduler,
    throttler: new Throttler({ clock, scheduler, bytesPerSecond, sliceMsMax: 2 }),
  };
}

describe('background work', () => {
  it('is due for a pause when its slice is over, and has a new slice after it', async () => {
    const { clock, throttler } = throttlerOf(1000);
    expect(throttler.isDue).toBe(false);
    clock.advance(2);
    expect(throttler.isDue).toBe(true);
    await throttler.pause();
    expect(throttler.isDue).toBe(false);
  });

  it('waits as long as its bytes take at the allowed speed', async () => {
    const { clock, scheduler, throttler } = throttlerOf(1000);
    throttler.charge(500);
    const startMs = clock.monotonicMs();
    let endMs = Number.NaN;
    const pause = throttler.pause().then(() => {
      endMs = clock.monotonicMs();
      return endMs;
    });
    await scheduler.advance(2000);
    await pause;
    expect(endMs - startMs).toBe(500);
  });

  it('does not save up idle time for a burst', async () => {
    const { clock, scheduler, throttler } = throttlerOf(1000);
    clock.advance(60_000);
    await throttler.pause();
    throttler.charge(100);
    let isOver = false;
    const pause = throttler.pause().then(() => {
      isOver = true;
      return isOver;
    });
    await scheduler.advance(99);
    expect(isOver).toBe(false);
    await scheduler.advance(1);
    await pause;
  });

  it('ends at its next pause when it is stopped, or amid one', async () => {
    const { throttler } = throttlerOf(1);
    throttler.charge(1_000_000);
    const pause = expect(throttler.pause()).rejects.toThrow(StoppedError);
    throttler.stop();
    await pause;
    expect(throttler.isDue).toBe(true);
    await expect(throttler.pause()).rejects.toThrow(StoppedError);
  });
});
