import { expect, test } from 'vitest';
import { ALL_OPERATIONS } from '#api';
import { KnownRoutes } from './known-routes.js';

test('the methods of a path are those of all operations that have it', () => {
  const routes = new KnownRoutes(ALL_OPERATIONS);
  expect(routes.methodsOf('/v1/topics/a.b')).toEqual(['DELETE', 'GET', 'HEAD', 'PATCH']);
  expect(routes.methodsOf('/v1/topics/a/records')).toEqual(['POST']);
  expect(routes.methodsOf('/v1/topics/a/records%3araw')).toEqual(['POST']);
  expect(routes.methodsOf('/v1/topics/a/b')).toEqual([]);
  expect(routes.methodsOf('/v1/topics/')).toEqual([]);
  expect(routes.methodsOf('/openapi.json')).toEqual(['GET', 'HEAD']);
  expect(routes.methodsOf('/openapi-json')).toEqual([]);
});
