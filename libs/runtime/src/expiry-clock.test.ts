import { describe, expect, it } from 'vitest';
import { ExpiryClock } from './expiry-clock.js';
import { silentLogger } from './logger.js';
import { FakeClock } from './testing/index.js';

const MINUTE_MS = 60_000;
const JUMP_MS = 10 * MINUTE_MS;
const GRACE_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;
const START_MS = 1_750_000_000_000;

function watched(lastSeenMs?: number): { clock: FakeClock; expiry: ExpiryClock } {
  const clock = new FakeClock(START_MS);
  const options = { clock, logger: silentLogger, jumpMs: JUMP_MS, graceMs: GRACE_MS, lastSeenMs };
  return { clock, expiry: new ExpiryClock(options) };
}

describe('the expiry clock', () => {
  it('follows the wall clock, however much time passes between two checks', () => {
    const { clock, expiry } = watched();
    clock.advance(30 * DAY_MS);
    expect(expiry.nowMs()).toBe(clock.nowMs());
    expect(expiry.status).toEqual({ aheadMs: 0, graceLeftMs: 0, jumpsTotal: 0 });
  });

  it('ignores a jump until the wall clock is back', () => {
    const { clock, expiry } = watched();
    clock.setNowMs(START_MS + DAY_MS);
    clock.advance(4000);
    expect(expiry.nowMs()).toBe(START_MS + 4000);
    expect(expiry.status).toEqual({ aheadMs: DAY_MS, graceLeftMs: GRACE_MS, jumpsTotal: 1 });
    clock.setNowMs(START_MS + 4000);
    expect(expiry.nowMs()).toBe(START_MS + 4000);
    expect(expiry.status).toEqual({ aheadMs: 0, graceLeftMs: 0, jumpsTotal: 1 });
  });

  it('follows a clock that stays ahead once the grace time has passed', () => {
    const { clock, expiry } = watched();
    clock.setNowMs(START_MS + DAY_MS);
    expiry.check();
    clock.advance(GRACE_MS - 1);
    expect(expiry.nowMs()).toBe(START_MS + GRACE_MS - 1);
    clock.advance(1);
    expect(expiry.nowMs()).toBe(clock.nowMs());
    expect(expiry.status.aheadMs).toBe(0);
  });

  it('waits for another grace time when the clock jumps again during the first', () => {
    const { clock, expiry } = watched();
    clock.setNowMs(START_MS + DAY_MS);
    expiry.check();
    clock.advance(GRACE_MS / 2);
    clock.setNowMs(clock.nowMs() + DAY_MS);
    expiry.check();
    clock.advance(GRACE_MS / 2);
    expect(expiry.status).toEqual({
      aheadMs: 2 * DAY_MS,
      graceLeftMs: GRACE_MS / 2,
      jumpsTotal: 2,
    });
  });

  it('follows small steps, drift and a clock that is set back', () => {
    const { clock, expiry } = watched();
    for (const stepMs of [JUMP_MS - 1, JUMP_MS - 1, -DAY_MS, 1000]) {
      clock.setNowMs(clock.nowMs() + stepMs);
      expect(expiry.nowMs()).toBe(clock.nowMs());
    }
    expect(expiry.status.jumpsTotal).toBe(0);
  });

  it('continues from the last time that an earlier process saw', () => {
    const { clock, expiry } = watched(START_MS - DAY_MS);
    clock.advance(1000);
    expect(expiry.nowMs()).toBe(START_MS - DAY_MS + 1000);
    expect(expiry.status).toMatchObject({ aheadMs: DAY_MS, jumpsTotal: 0 });
    clock.advance(GRACE_MS);
    expect(expiry.nowMs()).toBe(clock.nowMs());
  });

  it.each([
    ['was seen a moment ago', START_MS - 5000],
    ['is ahead of the clock', START_MS + DAY_MS],
  ])('follows the wall clock when the last time %s', (_, lastSeenMs) => {
    const { clock, expiry } = watched(lastSeenMs);
    expect(expiry.nowMs()).toBe(clock.nowMs());
    expect(expiry.status.jumpsTotal).toBe(0);
  });
});
