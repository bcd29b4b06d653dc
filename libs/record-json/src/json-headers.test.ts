import { describe, expect, it } from 'vitest';
import { latin1, pointers, problem, readOne } from './testing/read-records.js';

describe('headers of a record', () => {
  it('reads an object of strings', () => {
    const { headers } = readOne('{"value":1,"headers":{ "a" : "1" , "\\u00e9" : "\\n" , "":"" }}');
    expect(headers).toEqual([
      { key: 'a', value: '1' },
      { key: latin1('é'), value: '\n' },
      { key: '', value: '' },
    ]);
  });

  it('reads a list, with its order, repetitions, nulls and bytes', () => {
    const list =
      '[{"key":"a","value":"1"},{"value":"2","key":"a"},{"key":"n","value":null},' +
      ' { "k\\u0065y" : "b" , "valueBase64" : "\\/w==" } ]';
    expect(readOne(`{"headers":${list},"value":1}`).headers).toEqual([
      { key: 'a', value: '1' },
      { key: 'a', value: '2' },
      { key: 'n', value: null },
      { key: 'b', value: '\xff' },
    ]);
  });

  it('reads no headers', () => {
    expect(readOne('{"value":1,"headers":{ }}').headers).toEqual([]);
    expect(readOne('{"value":1,"headers":[ ]}').headers).toEqual([]);
  });

  it('reads long ones', () => {
    const [name, value] = ['n'.repeat(100), 'v'.repeat(20_000)];
    expect(readOne(`{"value":1,"headers":{"${name}":"${value}"}}`).headers).toEqual([
      { key: name, value },
    ]);
  });

  it.each([
    ['1', ['/headers']],
    ['null', ['/headers']],
    ['{"a":1,"b":null}', ['/headers/a', '/headers/b']],
    ['{"a":"1","a":"2"}', ['/headers/a']],
    ['{"a":"1","\\u0061":"2"}', ['/headers/a']],
    ['{"a/b~":"\\ud800"}', ['/headers/a~1b~0']],
    ['["a",{}]', ['/headers/0', '/headers/1', '/headers/1']],
    ['[{"key":"a"}]', ['/headers/0']],
    ['[{"value":"a"}]', ['/headers/0']],
    ['[{"key":null,"value":"a"}]', ['/headers/0/key']],
    ['[{"key":"a","value":1}]', ['/headers/0/value']],
    ['[{"key":"a","valueBase64":null}]', ['/headers/0/valueBase64']],
    ['[{"key":"a","valueBase64":"A"}]', ['/headers/0/valueBase64']],
    ['[{"key":"a","value":"1","valueBase64":"AA=="}]', ['/headers/0']],
    ['[{"key":"a","key":"b","value":"1"}]', ['/headers/0/key']],
    ['[{"key":"a","value":"1","more":2}]', ['/headers/0/more']],
    ['[{"key":"\\udc00","value":"\\ud800"}]', ['/headers/0/key', '/headers/0/value']],
  ])('refuses %s', (headers, expected) => {
    const error = problem(`{"value":1,"headers":${headers}}`);
    expect(error.code).toBe('INVALID_RECORD');
    expect(pointers(error)).toEqual(expected);
  });

  it.each([
    ['{1:"a"}', 'a header name'],
    ['{"a":"1" 2}', '"," or "}"'],
    ['["a" 1]', '"," or "]"'],
    ['[{1:"a"}]', 'a member name'],
    ['[{"key":"a" 1}]', '"," or "}"'],
  ])('refuses %s, which is not JSON, and names what was expected', (headers, expected) => {
    const error = problem(`{"value":1,"headers":${headers}}`);
    expect(error.code).toBe('INVALID_REQUEST');
    expect(error.message).toContain(`expected ${expected}`);
  });

  it('takes as many as the limit, and names it when there are more', () => {
    const list = (count: number) =>
      Array.from({ length: count }, () => '{"key":"a","value":"b"}').join();
    const object = (count: number) => Array.from({ length: count }, (_, n) => `"${n}":"b"`).join();
    expect(readOne(`{"value":1,"headers":[${list(5)}]}`).headers).toHaveLength(5);
    expect(readOne(`{"value":1,"headers":{${object(5)}}}`).headers).toHaveLength(5);
    for (const headers of [`[${list(7)}]`, `{${object(7)}}`]) {
      expect(problem(`{"value":1,"headers":${headers}}`).faults).toEqual([
        {
          pointer: '/headers',
          detail: 'a record has at most 5 headers (SLUICE_HEADERS_PER_RECORD_MAX)',
        },
      ]);
    }
  });
});
