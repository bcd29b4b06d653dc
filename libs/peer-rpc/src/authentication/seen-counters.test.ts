import { array, assert, integer, property } from 'fast-check';
import { expect, test } from 'vitest';
import { SeenCounters } from './seen-counters.js';

const WINDOW = 65_536;

test('a counter is new once, in any order within the window', () => {
  assert(
    property(array(integer({ min: 1, max: 5000 }), { maxLength: 300 }), (counters) => {
      const seen = new SeenCounters();
      const model = new Set<number>();
      for (const counter of counters) {
        expect(seen.add(counter)).toBe(!model.has(counter));
        model.add(counter);
      }
    }),
  );
});

test('counters before the window count as seen', () => {
  const seen = new SeenCounters();
  expect(seen.add(WINDOW + 10)).toBe(true);
  expect(seen.add(10)).toBe(false);
  expect(seen.add(11)).toBe(true);
  expect(seen.add(11)).toBe(false);
  expect(seen.add(10 * WINDOW)).toBe(true);
  expect(seen.add(10 * WINDOW - 1)).toBe(true);
  expect(seen.add(10 * WINDOW - 1)).toBe(false);
});

test.each([0, -1, 1.5, Number.NaN, 2 ** 53])('%s is not a counter', (counter) => {
  expect(new SeenCounters().add(counter)).toBe(false);
});
