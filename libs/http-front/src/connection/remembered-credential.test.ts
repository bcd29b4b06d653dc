import { expect, it } from 'vitest';
import { NO_ACCESS } from '#security';
import { RememberedCredential } from './remembered-credential.js';

it('recognises exactly the header that it remembers', () => {
  const remembered = RememberedCredential.of('Bearer k1.secret', NO_ACCESS);
  expect(remembered?.isOf('Bearer k1.secret')).toBe(true);
  for (const other of ['', 'Bearer k1.secreT', 'Bearer k1.secret ', 'Bearer k1.secre']) {
    expect(remembered?.isOf(other), other).toBe(false);
  }
});

it('does not remember a header that is too long to compare', () => {
  expect(RememberedCredential.of('x'.repeat(8193), NO_ACCESS)).toBeUndefined();
});
