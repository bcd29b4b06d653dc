import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NdjsonLines } from './ndjson-lines.js';

type Line = readonly [number: number, text: string | null];

/** All lines of a stream that comes in such chunks; null for the ones that were too long. */
function linesOf(chunks: readonly Buffer[], lineBytesMax = 1000) {
  const splitter = new NdjsonLines(lineBytesMax);
  const all: Line[] = [];
  for (const block of [
    ...chunks.map((chunk) => () => splitter.push(chunk)),
    () => splitter.end(),
  ]) {
    const { bytes, lines, starts, ends } = block();
    lines.forEach((line, index) => {
      const [start = -1, end = -1] = [starts[index], ends[index]];
      all.push([line, start < 0 ? null : bytes.toString('latin1', start, end)]);
    });
  }
  return { lines: all, lineCount: splitter.lineCount, blankCount: splitter.blankCount };
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const bounds = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length];
  bounds.sort((a, b) => a - b);
  return bounds.slice(1).map((end, index) => bytes.subarray(bounds[index], end));
}

describe('NdjsonLines', () => {
  it('numbers lines from 1, counts blank ones and skips them', () => {
    expect(linesOf([Buffer.from('a\n\n \t\r\nb\r\n\r\nc')])).toEqual({
      lines: [
        [1, 'a'],
        [4, 'b'],
        [6, 'c'],
      ],
      lineCount: 6,
      blankCount: 3,
    });
  });

  it('has no line after the last newline', () => {
    expect(linesOf([Buffer.from('a\n')])).toMatchObject({ lines: [[1, 'a']], lineCount: 1 });
    expect(linesOf([])).toMatchObject({ lines: [], lineCount: 0 });
  });

  it('reports a line that is too long where it stands, and goes on after it', () => {
    const chunks = ['ok\n12', '345', '678', '9', '\nfine\n', '123456', '\n12345\r\n123456'].map(
      (text) => Buffer.from(text),
    );
    expect(linesOf(chunks, 5).lines).toEqual([
      [1, 'ok'],
      [2, null],
      [3, 'fine'],
      [4, null],
      [5, '12345'],
      [6, null],
    ]);
  });

  it('reports a line as too long before its end has come', () => {
    const splitter = new NdjsonLines(3);
    expect(splitter.push(Buffer.from('12345')).lines).toEqual([1]);
    expect(splitter.push(Buffer.from('6789')).lines).toEqual([]);
  });

  it('keeps the lines of a block when more chunks come', () => {
    const splitter = new NdjsonLines(100);
    splitter.push(Buffer.from('first, '));
    const block = splitter.push(Buffer.from('whole\nsecond, '));
    splitter.push(Buffer.from('whole too\n'));
    expect(block.bytes.toString('latin1', block.starts[0], block.ends[0])).toBe('first, whole');
  });

  it('answers the same lines wherever the stream is cut into chunks', () => {
    const letters = fc.constantFrom(...Buffer.from('ab \r\n'), 0x0a, 0xc3);
    const stream = fc.array(letters, { maxLength: 60 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(
        stream,
        fc.array(fc.nat(), { maxLength: 8 }),
        fc.nat({ max: 8 }),
        (bytes, places, max) => {
          const texts = bytes.toString('latin1').split('\n');
          if (texts.at(-1) === '') texts.pop();
          const expected = texts.flatMap((text, index): Line[] => {
            const line = text.endsWith('\r') ? text.slice(0, -1) : text;
            if (line.length > max) return [[index + 1, null]];
            return /^[ \t\r]*$/.test(line) ? [] : [[index + 1, line]];
          });
          const { lines, lineCount } = linesOf(cut(bytes, places), max);
          expect(lines).toEqual(expected);
          expect(lineCount).toBe(texts.length);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
