import { expect, it } from 'vitest';
import { NO_ACCESS } from '#security';
import { RememberedCredential } from './remembered-credential.js';

const HEADER = 'Bearer k1.secret';

it('recognises exactly the header that it remembers, also after another one was compared', () => {
  const remembered = RememberedCredential.of(HEADER, NO_ACCESS, undefined);
  for (const other of ['', 'Bearer k1.secreT', 'Bearer k1.secret ', 'Bearer k1.secre']) {
    expect(remembered?.isOf(HEADER)).toBe(true);
    expect(remembered?.isOf(other), other).toBe(false);
  }
  expect(remembered?.isOf(HEADER)).toBe(true);
});

it('compares in constant time once the connection has presented another header', () => {
  const remembered = RememberedCredential.of(HEADER, NO_ACCESS, undefined);
  expect(remembered?.isOf(HEADER)).toBe(true);
  expect(remembered?.takesConstantTime).toBe(false);
  remembered?.isOf('Bearer k1.guess-');
  expect(remembered?.takesConstantTime).toBe(true);
  const next = RememberedCredential.of('Bearer k2.secret', NO_ACCESS, remembered);
  expect(next?.takesConstantTime).toBe(true);
  expect(next?.isOf('Bearer k2.secret')).toBe(true);
  expect(next?.isOf(HEADER)).toBe(false);
});

it('does not remember a header that is too long to compare', () => {
  expect(RememberedCredential.of('x'.repeat(8193), NO_ACCESS, undefined)).toBeUndefined();
});
