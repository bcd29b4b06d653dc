import { describe, expect, it } from 'vitest';
import { FIELD_KEY_START, FIELD_VALUE_START } from '#protocol';
import { recordSpan } from '#protocol/testing';
import { parseJsonRecordLines } from './json-record-lines.js';
import { NdjsonLines } from './ndjson-lines.js';

const LIMITS = { recordsMax: 1, headersPerRecordMax: 5, faultyMembersMax: 50, nowMs: () => 1_000 };
const LINE_BYTES_MAX = 60;

function parse(stream: Buffer | string) {
  const splitter = new NdjsonLines(LINE_BYTES_MAX);
  const blocks = [splitter.push(Buffer.from(stream)), splitter.end()];
  return blocks.map((block) => parseJsonRecordLines(block, LIMITS, LINE_BYTES_MAX));
}

describe('parseJsonRecordLines', () => {
  it('reads all lines of a block into one set, and reports the bad ones', () => {
    const [result] = parse(
      [
        '{"value":1,"key":"\\u0061"}',
        '{"value":',
        '',
        '{"value":2,"key":"\\u0062","x":1}',
        `{"value":"${'x'.repeat(60)}"}`,
        '{"value":3,"key":"\\u0063"}',
        '[]',
        '{"valueBase64":"/w=="}',
        '',
      ].join('\r\n'),
    );
    expect(result?.lines).toEqual([1, 6, 8]);
    expect(result?.failures.map(({ line, error }) => [line, error.code])).toEqual([
      [2, 'INVALID_REQUEST'],
      [4, 'INVALID_RECORD'],
      [5, 'MESSAGE_TOO_LARGE'],
      [7, 'INVALID_RECORD'],
    ]);
    const { records } = result as NonNullable<typeof result>;
    const text = (index: number, field: number) =>
      Buffer.from(recordSpan(records, index, field) ?? []).toString('latin1');
    expect([0, 1, 2].map((index) => text(index, FIELD_VALUE_START))).toEqual(['1', '3', '\xff']);
    expect([0, 1].map((index) => text(index, FIELD_KEY_START))).toEqual(['a', 'c']);
    expect(records.count).toBe(3);
  });

  it('keeps nothing of a line that is refused', () => {
    const decoded = '{"valueBase64":"/w==","headers":{"a":"b"}';
    const [result] = parse(`${decoded},"x":1}\n${decoded}}\n${decoded}\n`);
    expect(result?.lines).toEqual([2]);
    expect(result?.records.decoded.length).toBe(1 + '1a1b'.length);
  });

  it('reads the last line without a newline', () => {
    expect(parse('{"value":1}\n{"value":2}').map(({ lines }) => lines)).toEqual([[1], [2]]);
  });

  it('finds the line that is not UTF-8 among others', () => {
    const long = 'x'.repeat(LINE_BYTES_MAX + 1);
    const stream = Buffer.from(`{"value":"é"}\n{"value":"\xff"}\n{"value":1}\n${long}\n`, 'latin1');
    const [result] = parse(Buffer.concat([Buffer.from('{"value":"é"}\n'), stream]));
    expect(result?.lines).toEqual([1, 4]);
    expect(
      result?.failures.map(({ line, error }) => [line, error.members['position'] ?? null]),
    ).toEqual([
      [2, 10],
      [3, 10],
      [5, null],
    ]);
  });

  it('counts positions from the start of the line', () => {
    const [result] = parse('{"value":1}\n{"value":x}\n');
    expect(result?.failures[0]?.error.members).toEqual({ position: 9, line: 1, column: 10 });
  });

  it('reads a block without lines', () => {
    const [result] = parse('\n');
    expect(result).toMatchObject({ lines: [], failures: [], records: { count: 0 } });
  });
});
