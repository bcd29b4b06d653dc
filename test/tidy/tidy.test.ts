/** The repository checks its own style: the rules of docs/STYLE.md that a program can check. */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { EXCEPTIONS, type Exception } from './exceptions.js';
import { RULES } from './rules.js';
import { type Finding, readSources } from './source-file.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
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
