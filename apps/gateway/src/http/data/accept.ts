const NDJSON = 'application/x-ndjson';

/**
 * True when an `Accept` header asks for NDJSON: it names NDJSON, and no type served as JSON has a
 * higher weight. A header that cannot be satisfied is served as JSON.
 */
export function acceptsNdjson(accept: string | undefined): boolean {
  if (accept === undefined || !/ndjson/i.test(accept)) return false;
  let ndjson = 0;
  let json = 0;
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const quality = parameters.find((part) => part.startsWith('q='))?.slice(2);
    const weight = quality === undefined ? 1 : Number(quality);
    if (type === NDJSON || type === 'application/ndjson') ndjson = weight;
    else if (type === 'application/json') json = weight;
  }
  return ndjson > 0 && ndjson >= json;
}
