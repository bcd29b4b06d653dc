import { describe, expect, test } from 'vitest';
import { ProtocolError } from '#protocol';
import { errorOfRecord, type RecordPlaces, withRequestPointers } from './record-places.js';

const LIST: RecordPlaces = { list: '/data/records', beside: {} };
const ALONE: RecordPlaces = { list: undefined, beside: {} };
const VALUE: RecordPlaces = { list: undefined, beside: { '/partition': '?partition' } };
const LIST_WITH_QUERY: RecordPlaces = { list: '/records', beside: { '/partition': '?partition' } };

function refused(pointers: readonly string[], faultCount = pointers.length): ProtocolError {
  const faults = pointers.map((pointer) => ({ pointer, detail: 'wrong' }));
  return new ProtocolError('INVALID_RECORD', 'Nothing was written.', { faults, faultCount });
}

function pointersOf(error: unknown): string[] {
  return error instanceof ProtocolError ? error.faults.map(({ pointer }) => pointer) : [];
}

describe('a pointer of the broker is written into what was sent', () => {
  test.each<[string, RecordPlaces, string, string]>([
    ['a list', LIST, '/records/12/key', '/data/records/12/key'],
    ['a list, the record itself', LIST, '/records/12', '/data/records/12'],
    ['one record alone', ALONE, '/records/0/timestamp', '/timestamp'],
    ['one record alone, all of it', ALONE, '/records/0', ''],
    ['a value', VALUE, '/records/0/partition', '?partition'],
    ['a list with a member in the query', LIST_WITH_QUERY, '/records/4/partition', '?partition'],
    [
      'a list, a member that is not in the query',
      LIST_WITH_QUERY,
      '/records/4/key',
      '/records/4/key',
    ],
    ['a pointer to something else', ALONE, '/configs', '/configs'],
  ])('%s', (_, places, pointer, expected) => {
    expect(pointersOf(withRequestPointers(refused([pointer]), () => places))).toEqual([expected]);
  });

  test('a member that is given once for all records is one fault', () => {
    const error = refused(['/records/0/partition', '/records/1/partition'], 500);
    const shown = withRequestPointers(error, () => LIST_WITH_QUERY);
    expect(shown).toMatchObject({ faults: [{ pointer: '?partition' }], faultsOmitted: 0 });
  });

  test('faults that are counted only stay counted', () => {
    const error = refused(['/records/0/key', '/records/1/key'], 500);
    expect(withRequestPointers(error, () => LIST)).toMatchObject({ faultsOmitted: 498 });
  });

  test('an error without pointers stays as it is, and the places are not computed', () => {
    const places = () => expect.unreachable();
    for (const error of [new Error('other'), refused([])]) {
      expect(withRequestPointers(error, places)).toBe(error);
    }
  });
});

test('of records that were refused together each has its own faults', () => {
  const error = refused(['/records/1/key', '/records/11/key', '/records/1'], 9);
  expect(pointersOf(errorOfRecord(error, 1, ALONE))).toEqual(['/key', '']);
  expect(errorOfRecord(error, 0, ALONE)).toMatchObject({ faults: [], faultsOmitted: 0 });
  const other = refused([]);
  expect(errorOfRecord(other, 1, ALONE)).toBe(other);
});
