/**
 * `npm run cluster`: a Redis and three brokers on this machine, and a table of their status.
 *
 * npm run cluster                      three brokers
 * npm run cluster -- --brokers 5       more of them
 *
 * Settings (`SLUICE_...`) in the environment apply to all brokers. All data is in a temporary
 * directory, which is removed when Ctrl-C ends the cluster. Killed brokers are shown as dead; a key
 * (without a terminal: SIGUSR2) starts them again.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ClusterBroker } from './cluster/cluster-broker.js';
import { freePorts } from './cluster/free-ports.js';
import { observe } from './cluster/observe.js';
import { MissingRedisError, RedisProcess } from './cluster/redis-process.js';
import { Screen } from './cluster/screen.js';
import { statusPage } from './cluster/status-page.js';
import { buildIfNeeded } from './current-build.cjs';

const FIRST_PORT = 8080;
const REDIS_FIRST_PORT = 7379;
const REFRESH_MS = 500;
const SAME_SIGNAL_MS = 500;
const EXIT_USAGE = 64;
const EXIT_UNAVAILABLE = 69;
const USAGE = `usage: npm run cluster -- [--brokers 1…9]

  --brokers N   how many brokers to start, by default 3
  -h, --help    print this text

Settings (SLUICE_...) in the environment apply to all brokers: npm start -- --help lists them.
`;

const brokerCount = parseArguments();
build();
const directory = mkdtempSync(join(tmpdir(), 'sluice-cluster-'));
const redis = new RedisProcess(join(directory, 'redis'));
const brokers: ClusterBroker[] = [];
const screen = new Screen(process.stdout);
let isStopping = false as boolean;
let stoppingSinceMs = 0;

process.on('exit', () => {
  // Kills all child processes, whatever ended this process.
  for (const child of [...brokers, redis]) child.signal('SIGKILL');
  screen.restore();
  rmSync(directory, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => void stop());
}
process.on('SIGUSR2', restartDead);
screen.onKey(process.stdin, (key) => {
  if (key === '\u0003' || key === 'q') void stop();
  else brokers.find(({ id }) => String(id) === key)?.startIfDead();
});

try {
  await start();
} catch (error) {
  if (!(error instanceof MissingRedisError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(EXIT_UNAVAILABLE);
}
for (;;) {
  const observed = await observe(brokers);
  if (isStopping) break;
  const { hasKeys } = screen;
  screen.show(statusPage({ brokers, redis, observed, directory, hasKeys, pid: process.pid }));
  await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
}

async function start(): Promise<void> {
  const [redisPort = REDIS_FIRST_PORT] = await freePorts(REDIS_FIRST_PORT, 1);
  await redis.start(redisPort);
  const ports = await freePorts(FIRST_PORT, brokerCount);
  for (const [index, port] of ports.entries()) {
    brokers.push(new ClusterBroker({ id: index + 1, port, redisUrl: redis.url, directory }));
  }
  for (const broker of brokers) broker.startIfDead();
}

/** Stops the brokers first: each hands its leaderships over and tells the others through Redis. */
async function stop(): Promise<void> {
  if (isStopping) {
    // npm forwards Ctrl-C to its child, which has received it already.
    if (performance.now() - stoppingSinceMs > SAME_SIGNAL_MS) process.exit(1);
    return;
  }
  isStopping = true;
  stoppingSinceMs = performance.now();
  screen.restore();
  process.stdout.write('\nstopping all brokers, then Redis …\n');
  await Promise.all(brokers.map((broker) => broker.stop()));
  await redis.stop();
  process.exit(0);
}

function restartDead(): void {
  for (const broker of brokers) broker.startIfDead();
}

function parseArguments(): number {
  try {
    const { values } = parseArgs({
      options: {
        brokers: { type: 'string', default: '3' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      process.exit();
    }
    const count = Number(values.brokers);
    if (Number.isInteger(count) && count >= 1 && count <= 9) return count;
    return refuse(`--brokers is ${JSON.stringify(values.brokers)}; accepted: a number from 1 to 9`);
  } catch (error) {
    return refuse((error as Error).message);
  }
}

function refuse(reason: string): never {
  process.stderr.write(`${reason}\n${USAGE}`);
  process.exit(EXIT_USAGE);
}

function build(): void {
  const status = buildIfNeeded();
  if (status !== 0) process.exit(status);
}
