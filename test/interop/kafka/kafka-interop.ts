/**
 * Checks partition directories against Kafka itself: its DumpLogSegments, and its broker on a
 * directory that Sluice wrote. Needs Java 17 and Maven; without them it says so and does nothing.
 *
 *   node --import jiti/register test/interop/kafka/kafka-interop.ts [--write]
 *
 * `--write` also replaces the fixtures.
 *
 * Ends with exit code 1 and the reason when Kafka does not accept what is here.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../../support/until.js';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..', '..', '..');
const CACHE = join(ROOT, 'node_modules', '.cache', 'kafka-interop');
const FIXTURES = join(HERE, 'fixtures');
const GOLDEN = join(FIXTURES, 'sluice', 'orders-0');
const KAFKA_TOPICS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'].map((codec) => `codec-${codec}`);
/** Records in the golden directory. */
const GOLDEN_RECORDS = 80;
const CLUSTER_ID = 'AAAAAAAAQACAAAAAAAAAAQ';
const BROKER_START_MS = 60_000;

const missing = ['java', 'mvn'].filter((tool) => spawnSync(tool, ['-version']).error !== undefined);
if (missing.length > 0) {
  console.log(`skipped: this machine has no ${missing.join(' and no ')}`);
  process.exit(0);
}

const classPath = join(fetchKafka(), '*');
dumpGolden();
await checkBroker();

/** Kafka's classes, by Maven; kept under node_modules/.cache. */
function fetchKafka(): string {
  const lib = join(CACHE, 'lib');
  mkdirSync(CACHE, { recursive: true });
  const goal = ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${lib}`];
  const result = spawnSync('mvn', ['-f', join(HERE, 'pom.xml'), ...goal], { encoding: 'utf8' });
  if (result.status !== 0) {
    console.log(`skipped: Maven cannot fetch Kafka: ${result.stdout.trim().split('\n')[0]}`);
    process.exit(0);
  }
  return lib;
}

/** The golden directory's files, one after the other, through DumpLogSegments. */
function dumpGolden(): void {
  const files = readdirSync(GOLDEN).filter((name) =>
    /\.(log|index|timeindex|snapshot)$/.test(name),
  );
  let records = 0;
  let producers = 0;
  for (const name of files) {
    const checks = name.endsWith('index') ? ['--index-sanity-check'] : ['--deep-iteration'];
    const out = dump(join(GOLDEN, name), checks);
    records += out.match(/^\| offset: /gm)?.length ?? 0;
    producers += out.match(/^producerId: \d+ producerEpoch: \d+/gm)?.length ?? 0;
    if (name.endsWith('index') && !out.includes('passed sanity check')) fail(name, out);
  }
  const indexes = files.filter((name) => name.endsWith('index')).map((name) => join(GOLDEN, name));
  dump(indexes.join(','), ['--verify-index-only']);
  if (records !== GOLDEN_RECORDS) fail('the golden logs', `${records} records`);
  if (producers !== 6) fail('the golden snapshots', `${producers} producers`);
  console.log(`DumpLogSegments reads ${files.length} files with ${records} records`);
}

function dump(file: string, options: readonly string[]): string {
  const args = ['-cp', classPath, 'kafka.tools.DumpLogSegments', '--files', file, ...options];
  const { status, stdout, stderr } = spawnSync('java', args, { encoding: 'utf8' });
  const out = `${stdout}${stderr}`;
  const isBad = /mismatch|isvalid: false|corrupt|exception|invalid bytes|in non-consecutive/i.test(
    out,
  );
  if (status !== 0 || isBad) fail(file, out);
  return out;
}

/**
 * A broker of Kafka writes its fixtures; then, in place of its own, it gets a directory of
 * Sluice's.
 */
async function checkBroker(): Promise<void> {
  const data = join(CACHE, 'data');
  rmSync(data, { recursive: true, force: true });
  const properties = await writeProperties(data);
  run('kafka.tools.StorageTool', ['format', '-t', CLUSTER_ID, '-c', properties.path]);
  await withBroker(properties, () => clients('write', properties.bootstrap));
  if (process.argv.includes('--write')) keepKafkaLogs(data);
  placeGolden(join(data, 'orders-0'));
  await withBroker(properties, () => {
    const expected = goldenLines();
    const read = clients('read', properties.bootstrap, 'orders', String(GOLDEN_RECORDS));
    if (read !== expected) fail("Kafka's consumer on the golden directory", read);
    const offset = clients('append', properties.bootstrap, 'orders').trim();
    if (offset !== String(GOLDEN_RECORDS)) fail('an append to the golden directory', offset);
  });
  console.log(`Kafka's broker serves the golden directory and appends to it`);
}

/** The properties of a broker of Kafka, written to a file. */
interface BrokerProperties {
  readonly path: string;
  readonly bootstrap: string;
  readonly port: number;
}

async function writeProperties(data: string): Promise<BrokerProperties> {
  const [port, controllerPort] = [await freePort(), await freePort()];
  const bootstrap = `127.0.0.1:${port}`;
  const controller = `127.0.0.1:${controllerPort}`;
  const path = join(CACHE, 'server.properties');
  const lines = [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@${controller}`,
    `listeners=PLAINTEXT://${bootstrap},CONTROLLER://${controller}`,
    'controller.listener.names=CONTROLLER',
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'transaction.state.log.num.partitions=1',
    'log.cleaner.backoff.ms=200',
    `log.dirs=${data}`,
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  return { path, bootstrap, port };
}

async function withBroker(properties: BrokerProperties, use: () => void): Promise<void> {
  const args = ['-Xmx512m', '-cp', classPath, 'kafka.Kafka', properties.path];
  const broker = spawn('java', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [broker.stdout, broker.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const exited = new Promise((resolve) => broker.once('exit', resolve));
  try {
    await portOpen(properties.port, broker, () => output);
    use();
  } finally {
    broker.kill('SIGTERM');
    await exited;
  }
}

async function portOpen(port: number, broker: ChildProcess, output: () => string): Promise<void> {
  const isOpen = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
  const listens = until(
    "Kafka's broker to listen",
    async () => broker.exitCode !== null || (await isOpen()),
    BROKER_START_MS,
  );
  await listens.catch(() => fail("Kafka's broker does not listen", output()));
  if (broker.exitCode !== null) fail("Kafka's broker ended", output());
}

/**
 * The partition belongs to Kafka's own topic of that name: the topic id stays, all else is
 * Sluice's.
 */
function placeGolden(directory: string): void {
  const metadata = readFileSync(join(directory, 'partition.metadata'));
  rmSync(directory, { recursive: true });
  cpSync(GOLDEN, directory, { recursive: true });
  writeFileSync(join(directory, 'partition.metadata'), metadata);
}

function keepKafkaLogs(data: string): void {
  const kept = join(FIXTURES, 'kafka');
  rmSync(kept, { recursive: true, force: true });
  for (const topic of [...KAFKA_TOPICS, 'transactions', 'compacted']) {
    cpSync(join(data, `${topic}-0`), join(kept, `${topic}-0`), {
      recursive: true,
      filter: (path) => !path.endsWith('.deleted'),
    });
  }
}

/** The records of the golden directory, as KafkaClients prints them. */
function goldenLines(): string {
  const lines: string[] = [];
  const add = (key: string, value: string) => lines.push(`${lines.length} ${key}=${value}\n`);
  for (let i = 0; i < 16; i += 1) {
    add(`k${i}`, `{"number":${i}}`);
    add('null', 'x'.repeat(1500));
    add(`k${i}`, 'null');
    add(`p${i}`, 'first');
    add(`p${i}`, 'second');
  }
  return lines.join('');
}

function clients(...args: string[]): string {
  return run(join(HERE, 'KafkaClients.java'), args);
}

/** @returns what the program prints */
function run(main: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('java', ['-cp', classPath, main, ...args], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) fail(`${main} ${args.join(' ')}`, `${stdout}${stderr}`);
  return stdout;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function fail(what: string, output: string): never {
  console.error(`Kafka does not accept ${what}:\n${output.slice(-4000)}`);
  process.exit(1);
}
