/**
 * `npm run test:coverage`: which lines of the named folders the tests reach, and which lines about
 * errors they do not (docs/TESTING.md). Unit tests run with vitest's coverage, the gateways of the
 * integration tests with NODE_V8_COVERAGE; a line is reached when one of them has run it. The
 * command ends with 1 when no test reaches an error line that test-coverage/accepted-lines.ts does
 * not list.
 *
 *     npm run test:coverage -- --folders apps/gateway/src/ws --tests test/ws
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ACCEPTED_LINES } from './test-coverage/accepted-lines.js';
import { type CoveredFile, coverageReport } from './test-coverage/coverage-report.js';
import { readGatewayCoverage } from './test-coverage/gateway-coverage.js';
import type { IsReached } from './test-coverage/source-places.js';
import { type Place, sourcePlaces } from './test-coverage/source-places.js';
import { readVitestCoverage } from './test-coverage/vitest-coverage.js';

const BUNDLE = 'dist/apps/gateway/gateway.cjs';
const CACHE = `${BUNDLE}.cache`;
/**
 * Code that runs in other programs than the gateway: the slow tier has most of its tests, and the
 * processes of the command line are not measured.
 */
const CLIENTS = ['libs/client/src', 'apps/cli/src'];
/** All code of the gateway: a new lib is measured without being listed here. */
const FOLDERS = ['libs', 'apps']
  .flatMap((parent) => readdirSync(parent).map((name) => `${parent}/${name}/src`))
  .filter((folder) => existsSync(folder) && !CLIENTS.includes(folder));
/** The default of `--tests`: all integration tests of the quick tier. */
const QUICK_TIER = 'quick';

const { values } = parseArgs({
  options: {
    folders: { type: 'string', default: FOLDERS.join(',') },
    tests: { type: 'string', default: QUICK_TIER },
    output: { type: 'string', default: 'coverage/lines.md' },
  },
});
const folders = values.folders.split(',');
const scratch = mkdtempSync(join(tmpdir(), 'sluice-coverage-'));

try {
  const reached = [unitCoverage()];
  if (values.tests !== '') reached.push(...(await integrationCoverage()));
  const files = folders.flatMap(sourcesOf).map((file): CoveredFile => {
    const source = readFileSync(file, 'utf8');
    const { statements, errors } = sourcePlaces(file, source);
    const marked = (places: readonly Place[]) =>
      places.map((place) => ({ ...place, isReached: reached.some((has) => has(file, place)) }));
    return { file, source, statements: marked(statements), errors: marked(errors) };
  });
  const { text, unexplained } = coverageReport(files, folders, ACCEPTED_LINES);
  mkdirSync(dirname(values.output), { recursive: true });
  writeFileSync(values.output, text);
  process.stdout.write(text);
  // Fewer tests reach fewer lines, which says nothing.
  if (values.tests === QUICK_TIER && unexplained.length > 0) {
    const list = 'scripts/test-coverage/accepted-lines.ts';
    process.stderr.write(`${unexplained.length} error lines are neither tested nor in ${list}.\n`);
    process.exitCode = 1;
  }
} finally {
  if (existsSync(join(scratch, 'cache'))) copyFileSync(join(scratch, 'cache'), CACHE);
  rmSync(scratch, { recursive: true, force: true });
}

function unitCoverage(): IsReached {
  const directory = join(scratch, 'unit');
  runVitest(['--project', 'unit', ...folders, ...coverageOptions(directory)]);
  return readVitestCoverage(join(directory, 'coverage-final.json'));
}

/**
 * Runs the integration tests with a bundle that has a source map and no code cache. The tests reach
 * code in two ways: through gateways that they start, and in their own process.
 */
async function integrationCoverage(): Promise<IsReached[]> {
  const mapFile = join(scratch, 'gateway.cjs.map');
  run(process.execPath, ['scripts/build-if-needed.mjs']);
  copyFileSync(CACHE, join(scratch, 'cache'));
  run(process.execPath, [
    '--import',
    'jiti/register',
    'scripts/bundle.ts',
    '--source-map',
    mapFile,
  ]);
  const directory = join(scratch, 'gateways');
  const own = join(scratch, 'integration');
  const tests =
    values.tests === QUICK_TIER ? [] : ['--project', 'slow', ...values.tests.split(',')];
  runVitest(['--project', 'integration', ...tests, ...coverageOptions(own)], directory);
  const launcher = '../dist/esm/apps/gateway/launcher/compiled-bundle.js';
  const { CompiledBundle } = (await import(
    launcher
  )) as typeof import('../apps/gateway/launcher/compiled-bundle.js');
  const prefixLength = CompiledBundle.prefix.length;
  return [
    readGatewayCoverage({ directory, bundle: BUNDLE, mapFile, prefixLength }),
    readVitestCoverage(join(own, 'coverage-final.json')),
  ];
}

function coverageOptions(directory: string): string[] {
  return [
    '--coverage.enabled',
    '--coverage.provider=v8',
    '--coverage.reporter=json',
    `--coverage.reportsDirectory=${directory}`,
    '--coverage.reportOnFailure',
    ...folders.map((folder) => `--coverage.include=${folder}/**/*.ts`),
  ];
}

function sourcesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !/\.test\.ts$|(^|\/)testing\//.test(path))
    .map((path) => join(folder, path))
    .toSorted();
}

function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}`);
}

function runVitest(args: readonly string[], coverageDirectory?: string): void {
  const env = { ...process.env };
  if (coverageDirectory !== undefined) env.NODE_V8_COVERAGE = coverageDirectory;
  const { status } = spawnSync('npx', ['vitest', 'run', ...args], { env, stdio: 'inherit' });
  if (status !== 0)
    process.stderr.write('Some tests failed: their coverage counts all the same.\n');
}
