/**
 * The entry point of the thread that renews the lease of a broker in Redis, over its own
 * connection. The build bundles it into one file (scripts/bundle.ts), so that the thread starts
 * fast and loads little.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert, ProcessClock, SystemRandom, SystemScheduler, silentLogger } from '#runtime';
import { GuardedRenewals } from '../lease/guarded-renewals.js';
import { LeaseBoard } from '../lease/lease-board.js';
import type { LeaseThreadData } from './lease-thread-data.js';
import { RedisConnection } from './redis-connection.js';
import { RedisKeys } from './redis-keys.js';
import { renewLease } from './redis-lease.js';
import { parseRedisUrl } from './redis-url.js';

const CALL_TIMEOUT_MS = 1000;

const data = workerData as LeaseThreadData;
const port = parentPort;
assert(port !== null, 'the lease thread must run as a worker thread');
const { clusterId, brokerId, intervalMs } = data;
const timeoutMs = Math.min(intervalMs, CALL_TIMEOUT_MS);
const keys = new RedisKeys(clusterId);
const scheduler = new SystemScheduler();
let isStarted = false;
const connection = new RedisConnection({
  endpoint: parseRedisUrl(data.url),
  name: `sluice-${clusterId}-${brokerId}-lease`,
  callTimeoutMs: timeoutMs,
  random: new SystemRandom(),
  scheduler,
  logger: silentLogger,
  onReady: () => {
    if (!isStarted) renewals.start();
    isStarted = true;
  },
  onLost: () => undefined,
});
const renewals = new GuardedRenewals({
  ...data,
  board: new LeaseBoard(data.memory),
  clock: new ProcessClock(),
  scheduler,
  send: (lease, renewal) => renewLease(connection, keys, { lease, renewal, timeoutMs }),
  report: (outcome) => port.postMessage(outcome),
});
// Timers of the libs do not keep a thread alive: this port does, until the other side ends the
// thread.
port.ref();
port.on('message', () => undefined);
