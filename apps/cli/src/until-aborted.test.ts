import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { untilAborted } from './until-aborted.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

interface Item {
  readonly number: number;
}

/** Yields items for ever. */
async function* items(made: WeakRef<Item>[] = []): AsyncGenerator<Item> {
  for (let number = 0; ; number += 1) {
    const item = { number };
    made.push(new WeakRef(item));
    yield item;
  }
}

test('items come until the signal is aborted, also while one is awaited', async () => {
  const stop = new AbortController();
  const numbers: number[] = [];
  for await (const { number } of untilAborted(items(), stop.signal)) {
    numbers.push(number);
    if (number === 2) stop.abort();
  }
  expect(numbers).toEqual([0, 1, 2]);
  const later = new AbortController();
  const silent = new ReadableStream<Item>() as unknown as AsyncIterable<Item>;
  const next = untilAborted(silent, later.signal).next();
  later.abort();
  expect(await next).toEqual({ done: true, value: undefined });
});

test('an error of the items is passed on', async () => {
  const broken = new ReadableStream({ start: (stream) => stream.error(new Error('broken')) });
  const all = untilAborted(broken as unknown as AsyncIterable<Item>, new AbortController().signal);
  await expect(all.next()).rejects.toThrow('broken');
});

test('items that were worked on are not kept', async () => {
  const made: WeakRef<Item>[] = [];
  const all = untilAborted(items(made), new AbortController().signal);
  for (let count = 0; count < 100; count += 1) await all.next();
  await expect
    .poll(() => {
      collectGarbage();
      return made.filter((item) => item.deref() !== undefined).length;
    })
    .toBeLessThan(10);
  await all.next();
});
