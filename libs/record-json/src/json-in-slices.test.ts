import { expect, test } from 'vitest';
import { jsonInSlices } from './json-in-slices.js';

const items = Array.from({ length: 5000 }, (_, k) => ({ topic: `é"${k}`, offset: k, note: null }));

test.each<[string, unknown]>([
  ['a list of items', { offsets: items }],
  ['members beside the list', { before: undefined, a: { b: [1] }, topics: items, after: 'x' }],
  [
    'lists in a list',
    { topics: items.slice(0, 200).map((item) => ({ ...item, partitions: items.slice(0, 150) })) },
  ],
  [
    'numbers and nothing',
    { list: Array.from({ length: 300 }, (_, k) => (k % 2 === 0 ? k : undefined)) },
  ],
  ['no list', { a: 1 }],
  ['an empty list', { list: [] }],
])('writes the same as JSON.stringify, in slices: %s', (_, value) => {
  const work = jsonInSlices(value);
  let slices = 1;
  let step = work.next();
  for (; step.done !== true; step = work.next()) slices += 1;
  const expected = `${JSON.stringify(value)}\n`;
  expect(step.value.toString() === expected).toBe(true);
  expect(slices).toBeGreaterThanOrEqual(Math.floor(expected.length / 200_000));
});
