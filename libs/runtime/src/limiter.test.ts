import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { Limiter } from './limiter.js';

it('runs tasks in order and never more than its limit at a time', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.boolean(), { maxLength: 30 }),
      fc.scheduler(),
      async (max, failures, scheduler) => {
        const limiter = new Limiter(max);
        const began: number[] = [];
        let running = 0;
        let peak = 0;
        const results = failures.map((fails, index) =>
          limiter.run(async () => {
            began.push(index);
            running += 1;
            peak = Math.max(peak, running);
            await scheduler.schedule(Promise.resolve());
            running -= 1;
            if (fails) throw new Error(`task ${index}`);
            return index;
          }),
        );
        const settled = Promise.allSettled(results);
        await scheduler.waitFor(settled);

        expect(began).toStrictEqual(failures.map((_, index) => index));
        expect(peak).toBe(Math.min(max, failures.length));
        expect((await settled).map(({ status }) => status === 'rejected')).toStrictEqual(failures);
      },
    ),
  );
});

it('frees the slot of a task that throws before its first await', async () => {
  const limiter = new Limiter(1);
  const thrown = limiter.run(() => {
    throw new Error('at once');
  });
  await expect(thrown).rejects.toThrow('at once');
  expect(await limiter.run(() => Promise.resolve('next'))).toBe('next');
});

it('runs heavy tasks in order as far as their weights fit', async () => {
  const limiter = new Limiter(4);
  const ends: (() => void)[] = [];
  const began: number[] = [];
  const runs = [3, 2, 9, 1].map((weight) =>
    limiter.run(() => {
      began.push(weight);
      return new Promise<void>((resolve) => ends.push(resolve));
    }, weight),
  );
  const endFirst = async (): Promise<void> => {
    ends.shift()?.();
    await new Promise(setImmediate);
  };
  expect([began, limiter.running, limiter.waiting]).toEqual([[3], 1, 3]);
  expect([limiter.hasRoomFor(1), new Limiter(4).hasRoomFor(9)]).toEqual([false, true]);
  await endFirst();
  expect(began).toEqual([3, 2]);
  await endFirst();
  expect(began).toEqual([3, 2, 9]);
  await endFirst();
  expect(began).toEqual([3, 2, 9, 1]);
  await endFirst();
  await Promise.all(runs);
  expect([limiter.running, limiter.hasRoomFor(4)]).toEqual([0, true]);
});
