/** The hot routes called by the front, beside the same routes of Nest's Fastify instance. */
import { call, createTopic, JSON_HEADERS, type LoadOptions, load } from '../harness/http.js';
import { type Server, startExperiment, withTempDir } from '../harness/processes.js';
import { median, type Row, type RowContext, type RowResult } from '../harness/row.js';

const RECORDS = '/v1/topics/bench/records';
const READ = '/v1/topics/read/partitions/0/records?offset=0&limit=1';
const CONNECTIONS = 16;
/** Turns of each form in one round: short turns, because the machine changes its speed. */
const TURNS_PER_ROUND = 4;
/** Share of the front's rate from which on the front's own routing would be removed. */
const TARGET = 0.9;
const WARMUP_REQUESTS = 20_000;
const BODY = JSON.stringify({ value: 'x'.repeat(98) });

type Shape = readonly [name: string, options: Omit<LoadOptions, 'port'>];

const SHAPES: readonly Shape[] = [
  ['POST 1 record of 100 B', { path: RECORDS, headers: JSON_HEADERS, body: BODY }],
  ['GET 1 record of 100 B', { path: READ, method: 'GET' }],
];

export const hotRoutesRow: Row = {
  id: 'hot-routes',
  title: 'hot routes as routes of Fastify, in turns with the front that calls them',
  run: (context) =>
    withTempDir((frontDir) =>
      withTempDir(async (fastifyDir) => {
        const front = await startForm('front', frontDir);
        const fastify = await startForm('fastify', fastifyDir);
        try {
          const results: RowResult[] = [];
          for (const shape of SHAPES) results.push(await compare(shape, front, fastify, context));
          return results;
        } finally {
          await Promise.all([front.stop(), fastify.stop()]);
        }
      }),
    ),
};

async function startForm(form: 'front' | 'fastify', dataDir: string): Promise<Server> {
  const server = await startExperiment('hot-routes-server', [form], {
    SLUICE_DATA_DIR: dataDir,
    SLUICE_LOG_LEVEL: 'warn',
  });
  await createTopic(server, 'bench');
  await createTopic(server, 'read');
  await call(server, '/v1/topics/read/records', JSON.parse(BODY));
  return server;
}

/** Compares the CPU time per request, which other work on the machine changes least. */
async function compare(
  [name, options]: Shape,
  front: Server,
  fastify: Server,
  context: RowContext,
): Promise<RowResult> {
  const turns = context.rounds * TURNS_PER_ROUND;
  const ofFront: number[] = [];
  const ofFastify: number[] = [];
  for (const server of [front, fastify]) await warmUp(server, options, context.durationMs);
  for (let turn = 0; turn < turns; turn += 1) {
    context.progress(`${name}: turn ${turn + 1} of ${turns}`);
    ofFront.push(await cpuUsPerRequest(front, options, context.durationMs / 2));
    ofFastify.push(await cpuUsPerRequest(fastify, options, context.durationMs / 2));
  }
  const ratios = ofFront.map((frontUs, turn) => frontUs / (ofFastify[turn] ?? Number.NaN));
  return {
    name,
    value: median(ofFastify),
    unit: 'us CPU per request',
    baseline: { name: 'the front', value: median(ofFront) },
    ratio: median(ratios),
    target: TARGET,
    note: 'the ratio is the rate that remains: the time of the front over that of Fastify',
  };
}

/** Sends requests until the code of the server is compiled. */
async function warmUp(
  server: Server,
  options: Omit<LoadOptions, 'port'>,
  durationMs: number,
): Promise<void> {
  const { port } = server;
  for (let sent = 0; sent < WARMUP_REQUESTS; ) {
    const loaded = await load({ ...options, port, connections: CONNECTIONS, durationMs });
    sent += loaded.requests;
  }
}

async function cpuUsPerRequest(
  server: Server,
  options: Omit<LoadOptions, 'port'>,
  durationMs: number,
): Promise<number> {
  const { port, pid } = server;
  const loaded = await load({
    ...options,
    port,
    connections: CONNECTIONS,
    warmupMs: 0,
    durationMs,
    serverPid: pid,
  });
  return ((loaded.serverCpuMs ?? Number.NaN) * 1000) / loaded.requests;
}
