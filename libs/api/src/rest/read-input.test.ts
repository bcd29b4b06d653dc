import { expect, test } from 'vitest';
import { ProtocolError } from '#protocol';
import { OPERATIONS } from './operations.js';
import { type ReceivedRequest, readInput } from './read-input.js';

const EMPTY: ReceivedRequest = { params: {}, query: {}, body: undefined };

test('the parameters of the path, the query and the body get their types', () => {
  const params = { topic: 't', partition: '7' };
  expect(
    readInput(OPERATIONS.deleteRecords, { ...EMPTY, params, query: { beforeOffset: '3' } }),
  ).toEqual({
    topic: 't',
    partition: 7,
    query: { beforeOffset: 3 },
  });
  const body = { name: 't' };
  expect(readInput(OPERATIONS.createTopic, { ...EMPTY, body })).toEqual({ body });
});

test.each([
  ['a parameter of an operation without a query', 'describeCluster', { query: { x: '1' } }, '?x'],
  ['an unknown parameter', 'listTopics', { query: { x: '1' } }, '?x'],
  ['a missing parameter', 'deleteRecords', {}, '?beforeOffset'],
  ['an absent body', 'createTopic', {}, ''],
  ['a body that is a list', 'createTopic', { body: [] }, ''],
  ['an unknown member', 'electLeader', { body: { x: 1 } }, '/x'],
  ['a member of an operation without a body', 'initProducer', { body: { x: 1 } }, '/x'],
] as const)('%s is refused', (_, id, part, pointer) => {
  expect(pointersOf(id, part)).toEqual([pointer]);
});

test('the error of a count that is too large names the bound', () => {
  const body = { name: 't', partitions: Number.MAX_SAFE_INTEGER };
  expect(() => readInput(OPERATIONS.createTopic, { ...EMPTY, body })).toThrow(
    '/partitions: must be a whole number of at most 2147483647.',
  );
});

test('a list of offsets to commit may be empty, as that of an unknown group is', () => {
  const body = { offsets: [] };
  const params = { group: 'g' };
  expect(readInput(OPERATIONS.commitOffsets, { ...EMPTY, params, body })).toMatchObject({ body });
});

test('a partition that is not a whole number is refused', () => {
  for (const partition of ['01', '1e1', '-1', '2147483648', '']) {
    const params = { topic: 't', partition };
    expect(() => readInput(OPERATIONS.describeReplicas, { ...EMPTY, params })).toThrow(
      ProtocolError,
    );
  }
});

test('an optional body may be absent', () => {
  expect(readInput(OPERATIONS.electLeader, EMPTY)).toEqual({ body: {} });
});

test('operations for operators ignore the query', () => {
  expect(readInput(OPERATIONS.metrics, { ...EMPTY, query: { x: '1' } })).toEqual({});
});

/** Returns the pointers of the faults of a request. */
function pointersOf(id: keyof typeof OPERATIONS, part: Partial<ReceivedRequest>): string[] {
  try {
    readInput(OPERATIONS[id], { ...EMPTY, ...part });
    return [];
  } catch (error) {
    return (error as ProtocolError).faults.map(({ pointer }) => pointer);
  }
}
