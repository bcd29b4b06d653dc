import { expect, it } from 'vitest';
import { Verdicts } from './verdicts.js';

it('distinguishes operations, types and names', () => {
  const verdicts = new Verdicts();
  verdicts.set('Read', 'topic', 'orders', true);
  verdicts.set('Write', 'topic', 'orders', false);
  expect(verdicts.get('Read', 'topic', 'orders')).toBe(true);
  expect(verdicts.get('Write', 'topic', 'orders')).toBe(false);
  expect(verdicts.get('Write', 'topic', 'orders')).toBe(false);
  expect(verdicts.get('Read', 'group', 'orders')).toBeUndefined();
  expect(verdicts.get('Read', 'topic', 'other')).toBeUndefined();
  expect(verdicts.get('Alter', 'topic', 'orders')).toBeUndefined();
});

it('remembers a bounded number of verdicts', () => {
  const verdicts = new Verdicts();
  const names = Array.from({ length: 10_000 }, (_, index) => `topic-${index}`);
  for (const name of names) verdicts.set('Read', 'topic', name, true);
  const remembered = names.filter((name) => verdicts.get('Read', 'topic', name) !== undefined);
  expect(remembered.length).toBeLessThanOrEqual(128);
  expect(remembered).toContain('topic-9999');
});

it('remembers no name that is longer than those of topics and groups', () => {
  const verdicts = new Verdicts();
  for (const length of [255, 256]) verdicts.set('Read', 'topic', 'x'.repeat(length), true);
  expect(verdicts.get('Read', 'topic', 'x'.repeat(255))).toBe(true);
  expect(verdicts.get('Read', 'topic', 'x'.repeat(256))).toBeUndefined();
});

it('forgets all verdicts, also the one that it found last', () => {
  const verdicts = new Verdicts();
  verdicts.set('Read', 'topic', 'orders', true);
  expect(verdicts.get('Read', 'topic', 'orders')).toBe(true);
  verdicts.clear();
  expect(verdicts.get('Read', 'topic', 'orders')).toBeUndefined();
  verdicts.set('Read', 'topic', 'orders', false);
  expect(verdicts.get('Read', 'topic', 'orders')).toBe(false);
});
