import { expect, test } from 'vitest';
import { KnownRoutes } from './known-routes.js';

test('the methods of a path are those of all routes that match it', () => {
  const routes = new KnownRoutes();
  routes.add('GET', '/v1/topics/:topic');
  routes.add('DELETE', '/v1/topics/:topic');
  routes.add('POST', '/v1/topics/{topic}/records');
  routes.add('GET', '/openapi.json');
  expect(routes.methodsOf('/v1/topics/a.b')).toEqual(['DELETE', 'GET']);
  expect(routes.methodsOf('/v1/topics/a/records')).toEqual(['POST']);
  expect(routes.methodsOf('/v1/topics/a/b')).toEqual([]);
  expect(routes.methodsOf('/v1/topics/')).toEqual([]);
  expect(routes.methodsOf('/openapi-json')).toEqual([]);
});
