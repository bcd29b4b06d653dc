import { describe, expect, it } from 'vitest';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import { StoppedError, Throttler } from './throttler.js';

function paceOf(bytesPerSecond: number): {
  clock: FakeClock;
  scheduler: FakeScheduler;
  pace: Throttler;
} {
  const clock = new FakeClock();
  const scheduler = new FakeScheduler(clock);
  return {
    clock,
    scheduler,
    pace: new Throttler({ clock, scheduler, bytesPerSecond, sliceMsMax: 2 }),
  };
}

describe('background work', () => {
  it('is due for a pause when its slice is over, and has a new slice after it', async () => {
    const { clock, pace } = paceOf(1000);
    expect(pace.isDue).toBe(false);
    clock.advance(2);
    expect(pace.isDue).toBe(true);
    await pace.pause();
    expect(pace.isDue).toBe(false);
  });

  it('waits as long as its bytes take at the allowed speed', async () => {
    const { clock, scheduler, pace } = paceOf(1000);
    pace.charge(500);
    const startMs = clock.monotonicMs();
    let endMs = Number.NaN;
    const pause = pace.pause().then(() => {
      endMs = clock.monotonicMs();
      return endMs;
    });
    await scheduler.advance(2000);
    await pause;
    expect(endMs - startMs).toBe(500);
  });

  it('does not save up idle time for a burst', async () => {
    const { clock, scheduler, pace } = paceOf(1000);
    clock.advance(60_000);
    await pace.pause();
    pace.charge(100);
    let isOver = false;
    const pause = pace.pause().then(() => {
      isOver = true;
      return isOver;
    });
    await scheduler.advance(99);
    expect(isOver).toBe(false);
    await scheduler.advance(1);
    await pause;
  });

  it('ends at its next pause when it is stopped, or amid one', async () => {
    const { pace } = paceOf(1);
    pace.charge(1_000_000);
    const pause = expect(pace.pause()).rejects.toThrow(StoppedError);
    pace.stop();
    await pause;
    expect(pace.isDue).toBe(true);
    await expect(pace.pause()).rejects.toThrow(StoppedError);
  });
});
