import { expect, test } from 'vitest';
import { coverageReport } from '../../scripts/test-coverage/coverage-report.js';
import { sourcePlaces } from '../../scripts/test-coverage/source-places.js';

const FILE = 'libs/x/src/y.ts';
const SOURCE = `
export function y(): void {
  try {
    z();
  } catch (error) {
    throw new RangeError('a');
  }
  throw new RangeError('b');
}
`;

test('an error line that no test reaches needs a reason in the list', () => {
  const { statements, errors } = sourcePlaces(FILE, SOURCE);
  const isReached = false;
  const missed = (places: typeof errors) => places.map((place) => ({ ...place, isReached }));
  const file = { file: FILE, source: SOURCE, statements: [], errors: missed(errors) };
  expect(statements.length).toBeGreaterThan(0);
  const reasons = [
    { file: FILE, code: "throw new RangeError('a');", reason: 'it is rare' },
    { file: FILE, code: "} catch (error) { throw new RangeError('a');", reason: 'it is rare' },
    { file: 'libs/x/src/other.ts', code: 'throw', reason: 'another file' },
  ];
  const { text, unexplained } = coverageReport([file], ['libs/x/src'], reasons);
  expect(unexplained.map(({ line, code }) => [line, code])).toEqual([
    [8, "throw new RangeError('b');"],
  ]);
  expect(text).toContain(`${FILE}:6 \`throw new RangeError('a');\`: it is rare`);
});
