import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { elementsAt, memberStart, membersAt, memberText } from './json-spans.js';

const NUMBERS =
  '{ "a" : 12345678901234567890 ,"b":[1.50, {"}": "]"}],\n"c\\"":-0.0e1 , "d": "\\\\" }';

test('the parts of a text are found as they stand', () => {
  const texts = [...membersAt(NUMBERS)].map(([name, { start, end }]) => {
    return [name, NUMBERS.slice(start, end)];
  });
  expect(texts).toEqual([
    ['a', '12345678901234567890'],
    ['b', '[1.50, {"}": "]"}]'],
    ['c"', '-0.0e1'],
    ['d', String.raw`"\\"`],
  ]);
  expect(memberText('{"n":1,"n":2.0}', 'n')).toBe('2.0');
  expect(memberText('{"n":1}', 'm')).toBeUndefined();
  expect(NUMBERS.slice(memberStart(NUMBERS, 'b'))).toMatch(/^\[1\.50/);
  expect(memberStart(NUMBERS, 'e')).toBeUndefined();
});

test.each([JSON.stringify, (value: unknown) => JSON.stringify(value, undefined, '\t')])(
  'the parts of each text have the values that JSON.parse gives them',
  (write) => {
    const json = fc.jsonValue({ maxDepth: 3 });
    const runs = { numRuns: 50 };
    fc.assert(
      fc.property(fc.dictionary(fc.string(), json), (object) => {
        const text = write(object);
        const parsed = JSON.parse(text) as Record<string, unknown>;
        const members = membersAt(text);
        expect([...members.keys()].toSorted()).toEqual(Object.keys(parsed).toSorted());
        for (const [name, span] of members)
          expect(JSON.parse(text.slice(span.start, span.end))).toEqual(parsed[name]);
      }),
      runs,
    );
    fc.assert(
      fc.property(fc.array(json), (array) => {
        const text = write(array);
        const values = elementsAt(text).map(({ start, end }) => JSON.parse(text.slice(start, end)));
        expect(values).toEqual(JSON.parse(text));
      }),
      runs,
    );
  },
);
