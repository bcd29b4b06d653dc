import { expect, it } from 'vitest';
import { SerialQueue } from './serial-queue.js';

it('runs tasks one after the other, in the order in which they came', async () => {
  const queue = new SerialQueue();
  const events: string[] = [];
  const task = (name: string) => async () => {
    events.push(`${name} begins`);
    await Promise.resolve();
    events.push(`${name} ends`);
    return name;
  };
  const results = await Promise.all([queue.run(task('a')), queue.run(task('b'))]);
  expect(results).toStrictEqual(['a', 'b']);
  expect(events).toStrictEqual(['a begins', 'a ends', 'b begins', 'b ends']);
});

it('continues after a failed task and rejects for its caller', async () => {
  const queue = new SerialQueue();
  const failing = queue.run(() => Promise.reject(new Error('broken')));
  const throwing = queue.run(() => {
    throw new Error('thrown');
  });
  const next = queue.run(() => 'done');
  await expect(failing).rejects.toThrow('broken');
  await expect(throwing).rejects.toThrow('thrown');
  expect(await next).toBe('done');
});

it('starts a task only after `run` has returned', () => {
  let began = false;
  void new SerialQueue().run(() => {
    began = true;
  });
  expect(began).toBe(false);
});
