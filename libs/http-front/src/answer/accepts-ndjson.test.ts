import { expect, it } from 'vitest';
import { acceptsNdjson } from './accepts-ndjson.js';

it.each([
  ['application/x-ndjson', true],
  ['application/x-ndjson, application/problem+json', true],
  ['text/html, Application/X-NDJSON;q=0.9', true],
  ['application/json, application/x-ndjson', true],
  ['application/json, application/x-ndjson;q=0.5', false],
  ['application/x-ndjson;q=0', false],
  ['application/json', false],
  ['*/*', false],
  [undefined, false],
])('Accept: %s asks for NDJSON: %s', (accept, asks) => {
  expect(acceptsNdjson(accept)).toBe(asks);
});
