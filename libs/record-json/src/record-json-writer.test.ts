import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeRecordBatches,
  RECORD_BATCH_HEADER_BYTES,
  RecordBatch,
  RecordCursor,
  stampBatch,
} from '#log';
import { parseJsonRecords } from './json-records.js';
import type { RecordFrame } from './record-frame.js';
import { RecordJsonWriter } from './record-json-writer.js';

const LIMITS = {
  recordsMax: 1000,
  headersPerRecordMax: 100,
  faultyMembersMax: 50,
  nowMs: () => 1_000,
};
const NO_LIMIT = Number.MAX_SAFE_INTEGER;
const FRAME: RecordFrame = { topic: 'orders', partition: 3, format: 'default', framing: 'array' };

/** Records as they are posted: mostly plain ones, with keys or without, and some that are not. */
const records = fc.array(
  fc.record(
    {
      key: fc.oneof(fc.string({ maxLength: 5 }), fc.constant(null)),
      value: fc.oneof(
        fc.string({ maxLength: 200, unit: 'binary' }),
        fc.dictionary(fc.string({ maxLength: 3 }), fc.nat()),
        fc.constant(null),
      ),
      timestamp: fc.oneof(
        fc.integer({ min: 1_700_000_000_000, max: 1_700_000_009_000 }),
        fc.nat({ max: 1_000_000 }),
      ),
      headers: fc.dictionary(fc.string({ maxLength: 3 }), fc.string({ maxLength: 3 }), {
        maxKeys: 1,
      }),
    },
    { requiredKeys: ['value'] },
  ),
  { minLength: 1, maxLength: 40 },
);

const frames = fc.record({
  topic: fc.constantFrom('orders', 'a'),
  partition: fc.nat({ max: 200 }),
  format: fc.constantFrom('default' as const, 'json' as const, 'string' as const),
  framing: fc.constantFrom('array' as const, 'lines' as const),
});

function batchOf(posted: unknown, baseOffset: number): RecordBatch {
  const body = Buffer.from(JSON.stringify({ records: posted }));
  const options = { timestampType: 'CreateTime', batchSizeBytes: 2 ** 20 } as const;
  const [bytes] = encodeRecordBatches(
    [{ records: parseJsonRecords(body, LIMITS), indexes: undefined }],
    { ...options, nowMs: 1_700_000_000_000, maxBatchBytes: 2 ** 20 },
  ).batches;
  if (bytes === undefined) throw new Error('no batch');
  stampBatch(bytes, baseOffset, 0);
  return new RecordBatch(bytes);
}

/** Returns everything written of a batch, and the error that ended it. */
function written(batch: RecordBatch, frame: RecordFrame, writesPlain: boolean): string[] {
  const writer = new RecordJsonWriter();
  writer.begin(frame, false);
  let error = '';
  try {
    const cursor = new RecordCursor(batch);
    writer.stage(cursor.bytes);
    while (cursor.next()) {
      writer.writeRecord(cursor);
      if (writesPlain) writer.writePlainRecords(cursor, NO_LIMIT, NO_LIMIT);
    }
  } catch (thrown) {
    error = String(thrown);
  }
  return [writer.take().toString('latin1'), error];
}

describe('writePlainRecords', () => {
  it('writes what writeRecord writes, of sound batches', () => {
    fc.assert(
      fc.property(records, frames, fc.nat({ max: 2 ** 40 }), (posted, frame, baseOffset) => {
        const batch = batchOf(posted, baseOffset);
        expect(written(batch, frame, true)).toEqual(written(batch, frame, false));
      }),
      { numRuns: 500 },
    );
  });

  it('ends where the cursor ends, with its error, in damaged batches', () => {
    const damages = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(records, frames, damages, (posted, frame, damaged) => {
        const { bytes } = batchOf(posted, 995);
        for (const [at, byte] of damaged) {
          const recordsBytes = bytes.length - RECORD_BATCH_HEADER_BYTES;
          bytes[RECORD_BATCH_HEADER_BYTES + (at % recordsBytes)] = byte;
        }
        const batch = new RecordBatch(bytes);
        expect(written(batch, frame, true)).toEqual(written(batch, frame, false));
      }),
      { numRuns: 2000 },
    );
  });

  it('takes all plain records in one go, however long the batch', () => {
    const posted = Array.from({ length: 500 }, (_, id) => ({ key: `k${id}`, value: { id } }));
    const cursor = new RecordCursor(batchOf(posted, 1000));
    const writer = new RecordJsonWriter();
    writer.begin(FRAME, false);
    writer.stage(cursor.bytes);
    cursor.next();
    writer.writeRecord(cursor);
    expect(writer.writePlainRecords(cursor, NO_LIMIT, NO_LIMIT)).toBe(499);
    expect(cursor.offset).toBe(1499);
    expect(cursor.next()).toBe(false);
  });

  it('writes no more records than asked for, and none that would pass the size', () => {
    const posted = Array.from({ length: 10 }, (_, id) => ({ value: id }));
    const batch = batchOf(posted, 100);
    const begin = () => {
      const writer = new RecordJsonWriter();
      const cursor = new RecordCursor(batch);
      writer.begin(FRAME, false);
      writer.stage(cursor.bytes);
      cursor.next();
      writer.writeRecord(cursor);
      return { writer, cursor };
    };
    const one = begin();
    const firstBytes = one.writer.sizeBytes;
    expect(one.writer.writePlainRecords(one.cursor, 3, NO_LIMIT)).toBe(3);
    // Records of a single digit each take as much as the first, and a comma.
    const fourBytes = firstBytes * 4 + 3;
    expect(one.writer.sizeBytes).toBe(fourBytes);

    const exact = begin();
    expect(exact.writer.writePlainRecords(exact.cursor, NO_LIMIT, fourBytes)).toBe(3);
    expect(exact.writer.sizeBytes).toBe(fourBytes);
    const short = begin();
    expect(short.writer.writePlainRecords(short.cursor, NO_LIMIT, fourBytes - 1)).toBe(2);
    expect(short.cursor.next()).toBe(true);
    expect(short.cursor.offset).toBe(103);
  });
});
