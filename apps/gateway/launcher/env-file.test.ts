import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readEnvFiles } from './env-file.js';

const directory = mkdtempSync(join(tmpdir(), 'sluice-env-'));
let fileCount = 0;

afterAll(() => rmSync(directory, { recursive: true }));

function file(text: string): string {
  const path = join(directory, `${fileCount}.env`);
  fileCount += 1;
  writeFileSync(path, text);
  return path;
}

test('comments, quotes, export and several lines in quotes are read', () => {
  const text = `\uFEFF# settings
SLUICE_PORT=9000 # a comment
export SLUICE_HOST="0.0.0.0"

SLUICE_RACK='a # b'
EMPTY=
LINES="one
two # not a comment"\r
LAST=1`;
  expect(readEnvFiles([file(text)])).toEqual({
    ok: true,
    variables: {
      SLUICE_PORT: '9000',
      SLUICE_HOST: '0.0.0.0',
      SLUICE_RACK: 'a # b',
      EMPTY: '',
      LINES: 'one\ntwo # not a comment',
      LAST: '1',
    },
  });
});

test('a later file wins over an earlier one', () => {
  const read = readEnvFiles([file('A=1\nB=1'), file('B=2')]);
  expect(read).toEqual({ ok: true, variables: { A: '1', B: '2' } });
});

test('a missing file and every bad line of the others are named', () => {
  const missing = join(directory, 'none.env');
  const bad = file('A=1\nSLUICE_PORT 9000\n: yaml\n1A=1');
  const read = readEnvFiles([missing, bad]);
  expect(read).toEqual({
    ok: false,
    problems: [
      expect.stringMatching(`^${missing}: ENOENT`),
      `${bad}: line 2 is not VARIABLE=value`,
      `${bad}: line 3 is not VARIABLE=value`,
      `${bad}: line 4 is not VARIABLE=value`,
    ],
  });
});

test('a quote that is never closed is named with its line', () => {
  const bad = file('A=1\nB="two\nC=3');
  expect(readEnvFiles([bad])).toEqual({
    ok: false,
    problems: [`${bad}: line 2 has a value without its closing "`],
  });
});
