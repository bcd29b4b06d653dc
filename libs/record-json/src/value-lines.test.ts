import { expect, test } from 'vitest';
import { FIELD_ATTRIBUTES, FIELD_KEY_START, RECORD_STRIDE } from '#protocol';
import { recordSpan } from '#protocol/testing';
import { NdjsonLines } from './ndjson-lines.js';
import type { RecordLines } from './record-lines.js';
import { valueLines } from './value-lines.js';

const LINE_BYTES_MAX = 100;

function linesOf(text: string | Buffer, key?: string): RecordLines[] {
  const lines = new NdjsonLines(LINE_BYTES_MAX, { keepsBlankLines: true });
  const blocks = [lines.push(Buffer.from(text)), lines.end()];
  return blocks.map((block) => valueLines(block, key, LINE_BYTES_MAX));
}

/** Each line's number, value and whether it is JSON. */
function recordsOf(blocks: readonly RecordLines[]): unknown[] {
  return blocks.flatMap(({ records, lines }) =>
    lines.map((line, index) => [
      line,
      Buffer.from(recordSpan(records, index, 0) ?? []).toString('latin1'),
      records.fields[index * RECORD_STRIDE + FIELD_ATTRIBUTES] === 1 ? 'json' : 'text',
    ]),
  );
}

test('lines are values as they stand, without their endings; empty lines are counted', () => {
  expect(recordsOf(linesOf('one\r\n\r\n\n  two \n \t\nth\rree\n\nlast\r'))).toEqual([
    [1, 'one', 'text'],
    [4, '  two ', 'text'],
    [5, ' \t', 'text'],
    [6, 'th\rree', 'text'],
    // A carriage return is an ending only before a newline.
    [8, 'last\r', 'text'],
  ]);
});

test.each([
  '{"a": [1, "x", null]}',
  ' {"a": 1} ',
  '[]',
  '[ ]',
  '[1,2]',
  '[ 12 , "x"]',
  '[[true]]',
  '{}',
  '"text"',
  '"a"',
  '7 ',
  '-1.5e3',
  '0',
  'true',
  'false ',
  'null',
])('%j is JSON', (line) => {
  expect(recordsOf(linesOf(line))).toEqual([[1, line, 'json']]);
});

test.each([
  '{"a": 1',
  '{a}',
  '[2026-11-29T10:00:00Z] started [ok]',
  '[info]',
  '[2026-11-29]',
  '[12:30]',
  '[',
  '[ ',
  '{',
  '+1',
  'e',
  '"quoted" and "more"',
  '"',
  '127.0.0.1 - - "GET /" 200 12',
  '2026-11-29',
  '01',
  '-',
  'failed',
  'nulls',
  'True',
  '{} {}',
  'NaN',
])('%j is text', (line) => {
  expect(recordsOf(linesOf(line))).toEqual([[1, line, 'text']]);
});

test('bytes that are not UTF-8 are kept, and are not JSON', () => {
  const block = linesOf(Buffer.concat([Buffer.from([0x22, 0xff, 0x22]), Buffer.from('\n{"a":1}')]));
  expect(recordsOf(block)).toEqual([
    [1, '"\xff"', 'text'],
    [2, '{"a":1}', 'json'],
  ]);
});

test('a line that is too long fails alone, with its number', () => {
  const [block] = linesOf(`a\n${'x'.repeat(LINE_BYTES_MAX + 1)}\nb\n`);
  expect(block?.lines).toEqual([1, 3]);
  expect(block?.failures).toMatchObject([{ line: 2, error: { code: 'MESSAGE_TOO_LARGE' } }]);
});

test('the key is that of every record', () => {
  const [block] = linesOf('a\nb\n', 'schlüssel');
  if (block === undefined) throw new Error('there is no block');
  for (const index of [0, 1]) {
    const key = recordSpan(block.records, index, FIELD_KEY_START);
    expect(Buffer.from(key ?? []).toString()).toBe('schlüssel');
  }
  const [without] = linesOf('a\n');
  expect(without?.records.fields[FIELD_KEY_START]).toBe(-1);
});
