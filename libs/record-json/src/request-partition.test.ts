import { describe, expect, test } from 'vitest';
import { FIELD_PARTITION, ProtocolError, RECORD_STRIDE, type RecordSet } from '#protocol';
import { parseJsonRecords } from './json-records.js';
import { assertOnePartition, withPartition } from './request-partition.js';

const LIMITS = { recordsMax: 10, headersPerRecordMax: 10, faultyMembersMax: 10, nowMs: () => 0 };

function recordsOf(...partitions: readonly (number | undefined)[]): RecordSet {
  const records = partitions.map((partition) => ({ value: 1, partition }));
  return parseJsonRecords(Buffer.from(JSON.stringify({ records })), LIMITS);
}

function partitionsOf(records: RecordSet): (number | undefined)[] {
  return Array.from(
    { length: records.count },
    (_, index) => records.fields[index * RECORD_STRIDE + FIELD_PARTITION],
  );
}

function refusalOf(action: () => unknown): unknown {
  try {
    action();
    return undefined;
  } catch (error) {
    return error instanceof ProtocolError ? { code: error.code, faults: error.faults } : error;
  }
}

describe('the partition of a request', () => {
  test('the partition in the query applies to all records', () => {
    expect(partitionsOf(withPartition(recordsOf(undefined, 3), 3))).toEqual([3, 3]);
  });

  test('a record that names another partition than the query is refused by its pointer', () => {
    expect(refusalOf(() => withPartition(recordsOf(3, 4), 3))).toEqual({
      code: 'INVALID_REQUEST',
      faults: [{ pointer: '/records/1/partition', detail: 'is 4, but ?partition= is 3' }],
    });
  });

  test('records of a producer must have one partition', () => {
    expect(refusalOf(() => assertOnePartition(recordsOf(2, 2)))).toBeUndefined();
    expect(refusalOf(() => assertOnePartition(recordsOf(2, 5)))).toMatchObject({
      faults: [
        { pointer: '/records/1/partition', detail: 'is 5, but that of the first record is 2' },
      ],
    });
    expect(refusalOf(() => assertOnePartition(recordsOf(undefined)))).toMatchObject({
      faults: [{ pointer: '/records/0/partition', detail: 'is missing' }],
    });
  });
});
