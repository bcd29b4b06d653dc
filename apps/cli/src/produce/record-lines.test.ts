import { expect, test } from 'vitest';
import { RecordLines, type RecordOptions } from './record-lines.js';

const BIG = '12345678901234567890';

function read(
  options: RecordOptions,
  text: string,
): { readonly json: string; readonly key: string } {
  const line = { bytes: Buffer.from(text), number: 1, endByte: text.length };
  const { json, keyBytes } = new RecordLines(options).read(line);
  return { json, key: Buffer.from(keyBytes ?? []).toString() };
}

test.each([
  [BIG, BIG],
  ['1.50', '1.50'],
  ['{"id" : 1.0}', '{"id" : 1.0}'],
  [String.raw`"\u0061"`, 'a'],
])('the key %s is stored as it stands, and chooses the partition of these bytes', (key, bytes) => {
  const value = `{"a": [${key}], "id": ${key} }`;
  const ofField = read({ format: 'json', keyField: 'id' }, value);
  expect(ofField.key).toBe(bytes);
  const stored = key.startsWith('"') ? '"a"' : key;
  expect(ofField.json).toBe(`{"value":${value},"key":${stored}}`);
  const record = `{"value": 1, "key": ${key}}`;
  expect(read({ format: 'ndjson' }, record)).toEqual({ json: record, key: bytes });
});
