import { expect, test } from 'vitest';
import { recordDocument } from './record-document.js';

const PLACE = { topic: 't', partition: 0, offset: 7, timestamp: 1 };

test('fields stay as they are, and bytes that are not text are base64', () => {
  const headers = [
    { key: 'text', value: new TextEncoder().encode('é') },
    { key: 'bytes', value: Uint8Array.of(255) },
    { key: 'none', value: null },
  ];
  expect(recordDocument({ ...PLACE, key: 'k', value: { n: 1 }, headers })).toEqual({
    ...PLACE,
    key: 'k',
    value: { n: 1 },
    headers: [
      { key: 'text', value: 'é' },
      { key: 'bytes', valueBase64: '/w==' },
      { key: 'none', value: null },
    ],
  });
  const bytes = { ...PLACE, key: Uint8Array.of(255), value: Uint8Array.of(254), headers: [] };
  expect(recordDocument(bytes)).toEqual({
    ...PLACE,
    keyBase64: '/w==',
    valueBase64: '/g==',
    headers: [],
  });
});
