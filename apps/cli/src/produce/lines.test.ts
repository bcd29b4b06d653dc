import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Line, linesOf } from './lines.js';

async function* reads(parts: readonly string[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield Buffer.from(part);
}

async function allOf(
  parts: readonly string[],
  start?: { readonly byte: number; readonly line: number },
): Promise<Line[]> {
  const found: Line[] = [];
  for await (const lines of linesOf(reads(parts), start)) found.push(...lines);
  return found;
}

test('the division into reads changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('a', 'bc', '\n', '\r\n', '\r', 'é', ''), { maxLength: 30 }),
      async (parts) => {
        const whole = await allOf([parts.join('')]);
        expect(await allOf(parts)).toEqual(whole);
        const texts = parts
          .join('')
          .split('\n')
          .map((text) => text.replace(/\r$/, ''));
        expect(whole.map(({ bytes }) => bytes.toString())).toEqual(
          texts.filter((text) => text !== ''),
        );
      },
    ),
  );
});

test('a line has its number, counting empty ones, and the position after it', async () => {
  expect(await allOf(['one\n\n', 'three\r\nfour'])).toEqual([
    { bytes: Buffer.from('one'), number: 1, endByte: 4 },
    { bytes: Buffer.from('three'), number: 3, endByte: 12 },
    { bytes: Buffer.from('four'), number: 4, endByte: 16 },
  ]);
});

test('reading may begin in the middle of a file', async () => {
  const [line] = await allOf(['three\n'], { byte: 5, line: 3 });
  expect(line).toEqual({ bytes: Buffer.from('three'), number: 3, endByte: 11 });
});
