import { parseWeights } from './weighted-list.js';

/**
 * True when an `Accept` header asks for NDJSON: it names NDJSON, and JSON does not have a higher
 * weight. A header that cannot be satisfied is served as JSON.
 */
export function acceptsNdjson(accept: string | undefined): boolean {
  if (accept === undefined || !/ndjson/i.test(accept)) return false;
  const weights = parseWeights(accept);
  const ndjson = weights.get('application/x-ndjson') ?? weights.get('application/ndjson') ?? 0;
  return ndjson > 0 && ndjson >= (weights.get('application/json') ?? 0);
}
