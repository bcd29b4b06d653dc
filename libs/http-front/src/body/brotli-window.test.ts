import { brotliCompressSync, constants } from 'node:zlib';
import { expect, test } from 'vitest';
import { brotliWindowBytes } from './brotli-window.js';

test.each([10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24])(
  'the first byte of a brotli stream gives a window of 2^%i bytes',
  (bits) => {
    const params = { [constants.BROTLI_PARAM_LGWIN]: bits };
    const stream = brotliCompressSync(Buffer.alloc(10_000, 'text '), { params });
    expect(brotliWindowBytes(stream[0] as number)).toBe(2 ** bits);
  },
);
