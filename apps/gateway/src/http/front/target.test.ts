import { describe, expect, it } from 'vitest';
import { ALL_OPERATIONS, methodsOf } from '#api';
import { ProtocolError } from '#protocol';
import { eventsTopic, hotRoute, recordsTarget, splitUrl } from './target.js';

describe('hotRoute', () => {
  it('finds the operations of the data plane in the table, and no others', () => {
    for (const operation of ALL_OPERATIONS) {
      const path = operation.path.replace('{partition}', '0').replace(/\{\w+\}/g, 'orders');
      for (const method of methodsOf(operation)) {
        expect(hotRoute(method, path), `${method} ${path}`).toBe(operation.route?.handler);
      }
      const { handler, form } = operation.route ?? {};
      if (handler !== undefined && handler !== 'events') {
        expect(recordsTarget(path), path).toMatchObject({ topic: 'orders', form });
      }
    }
  });

  it.each([
    ['POST', '/v1/topics/orders/records', 'produce'],
    ['GET', '/v1/topics/orders/partitions/0/records', 'fetch'],
    ['HEAD', '/v1/topics/orders/partitions/0/records', 'fetch'],
    ['GET', '/v1/topics/orders/partitions/not-a-number/records', 'fetch'],
    ['POST', '/v1/topics/records/records', 'produce'],
    ['GET', '/v1/topics/partitions/partitions/1/records', 'fetch'],
    ['GET', '/v1/topics/orders/events', 'events'],
    ['HEAD', '/v1/topics/orders/events', 'events'],
    ['GET', '/v1/topics/events/events', 'events'],
    ['POST', '/v1/topics/orders/records:raw', 'produce'],
    ['POST', '/v1/topics/orders/records%3Andjson', 'produce'],
    ['GET', '/v1/topics/orders/partitions/0/records:ndjson', 'fetch'],
  ])('%s %s is %s', (method, path, route) => {
    expect(hotRoute(method, path)).toBe(route);
  });

  it.each([
    ['GET', '/v1/topics/orders/records'],
    ['DELETE', '/v1/topics/orders/partitions/0/records'],
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
    ['GET', '/v1/topics/events'],
    ['GET', '/v1/topics/a/b/events'],
    ['GET', '/v1/topics/orders/events/'],
    ['GET', '/'],
  ])('%s %s is not a hot route', (method, path) => {
    expect(hotRoute(method, path)).toBeUndefined();
  });
});

describe('recordsTarget', () => {
  it('decodes the names in the path', () => {
    expect(recordsTarget('/v1/topics/a%2Fb/records')).toEqual({
      topic: 'a/b',
      partition: undefined,
      form: 'any',
    });
    expect(recordsTarget('/v1/topics/t/partitions/%31/records')).toEqual({
      topic: 't',
      partition: 1,
      form: 'any',
    });
  });

  it('reads the form of the records from the path', () => {
    const topic = 't';
    expect(recordsTarget('/v1/topics/t/records:raw')).toEqual({
      topic,
      partition: undefined,
      form: 'raw',
    });
    expect(recordsTarget('/v1/topics/t/partitions/1/records%3andjson')).toEqual({
      topic,
      partition: 1,
      form: 'ndjson',
    });
  });

  it.each([
    '/v1/topics/%/records',
    '/v1/topics/%ff/records',
    '/v1/topics/t/partitions/-1/records',
    '/v1/topics/t/partitions/01/records',
    '/v1/topics/t/partitions/1.0/records',
    '/v1/topics/t/partitions/2147483648/records',
    '/v1/topics/t/partitions/99999999999/records',
  ])('refuses %s', (path) => {
    expect(() => recordsTarget(path)).toThrow(ProtocolError);
  });
});

describe('eventsTopic', () => {
  it('decodes the topic in the path', () => {
    expect(eventsTopic('/v1/topics/a%2Fb/events')).toBe('a/b');
  });

  it('refuses names that are not percent-encoded UTF-8', () => {
    expect(() => eventsTopic('/v1/topics/%ff/events')).toThrow(ProtocolError);
  });
});

describe('splitUrl', () => {
  it.each([
    ['/a?b=c', '/a', 'b=c'],
    ['/a', '/a', ''],
    ['/a?', '/a', ''],
    ['/a?b?c', '/a', 'b?c'],
    ['http://host:1/a?b', '/a', 'b'],
    ['HTTP://host', '/', ''],
    ['http://host?x=1', '/', 'x=1'],
    ['*', '*', ''],
  ])('%s', (url, path, search) => {
    expect(splitUrl(url)).toEqual({ path, search });
  });
});
