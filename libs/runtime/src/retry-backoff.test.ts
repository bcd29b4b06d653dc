import { expect, test } from 'vitest';
import type { Random } from './clock.js';
import { RetryBackoff } from './retry-backoff.js';

/** Always the largest number that is possible. */
const largest: Random = { below: (bound) => bound - 1, uuid: () => '' };
const smallest: Random = { below: () => 0, uuid: () => '' };

test('the longest delay doubles with each attempt, up to a second', () => {
  const backoff = new RetryBackoff(largest);
  const delays = Array.from({ length: 7 }, () => backoff.nextDelayMs());
  expect(delays).toEqual([50, 100, 200, 400, 800, 1000, 1000]);
});

test('a delay may be any part of the longest one, but never 0', () => {
  const backoff = new RetryBackoff(smallest);
  expect([backoff.nextDelayMs(), backoff.nextDelayMs()]).toEqual([1, 1]);
});

test('delays are short again after a reset', () => {
  const backoff = new RetryBackoff(largest);
  backoff.nextDelayMs();
  backoff.nextDelayMs();
  backoff.reset();
  expect(backoff.nextDelayMs()).toBe(50);
});
