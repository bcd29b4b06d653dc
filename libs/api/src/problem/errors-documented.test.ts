import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES, type ErrorCode } from '#protocol';
import { statusOf } from './problem.js';

const PAGE = new URL('../../../../docs/PROTOCOL.md', import.meta.url);

describe('the table of errors in docs/PROTOCOL.md', () => {
  const rows = readFileSync(PAGE, 'utf8')
    .split('\n')
    .filter((line) => /^\| \d{3} \| `/.test(line));

  it('it matches the code: the same errors with the same texts', () => {
    const expected = Object.keys(ERROR_CODES).map((name) => rowOf(name as ErrorCode));
    expect(rows.toSorted()).toEqual(expected.toSorted());
  });
});

function rowOf(code: ErrorCode): string {
  const { number, retriable, outcome, sentence } = ERROR_CODES[code];
  const cells = [statusOf(code), `\`${code}\``, number ?? '', retriable ? 'yes' : 'no', outcome];
  return `| ${cells.join(' | ')} | ${sentence} |`;
}
