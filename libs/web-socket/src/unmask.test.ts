import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { unmask } from './unmask.js';

test('the mask is removed from any part of a payload, at any alignment', () => {
  const mask = fc.uint8Array({ minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      mask,
      fc.nat(9),
      fc.nat(9),
      (plain, key, at, offset) => {
        const memory = Buffer.alloc(64);
        const bytes = memory.subarray(offset, offset + plain.length);
        plain.forEach((byte, index) => {
          bytes[index] = byte ^ (key[(at + index) % 4] as number);
        });
        unmask(bytes, key, at);
        expect([...bytes]).toEqual([...plain]);
        expect(memory.subarray(offset + plain.length).every((byte) => byte === 0)).toBe(true);
        expect(memory.subarray(0, offset).every((byte) => byte === 0)).toBe(true);
      },
    ),
  );
});
