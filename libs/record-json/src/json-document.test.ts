import { describe, expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import { readDocument } from './json-document.js';
import { JsonScanner } from './json-scanner.js';
import { JsonSyntaxError } from './json-syntax-error.js';

const LIMITS = { bodyItemsMax: 5, bodyMembersMax: 4, bodyValuesMax: 20, bodyDepthMax: 3 };

function read(text: string, pointer = ''): unknown {
  const scanner = new JsonScanner();
  scanner.reset(Buffer.from(text));
  return readDocument({ scanner, start: 0, pointer }, LIMITS).value;
}

function problem(text: string, pointer = ''): ProtocolError {
  try {
    read(text, pointer);
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('readDocument', () => {
  it('makes the same value as JSON.parse', () => {
    const text = '{"a": [1, {"b": null}], "__proto__": "x", "c\\u0064": [[]]}';
    expect(read(text)).toEqual(JSON.parse(text));
  });

  it.each([
    ['{"a":[1 2]}', '"," or "]"'],
    ['{"a":1 "b":2}', '"," or "}"'],
    ['{"a":1,}', 'a member name'],
    ['{a:1}', 'a member name'],
  ])('refuses %s, and names what was expected', (text, expected) => {
    expect(() => read(text)).toThrow(JsonSyntaxError);
    expect(() => read(text)).toThrow(`expected ${expected}`);
  });

  it.each([
    ['items of a list', '{"a":[1,2,3,4,5,6]}', 'SLUICE_BODY_ITEMS_MAX', '/a'],
    ['members of an object', '[{"a":1,"b":1,"c":1,"d":1,"e":1}]', 'SLUICE_BODY_MEMBERS_MAX', '/0'],
    ['values in all', '[[1,2,3,4],[1,2,3,4],[1,2,3,4],[1,2,3,4]]', 'SLUICE_BODY_VALUES_MAX', ''],
  ])('refuses too many %s', (_, text, bound, pointer) => {
    const error = problem(text);
    expect(error).toMatchObject({ code: 'REQUEST_TOO_LARGE', bound });
    expect(error.message).toContain(bound);
    expect(error.faults[0]?.pointer).toBe(pointer);
  });

  it('refuses a value that nests too deep, and points at it', () => {
    const error = problem('{"a":[[[1]]]}');
    expect(error).toMatchObject({ code: 'INVALID_REQUEST', bound: 'SLUICE_BODY_DEPTH_MAX' });
    expect(error.faults[0]?.pointer).toBe('/a/0/0');
  });

  it('refuses repeated members by name, wherever they are', () => {
    const error = problem('{"name":"a","o":[0,{"offset":1,"offset":2}],"n\\u0061me":"b"}', '/data');
    expect(error.code).toBe('INVALID_REQUEST');
    expect(error.faults).toEqual([
      { pointer: '/data/o/1/offset', detail: 'repeated member "offset"' },
      { pointer: '/data/name', detail: 'repeated member "name"' },
    ]);
  });

  it('counts the repeated members that it does not describe', () => {
    const scanner = new JsonScanner();
    scanner.reset(Buffer.from(`{${'"a":1,'.repeat(50)}"a":1}`));
    const limits = { ...LIMITS, bodyMembersMax: 100, bodyValuesMax: 100 };
    expect(() => readDocument({ scanner, start: 0, pointer: '' }, limits)).toThrow(
      expect.objectContaining({ faultsOmitted: 30 }),
    );
  });
});
