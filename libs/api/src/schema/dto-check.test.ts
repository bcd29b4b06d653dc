import { expect, it } from 'vitest';
import { FaultList } from '#protocol';
import { CommitOffsetsDto } from '../rest/commit-offsets.dto.js';
import { DeleteRecordsQuery, ListTopicsQuery } from '../rest/queries.dto.js';
import { checkDto } from './dto-check.js';

const BODY = { prefix: '/', unknownDetail: 'is not a known member' };
const QUERY = { prefix: '?', unknownDetail: 'is not known here' };

it('accepts an object that keeps the rules', () => {
  const faults = new FaultList();
  const body = { offsets: [{ topic: 't', partition: 0, offset: 1, metadata: 'm' }] };
  expect(checkDto(CommitOffsetsDto, body, BODY, faults)).toBe(body);
  expect(faults.count).toBe(0);
});

it('names members that are unknown, missing or wrong, also in lists', () => {
  const faults = new FaultList();
  const offsets: object[] = [{ topic: 't', partition: -1, offset: 1, x: 1 }];
  offsets.push(JSON.parse('{"constructor": 1}') as object);
  checkDto(CommitOffsetsDto, { offsets, 'a/b': 1 }, BODY, faults);
  expect(faults.described.map(({ pointer }) => pointer)).toEqual([
    '/a~1b',
    '/offsets/0/x',
    '/offsets/0/partition',
    '/offsets/1/constructor',
    '/offsets/1/topic',
    '/offsets/1/partition',
    '/offsets/1/offset',
  ]);
});

it('describes twenty faults and counts the others', () => {
  const faults = new FaultList();
  const offsets = Array.from({ length: 1000 }, () => ({ x: 0 }));
  checkDto(CommitOffsetsDto, { offsets }, BODY, faults);
  expect(faults.described).toHaveLength(20);
  expect(faults.count).toBe(4000);
});

it('turns the texts of a query into the types of the class', () => {
  const faults = new FaultList();
  expect(checkDto(DeleteRecordsQuery, { beforeOffset: '7' }, QUERY, faults)).toEqual({
    beforeOffset: 7,
  });
  expect(checkDto(ListTopicsQuery, {}, QUERY, faults)).toEqual({});
  expect(faults.count).toBe(0);
  checkDto(DeleteRecordsQuery, { beforeOffset: ['1', '2'], other: '' }, QUERY, faults);
  expect(faults.described.map(({ pointer }) => pointer)).toEqual(['?other', '?beforeOffset']);
});
