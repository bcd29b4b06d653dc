/**
 * Counts the tests of a report of Vitest, for `.ci/run`.
 *
 * `count-tests.ts failed-files REPORT` prints the files with failed tests, relative to the working
 * directory, one a line.
 *
 * `count-tests.ts count REPORT SECOND FAILURES UNSTEADY` prints the numbers of passed and failed
 * tests. A test that failed in REPORT and passed in SECOND, a report of its file run alone, counts
 * as passed and is named in the file UNSTEADY; any other failed one is written to the file FAILURES
 * with its reason.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly TestResult[];
  }[];
}

interface TestResult {
  readonly status: string;
  readonly fullName: string;
  readonly failureMessages: readonly string[];
}

/** Longest reason that is written for a failed test, in characters. */
const REASON_LENGTH_MAX = 1500;

const [action, reportFile = '', secondFile = '', failuresFile = '', unsteadyFile = ''] =
  process.argv.slice(2);
const report = readReport(reportFile);
if (report === undefined) process.exit(1);
if (action === 'failed-files') {
  const failed = report.testResults.filter(({ status }) => status === 'failed');
  for (const { name } of failed) console.log(relative('.', name));
} else {
  countTests(report, readReport(secondFile));
}

function readReport(path: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Report;
  } catch {
    return undefined;
  }
}

function countTests(first: Report, second: Report | undefined): void {
  const passedAlone = new Set(
    testsOf(second)
      .filter(([, { status }]) => status === 'passed')
      .map(titleOf),
  );
  let passed = 0;
  let failed = 0;
  for (const entry of testsOf(first)) {
    const [, { status, failureMessages }] = entry;
    if (status === 'passed') passed += 1;
    if (status !== 'failed') continue;
    const reason = failureMessages.join('\n').slice(0, REASON_LENGTH_MAX);
    const isUnsteady = passedAlone.has(titleOf(entry));
    if (isUnsteady) passed += 1;
    else failed += 1;
    appendFileSync(isUnsteady ? unsteadyFile : failuresFile, `${titleOf(entry)}\n${reason}\n`);
  }
  console.log(`${passed} ${failed}`);
}

function testsOf(report: Report | undefined): readonly (readonly [string, TestResult])[] {
  return (report?.testResults ?? []).flatMap(({ name, assertionResults }) =>
    assertionResults.map((test) => [relative('.', name), test] as const),
  );
}

function titleOf([file, { fullName }]: readonly [string, TestResult]): string {
  return `${file}: ${fullName}`;
}
