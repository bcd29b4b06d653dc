import { expect, test } from 'vitest';
import { serdes } from '../../producer/src/index.js';
import { type RecordJson, RecordReader } from './received-record.js';

const RECORD: RecordJson = { topic: 't', partition: 0, offset: 7, timestamp: 1, headers: [] };

test('without deserializers JSON stays JSON, text is a string, and other bytes are bytes', () => {
  const reader = new RecordReader({});
  const headers = [
    { key: 'a', value: 'é' },
    { key: 'b', valueBase64: '/w==' },
    { key: 'c', value: null },
  ];
  expect(reader.format).toBeUndefined();
  expect(reader.read({ ...RECORD, key: 'k', value: { a: 1 }, headers })).toEqual({
    ...RECORD,
    key: 'k',
    value: { a: 1 },
    headers: [
      { key: 'a', value: new TextEncoder().encode('é') },
      { key: 'b', value: new Uint8Array([255]) },
      { key: 'c', value: null },
    ],
  });
  expect(reader.read({ ...RECORD, valueBase64: '/w==' })).toMatchObject({
    key: null,
    value: new Uint8Array([255]),
  });
});

test('an async deserializer, a null, and a key without a deserializer beside one', async () => {
  const reader = new RecordReader({
    valueDeserializer: { deserialize: (_, bytes) => Promise.resolve(bytes.length) },
  });
  expect(reader.format).toBe('base64-value');
  const key = { id: 1 };
  expect(await reader.read({ ...RECORD, key, valueBase64: 'AAAA' })).toMatchObject({
    key,
    value: 3,
  });
  const bytes = { ...RECORD, keyBase64: '/w==', valueBase64: 'AAAA' };
  expect(await reader.read(bytes)).toMatchObject({ key: new Uint8Array([255]), value: 3 });
  const keyDeserializer = serdes.string;
  expect(new RecordReader({ keyDeserializer }).format).toBe('base64-key');
  const both = { keyDeserializer, valueDeserializer: serdes.bytes };
  expect(new RecordReader(both).format).toBe('base64');
  expect(reader.read({ ...RECORD, value: null })).toMatchObject({ key: null, value: null });
});

test('the error of a deserializer names the record and the field', async () => {
  const reader = new RecordReader({ valueDeserializer: serdes.int32 });
  await expect(reader.read({ ...RECORD, valueBase64: 'AA==' })).rejects.toMatchObject({
    detail: expect.stringMatching(/value of record t-0@7/),
    problem: { topic: 't', partition: 0, offset: 7, field: 'value' },
  });
  const rejecting = new RecordReader({
    keyDeserializer: { deserialize: () => Promise.reject(new Error('no')) },
  });
  await expect(rejecting.read({ ...RECORD, keyBase64: 'AA==' })).rejects.toMatchObject({
    code: 'SERIALIZATION_ERROR',
    detail: expect.stringMatching(/key of record t-0@7.*no/),
  });
});
