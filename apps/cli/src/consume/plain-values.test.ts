import { expect, test } from 'vitest';
import { lastOffsetOf, plainValuesOf } from './plain-values.js';

function line(offset: number, value: unknown, more: object = {}): string {
  const record = { topic: 't', partition: 0, offset, timestamp: 1, key: null, value, headers: [] };
  return `${JSON.stringify({ ...record, ...more })}\n`;
}

/** Bytes stand where a text would. */
const BYTES = line(1, '/w==').replace('"value"', '"valueBase64"');
const END = '{"nextOffset":9,"highWatermark":9}\n';

test('texts are found as they were stored', () => {
  const values = ['plain', '', 'a "quoted" \\ text\nof lines', 'tea ☕ \u0000', '","headers":['];
  const text = values.map((value, offset) => line(offset + 5, value)).join('');
  const found = plainValuesOf(Buffer.from(text + END), '|');
  expect(found?.bytes.toString()).toBe(values.map((value) => `${value}|`).join(''));
  expect(found?.endByte).toBe(Buffer.byteLength(text));
});

test('values are found where the lines before were longer or shorter', () => {
  const keys = ['a long key', null, 'k', 'a long key', 'another key'];
  const lines = keys.map((key, offset) => line(10 ** offset, `value ${offset}`, { key }));
  const found = plainValuesOf(Buffer.from(lines.join('')), '\n');
  expect(found?.bytes.toString()).toBe('value 0\nvalue 1\nvalue 2\nvalue 3\nvalue 4\n');
});

test.each([
  ['the end of a stream', END],
  ['a record of bytes', BYTES],
])('%s does not take the value of the next line', (_, short) => {
  // The value of the third line stands where that of the second one would be.
  const first = line(0, 'a', { key: 'k'.repeat(short.length + 'null'.length - 2) });
  const found = plainValuesOf(Buffer.from(first + short + line(2, 'b')), '\n');
  expect(found?.bytes.toString()).toBe('a\n');
  expect(found?.endByte).toBe(first.length);
});

test('the lines behind the values stay as they are', () => {
  const lines = Buffer.from(line(0, 'a value of some length') + END);
  const found = plainValuesOf(lines, '\n');
  expect(lines.toString('utf8', found?.endByte)).toBe(END);
});

test('keys and headers that look like values are none', () => {
  const headers = [{ key: 'a', value: 'not this' }];
  const text = line(0, 'one', { key: ',"value":"no","headers":[' }) + line(1, 'two', { headers });
  expect(plainValuesOf(Buffer.from(text), '\n')?.bytes.toString()).toBe('one\ntwo\n');
});

test.each([
  ['the end of a stream', END],
  ['a tombstone', line(1, null, { headers: [{ key: 'a', value: 'x' }] })],
  ['bytes', BYTES],
  ['a problem', '{"error":{"code":"X"},"nextOffset":1}\n'],
])('lines are read up to %s', (_, other) => {
  expect(plainValuesOf(Buffer.from(other), '\n')).toBeUndefined();
  const found = plainValuesOf(Buffer.from(line(0, 'a') + other + line(2, 'b')), '\n');
  expect(found).toMatchObject({ endByte: line(0, 'a').length });
});

test('the last offset is that of the last record, whatever follows it', () => {
  const error = '{"error":{"detail":"\\"offset\\":7,","offset":8},"nextOffset":9}\n';
  const records = line(3, 'a') + line(5, 'x'.repeat(1000), { key: '"offset":6,' });
  for (const end of ['', END, error]) expect(lastOffsetOf(Buffer.from(records + end))).toBe(5);
  expect(lastOffsetOf(Buffer.from(END))).toBeUndefined();
});
