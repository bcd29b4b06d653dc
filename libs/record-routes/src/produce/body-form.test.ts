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
    ['text/plain; charset=utf-8', '', 'raw'],
    ['text/plain; charset=latin1', 'body=value', 'raw'],
    ['application/octet-stream; charset=latin1', '', 'raw'],
    ['application/x-www-form-urlencoded', '', 'raw'],
    ['application/cloudevents+json', '', 'raw'],
    [undefined, '', 'raw'],
  ])('a body of %s with ?%s has the form %s', (contentType, search, form) => {
    expect(bodyForm(contentType, produceQuery(search))).toBe(form);
  });

  it.each([
    ['application/json', 'raw', 'raw-json'],
    ['application/octet-stream', 'raw', 'raw'],
    ['multipart/form-data; boundary=x', 'raw', 'raw'],
    [undefined, 'raw', 'raw'],
    ['application/x-ndjson', 'ndjson', 'ndjson'],
    ['text/plain', 'ndjson', 'ndjson'],
    ['application/json', 'ndjson', 'ndjson'],
    [undefined, 'ndjson', 'ndjson'],
  ] as const)('a body of %s to records:%s has the form %s', (contentType, pathForm, form) => {
    expect(bodyForm(contentType, produceQuery(''), pathForm)).toBe(form);
  });

  it.each([undefined, 'application/octet-stream', 'text/plain'])(
    'lines of %s are values at records:ndjson',
    (contentType) => {
      expect(bodyForm(contentType, produceQuery('lines=text'), 'ndjson')).toBe('value-lines');
    },
  );

  it('refuses ?lines=value where the path says that the body is one value', () => {
    expect(() => bodyForm('text/plain', produceQuery('lines=value'), 'raw')).toThrow(
      expect.objectContaining({ code: 'INVALID_REQUEST' }),
    );
  });

  it('refuses an envelope, and ?body=value, if the path says lines', () => {
    const refuse = (contentType: string, search: string) => () =>
      bodyForm(contentType, produceQuery(search), 'ndjson');
    expect(refuse('multipart/form-data', '')).toThrow(ProtocolError);
    expect(refuse('application/x-ndjson', 'body=value')).toThrow(ProtocolError);
  });

  it.each([
    'application/json; charset=utf-16',
    'application/x-ndjson; charset=iso-8859-1',
    'text/plain; charset=latin1',
  ])('refuses a body of %s', (contentType) => {
    expect(() => bodyForm(contentType, produceQuery(''))).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_MEDIA_TYPE' }),
    );
  });

  it.each([
    ['multipart/form-data; boundary=x', '--data-binary'],
    ['Multipart/Mixed', '--data-binary'],
    ['application/vnd.kafka.json.v2+json', '"records"'],
    ['application/vnd.kafka.binary.v2+json', '"records"'],
    ['application/vnd.kafka.avro.v2+json; charset=utf-8', '"records"'],
  ])('refuses %s and says what is accepted', (contentType, sentence) => {
    expect(() => bodyForm(contentType, produceQuery(''))).toThrow(
      expect.objectContaining({
        code: 'UNSUPPORTED_MEDIA_TYPE',
        message: expect.stringContaining(sentence),
      }),
    );
    expect(bodyForm(contentType, produceQuery('body=value'))).toBe('raw');
  });

  it.each(['application/json', 'text/plain', 'application/x-ndjson'])(
    'accepts every parameter with its default for a body of %s',
    (contentType) => {
      const search = 'acks=all&timeoutMs=30000&partitioner=sticky&report=all';
      expect(() => bodyForm(contentType, produceQuery(search))).not.toThrow();
    },
  );

  it.each([
    ['application/json', 'key=k'],
    ['application/x-ndjson', 'key=k'],
    ['application/json', 'report=errors'],
    ['text/plain', 'report=errors'],
  ])('refuses a parameter of another form for %s: %s', (contentType, search) => {
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
      lines: undefined,
      report: 'all',
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

  it('keeps keys of different queries apart', () => {
    expect(produceQuery('key=a').key).toBe('a');
    expect(produceQuery('key=b').key).toBe('b');
    expect(produceQuery('key=').key).toBe('');
  });
});
