import { expect, it } from 'vitest';
import { TopicPattern } from './topic-pattern.js';

it('a pattern matches whole names', () => {
  expect(matches('orders\\..*', 'orders.eu')).toBe(true);
  expect(matches('orders', 'orders.eu')).toBe(false);
  expect(matches('a|b', 'ab')).toBe(false);
});

it('a pattern matches neither internal topics nor dead letters', () => {
  expect(matches('.*', '__consumer_offsets')).toBe(false);
  expect(matches('.*', 'dlq.billing')).toBe(false);
});

it.each(['', '[', 'a(?=b)', '(a)\\1', '((a{100}){100})', 'x'.repeat(501)])(
  'the pattern %j is refused with a sentence',
  (text) => {
    expect(TopicPattern.tryParse(text)).toMatchObject({
      fault: expect.stringContaining('pattern'),
    });
  },
);

function matches(pattern: string, topic: string): boolean {
  const parsed = TopicPattern.tryParse(pattern);
  if (!(parsed instanceof TopicPattern)) throw new Error(parsed.fault);
  return parsed.matches(topic);
}
