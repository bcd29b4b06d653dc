import { describe, expect, it } from 'vitest';
import { encodeRecordBatches, RecordBatch } from '#log';
import { createTimeOf } from './create-time.js';
import { PendingProduce, type ProduceEntry } from './pending-produce.js';
import { type PlainRecord, produceOf } from './testing/records.js';

const FIRST_TRY_MS = 5000;

describe('the create time of a retry', () => {
  it('is the newest timestamp of its batch, without reading the log', async () => {
    const records = [{ value: 'a', timestamp: FIRST_TRY_MS - 1 }, { value: 'b' }];
    expect(await createTimeOf(entryOf(records), duplicate(FIRST_TRY_MS), unread)).toBe(
      FIRST_TRY_MS,
    );
  });

  it('is read from the log where a record came with a time as new', async () => {
    const records = [{ value: 'a', timestamp: FIRST_TRY_MS + 9 }, { value: 'b' }];
    const entry = entryOf(records);
    const asked: number[] = [];
    const time = await createTimeOf(entry, duplicate(FIRST_TRY_MS + 9), (offset) => {
      asked.push(offset);
      return Promise.resolve(batchOf(entry));
    });
    expect(time).toBe(FIRST_TRY_MS);
    expect(asked).toEqual([1]);
  });

  it('is read from the log when an older leader does not send the newest timestamp', async () => {
    const entry = entryOf([{ value: 'a' }]);
    const { maxTimestampMs: _, ...first } = duplicate(0);
    const time = await createTimeOf(entry, first, () => Promise.resolve(batchOf(entry)));
    expect(time).toBe(FIRST_TRY_MS);
  });

  it('is unknown when the log is unreadable or all records have own timestamps', async () => {
    const newer = [{ value: 'a', timestamp: FIRST_TRY_MS + 9 }, { value: 'b' }];
    const gone = (): Promise<never> => Promise.reject(new Error('gone'));
    const first = duplicate(FIRST_TRY_MS + 9);
    expect(await createTimeOf(entryOf(newer), first, gone)).toBeUndefined();
    const timed = entryOf([{ value: 'a', timestamp: 1 }]);
    expect(await createTimeOf(timed, duplicate(1), unread)).toBeUndefined();
  });
});

function entryOf(records: readonly PlainRecord[]): ProduceEntry {
  const part = { partition: 0, indexes: undefined, sizeBytes: 10 };
  const [entry] = new PendingProduce(produceOf('events', records), [part], () => undefined).entries;
  if (entry === undefined) throw new Error('a part has an entry');
  return entry;
}

/** The batch of the first try, at offset 0. */
function batchOf(entry: ProduceEntry): RecordBatch {
  const { batches } = encodeRecordBatches([entry], {
    nowMs: FIRST_TRY_MS,
    timestampType: 'CreateTime',
    batchSizeBytes: 1000,
    maxBatchBytes: 1000,
  });
  return new RecordBatch(batches[0] ?? Buffer.alloc(0));
}

function duplicate(maxTimestampMs: number) {
  return { baseOffset: 0, lastOffset: 1, logAppendTimeMs: null, isDuplicate: true, maxTimestampMs };
}

function unread(): Promise<never> {
  throw new Error('the log was read');
}
