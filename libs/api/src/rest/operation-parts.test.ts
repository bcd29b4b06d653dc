import { expect, test } from 'vitest';
import { partOf } from './operation-parts.js';
import { ALL_OPERATIONS } from './operations.js';

function operationsOf(part: string): string[] {
  return ALL_OPERATIONS.filter((operation) => partOf(operation) === part)
    .map(({ method, path }) => `${method} ${path}`)
    .toSorted();
}

test('administration is what needs Alter on the cluster', () => {
  expect(operationsOf('administration')).toEqual([
    'DELETE /v1/acls',
    'DELETE /v1/api-keys/{id}',
    'DELETE /v1/quotas/{principal}',
    'DELETE /v1/topics/{topic}/partitions/{partition}/lost-records',
    'GET /v1/api-keys',
    'GET /v1/quotas/{principal}',
    'POST /v1/acls',
    'POST /v1/api-keys',
    'POST /v1/api-keys/{id}/rotate',
    'POST /v1/topics/{topic}/partitions/{partition}/leader-election',
    'PUT /v1/quotas/{principal}',
    'PUT /v1/topics/{topic}/partitions/{partition}/replicas',
  ]);
});

test('health, metrics and pages are parts of their own', () => {
  expect(operationsOf('health')).toEqual(['GET /health/live', 'GET /health/ready']);
  expect(operationsOf('metrics')).toEqual(['GET /metrics']);
  expect(operationsOf('pages')).toEqual(expect.arrayContaining(['GET /docs', 'GET /try']));
});
