import { expect, test } from 'vitest';
import { EVENT_PARAMETERS } from '../../sse/event-query.js';
import { FETCH_PARAMETERS } from '../data/fetch-query.js';
import { PRODUCE_PARAMETERS } from '../data/produce-query.js';
import { DATA_PATHS } from './data-operations.js';
import { operationsOf } from './openapi-types.js';

test.each([
  ['produce', PRODUCE_PARAMETERS],
  ['fetch', FETCH_PARAMETERS],
  ['subscribeToEvents', EVENT_PARAMETERS],
])('the query parameters of %s are those that its handler accepts', (operationId, accepted) => {
  const operations = [...operationsOf({ paths: DATA_PATHS })];
  const parameters = operations
    .filter(({ operation }) => operation.operationId === operationId)
    .flatMap(({ operation }) => operation.parameters ?? [])
    .filter((parameter) => parameter.in === 'query');
  expect(parameters.map(({ name }) => name).toSorted()).toEqual(accepted.toSorted());
});
