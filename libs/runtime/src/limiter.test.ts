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
