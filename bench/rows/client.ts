/**
 * The client library beside the same work by hand: raw POSTs of prepared batches, and a program
 * with `ws` and `JSON.parse`.
 */
import { call, createTopic, JSON_HEADERS, load } from '../harness/http.js';
import { runJson, type Server, startGateway, withTempDir } from '../harness/processes.js';
import { median, type Row, type RowContext, type RowResult } from '../harness/row.js';

const CLIENT_LOAD = 'dist/esm/bench/load/client-load.js';
/** Partitions, and connections of the baseline: a producer has five requests in flight. */
const IN_FLIGHT = 5;
const CALLERS = 64;
/** Kafka's `batch.size`, and what a record takes of it besides its value. */
const BATCH_BYTES = 16_384;
const OVERHEAD_BYTES = 21;
const RECORDS_PER_POST = 1000;

interface ClientLoad {
  readonly perSecond: number;
  readonly cpuMicrosPerRecord: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number };
}

export const clientRow: Row = {
  id: 'client',
  title: 'the client library, beside the same work by hand',
  async run(context) {
    const results: RowResult[] = [];
    for (const transport of ['websocket', 'http'] as const) {
      for (const valueBytes of [100, 1024]) {
        results.push(await produceRow(context, transport, valueBytes));
      }
    }
    results.push(await sendRow(context));
    const rate = context.isQuick ? 100_000 : 500_000;
    for (const mode of ['subscribe', 'consume'] as const) {
      results.push(await readRow(context, mode, 'read-by-hand', rate));
    }
    results.push(await readRow(context, 'queue', 'queue-by-hand', rate / 20));
    return results;
  },
};

async function produceRow(
  context: RowContext,
  transport: 'websocket' | 'http',
  valueBytes: number,
): Promise<RowResult> {
  const name = `producer over ${transport}, records of ${valueBytes} B`;
  const perBatch = Math.floor(BATCH_BYTES / (valueBytes + OVERHEAD_BYTES));
  const rounds = await compared(context, name, IN_FLIGHT, async (server, durationMs) => {
    const ours = await clientLoad(server, { mode: 'produce', transport, valueBytes, durationMs });
    const half = { perSecond: ours.perSecond / 2, transport, valueBytes, durationMs };
    const { latencyMs } = await clientLoad(server, { mode: 'produce', ...half });
    const theirs = await posts(server, {
      perBatch,
      valueBytes,
      connections: IN_FLIGHT,
      durationMs,
    });
    return { ours: { ...ours, latencyMs }, theirs: theirs * perBatch };
  });
  return {
    ...resultOf(name, rounds, 'raw POSTs of prepared batches', 0.7),
    p50Ms: median(rounds.map(({ ours }) => ours.latencyMs.p50)),
    p99Ms: median(rounds.map(({ ours }) => ours.latencyMs.p99)),
    note: `latencies at half load; ${cpu(rounds)} of the client per record`,
  };
}

async function sendRow(context: RowContext): Promise<RowResult> {
  const name = `single send from ${CALLERS} callers`;
  const rounds = await compared(context, name, 1, async (server, durationMs) => {
    const ours = await clientLoad(server, { mode: 'send', durationMs });
    const { perSecond } = await clientLoad(server, { mode: 'post-by-hand', durationMs });
    const post = { perBatch: 1, valueBytes: 100, connections: CALLERS, durationMs };
    return { ours, theirs: perSecond, prepared: await posts(server, post) };
  });
  const prepared = median(rounds.map((round) => round.prepared));
  return {
    ...resultOf(name, rounds, 'one fetch each', 5),
    p99Ms: median(rounds.map(({ ours }) => ours.latencyMs.p99)),
    note: `prepared POSTs over raw sockets: ${Math.round(prepared).toLocaleString('en-US')} a second`,
  };
}

async function readRow(
  context: RowContext,
  mode: 'subscribe' | 'consume' | 'queue',
  byHand: string,
  records: number,
): Promise<RowResult> {
  const name = mode === 'queue' ? `queue.run, concurrency ${CALLERS}` : mode;
  const rounds = await compared(context, name, 1, async (server) => {
    await fill(server, records);
    const theirs = await clientLoad(server, { mode: byHand, records });
    const ours = await clientLoad(server, { mode, records });
    return { ours, theirs: theirs.perSecond };
  });
  return resultOf(name, rounds, 'by hand with ws and JSON.parse', 0.7);
}

interface Round {
  readonly ours: ClientLoad;
  readonly theirs: number;
}

/** Measures both in each round, against a gateway of their own. */
async function compared<Measured extends Round>(
  context: RowContext,
  name: string,
  partitions: number,
  measure: (server: Server, durationMs: number) => Promise<Measured>,
): Promise<Measured[]> {
  const rounds: Measured[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    context.progress(`${name}: round ${round + 1} of ${context.rounds}`);
    await withTempDir(async (dataDir) => {
      const server = await startGateway({ dataDir });
      try {
        await createTopic(server, 'bench', { partitions });
        rounds.push(await measure(server, context.durationMs));
      } finally {
        await server.stop();
      }
    });
  }
  return rounds;
}

function resultOf(name: string, rounds: readonly Round[], by: string, target: number): RowResult {
  return {
    name,
    value: median(rounds.map(({ ours }) => ours.perSecond)),
    unit: 'records/s',
    baseline: { name: by, value: median(rounds.map(({ theirs }) => theirs)) },
    target,
  };
}

function cpu(rounds: readonly Round[]): string {
  const micros = median(rounds.map(({ ours }) => ours.cpuMicrosPerRecord));
  return `${micros.toFixed(1)} µs of CPU`;
}

function clientLoad(server: Server, options: object): Promise<ClientLoad> {
  const all = JSON.stringify({ port: server.port, ...options });
  return runJson<ClientLoad>('load', [CLIENT_LOAD, all]);
}

/** Returns how many requests with a prepared batch are answered per second. */
async function posts(
  { port }: Server,
  options: {
    readonly perBatch: number;
    readonly valueBytes: number;
    readonly connections: number;
    readonly durationMs: number;
  },
): Promise<number> {
  const { perBatch, valueBytes, connections, durationMs } = options;
  const value = 'x'.repeat(valueBytes - 2);
  const { requestsPerSecond } = await load({
    port,
    method: 'POST',
    path: '/v1/topics/bench/records',
    headers: JSON_HEADERS,
    body: JSON.stringify({ records: Array.from({ length: perBatch }, () => ({ value })) }),
    connections,
    durationMs,
  });
  return requestsPerSecond;
}

async function fill(server: Server, records: number): Promise<void> {
  const value = 'x'.repeat(98);
  const batch = Array.from({ length: RECORDS_PER_POST }, () => ({ value }));
  for (let at = 0; at < records; at += RECORDS_PER_POST) {
    await call(server, '/v1/topics/bench/records', { records: batch });
  }
}
