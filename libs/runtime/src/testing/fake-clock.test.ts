import { expect, it } from 'vitest';
import { FakeClock, FakeScheduler } from './fake-clock.js';
import { SeededRandom } from './seeded-random.js';

it('timers fire in the order of their due times, each at its own time', async () => {
  const clock = new FakeClock(1_000);
  const scheduler = new FakeScheduler(clock);
  const fired: [string, number][] = [];
  const note = (name: string) => () => fired.push([name, clock.nowMs()]);
  scheduler.after(30, note('b'));
  scheduler.after(10, note('a'));
  scheduler.after(30, note('c'));
  scheduler.after(20, note('cancelled')).cancel();
  scheduler.after(31, note('later'));
  await scheduler.advance(30);
  expect(fired).toStrictEqual([
    ['a', 1_010],
    ['b', 1_030],
    ['c', 1_030],
  ]);
  expect(clock.monotonicMs()).toBe(30);
  expect(scheduler.pendingTimers).toBe(1);
});

it('work that a timer starts ends before the next timer fires', async () => {
  const clock = new FakeClock(0);
  const scheduler = new FakeScheduler(clock);
  const events: string[] = [];
  scheduler.after(10, () => {
    scheduler.soon(() => scheduler.soon(() => scheduler.soon(() => events.push('soon'))));
    scheduler.after(5, () => events.push(`set meanwhile, at ${clock.nowMs()}`));
    void Promise.resolve().then(() => events.push('promise'));
  });
  scheduler.after(11, () => events.push('next'));
  await scheduler.advance(20);
  expect(events).toStrictEqual(['promise', 'soon', 'next', 'set meanwhile, at 15']);
  expect(clock.nowMs()).toBe(20);
});

it('setting the wall clock does not fire timers', async () => {
  const clock = new FakeClock(5_000);
  const scheduler = new FakeScheduler(clock);
  let fired = 0;
  scheduler.after(10, () => (fired += 1));
  clock.setNowMs(0);
  await scheduler.advance(9);
  expect([clock.nowMs(), fired]).toStrictEqual([9, 0]);
  await scheduler.advance(1);
  expect(fired).toBe(1);
});

it('a seed always gives the same numbers, spread over the range below the bound', () => {
  const draw = (seed: number) => {
    const random = new SeededRandom(seed);
    return Array.from({ length: 600 }, () => random.below(6));
  };
  for (const seed of [0, 1, 2, -7, 0x9e3779b9, 2 ** 40]) {
    expect(draw(seed)).toStrictEqual(draw(seed));
    const counts = new Map<number, number>();
    for (const number of draw(seed)) counts.set(number, (counts.get(number) ?? 0) + 1);
    expect(new Set(counts.keys())).toStrictEqual(new Set([0, 1, 2, 3, 4, 5]));
    expect(Math.min(...counts.values())).toBeGreaterThan(50);
  }
  expect(draw(1)).not.toStrictEqual(draw(2));
  expect(new SeededRandom(3).below(2 ** 53)).toBeGreaterThan(2 ** 32);
  expect(new SeededRandom(3).uuid()).toMatch(
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
});
