import { expect, it } from 'vitest';
import { bytesOfText } from './text-bytes.js';

const TEXTS = ['', 'tea', 'tea with ☕ and 茶', '🍵'.repeat(100), 'x'.repeat(5000), '\ud800 alone'];

it('gives each text bytes of its own, also where many share a buffer', () => {
  const texts = Array.from({ length: 200 }, (_, at) => `${at} ${TEXTS[at % TEXTS.length]}`);
  const bytes = texts.map(bytesOfText);
  const expected = texts.map((text) => new TextEncoder().encode(text));
  expect(bytes).toEqual(expected);
});
