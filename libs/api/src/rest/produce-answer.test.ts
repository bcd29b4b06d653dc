import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ProducePart } from '#broker';
import { FIELD_TIMESTAMP, ProtocolError, RECORD_STRIDE, type RecordSet } from '#protocol';
import { parseJsonRecords } from '#record-json';
import { isPartial, produceAnswer } from './produce-answer.js';

const LIMITS = {
  recordsMax: 10,
  headersPerRecordMax: 10,
  faultyMembersMax: 50,
  nowMs: () => 1_000,
};
const RECORDS = parseJsonRecords(
  Buffer.from('{"records":[{"value":1},{"value":2,"timestamp":5},{"value":3}]}'),
  LIMITS,
);

function part(fields: Partial<ProducePart>): ProducePart {
  return {
    partition: 0,
    indexes: undefined,
    baseOffset: 10,
    logAppendTimeMs: null,
    createTimeMs: 99,
    error: undefined,
    ...fields,
  };
}

/** Records with these timestamps; -1 stands for a record without one. */
function recordsAt(timestamps: readonly number[]): RecordSet {
  const fields = timestamps.flatMap((timestamp) => {
    const ofRecord = Array.from<number>({ length: RECORD_STRIDE }).fill(0);
    ofRecord[FIELD_TIMESTAMP] = timestamp;
    return ofRecord;
  });
  const nothing = Buffer.alloc(0);
  return { source: nothing, decoded: nothing, count: timestamps.length, fields };
}

function answerOf(...parts: ProducePart[]): unknown {
  return JSON.parse(produceAnswer({ parts }, RECORDS, '/here'));
}

describe('produceAnswer', () => {
  it('lists consecutive offsets with the times that the records have', () => {
    expect(answerOf(part({ partition: 3 }))).toEqual({
      offsets: [
        { partition: 3, offset: 10, timestamp: 99 },
        { partition: 3, offset: 11, timestamp: 5 },
        { partition: 3, offset: 12, timestamp: 99 },
      ],
    });
  });

  it('lists every offset and timestamp, whatever their digits are', () => {
    const offsets = fc.oneof(
      fc.nat(300),
      fc.integer({ min: 2, max: 15 }).map((digits) => 10 ** digits - 50),
      fc.constant(Number.MAX_SAFE_INTEGER - 400),
    );
    const timestamps = fc.array(fc.constantFrom(-1, 5, 1_796_017_730_123), {
      minLength: 1,
      maxLength: 300,
    });
    fc.assert(
      fc.property(offsets, timestamps, (baseOffset, given) => {
        const text = produceAnswer({ parts: [part({ baseOffset })] }, recordsAt(given), '/here');
        const expected = given.map((timestamp, index) => ({
          partition: 0,
          offset: baseOffset + index,
          timestamp: timestamp === -1 ? 99 : timestamp,
        }));
        expect(text).toBe(`${JSON.stringify({ offsets: expected })}\n`);
      }),
    );
  });

  it("answers the broker's time if the topic keeps that", () => {
    expect(answerOf(part({ logAppendTimeMs: 77 }))).toMatchObject({
      offsets: [{ timestamp: 77 }, { timestamp: 77 }, { timestamp: 77 }],
    });
  });

  it('keeps the order of the records over partitions, with errors in their places', () => {
    const error = new ProtocolError('KAFKA_STORAGE_ERROR', 'Disk full.');
    const parts = [
      part({ partition: 1, indexes: [0, 2], baseOffset: 7 }),
      part({ partition: 0, indexes: [1], baseOffset: null, error }),
    ];
    expect(isPartial({ parts })).toBe(true);
    expect(answerOf(...parts)).toMatchObject({
      offsets: [
        { partition: 1, offset: 7, timestamp: 99 },
        {
          partition: 0,
          error: { code: 'KAFKA_STORAGE_ERROR', outcome: 'failed', instance: '/here' },
        },
        { partition: 1, offset: 8, timestamp: 99 },
      ],
    });
  });

  it('lists the outcome of each part where the same error has two outcomes', () => {
    const late = (outcome: 'failed' | 'unknown') =>
      new ProtocolError('REQUEST_TIMED_OUT', 'Late.', { outcome });
    const parts = [
      part({ partition: 1, indexes: [0, 2], baseOffset: null, error: late('failed') }),
      part({ partition: 0, indexes: [1], baseOffset: null, error: late('unknown') }),
    ];
    expect(isPartial({ parts })).toBe(true);
    expect(answerOf(...parts)).toMatchObject({
      offsets: ['failed', 'unknown', 'failed'].map((outcome) => ({ error: { outcome } })),
    });
  });
});
