/** The repository checks its own style: the rules of docs/STYLE.md that a program can check. */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { CONTRACT_ONLY, EXCEPTIONS, type Exception } from './exceptions.js';
import { RULES } from './rules.js';
import { type Finding, readSources } from './source-file.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const GATEWAY_LINES_MAX = 10_000;
const sources = readSources(ROOT);

for (const [name, rule] of Object.entries(RULES)) {
  test(`every file keeps the rule ${name}, but for the exceptions with a reason`, () => {
    const exceptions = EXCEPTIONS.filter((exception) => exception.rule === name);
    const findings = sources.flatMap((file) => rule(file));
    const unexpected = findings.filter(({ path }) => !exceptions.some(covers(path)));
    expect(unexpected.map(describeFinding)).toEqual([]);
    const unused = exceptions.filter((exception) => !findings.some(isCoveredBy(exception)));
    expect(unused.map(({ path }) => `${path} keeps the rule: remove its exception`)).toEqual([]);
  });
}

test('every class that is listed as part of the contract alone exists', () => {
  const texts = sources.filter(({ path }) => path.endsWith('.dto.ts')).map(({ text }) => text);
  const gone = Object.keys(CONTRACT_ONLY).filter(
    (name) => !texts.some((text) => new RegExp(`class ${name}\\b`).test(text)),
  );
  expect(gone).toEqual([]);
});

test('the gateway has at most 10,000 lines without tests: the rest belongs into libs', () => {
  const files = sources.filter(
    ({ path }) => path.startsWith('apps/gateway/') && !path.endsWith('.test.ts'),
  );
  const lines = files.reduce((sum, { text }) => sum + text.trimEnd().split('\n').length, 0);
  expect(lines).toBeLessThanOrEqual(GATEWAY_LINES_MAX);
});

function covers(path: string) {
  return (exception: Exception): boolean =>
    exception.path.endsWith('/') ? path.startsWith(exception.path) : path === exception.path;
}

function isCoveredBy(exception: Exception) {
  return ({ path }: Finding): boolean => covers(path)(exception);
}

function describeFinding({ path, line, problem }: Finding): string {
  return `${path}:${line}: ${problem}`;
}
