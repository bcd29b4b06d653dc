import { expect, it } from 'vitest';
import { detachedText, textMemoryBytes } from './text-memory.js';

it('counts one byte per Latin-1 character and two where one character needs them', () => {
  expect(textMemoryBytes('')).toBe(16);
  expect(textMemoryBytes('a')).toBe(24);
  expect(textMemoryBytes('é'.repeat(4096))).toBe(16 + 4096);
  expect(textMemoryBytes(`${'a'.repeat(4095)}語`)).toBe(16 + 8192);
});

it('copies a text unchanged, also with lone surrogates', () => {
  for (const text of ['', 'abc', '語😀', '\ud800x']) expect(detachedText(text)).toBe(text);
});
