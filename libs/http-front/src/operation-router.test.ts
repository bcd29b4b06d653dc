import { describe, expect, test } from 'vitest';
import { ALL_OPERATIONS } from '#api';
import { OperationRouter } from './operation-router.js';

const router = new OperationRouter(ALL_OPERATIONS);

describe('finding an operation', () => {
  test.each([
    ['POST', '/v1/topics/orders/records', 'produce', 'any'],
    ['GET', '/v1/topics/orders/partitions/0/records', 'fetch', 'any'],
    ['HEAD', '/v1/topics/orders/partitions/0/records', 'fetch', 'any'],
    ['GET', '/v1/topics/orders/partitions/not-a-number/records', 'fetch', 'any'],
    ['POST', '/v1/topics/records/records', 'produce', 'any'],
    ['GET', '/v1/topics/partitions/partitions/1/records', 'fetch', 'any'],
    ['GET', '/v1/topics/orders/events', 'events', 'any'],
    ['HEAD', '/v1/topics/orders/events', 'events', 'any'],
    ['GET', '/v1/topics/events/events', 'events', 'any'],
    ['POST', '/v1/topics/orders/records:raw', 'produce', 'raw'],
    ['POST', '/v1/topics/orders/records%3Andjson', 'produce', 'ndjson'],
    ['POST', '/v1/topics/orders/records%3araw', 'produce', 'raw'],
    ['GET', '/v1/topics/orders/partitions/0/records:ndjson', 'fetch', 'ndjson'],
  ])('%s %s is %s, form %s', (method, path, handler, form) => {
    expect(router.find(method, path)?.operation.route).toEqual({ handler, form });
  });

  test.each([
    ['GET', '/v1/topics/orders/records'],
    ['DELETE', '/v1/topics/orders/partitions/0/records:raw'],
    ['POST', '/v1/topics//records'],
    ['POST', '/v1/topics/records'],
    ['POST', '/v1/topics/a/b/records'],
    ['POST', '/v1/topics/orders/records/'],
    ['GET', '/v1/topics/orders/records:raw'],
    ['POST', '/v1/topics/orders/records:xml'],
    ['GET', '/v1/topics/orders/partitions//records'],
    ['GET', '/v1/topics/orders/partitions/0/1/records'],
    ['GET', '/v1/topics/orders/partitions/records'],
    ['POST', '/v2/topics/orders/records'],
    ['POST', '/v1/topics/orders/events'],
    ['GET', '/v1/topics//events'],
    ['GET', '/v1/topics/a/b/events'],
    ['GET', '/v1/topics/orders/events/'],
    ['POST', '/v1/topics/%/records'],
    ['POST', '/v1/topics/%ff/records'],
    ['BREW', '/v1/topics'],
    [undefined, '/v1/topics'],
  ])('%s %s is not an operation', (method, path) => {
    expect(router.find(method, path)).toBeUndefined();
  });

  test('a path is found again as it was, and only with its method', () => {
    const path = '/v1/topics/again/records';
    const first = router.find('POST', path);
    expect(first?.parameters).toEqual({ topic: 'again' });
    expect(router.find('POST', path)).toBe(first);
    expect(router.find('DELETE', path)).toBeUndefined();
    const long = `/v1/topics/${'x'.repeat(600)}/records`;
    expect(router.find('POST', long)).toEqual(router.find('POST', long));
    expect(router.find('POST', long)).not.toBe(router.find('POST', long));
  });

  test('parameters are decoded', () => {
    expect(router.find('POST', '/v1/topics/a%2Fb/records')?.parameters).toEqual({ topic: 'a/b' });
    expect(router.find('GET', '/v1/topics/a%3Ab%25/partitions/%31/records')?.parameters).toEqual({
      topic: 'a:b%',
      partition: '1',
    });
  });

  test('a long name is a parameter, so that its own error answers it', () => {
    const topic = 'x'.repeat(10_000);
    expect(router.find('POST', `/v1/topics/${topic}/records`)?.parameters).toEqual({ topic });
  });
});

test('the methods of a path are those of all operations that have it', () => {
  expect(router.methodsOf('/v1/topics/a.b')).toEqual(['DELETE', 'GET', 'HEAD', 'PATCH']);
  expect(router.methodsOf('/v1/topics/a/records')).toEqual(['POST']);
  expect(router.methodsOf('/v1/topics/a/records%3araw')).toEqual(['POST']);
  expect(router.methodsOf('/v1/groups/a/members/b/records')).toEqual(['GET']);
  expect(router.methodsOf('/v1/topics/a/b')).toEqual([]);
  expect(router.methodsOf('/v1/topics/')).toEqual([]);
  expect(router.methodsOf('/openapi.json')).toEqual(['GET', 'HEAD']);
  expect(router.methodsOf('/openapi-json')).toEqual([]);
});
