import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { crc32c } from './crc32c.js';

it.each([
  ['123456789', 0xe3069283],
  ['', 0],
  ['\0', 0x527d5351],
])('the CRC-32C of %j is what the standard says', (text, crc) => {
  expect(crc32c(Buffer.from(text))).toBe(crc);
});

it('leaves out what stands before the start', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (before, bytes) => {
      expect(crc32c(Buffer.concat([before, bytes]), before.length)).toBe(crc32c(bytes));
    }),
  );
});
