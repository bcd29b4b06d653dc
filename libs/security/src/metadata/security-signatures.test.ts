import { describe, expect, it } from 'vitest';
import { SecuritySignatures, type SignedValue } from './security-signatures.js';

const VALUE: SignedValue = ['commit', 1, 'id', 'previous', '[]'];

describe('SecuritySignatures', () => {
  it('accepts what a broker with a known secret signed', () => {
    const before = new SecuritySignatures('uuid', ['old secret']);
    const rotating = new SecuritySignatures('uuid', ['new secret', 'old secret']);
    const after = new SecuritySignatures('uuid', ['new secret']);
    expect(rotating.isSigned(VALUE, before.sign(VALUE))).toBe(true);
    expect(rotating.isSigned(VALUE, rotating.sign(VALUE))).toBe(true);
    expect(after.isSigned(VALUE, rotating.sign(VALUE))).toBe(true);
    expect(after.isSigned(VALUE, before.sign(VALUE))).toBe(false);
  });

  it('refuses a signature of another value, purpose or cluster, and what is none', () => {
    const signatures = new SecuritySignatures('uuid', ['secret']);
    const signature = signatures.sign(VALUE);
    const others: SignedValue[] = [
      ['commit', 2, 'id', 'previous', '[]'],
      ['commit', 1, 'id', 'previous', '[1]'],
      ['commit', 1, 'idprevious', '', '[]'],
      ['chunk', 1, 'id', 'previous', '[]'],
      ['commit', '1', 'id', 'previous', '[]'],
    ];
    for (const other of others) expect(signatures.isSigned(other, signature)).toBe(false);
    const elsewhere = new SecuritySignatures('another uuid', ['secret']);
    expect(elsewhere.isSigned(VALUE, signature)).toBe(false);
    for (const none of ['', 'x', signature.slice(1), undefined, 7, null]) {
      expect(signatures.isSigned(VALUE, none)).toBe(false);
    }
  });
});
