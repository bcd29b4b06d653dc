import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRecordBatches, RecordBatch } from '#log';
import { type OffsetRecord, offsetRecordSet, offsetRecordsOf } from './offset-records.js';

const RECORD: OffsetRecord = {
  key: { group: 'g', topic: 'events', partition: 3 },
  value: { topicId: 'id', offset: 42, leaderEpoch: 1, metadata: 'm', committedAtMs: 5 },
};

describe('offset records', () => {
  it('match the documented keys and values byte for byte', () => {
    const { source, fields } = offsetRecordSet([RECORD]);
    const text = new TextDecoder().decode(source);
    expect(text.slice(fields[2], fields[3])).toBe(
      '{"kind":"offset","version":1,"group":"g","topic":"events","partition":3}',
    );
    expect(text.slice(fields[0], fields[1])).toBe(
      '{"version":1,"topicId":"id","offset":42,"leaderEpoch":1,"metadata":"m","committedAtMs":5}',
    );
  });

  it('are read back from a record batch unchanged, also removals', () => {
    const text = fc.string({ unit: 'grapheme' });
    const record = fc.record({
      key: fc.record({ group: text, topic: text, partition: fc.nat() }),
      value: fc.option(
        fc.record({
          topicId: text,
          offset: fc.maxSafeNat(),
          leaderEpoch: fc.option(fc.nat()),
          metadata: text,
          committedAtMs: fc.nat(),
        }),
      ),
    });
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 20 }), (records) => {
        expect(readBack(batchOf(records))).toEqual(records);
      }),
    );
  });

  it('of another kind or version are ignored', () => {
    for (const key of ['{"kind":"group","version":1}', '{"kind":"offset","version":2}']) {
      expect(readBack(batchOfTexts(key, '{}'))).toEqual([]);
    }
  });

  it('that violate the schema are reported as damage', () => {
    const key = '{"kind":"offset","version":1,"group":"g","topic":"t","partition":0}';
    for (const [badKey, value] of [
      ['no json', '{}'],
      ['{"kind":"offset","version":1,"group":7,"topic":"t","partition":0}', '{}'],
      [key, '{"version":1,"offset":"7"}'],
      [key, '7'],
    ] as const) {
      expect(() => readBack(batchOfTexts(badKey, value))).toThrow('violates its schema');
    }
  });
});

function readBack(batch: RecordBatch): OffsetRecord[] {
  return Array.from(offsetRecordsOf(batch), ({ record }) => record);
}

function batchOf(records: readonly OffsetRecord[]): RecordBatch {
  return encode(offsetRecordSet(records));
}

function batchOfTexts(key: string, value: string): RecordBatch {
  const source = Buffer.from(key + value);
  const keyEnd = Buffer.byteLength(key);
  const fields = [keyEnd, source.length, 0, keyEnd, -1, -1, 0, 0, -1, -1];
  return encode({ source, decoded: new Uint8Array(0), count: 1, fields });
}

function encode(records: ReturnType<typeof offsetRecordSet>): RecordBatch {
  const { batches } = encodeRecordBatches([{ records, indexes: undefined }], {
    nowMs: 0,
    timestampType: 'CreateTime',
    batchSizeBytes: 1e9,
    maxBatchBytes: 1e9,
  });
  return new RecordBatch(batches[0] ?? Buffer.alloc(0));
}
