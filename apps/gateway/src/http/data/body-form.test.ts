import { describe, expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import { bodyForm } from './body-form.js';
import { produceQuery } from './produce-query.js';

describe('bodyForm', () => {
  it.each([
    ['application/json', '', 'json'],
    ['Application/JSON; charset=UTF-8', '', 'json'],
    ['application/json;charset="utf-8"', '', 'json'],
    ['application/x-ndjson', '', 'ndjson'],
    ['application/json', 'body=value', 'raw-json'],
    ['application/x-ndjson', 'body=value', 'raw'],
    ['text/plain', 'body=value', 'raw'],
    ['text/plain; charset=latin1', '', 'raw'],
    ['application/x-www-form-urlencoded', '', 'raw'],
    ['application/cloudevents+json', '', 'raw'],
    [undefined, '', 'raw'],
  ])('a body of %s with ?%s is %s', (contentType, search, form) => {
    expect(bodyForm(contentType, produceQuery(search))).toBe(form);
  });

  it('refuses JSON in another charset', () => {
    expect(() => bodyForm('application/json; charset=utf-16', produceQuery(''))).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_MEDIA_TYPE' }),
    );
  });

  it.each([
    ['application/json', 'key=k'],
    ['application/x-ndjson', 'key=k'],
    ['application/json', 'report=errors'],
    ['text/plain', 'report=all'],
  ])('refuses for %s the parameter of another form: %s', (contentType, search) => {
    expect(() => bodyForm(contentType, produceQuery(search))).toThrow(ProtocolError);
  });
});

describe('produceQuery', () => {
  it('has the defaults of the contract', () => {
    expect(produceQuery('')).toEqual({
      acks: 'all',
      timeoutMs: 30_000,
      partitioner: 'sticky',
      partition: undefined,
      key: undefined,
      isValue: false,
      report: undefined,
    });
  });

  it.each(['acks=2', 'acks=', 'timeoutMs=0', 'partition=-1', 'body=yes', 'report=none', 'ack=1'])(
    'refuses ?%s',
    (search) => {
      expect(() => produceQuery(search)).toThrow(
        expect.objectContaining({ code: 'INVALID_REQUEST' }),
      );
    },
  );

  it('does not mix up keys', () => {
    expect(produceQuery('key=a').key).toBe('a');
    expect(produceQuery('key=b').key).toBe('b');
    expect(produceQuery('key=').key).toBe('');
  });
});
