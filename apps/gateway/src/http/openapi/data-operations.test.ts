import { expect, test } from 'vitest';
import { EVENT_PARAMETERS } from '../../sse/event-query.js';
import { FETCH_PARAMETERS } from '../data/fetch-query.js';
import { PRODUCE_PARAMETERS } from '../data/produce-query.js';
import { DATA_PATHS } from './data-operations.js';
import { operationsOf } from './openapi-types.js';

/**
 * These are explained in the description of `produce`; the path `records:raw` has the same meaning.
 */
const IN_PROSE = ['body'];

test.each([
  ['produce', ['produce', 'produceValue', 'produceLines'], PRODUCE_PARAMETERS],
  ['fetch', ['fetch', 'fetchValue', 'fetchLines'], FETCH_PARAMETERS],
  ['events', ['subscribeToEvents'], EVENT_PARAMETERS],
])(
  'the documented query parameters of %s are those that its handler accepts',
  (_, ids, accepted) => {
    const operations = [...operationsOf({ paths: DATA_PATHS })];
    const parameters = operations
      .filter(({ operation }) => ids.includes(operation.operationId))
      .flatMap(({ operation }) => operation.parameters ?? [])
      .filter((parameter) => parameter.in === 'query');
    const described = new Set([...parameters.map(({ name }) => name), ...IN_PROSE]);
    const isSubset = accepted.every((name) => described.has(name));
    expect(isSubset, `${[...described].join()} has all of ${accepted.join()}`).toBe(true);
    const unknown = [...described].filter((name) => ![...accepted, ...IN_PROSE].includes(name));
    expect(unknown).toEqual([]);
  },
);
