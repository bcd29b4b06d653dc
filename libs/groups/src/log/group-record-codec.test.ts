import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRecordBatches, RecordBatch } from '#log';
import { groupRecordSet, groupRecordsOf } from './group-record-codec.js';
import type { GroupRecord, OffsetRecord } from './group-records.js';

const RECORD: OffsetRecord = {
  kind: 'offset',
  key: { group: 'g', topic: 'events', partition: 3 },
  value: { topicId: 'id', offset: 42, leaderEpoch: 1, metadata: 'm', committedAtMs: 5 },
};

describe('records of the offsets topic', () => {
  it('match the documented keys and values byte for byte', () => {
    const { source, fields } = groupRecordSet([RECORD]);
    const text = new TextDecoder().decode(source);
    expect(text.slice(fields[2], fields[3])).toBe(
      '{"kind":"offset","version":1,"group":"g","topic":"events","partition":3}',
    );
    expect(text.slice(fields[0], fields[1])).toBe(
      '{"version":1,"topicId":"id","offset":42,"leaderEpoch":1,"metadata":"m","committedAtMs":5}',
    );
  });

  it('are read back from a record batch unchanged, also removals', () => {
    fc.assert(
      fc.property(fc.array(anyRecord(), { minLength: 1, maxLength: 20 }), (records) => {
        expect(readBack(batchOf(records))).toEqual(records);
      }),
    );
  });

  it('of another kind or version are ignored', () => {
    for (const key of ['{"kind":"later","version":1}', '{"kind":"offset","version":2}']) {
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

function anyRecord(): fc.Arbitrary<GroupRecord> {
  const text = fc.string({ unit: 'grapheme' });
  const group = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
  const reset = fc.constantFrom('latest', 'earliest', 'none');
  const partitions = { topic: text, topicId: text, partitions: fc.array(fc.nat()) };
  const owned = fc.record({ ...partitions, since: fc.array(fc.nat()) });
  const of = (
    kind: GroupRecord['kind'],
    key: Record<string, fc.Arbitrary<unknown>>,
    value: Record<string, fc.Arbitrary<unknown>>,
  ): fc.Arbitrary<GroupRecord> =>
    fc
      .record({ key: fc.record({ group, ...key }), value: fc.option(fc.record(value)) })
      .map((record) => ({ kind, ...record }) as GroupRecord);
  return fc.oneof(
    of(
      'offset',
      { topic: text, partition: fc.nat() },
      {
        topicId: text,
        offset: fc.maxSafeNat(),
        leaderEpoch: fc.option(fc.nat()),
        metadata: fc.option(text),
        committedAtMs: fc.nat(),
      },
    ),
    of(
      'group',
      {},
      {
        mode: fc.option(fc.constantFrom('stream', 'queue')),
        generation: fc.nat(),
        emptySinceMs: fc.option(fc.nat()),
      },
    ),
    of('configs', {}, { configs: fc.array(fc.record({ name: text, value: text })) }),
    of('topic', { topic: text }, { topicId: fc.option(text), partitions: fc.nat(), reset }),
    of('pattern', { pattern: text }, { generation: fc.nat() }),
    of(
      'member',
      { memberId: text },
      {
        instanceId: fc.option(text),
        clientId: fc.option(text),
        topics: fc.array(text),
        patterns: fc.array(text),
        assignor: fc.constantFrom('sticky', 'range', 'roundrobin'),
        sessionTimeoutMs: fc.option(fc.nat()),
        maxPollIntervalMs: fc.nat(),
        autoOffsetReset: reset,
        autoCommit: fc.boolean(),
        replaced: fc.array(text),
      },
    ),
    of('credential', { memberId: text }, { expiresAtMs: fc.nat() }),
    of(
      'assignment',
      { memberId: text },
      {
        generation: fc.nat(),
        owned: fc.array(owned),
        target: fc.array(fc.record(partitions)),
      },
    ),
  );
}

function readBack(batch: RecordBatch): GroupRecord[] {
  return [...groupRecordsOf(batch)];
}

function batchOf(records: readonly GroupRecord[]): RecordBatch {
  return encode(groupRecordSet(records));
}

function batchOfTexts(key: string, value: string): RecordBatch {
  const source = Buffer.from(key + value);
  const keyEnd = Buffer.byteLength(key);
  const fields = [keyEnd, source.length, 0, keyEnd, -1, -1, 0, 0, -1, -1];
  return encode({ source, decoded: new Uint8Array(0), count: 1, fields });
}

function encode(records: ReturnType<typeof groupRecordSet>): RecordBatch {
  const { batches } = encodeRecordBatches([{ records, indexes: undefined }], {
    nowMs: 0,
    timestampType: 'CreateTime',
    batchSizeBytes: 1e9,
    maxBatchBytes: 1e9,
  });
  return new RecordBatch(batches[0] ?? Buffer.alloc(0));
}
