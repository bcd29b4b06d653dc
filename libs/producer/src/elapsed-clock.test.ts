import { describe, expect, it } from 'vitest';
import { ElapsedClock } from './elapsed-clock.js';

describe('ElapsedClock', () => {
  it('counts the greater of both clocks, and never goes back', () => {
    const { elapsed, pass } = clocks();
    pass(500, 500);
    expect(elapsed.monotonicMs()).toBe(500);
    pass(60_000, 0);
    expect(elapsed.monotonicMs()).toBe(60_500);
    pass(0, 1000);
    expect(elapsed.monotonicMs()).toBe(61_500);
    pass(-400, 0);
    expect(elapsed.monotonicMs()).toBe(61_500);
  });

  it('counts a sleep after the wall clock was set back by more than the sleep lasts', () => {
    const { elapsed, pass } = clocks();
    pass(-3_600_000, 10);
    expect(elapsed.monotonicMs()).toBe(10);
    pass(60_000, 0);
    expect(elapsed.monotonicMs()).toBe(60_010);
  });

  it('counts on after a sleep on whichever clock goes on', () => {
    const { elapsed, pass } = clocks();
    pass(60_000, 0);
    elapsed.monotonicMs();
    pass(0, 5000);
    expect(elapsed.monotonicMs()).toBe(65_000);
  });
});

function clocks(): {
  readonly elapsed: ElapsedClock;
  readonly pass: (wallMs: number, monotonicMs: number) => void;
} {
  const now = { wallMs: 1_700_000_000_000, monotonicMs: 77 };
  const elapsed = new ElapsedClock({
    nowMs: () => now.wallMs,
    monotonicMs: () => now.monotonicMs,
  });
  const pass = (wallMs: number, monotonicMs: number): void => {
    now.wallMs += wallMs;
    now.monotonicMs += monotonicMs;
  };
  return { elapsed, pass };
}
