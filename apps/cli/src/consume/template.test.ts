import { expect, test } from 'vitest';
import {
  PrintedBytes,
  type PrintedRecord,
  type RecordFormat,
  rawFormat,
  templateFormat,
  valueFormat,
} from './template.js';

function printed(format: RecordFormat, ...records: readonly PrintedRecord[]): Buffer {
  const bytes = new PrintedBytes();
  for (const record of records) format(record, bytes);
  return bytes.bytes();
}

const RECORD: PrintedRecord = {
  topic: 'orders',
  partition: 3,
  offset: 42,
  timestamp: Date.UTC(2026, 4, 1),
  key: null,
  value: Uint8Array.of(0xff, 0x00),
  headers: [{ key: 'a', value: Buffer.from('1') }],
};

test('fields and escapes of a template', () => {
  const format = templateFormat('%t\\t%p@%o 100%% %h %T[%k]%v');
  expect(printed(format, RECORD).toString('latin1')).toBe(
    'orders\t3@42 100% a=1 2026-05-01T00:00:00.000Z[]\xff\x00\n',
  );
});

test('a value is followed by a line break, a raw one by nothing', () => {
  expect([...printed(valueFormat, RECORD)]).toEqual([0xff, 0x00, 0x0a]);
  expect([...printed(rawFormat, RECORD)]).toEqual([0xff, 0x00]);
});

test('text and bytes of several records keep their order', () => {
  const text = { ...RECORD, key: 'é', value: 'text' };
  const format = templateFormat('%k:%v');
  const expected = ':\xff\x00\n\xc3\xa9:text\n:\xff\x00\n';
  expect(printed(format, RECORD, text, RECORD).toString('latin1')).toBe(expected);
});

test('an unknown field is refused with the known ones', () => {
  expect(() => templateFormat('%x')).toThrow(/"%x" is not a field; there are %t, %p/);
});
