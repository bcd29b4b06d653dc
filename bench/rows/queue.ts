/**
 * Queue mode over REST: beside Redis Streams with the same number of members and the same prefetch,
 * one record at a time beside an fdatasync, and delayed records.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { call, createTopic } from '../harness/http.js';
import { pinned } from '../harness/machine.js';
import {
  freePort,
  memoryOf,
  runJson,
  type Server,
  startBaseline,
  startGateway,
  withTempDir,
} from '../harness/processes.js';
import { median, type Row, type RowContext, type RowResult } from '../harness/row.js';

const QUEUE_LOAD = 'dist/esm/bench/load/queue-load.js';
const REDIS_LOAD = 'dist/esm/bench/load/redis-queue-load.js';
const RECORDS_PER_POST = 1000;
const POSTS_AT_ONCE = 4;
const HOUR_MS = 3_600_000;
/** Records that go through a queue before the latency of single ones is measured. */
const WARM_UP_RECORDS = 2000;

interface QueueLoad {
  readonly perSecond: number;
  readonly acknowledged: number;
  /** Time from the join of all members to the last ack, ms. */
  readonly elapsedMs: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number };
}

interface Drain {
  readonly name: string;
  readonly isAckedAlone: boolean;
  /** Records that are there at the start: more than a measurement takes. */
  readonly recordsPerSecond: number;
  readonly target: number;
}

const DRAINS: readonly Drain[] = [
  {
    name: 'queue, 4 members, prefetch 100, acks one by one',
    isAckedAlone: true,
    recordsPerSecond: 10_000,
    target: 1,
  },
  {
    name: 'queue, 4 members, prefetch 100, acks in batches',
    isAckedAlone: false,
    recordsPerSecond: 60_000,
    target: 0.5,
  },
];

export const queueRow: Row = {
  id: 'queue',
  title: 'queue mode over REST, against Redis Streams with appendfsync always',
  async run(context) {
    const results: RowResult[] = [];
    for (const drain of DRAINS) results.push(await compareDrain(drain, context));
    return results;
  },
};

async function compareDrain(drain: Drain, context: RowContext): Promise<RowResult> {
  const { durationMs } = context;
  const { isAckedAlone, recordsPerSecond, name, target } = drain;
  const records = (recordsPerSecond * durationMs) / 1000;
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    context.progress(`${name}: round ${round + 1} of ${context.rounds}`);
    await withRedis(async (port) => {
      const options = { port, records, durationMs, isAckedAlone };
      const { perSecond } = await runJson<QueueLoad>('load', [REDIS_LOAD, JSON.stringify(options)]);
      theirs.push(perSecond);
    });
    await withGateway(async (server) => {
      await createTopic(server, 'bench');
      await produce(server, records, () => ({}));
      ours.push((await queueLoad(server, { mode: 'drain', durationMs, isAckedAlone })).perSecond);
    });
  }
  return {
    name,
    value: median(ours),
    unit: 'records/s',
    baseline: { name: 'Redis Streams', value: median(theirs) },
    target,
  };
}

export const queueLatencyRow: Row = {
  id: 'queue-latency',
  title: 'one record of a queue, produced, delivered and acknowledged, against bare node:http',
  async run(context) {
    const results: RowResult[] = [];
    for (const mode of ['latency', 'socket-latency'] as const) {
      results.push(await queueLatency(mode, context));
    }
    return results;
  },
};

type LatencyMode = 'latency' | 'socket-latency';

async function queueLatency(
  mode: LatencyMode,
  { rounds, durationMs }: RowContext,
): Promise<RowResult> {
  const ours: number[] = [];
  const p99s: number[] = [];
  const bare: number[] = [];
  const syncs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await withTempDir(async (dataDir) => {
      const script = 'dist/esm/bench/baselines/sync-time.js';
      syncs.push((await runJson<{ p50Ms: number }>('server', [script, dataDir])).p50Ms);
      const bareServer = await startBaseline('bare-queue', [dataDir]);
      bare.push((await warmLatency(bareServer, 'latency', durationMs)).p50);
      await bareServer.stop();
    });
    await withGateway(async (server) => {
      await createTopic(server, 'bench');
      const latencyMs = await warmLatency(server, mode, durationMs);
      ours.push(latencyMs.p50);
      p99s.push(latencyMs.p99);
    });
  }
  const p50Ms = median(ours);
  const syncMs = median(syncs);
  const transport = mode === 'latency' ? 'REST' : 'WebSocket';
  return {
    name: `queue over ${transport}: produce, deliver, acknowledge one record, idle`,
    value: p50Ms,
    unit: 'ms',
    baseline: { name: 'bare node:http, the same syncs', value: median(bare) },
    p50Ms,
    p99Ms: median(p99s),
    note: `wanted: p50 < 3 x fdatasync + 2 ms = ${(3 * syncMs + 2).toFixed(2)} ms`,
  };
}

/**
 * The latency of one record every 20 ms. Before it, records go the same way without a pause, so
 * that V8 has compiled the code: at 40 records a second it would not within a round.
 */
async function warmLatency(
  server: Server,
  mode: LatencyMode,
  durationMs: number,
): Promise<QueueLoad['latencyMs']> {
  const warmUp = { mode, records: WARM_UP_RECORDS, pauseMs: 0, durationMs: 60_000 };
  await queueLoad(server, warmUp);
  return (await queueLoad(server, { mode, durationMs })).latencyMs;
}

export const delayedRow: Row = {
  id: 'delayed',
  title: 'delayed records: accuracy of many, and the rate when all are due at once',
  async run(context) {
    return [...(await delayedAccuracy(context)), await delayedDrain(context)];
  },
};

/**
 * Records that come due over an hour; those of the first part of it are measured. Then the gateway
 * is killed, and the time is measured until a record arrives that came due since: with the files of
 * the index, and without them, as at a leader that never led the partition.
 */
async function delayedAccuracy(context: RowContext): Promise<RowResult[]> {
  const records = context.isQuick ? 50_000 : 1_000_000;
  const measuredMs = context.isQuick ? 10_000 : 60_000;
  return withTempDir(async (dataDir) => {
    context.progress(`${records} delayed records over an hour`);
    const server = await startGateway({ dataDir });
    await createTopic(server, 'bench');
    // The records are produced before the first one is due.
    const fromMs = Date.now() + 5000 + records / 10;
    await produce(server, records, (at) => {
      // Neighbours in the log are far apart in time.
      const share = ((at * 7919) % records) / records;
      return { deliverAt: Math.floor(fromMs + share * HOUR_MS) };
    });
    const durationMs = Math.max(0, fromMs - Date.now()) + measuredMs;
    const { latencyMs, acknowledged } = await queueLoad(server, { mode: 'lateness', durationMs });
    const peakRssBytes = (await memoryOf(server.pid))?.peak;
    await server.stop('SIGKILL');
    const lateness: RowResult = {
      name: `${records} delayed records over an hour: lateness`,
      value: latencyMs.p99,
      unit: 'ms (p99)',
      p50Ms: latencyMs.p50,
      p99Ms: latencyMs.p99,
      peakRssBytes,
      note: `${acknowledged} came due; wanted: p99 < 100 ms`,
    };
    const restarted = await catchUp(dataDir, `${records} delayed records, kill -9`);
    const partition = join(dataDir, 'bench-0');
    for (const file of await readdir(partition)) {
      if (file.endsWith('.delayed')) await rm(join(partition, file));
    }
    const rebuilt = await catchUp(dataDir, `${records} delayed records, without an index`);
    return [lateness, restarted, rebuilt];
  });
}

/** Starts a gateway, measures the time until records come when they are due, and kills it. */
async function catchUp(dataDir: string, what: string): Promise<RowResult> {
  const server = await startGateway({ dataDir });
  const { elapsedMs } = await queueLoad(server, { mode: 'catch-up', durationMs: 60_000 });
  const peakRssBytes = (await memoryOf(server.pid))?.peak;
  await server.stop('SIGKILL');
  const name = `${what}: ready to the first record that is not late`;
  const note = `ready after ${Math.round(server.startedInMs)} ms`;
  return { name, value: elapsedMs, unit: 'ms', peakRssBytes, note };
}

/** The rate at which records are delivered that are all due, beside records without a delay. */
async function delayedDrain(context: RowContext): Promise<RowResult> {
  const records = context.isQuick ? 50_000 : 1_000_000;
  const load = { mode: 'drain', records, durationMs: 600_000, prefetch: 500 };
  const rates: number[] = [];
  let peakRssBytes: number | undefined;
  for (const isDelayed of [false, true]) {
    await withGateway(async (server) => {
      context.progress(`${records} records at once, ${isDelayed ? 'delayed' : 'not delayed'}`);
      await createTopic(server, 'bench');
      const deliverAt = Date.now() + 5000 + records / 10;
      await produce(server, records, () => (isDelayed ? { deliverAt } : {}));
      if (isDelayed) {
        // The group comes to all of them before they are due.
        await queueLoad(server, { mode: 'lateness', durationMs: deliverAt - Date.now() - 1000 });
        await new Promise((resolve) => setTimeout(resolve, deliverAt - Date.now()));
      }
      rates.push((await queueLoad(server, load)).perSecond);
      peakRssBytes = (await memoryOf(server.pid))?.peak;
    });
  }
  return {
    name: `${records} delayed records, all due at once`,
    value: rates[1] ?? Number.NaN,
    unit: 'records/s',
    baseline: { name: 'the same without a delay', value: rates[0] ?? Number.NaN },
    peakRssBytes,
  };
}

function queueLoad(server: Server, options: object): Promise<QueueLoad> {
  const all = JSON.stringify({ port: server.port, ...options });
  return runJson<QueueLoad>('load', [QUEUE_LOAD, all]);
}

/** Produces records of 100 bytes. @param membersOf further members of a record, by its number */
async function produce(
  server: Server,
  count: number,
  membersOf: (at: number) => object,
): Promise<void> {
  const value = 'x'.repeat(98);
  let next = 0;
  const post = async (): Promise<void> => {
    while (next < count) {
      const from = next;
      next += RECORDS_PER_POST;
      const length = Math.min(RECORDS_PER_POST, count - from);
      const records = Array.from({ length }, (_, at) => ({ value, ...membersOf(from + at) }));
      await call(server, '/v1/topics/bench/records', { records });
    }
  };
  await Promise.all(Array.from({ length: POSTS_AT_ONCE }, post));
}

async function withGateway(use: (server: Server) => Promise<void>): Promise<void> {
  await withTempDir(async (dataDir) => {
    const server = await startGateway({ dataDir });
    try {
      await use(server);
    } finally {
      await server.stop();
    }
  });
}

/** Runs `use` with a Redis server on the server's core that syncs each write. */
async function withRedis(use: (port: number) => Promise<void>): Promise<void> {
  await withTempDir(async (directory) => {
    const port = await freePort();
    const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory];
    const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
    const { command, args } = pinned('server', [...options, ...durable], 'redis-server');
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'close');
    try {
      await new Promise<void>((resolve) => {
        child.stdout.on('data', (chunk: Buffer) => {
          if (chunk.toString().includes('Ready to accept connections')) resolve();
        });
      });
      await use(port);
    } finally {
      child.kill();
      await ended;
    }
  });
}
