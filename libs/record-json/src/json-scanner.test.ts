import { isUtf8 } from 'node:buffer';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atOnce } from '#runtime';
import { JSON_DEPTH_MAX, JsonScanner } from './json-scanner.js';
import { JsonSyntaxError } from './json-syntax-error.js';
import { assertJson, isJson } from './json-text.js';
import { SLICE_BYTES } from './slices.js';

/** Reference that the scanner must agree with. */
function isJsonForParse(bytes: Uint8Array): boolean {
  if (!isUtf8(bytes)) return false;
  try {
    JSON.parse(Buffer.from(bytes).toString());
    return true;
  } catch {
    return false;
  }
}

/** Long texts are read four bytes at a time: white space makes any text long. */
const LONG = Buffer.alloc(300, ' ');

function expectAgreement(bytes: Buffer): void {
  const expected = isJsonForParse(bytes);
  const long = Buffer.concat([LONG, bytes]);
  if (isJson(bytes) !== expected || isJson(long) !== expected) {
    expect.fail(`${expected ? 'refuses' : 'accepts'} ${bytes.toString('hex')}`);
  }
}

function syntaxError(text: string | Uint8Array): JsonSyntaxError {
  try {
    assertJson(Buffer.from(text));
  } catch (error) {
    if (error instanceof JsonSyntaxError) return error;
    throw error;
  }
  throw new Error(`accepted: ${String(text)}`);
}

/** Texts whose parts are likely to meet in interesting ways. */
const PARTS = [
  String.raw`{ } [ ] , : " \ \u d800 \" \n \x - + . 0 1 12 e E true false null tru nul`.split(' '),
  [' ', '\t', '\r\n', '\f', '\u00a0', '\u0000', '\u001f', '\u007f', 'é', '\ufeff', '\u2028'],
  '"a" "a": {"a":1} [] {}'.split(' '),
].flat();
const fragments = fc
  .array(fc.constantFrom(...PARTS), { maxLength: 12 })
  .map((parts) => Buffer.from(parts.join('')));

const jsonText = fc
  .tuple(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 1, '\t', '\r\n '))
  .map(([value, space]) => Buffer.from(JSON.stringify(value, null, space)));

/** A JSON text with some of its bytes changed, doubled or taken out. */
const mutatedJson = fc
  .tuple(
    jsonText,
    fc.array(
      fc.record({
        at: fc.nat(),
        byte: fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(...Buffer.from('{}[],:"\\0-+.eE u'))),
        how: fc.constantFrom('change', 'insert', 'remove'),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  )
  .map(([text, changes]) => {
    const bytes = [...text];
    for (const { at, byte, how } of changes) {
      const index = bytes.length === 0 ? 0 : at % bytes.length;
      bytes.splice(index, how === 'insert' ? 0 : 1, ...(how === 'remove' ? [] : [byte]));
    }
    return Buffer.from(bytes);
  });

describe('assertJson', () => {
  it.each([
    ['valid texts', jsonText],
    ['texts with a few bytes changed', mutatedJson],
    ['parts put together at random', fragments],
    ['random bytes', fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes))],
  ])('accepts what JSON.parse accepts and nothing else: %s', (_, texts) => {
    fc.assert(
      fc.property(texts, (bytes) => {
        expectAgreement(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it('accepts what JSON.parse accepts in every string of two bytes', () => {
    const seconds = [0x00, 0x1f, 0x20, 0x22, 0x5c, 0x62, 0x75, 0x7f, 0x80, 0xa0, 0xbf, 0xc0, 0xff];
    for (let first = 0; first < 256; first += 1) {
      for (const second of seconds) expectAgreement(Buffer.from([0x22, first, second, 0x22]));
    }
  });

  it('accepts a control byte nowhere in a string, however it is aligned', () => {
    for (let length = 0; length < 20; length += 1) {
      for (let at = 0; at < length; at += 1) {
        for (const byte of [0x00, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x5b, 0x5c, 0x5d, 0x7f]) {
          const bytes = Buffer.from(`"${'x'.repeat(length)}"`);
          bytes[at + 1] = byte;
          expectAgreement(bytes);
        }
      }
    }
  });

  it.each([
    '1e400',
    '-0',
    '12345678901234567890',
    '-1.5E-3',
    '"\\ud800"',
    '"\\u0000\\uDBFF\\uDFFF"',
    '{"a":1,"a":2}',
    ' \t\r\n[ ] \n',
    '"\u007f\u2028\ufeff"',
  ])('accepts %s', (text) => {
    expect(isJsonForParse(Buffer.from(text))).toBe(true);
    assertJson(Buffer.from(text));
  });

  it.each([
    '',
    ' ',
    '01',
    '+1',
    '.5',
    '1.',
    '1e',
    '-',
    'NaN',
    'Infinity',
    "'a'",
    '[1,]',
    '{"a":1,}',
    '{a:1}',
    '[1 2]',
    '"\t"',
    '"\\x"',
    '"\\u12g4"',
    'nul',
    'truee',
    '1 2',
    '\ufeff1',
    '[1]\u0000',
    '{"a"}',
    '{"a":}',
    ']',
    '//x\n1',
  ])('refuses %j', (text) => {
    expect(isJsonForParse(Buffer.from(text))).toBe(false);
    expect(isJson(Buffer.from(text))).toBe(false);
  });

  it('nests as deep as the limit and no deeper, in whatever mixture', () => {
    const nested = (depth: number) =>
      Buffer.from('[{"a":'.repeat(depth / 2) + '0' + '}]'.repeat(depth / 2));
    assertJson(nested(JSON_DEPTH_MAX));
    expect(() => assertJson(nested(JSON_DEPTH_MAX + 2))).toThrow(
      'expected at most 512 arrays and objects in each other',
    );
    expect(isJson(Buffer.from('['.repeat(1_000_000)))).toBe(false);
  });

  it('counts depth down again', () => {
    assertJson(Buffer.from(`[${Array.from({ length: 2000 }, () => '[{}]').join()}]`));
  });

  it('says where a text ceases to be JSON, and what was expected', () => {
    expect(syntaxError('{"a":1,\n  "é":tru}')).toMatchObject({
      position: 18,
      line: 2,
      column: 10,
      expected: 'true',
      found: '"}"',
    });
  });

  it.each([
    ['', 'a value', 'the end of the text'],
    ['[1', '"," or "]"', 'the end of the text'],
    ['{"a":1]', '"," or "}"', '"]"'],
    ['{1', 'a member name', '"1"'],
    ['{"a":1,}', 'a member name', '"}"'],
    ['{"a" 1}', '":"', '"1"'],
    ['1 x', 'the end of the text', '"x"'],
    ['"abc', 'the end of a string', 'the end of the text'],
    ['"a\nb"', 'no control character in a string', 'byte 0x0a'],
    ['"\\q"', 'one of "\\/bfnrtu after a backslash', '"q"'],
    ['"\\u00zz"', 'four hexadecimal digits after \\u', '"z"'],
    ['-x', 'a digit', '"x"'],
    ['\ufeff{}', 'a value', 'a byte order mark'],
    ['é', 'a value', '"é"'],
    ['[1,""x]', '"," or "]"', '"x"'],
    ['""""', 'the end of the text', `'"'`],
  ])('says of %j that it expected %s and found %s', (text, expected, found) => {
    expect(syntaxError(text)).toMatchObject({ expected, found });
  });

  it('finds the first byte that is not UTF-8', () => {
    const sequences = fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.constant('é')), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(sequences, fc.uint8Array({ minLength: 1, maxLength: 4 }), (texts, tail) => {
        const valid = Buffer.from(texts.join(''));
        const bytes = Buffer.concat([valid, tail]);
        if (isUtf8(bytes)) return;
        const { position, expected } = syntaxError(bytes);
        expect(expected).toBe('valid UTF-8');
        expect(isUtf8(bytes.subarray(0, position))).toBe(true);
        // No sequence that begins there is complete.
        for (let length = 1; length <= 4 && position + length <= bytes.length; length += 1) {
          expect(isUtf8(bytes.subarray(position, position + length))).toBe(false);
        }
      }),
    );
  });
});

describe('JsonScanner', () => {
  it('skips one value and answers where it ends', () => {
    const scanner = new JsonScanner();
    const values = ['{"a":[1,{}]}', '"x\\"y"', '-1.5e3', 'true', 'null', '[]'];
    for (const value of values) {
      for (const after of ['', ',1', ' ', ']', '}', '\n']) {
        scanner.reset(Buffer.from(value + after));
        expect(scanner.skipValue(0)).toBe(value.length);
      }
    }
  });

  it('takes nothing at or after the end of its text', () => {
    const scanner = new JsonScanner();
    const bytes = Buffer.from('{"a":[true,"\\u00e9",12]}');
    for (let end = 0; end < bytes.length; end += 1) {
      scanner.reset(bytes, 0, end);
      expect(() => scanner.skipValue(0)).toThrow(JsonSyntaxError);
    }
    scanner.reset(Buffer.from('123456'), 1, 4);
    expect(scanner.skipValue(1)).toBe(4);
  });

  it('counts positions from the start of its text', () => {
    const scanner = new JsonScanner();
    scanner.reset(Buffer.from('{}\n[1,x]\n'), 3, 8);
    expect(() => scanner.skipValue(3)).toThrow('line 1, column 4 (byte 3)');
  });

  it('reports escapes in the string that it skipped', () => {
    const scanner = new JsonScanner();
    for (const [text, expected] of [
      ['"abc"', false],
      ['"\\n"', true],
      ['""', false],
    ] as const) {
      scanner.reset(Buffer.from(text));
      scanner.skipString(0);
      expect(scanner.stringHasEscapes).toBe(expected);
    }
  });
});

describe('a value that was read ahead', () => {
  it.each([
    ['with escapes', '\\u0061', true],
    ['without escapes', 'abcdef', false],
    ['with a late escape', 'abcdef', true],
  ])(
    'has long strings %s, which end where they do when they are read again',
    (_, part, hasEscapes) => {
      const long = part.repeat(SLICE_BYTES / 2) + (hasEscapes ? '\\n' : '');
      const list = `[{"key":"k\\n","value":"${long}"},"${long}","end"]`;
      const read = (isAhead: boolean): unknown[] => {
        const scanner = new JsonScanner();
        scanner.reset(Buffer.from(list));
        if (isAhead) atOnce(scanner.scanAhead(0));
        const positions = ['"k\\n"', `"${long}"}`, `"${long}",`, '"end"'].map((text) => {
          return list.indexOf(text);
        });
        return positions.map((position) => [
          scanner.skipString(position),
          scanner.stringHasEscapes,
        ]);
      };
      expect(read(true)).toEqual(read(false));
      expect(read(true)[1]).toEqual([list.indexOf('"},"') + 1, hasEscapes]);
    },
  );
});
