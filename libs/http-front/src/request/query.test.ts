import { describe, expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import { oneOf, parseQuery, wholeNumber } from './query.js';

function faultsOf(run: () => unknown): readonly { pointer: string; detail: string }[] {
  try {
    run();
  } catch (error) {
    if (error instanceof ProtocolError && error.code === 'INVALID_REQUEST') return error.faults;
    throw error;
  }
  return [];
}

describe('parseQuery', () => {
  it('decodes names and values, a plus as a space', () => {
    const query = parseQuery('k%65y=a+b%2Bc%C3%A9&empty=&bare', ['key', 'empty', 'bare']);
    expect([...query]).toEqual([
      ['key', 'a b+cé'],
      ['empty', ''],
      ['bare', ''],
    ]);
  });

  it('skips empty places between ampersands', () => {
    expect([...parseQuery('&a=1&&b=2&', ['a', 'b'])]).toEqual([
      ['a', '1'],
      ['b', '2'],
    ]);
  });

  it('reports every unknown parameter, and the accepted ones', () => {
    const faults = faultsOf(() => parseQuery('limt=1&x=2', ['limit', 'offset']));
    expect(faults.map((fault) => fault.pointer)).toEqual(['?limt', '?x']);
    expect(faults[0]?.detail).toContain('limit, offset');
  });

  it('refuses a repeated parameter, however it is encoded', () => {
    expect(faultsOf(() => parseQuery('acks=1&ack%73=1', ['acks']))).toEqual([
      { pointer: '?acks', detail: 'is given more than once' },
    ]);
  });

  it.each(['a=%', 'a=%zz', 'a=%ff', '%c3=1'])(
    'refuses text that is not percent-encoded: %s',
    (search) => {
      expect(faultsOf(() => parseQuery(search, ['a']))).toHaveLength(1);
    },
  );
});

describe('wholeNumber', () => {
  const range = { min: 1, max: 500, byDefault: 7 };

  it('accepts a number in its range, and uses the default without one', () => {
    expect(wholeNumber(parseQuery('n=500', ['n']), 'n', range)).toBe(500);
    expect(wholeNumber(parseQuery('', ['n']), 'n', range)).toBe(7);
  });

  it.each(['0', '501', '-1', '1.5', '1e2', '0x10', '', ' 1', 'NaN', '99999999999999999999'])(
    'refuses %j',
    (text) => {
      const query = parseQuery(`n=${encodeURIComponent(text)}`, ['n']);
      expect(faultsOf(() => wholeNumber(query, 'n', range))).toHaveLength(1);
    },
  );
});

describe('oneOf', () => {
  it('accepts only the listed words', () => {
    const words = ['all', '1', '0'] as const;
    expect(oneOf(parseQuery('acks=1', ['acks']), 'acks', words, 'all')).toBe('1');
    expect(oneOf(parseQuery('', ['acks']), 'acks', words, 'all')).toBe('all');
    const query = parseQuery('acks=ALL', ['acks']);
    expect(faultsOf(() => oneOf(query, 'acks', words, 'all'))[0]?.detail).toContain('all, 1, 0');
  });
});
