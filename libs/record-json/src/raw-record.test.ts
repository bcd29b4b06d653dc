import { describe, expect, it } from 'vitest';
import { FIELD_KEY_START, FIELD_VALUE_START, ProtocolError } from '#protocol';
import { recordSpan } from '#protocol/testing';
import { atOnce } from '#runtime';
import { assertLargeJson, rawRecord } from './raw-record.js';
import { SLICE_BYTES } from './slices.js';

const span = (set: ReturnType<typeof rawRecord>, field: number) => {
  const bytes = recordSpan(set, 0, field);
  return bytes === undefined ? null : Buffer.from(bytes).toString('latin1');
};

describe('rawRecord', () => {
  it('takes the body as the value, byte for byte', () => {
    for (const text of ['', 'text', '\x00\xff', '{"value":1}']) {
      const set = rawRecord(Buffer.from(text, 'latin1'));
      expect(span(set, FIELD_VALUE_START)).toBe(text);
      expect(span(set, FIELD_KEY_START)).toBeNull();
      expect(set.fields.slice(6)).toEqual([0, 0, -1, -1]);
    }
  });

  it('takes key, partition and timestamp from beside the body', () => {
    const set = rawRecord(Buffer.from('v'), { key: 'é', partition: 3, timestamp: 5 });
    expect(span(set, FIELD_KEY_START)).toBe(Buffer.from('é').toString('latin1'));
    expect(set.fields.slice(7)).toEqual([0, 3, 5]);
    expect(span(rawRecord(Buffer.from('v'), { key: '' }), FIELD_KEY_START)).toBe('');
    expect(span(rawRecord(Buffer.from(''), { key: 'k' }), FIELD_VALUE_START)).toBe('');
  });

  it('checks in slices that a large value is JSON', () => {
    const long = 'x'.repeat(3 * SLICE_BYTES);
    atOnce(assertLargeJson(Buffer.from(` "${long}"\n`)));
    expect(() => atOnce(assertLargeJson(Buffer.from(`"${long}`)))).toThrow(
      expect.objectContaining({
        code: 'INVALID_REQUEST',
        message: expect.stringContaining('The body'),
      }),
    );
  });

  it('checks that a value is JSON, and keeps its white space', () => {
    const set = rawRecord(Buffer.from(' {"a":1}\n'), { valueIsJson: true });
    expect(span(set, FIELD_VALUE_START)).toBe(' {"a":1}\n');
    expect(set.fields[7]).toBe(1);
    for (const text of ['', '{', '\ufeff1']) {
      expect(() => rawRecord(Buffer.from(text), { valueIsJson: true })).toThrow(ProtocolError);
    }
  });
});
