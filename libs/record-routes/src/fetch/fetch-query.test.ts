import { describe, expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import { fetchQuery, pageBounds } from './fetch-query.js';

describe('fetchQuery', () => {
  it('has the defaults of the contract', () => {
    const query = fetchQuery('', 'page');
    expect(query).toEqual({
      position: 'earliest',
      limit: undefined,
      maxBytes: undefined,
      waitMs: 0,
      minBytes: 1,
      leaderEpoch: undefined,
      format: 'default',
      follow: false,
    });
    expect(pageBounds(query)).toEqual({ limit: 500, maxBytes: 1_048_576 });
  });

  it.each([
    ['offset=12', 12],
    ['offset=earliest', 'earliest'],
    ['offset=latest', 'latest'],
    ['timestamp=5', { timestampMs: 5 }],
    ['offset=earliest&timestamp=5', { timestampMs: 5 }],
    ['from=earliest&offset=12', 12],
    ['from=latest&offset=earliest', 'latest'],
    ['', 'earliest'],
  ])('?%s begins at %j', (search, position) => {
    expect(fetchQuery(search, 'page').position).toEqual(position);
  });

  it.each([
    'offset=-1',
    'offset=1.5',
    'offset=9007199254740993',
    'offset=first',
    'offset=1&timestamp=2',
    'offset=latest&timestamp=2',
    'offset=0&from=latest',
    'from=latest&timestamp=2',
    'from=first',
    'limit=0',
    'maxBytes=0',
    'waitMs=60001',
    'format=xml',
    'format=raw',
    'format=raw&limit=2',
    'follow=true',
    'offest=1',
  ])('refuses ?%s for a page', (search) => {
    expect(() => fetchQuery(search, 'page')).toThrow(
      expect.objectContaining({ code: 'INVALID_REQUEST' }),
    );
  });

  it('accepts follow for a stream, and refuses raw', () => {
    expect(fetchQuery('follow=true', 'ndjson').follow).toBe(true);
    expect(() => fetchQuery('format=raw&limit=1', 'ndjson')).toThrow(
      expect.objectContaining({ code: 'INVALID_REQUEST' }),
    );
  });

  it('requires no limit if the path says raw', () => {
    expect(fetchQuery('', 'raw')).toMatchObject({ format: 'raw', limit: 1 });
    expect(fetchQuery('limit=1&format=auto', 'raw')).toMatchObject({ format: 'raw', limit: 1 });
    expect(() => fetchQuery('limit=2', 'raw')).toThrow(ProtocolError);
    expect(() => fetchQuery('format=json', 'raw')).toThrow(ProtocolError);
  });
});
