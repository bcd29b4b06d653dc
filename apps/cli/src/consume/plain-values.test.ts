import { expect, test } from 'vitest';
import { plainValuesOf } from './plain-values.js';

function line(offset: number, value: unknown, more: object = {}): string {
  const record = { topic: 't', partition: 0, offset, timestamp: 1, key: null, value, headers: [] };
  return `${JSON.stringify({ ...record, ...more })}\n`;
}

const END = '{"nextOffset":9,"highWatermark":9}\n';

test('texts are found as they were stored', () => {
  const values = ['plain', '', 'a "quoted" \\ text\nof lines', 'tea ☕ \u0000', '","headers":['];
  const text = values.map((value, offset) => line(offset + 5, value)).join('');
  const found = plainValuesOf(Buffer.from(text + END), '|');
  expect(found?.bytes.toString()).toBe(values.map((value) => `${value}|`).join(''));
  expect(found?.lastOffset).toBe(9);
  expect(found?.endByte).toBe(Buffer.byteLength(text));
});

test('keys and headers that look like values are none', () => {
  const headers = [{ key: 'a', value: 'not this' }];
  const text = line(0, 'one', { key: ',"value":"no","headers":[' }) + line(1, 'two', { headers });
  expect(plainValuesOf(Buffer.from(text), '\n')?.bytes.toString()).toBe('one\ntwo\n');
});

test.each([
  ['the end of a stream', END],
  ['a tombstone', line(1, null, { headers: [{ key: 'a', value: 'x' }] })],
  ['bytes', line(1, undefined, { valueBase64: '/w==' })],
  ['a problem', '{"error":{"code":"X"},"nextOffset":1}\n'],
])('lines are read up to %s', (_, other) => {
  expect(plainValuesOf(Buffer.from(other), '\n')).toBeUndefined();
  const found = plainValuesOf(Buffer.from(line(0, 'a') + other + line(2, 'b')), '\n');
  expect(found).toMatchObject({ lastOffset: 0, endByte: line(0, 'a').length });
});
