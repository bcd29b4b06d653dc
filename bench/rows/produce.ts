/** Produce over HTTP beside bare node:http that parses the same body. */
import {
  createTopic,
  JSON_HEADERS,
  type LoadResult,
  load,
  metricQuantile,
} from '../harness/http.js';
import {
  memoryOf,
  type Server,
  startBaseline,
  startGateway,
  withTempDir,
} from '../harness/processes.js';
import { median, type Row, type RowContext, type RowResult } from '../harness/row.js';

const PATH = '/v1/topics/bench/records';
const FSYNC_HISTOGRAM = 'kafka_log_logflushstats_logflush_seconds';

const text = (bytes: number) => 'x'.repeat(bytes);
const smallObject = (n: number) => ({
  id: n,
  name: 'sensor-17',
  ok: true,
  v: [n, 2.5],
  pad: text(38),
});

interface Body {
  readonly name: string;
  readonly body: string;
  readonly target: number;
  readonly boundsP99: boolean;
}

const BODIES: readonly Body[] = [
  {
    name: 'POST 100 records x 100 B, strings',
    body: JSON.stringify({ records: repeat(100, () => ({ value: text(98) })) }),
    target: 0.65,
    boundsP99: false,
  },
  {
    name: 'POST 100 records x 100 B, small objects',
    body: JSON.stringify({ records: repeat(100, (n) => ({ value: smallObject(n) })) }),
    target: 0.65,
    boundsP99: false,
  },
  {
    name: 'POST 1 record of 100 B',
    body: JSON.stringify({ value: text(98) }),
    target: 0.5,
    boundsP99: true,
  },
];

export const produceRow: Row = {
  id: 'produce',
  title: 'produce, 64 connections, fsync, against bare node:http parsing the same body',
  async run(context) {
    const results: RowResult[] = [];
    for (const body of BODIES) results.push(await measure(body, context));
    return results;
  },
};

async function measure(body: Body, context: RowContext): Promise<RowResult> {
  const gateways: LoadResult[] = [];
  const baselines: LoadResult[] = [];
  const fsyncP99s: number[] = [];
  let peakRssBytes = 0;
  for (let round = 0; round < context.rounds; round += 1) {
    context.progress(`${body.name}: round ${round + 1} of ${context.rounds}`);
    baselines.push(await measureBaseline(body, context));
    await withGateway(async (server) => {
      await createTopic(server, 'bench');
      gateways.push(await post(server, body, context));
      fsyncP99s.push(((await metricQuantile(server, FSYNC_HISTOGRAM, 0.99)) ?? Number.NaN) * 1000);
      peakRssBytes = Math.max(peakRssBytes, (await memoryOf(server.pid))?.peak ?? 0);
    });
  }
  const p99Ms = median(gateways.map((result) => result.latencyMs.p99));
  const fsyncP99Ms = median(fsyncP99s);
  const bound = `fsync p99 <= ${fsyncP99Ms.toFixed(2)} ms`;
  return {
    name: body.name,
    value: median(gateways.map((result) => result.requestsPerSecond)),
    unit: 'requests/s',
    baseline: {
      name: 'bare node:http',
      value: median(baselines.map((result) => result.requestsPerSecond)),
    },
    target: body.target,
    p50Ms: median(gateways.map((result) => result.latencyMs.p50)),
    p99Ms,
    peakRssBytes,
    note: body.boundsP99
      ? `${bound}, p99 is ${(p99Ms / fsyncP99Ms).toFixed(1)} x (bound 4)`
      : bound,
  };
}

async function measureBaseline(body: Body, context: RowContext): Promise<LoadResult> {
  const server = await startBaseline('bare-http', []);
  try {
    return await post(server, body, context);
  } finally {
    await server.stop();
  }
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

function post(server: Server, body: Body, context: RowContext): Promise<LoadResult> {
  return load({
    port: server.port,
    path: PATH,
    headers: JSON_HEADERS,
    body: body.body,
    durationMs: context.durationMs,
  });
}

function repeat<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
