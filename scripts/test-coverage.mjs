/**
 * `npm run test:coverage`: which lines of the named folders the tests reach, and which lines about
 * errors they do not (docs/testing.md). Unit tests run with vitest's coverage, the gateways of the
 * integration tests with NODE_V8_COVERAGE; a line is reached when one of them has run it.
 *
 *     npm run test:coverage -- --folders apps/gateway/src/ws --tests test/ws
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';

const BUNDLE = 'dist/apps/gateway/gateway.cjs';
/** Matches lines that create, pass on or handle an error. */
const ERROR_LINE = /\b(throw|catch)\b|fail|refus|error|\.destroy\(|problem/i;
const FOLDERS = [
  ...['http/front', 'http/data', 'ws', 'sse', 'cluster-api'].map((f) => `apps/gateway/src/${f}`),
  'libs/replication/src',
];
const TESTS = ['test/data', 'test/ws', 'test/sse', 'test/gateway', 'test/cluster/cluster.test.ts'];

const { values } = parseArgs({
  options: {
    folders: { type: 'string', default: FOLDERS.join(',') },
    tests: { type: 'string', default: TESTS.join(',') },
    output: { type: 'string', default: 'coverage/lines.md' },
  },
});
const folders = values.folders.split(',');
const scratch = mkdtempSync(join(tmpdir(), 'sluice-coverage-'));
/** True for each known line that was reached, by file and line number. */
const reached = new Map();

try {
  runVitest([
    ...['--project', 'unit', ...folders, '--coverage.enabled', '--coverage.provider=v8'],
    ...['--coverage.reporter=json', `--coverage.reportsDirectory=${scratch}/unit`],
    ...folders.map((folder) => `--coverage.include=${folder}/**/*.ts`),
  ]);
  readUnitCoverage(join(scratch, 'unit/coverage-final.json'));
  const gateways = join(scratch, 'gateways');
  runVitest(['--project', 'integration', ...values.tests.split(',')], gateways);
  readGatewayCoverage(gateways);
  writeReport();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function runVitest(args, coverageDir) {
  const env = { ...process.env };
  if (coverageDir !== undefined) env.NODE_V8_COVERAGE = coverageDir;
  const { status } = spawnSync('npx', ['vitest', 'run', ...args], { env, stdio: 'inherit' });
  if (status !== 0)
    process.stderr.write('Some tests failed: their coverage counts all the same.\n');
}

function note(file, line, isReached) {
  const isWanted = folders.some((folder) => file.startsWith(`${folder}/`));
  if (!isWanted || file.includes('.test.') || file.includes('/testing/')) return;
  let lines = reached.get(file);
  if (lines === undefined) reached.set(file, (lines = new Map()));
  lines.set(line, isReached || lines.get(line) === true);
}

/** Reads Istanbul's report: statements with their locations and execution counts. */
function readUnitCoverage(file) {
  for (const { path, statementMap, s } of Object.values(JSON.parse(readFileSync(file, 'utf8')))) {
    for (const [id, { start }] of Object.entries(statementMap)) {
      note(relative(process.cwd(), path), start.line, s[id] > 0);
    }
  }
}

/** Reads V8's reports, one file per process: ranges of the bundle, mapped to source lines. */
function readGatewayCoverage(dir) {
  const text = readFileSync(BUNDLE, 'utf8');
  const lines = text.split('\n');
  const isLineReached = new Uint8Array(lines.length);
  for (const name of readdirSync(dir)) {
    const { result } = JSON.parse(readFileSync(join(dir, name), 'utf8'));
    const bundle = result.find(({ url }) => url.endsWith(`/${BUNDLE}`));
    if (bundle !== undefined) markReached(isLineReached, lines, countsOf(bundle, text.length));
  }
  for (const { file, from, lines: sourceLines } of JSON.parse(
    readFileSync(`${BUNDLE}.lines`, 'utf8'),
  )) {
    for (const [index, line] of sourceLines.entries()) {
      note(file, line, isLineReached[from - 1 + index] === 1);
    }
  }
}

/** 1 for each character of the bundle that the process has run. */
function countsOf({ functions }, length) {
  const isRun = new Uint8Array(length);
  // Inner ranges follow the outer ones and override them.
  for (const { ranges } of functions) {
    for (const { startOffset, endOffset, count } of ranges) {
      isRun.fill(count > 0 ? 1 : 0, startOffset, endOffset);
    }
  }
  return isRun;
}

function markReached(isLineReached, lines, isRun) {
  let offset = 0;
  for (const [index, line] of lines.entries()) {
    const first = offset + line.length - line.trimStart().length;
    if (isRun[first] === 1) isLineReached[index] = 1;
    offset += line.length + 1;
  }
}

function writeReport() {
  const rows = [];
  const missed = [];
  for (const file of [...reached.keys()].toSorted()) {
    const source = readFileSync(file, 'utf8').split('\n');
    const lines = [...reached.get(file)].toSorted(([a], [b]) => a - b);
    const isAboutErrors = ([line]) => ERROR_LINE.test(source[line - 1] ?? '');
    const errors = lines.filter(isAboutErrors);
    rows.push([file, lines, errors]);
    for (const [line, isReached] of errors) {
      if (!isReached) missed.push(`${file}:${line} ${source[line - 1].trim()}`);
    }
  }
  const totals = [
    'all',
    rows.flatMap(([, lines]) => lines),
    rows.flatMap(([, , errors]) => errors),
  ];
  const table = [...rows, totals].map(
    ([name, lines, errors]) => `| ${name} | ${share(lines)} | ${share(errors)} |`,
  );
  const head = '| file | lines reached | of them about errors |\n|---|---|---|';
  const text = `${[head, ...table].join('\n')}\n\nLines about errors that no test reaches:\n\n`;
  mkdirSync(dirname(values.output), { recursive: true });
  writeFileSync(values.output, `${text}${missed.map((each) => `- ${each}\n`).join('')}`);
  process.stdout.write(`${table.at(-1)}\n${missed.length} lines in ${values.output}\n`);
}

function share(lines) {
  return `${lines.filter(([, isReached]) => isReached).length} of ${lines.length}`;
}
