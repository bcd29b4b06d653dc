/**
 * Generates clients from the OpenAPI document of a running gateway, compiles them as they come, and
 * lets each create a topic, produce, fetch, commit and meet an error. Lints both documents, too.
 *
 *   npm run test:interop                 everything
 *   npm run test:interop -- go python    only these; `lint` is one of them
 *
 * Needs Java for the generator, and the tools of each language; what a machine lacks is skipped,
 * which the last line says. Ends with exit code 1 when anything failed.
 */
import { type SpawnSyncOptions, spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';

const GENERATOR = 'org.openapitools:openapi-generator-cli:7.25.0';
const SPECTRAL = '@stoplight/spectral-cli@6.16.3';
const REDOCLY = '@redocly/cli@2.77.0';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..', '..', '..');
const CACHE = join(ROOT, 'node_modules', '.cache', 'clients-interop');
/** Outside node_modules, of whose files the TypeScript compiler writes none. */
const WORK = join(ROOT, 'dist', 'clients-interop');
const GENERATOR_JAR = join(CACHE, 'openapi-generator-cli-7.25.0.jar');

/** A generated client in one language. */
interface Language {
  /** Commands that succeed when the machine has the tools. */
  readonly tools: readonly (readonly [string, ...string[]])[];
  /** Generator and its options. */
  readonly generator: readonly [string, ...string[]];
  /** Builds and runs the client in its folder. @returns what it printed */
  readonly run: (folder: string, program: readonly string[]) => string;
}

/** The answers that every client must print: the flow is the same in all languages. */
const EXPECTED = {
  partitions: 2,
  retentionMs: '86400000',
  produced: [0, 1],
  raw: [0],
  lines: 2,
  key: 'ada',
  value: { item: 'tea' },
  header: '7f1c',
  binary: '3q2+7w==',
  rawValue: [0, 1, 2, 255],
  // Two records and the line that ends a stream.
  streamed: 3,
  polled: ['late'],
  committed: 2,
  offset: 2,
  lag: 1,
  code: 'OFFSET_OUT_OF_RANGE',
  status: 416,
  highWatermark: 3,
};

/** The tools that each language needs, and how its client is generated, built and run. */
const LANGUAGES: Readonly<Record<string, Language>> = {
  python: {
    tools: [
      ['java', '-version'],
      ['mvn', '-version'],
      ['python3', '-m', 'venv', '--help'],
    ],
    generator: ['python', '--package-name', 'sluice_client'],
    run(folder, program) {
      const python = join(folder, 'venv', 'bin', 'python');
      must('python3', ['-m', 'venv', join(folder, 'venv')]);
      must(python, ['-m', 'pip', 'install', '-q', join(folder, 'client')]);
      return must(python, [join(folder, 'flow.py'), ...program]);
    },
  },
  go: {
    tools: [
      ['java', '-version'],
      ['mvn', '-version'],
      ['go', 'version'],
    ],
    generator: [
      'go',
      '--additional-properties=packageName=sluice',
      '--git-host=example.com',
      '--git-user-id=clients',
      '--git-repo-id=sluice',
    ],
    run(folder, program) {
      const module = 'example.com/clients/sluice';
      const lines = ['module example.com/flow', '', 'go 1.23', '', `require ${module} v0.0.0`, ''];
      writeFileSync(
        join(folder, 'go.mod'),
        [...lines, `replace ${module} => ./client`, ''].join('\n'),
      );
      must('go', ['build', '-o', 'flow', 'main.go'], { cwd: folder });
      return must(join(folder, 'flow'), program);
    },
  },
  java: {
    tools: [
      ['java', '-version'],
      ['javac', '-version'],
      ['mvn', '-version'],
    ],
    // Its library `native` sends the name of a file in place of its bytes; the default one does
    // not.
    generator: ['java'],
    run(folder, program) {
      const client = join(folder, 'client');
      const goals = ['compile', 'dependency:copy-dependencies', '-DincludeScope=runtime'];
      must('mvn', ['-q', '-B', '-f', join(client, 'pom.xml'), ...goals]);
      const parts = [join(client, 'target', 'classes'), join(client, 'target', 'dependency', '*')];
      const classPath = [folder, ...parts].join(delimiter);
      must('javac', ['-cp', classPath, '-d', folder, join(folder, 'Flow.java')]);
      return must('java', ['-cp', classPath, 'Flow', ...program]);
    },
  },
  typescript: {
    tools: [
      ['java', '-version'],
      ['mvn', '-version'],
    ],
    generator: ['typescript-fetch', '--additional-properties=importFileExtension=.js'],
    run(folder, program) {
      writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
      const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
      const options = ['--strict', '--target', 'es2023', '--module', 'nodenext', '--skipLibCheck'];
      const types = ['--types', 'node', '--ignoreConfig'];
      must(process.execPath, [compiler, ...options, ...types, 'flow.mts'], { cwd: folder });
      return must(process.execPath, [join(folder, 'flow.mjs'), ...program]);
    },
  },
};

class CommandFailed extends Error {}

const wanted = process.argv.slice(2);
const results = { passed: 0, failed: 0, skipped: [] as string[] };
mkdirSync(CACHE, { recursive: true });
must(process.execPath, [join(ROOT, 'scripts', 'build-if-needed.mjs')]);
const gateway = await startGateway();
try {
  const documents = await saveDocuments(gateway.url);
  if (isWanted('lint')) step('lint', () => lint(documents));
  for (const [name, language] of Object.entries(LANGUAGES)) {
    if (isWanted(name)) runLanguage(name, language, documents.openapi);
  }
} finally {
  await gateway.stop();
}
const { passed, failed, skipped } = results;
for (const reason of skipped) console.log(`skipped: ${reason}`);
console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
process.exit(failed === 0 ? 0 : 1);

function isWanted(name: string): boolean {
  return wanted.length === 0 || wanted.includes(name);
}

function runLanguage(name: string, { tools, generator, run }: Language, document: string): void {
  const missing = tools.filter(([tool, ...words]) => !succeeds(tool, words));
  if (missing.length > 0) {
    results.skipped.push(
      `${name}: this machine has no ${missing.map(([tool]) => tool).join(', ')}`,
    );
    return;
  }
  step(name, () => {
    const folder = join(WORK, name);
    rmSync(folder, { recursive: true, force: true });
    cpSync(join(HERE, name), folder, { recursive: true });
    const [kind, ...options] = generator;
    const target = ['-i', document, '-g', kind, '-o', join(folder, 'client')];
    must('java', ['-jar', generatorJar(), 'generate', ...target, ...options]);
    const lines = run(folder, [gateway.url, `interop-${name}`])
      .trim()
      .split('\n');
    const answer = JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>;
    for (const [member, expected] of Object.entries(EXPECTED)) {
      if (isDeepStrictEqual(answer[member], expected)) continue;
      const found = JSON.stringify(answer[member]);
      throw new CommandFailed(`${member} is ${found}, expected ${JSON.stringify(expected)}`);
    }
  });
}

/** Spectral and Redocly with the rules in this folder: no warning, no error. */
function lint({ openapi, asyncapi }: Documents): void {
  const rules = ['--ruleset', join(HERE, 'spectral.yaml'), '--fail-severity', 'warn'];
  must('npx', ['--yes', SPECTRAL, 'lint', openapi, asyncapi, ...rules]);
  const config = ['--config', join(HERE, 'redocly.yaml'), '--format', 'json'];
  const report = JSON.parse(must('npx', ['--yes', REDOCLY, 'lint', openapi, ...config])) as {
    readonly totals: { readonly errors: number; readonly warnings: number };
    readonly problems: unknown;
  };
  const { errors, warnings } = report.totals;
  if (errors + warnings > 0) throw new CommandFailed(JSON.stringify(report.problems, null, 2));
}

/** One check, counted; a command that failed is shown and the next check goes on. */
function step(name: string, check: () => void): void {
  const startedMs = Date.now();
  try {
    check();
    results.passed += 1;
    console.log(`${name}: passed after ${Math.round((Date.now() - startedMs) / 1000)} s`);
  } catch (error) {
    results.failed += 1;
    const reason = error instanceof CommandFailed ? error.message : (error as Error).stack;
    console.log(`${name}: FAILED\n${reason}`);
  }
}

function succeeds(command: string, words: readonly string[]): boolean {
  return spawnSync(command, words, { stdio: 'ignore' }).status === 0;
}

/**
 * Runs a command to its end and returns its output.
 * @throws CommandFailed with the end of what it wrote
 */
function must(command: string, words: readonly string[], options: SpawnSyncOptions = {}): string {
  const settings = { ...options, encoding: 'utf8' as const, maxBuffer: 64 * 1024 * 1024 };
  const { status, stdout, stderr, error } = spawnSync(command, words, settings);
  if (status === 0) return stdout;
  const end = `${stdout ?? ''}\n${stderr ?? ''}`.trim().split('\n').slice(-40).join('\n');
  throw new CommandFailed(
    `${command} ${words.join(' ')}: ${error?.message ?? `exit ${status}`}\n${end}`,
  );
}

/** The generator, by Maven; kept between runs. */
function generatorJar(): string {
  if (existsSync(GENERATOR_JAR)) return GENERATOR_JAR;
  const goal = ['dependency:copy', `-Dartifact=${GENERATOR}`, `-DoutputDirectory=${CACHE}`];
  must('mvn', ['-q', '-B', ...goal]);
  return GENERATOR_JAR;
}

/** Paths of the saved documents. */
type Documents = Readonly<Record<'openapi' | 'asyncapi', string>>;

async function saveDocuments(url: string): Promise<Documents> {
  const saved = {
    openapi: join(CACHE, 'openapi.json'),
    asyncapi: join(CACHE, 'asyncapi.json'),
  };
  for (const [name, path] of Object.entries(saved)) {
    const answer = await fetch(`${url}/${name}.json`);
    writeFileSync(path, await answer.text());
  }
  return saved;
}

/** The built gateway on a free port, with a data directory of its own. */
async function startGateway(): Promise<{ url: string; stop: () => Promise<void> }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-interop-'));
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SLUICE_'));
  const env = {
    ...Object.fromEntries(inherited),
    SLUICE_PORT: '0',
    SLUICE_DATA_DIR: dataDir,
    SLUICE_LOG_FORMAT: 'json',
  };
  const entry = join(ROOT, 'dist', 'apps', 'gateway', 'main.js');
  const child = spawn(process.execPath, [entry], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => {
    child.on('exit', resolve);
  });
  const started = new Promise<string>((resolve, reject) => {
    createInterface(child.stderr).on('line', (line) => {
      if (line.includes('"msg":"started"'))
        resolve((JSON.parse(line) as { readonly url: string }).url);
    });
    child.on('exit', (code) => reject(new Error(`the gateway ended with ${code}`)));
  });
  const url = await started;
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    rmSync(dataDir, { recursive: true, force: true });
  };
  return { url, stop };
}
