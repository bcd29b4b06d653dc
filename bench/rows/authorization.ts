/**
 * Produce, fetch and fan-out with authorisation on, beside a gateway with authorisation off: the
 * loads take turns on the two gateways, so that what else the machine does slows both down.
 */
import { call, createTopic, JSON_HEADERS, load } from '../harness/http.js';
import { cpuMsOf, runJson, type Server, startGateway, withTempDir } from '../harness/processes.js';
import { median, type Row, type RowContext, type RowResult } from '../harness/row.js';

const RECORDS = '/v1/topics/bench/records';
const ROOT_KEY = `root.${'s'.repeat(43)}`;
/** Turns of each gateway in one round: short turns, because the machine changes its speed. */
const TURNS_PER_ROUND = 4;
/** The share of the speed that is to be left with authorisation on. */
const TARGET = 0.97;
const WARMUP_MS = 500;
const WARMUP_TURNS = 3;
const SUBSCRIBERS = 100;
const PRODUCERS = 32;

const bodyOf = (count: number) =>
  JSON.stringify({ records: Array.from({ length: count }, () => ({ value: 'x'.repeat(98) })) });

/** Loads a gateway for a time, ms, and returns units per second. */
type Shape = readonly [
  name: string,
  unit: string,
  run: (server: Server, durationMs: number) => Promise<number>,
];

const SHAPES: readonly Shape[] = [
  ['POST 1 record', 'requests/s', (server, ms) => requests(server, ms, { body: bodyOf(1) })],
  ['POST 100 records', 'requests/s', (server, ms) => requests(server, ms, { body: bodyOf(100) })],
  ['GET 1 record', 'requests/s', (server, ms) => requests(server, ms, { path: pathOf(1) })],
  ['GET 100 records', 'requests/s', (server, ms) => requests(server, ms, { path: pathOf(100) })],
  [`fan-out to ${SUBSCRIBERS}`, 'records/s', fanOut],
];

export const authorizationRow: Row = {
  id: 'authorization',
  title: 'produce, fetch and fan-out with authorisation on, in turns with authorisation off',
  run: (context) =>
    withTempDir((offDir) =>
      withTempDir(async (onDir) => {
        const off = await startGateway({ dataDir: offDir });
        const env = { SLUICE_AUTH: 'on', SLUICE_BOOTSTRAP_API_KEY: ROOT_KEY };
        const open = await startGateway({ dataDir: onDir, env });
        try {
          await fill(off);
          const on = await withKey(open);
          const results: RowResult[] = [];
          for (const shape of SHAPES) results.push(await measure(shape, { off, on }, context));
          return results;
        } finally {
          await Promise.all([off.stop(), open.stop()]);
        }
      }),
    ),
};

/** Fills the topic, and returns the server with a key that may use it and nothing else. */
async function withKey(server: Server): Promise<Server> {
  const root = { ...server, authorization: `Bearer ${ROOT_KEY}` };
  await fill(root);
  const { id, key } = await call(root, '/v1/api-keys', { name: 'bench' });
  const allowed = { Write: 'bench', Read: '*' };
  const acls = Object.entries(allowed).map(([operation, resourceName]) => ({
    principal: `key:${String(id)}`,
    resourceType: 'topic',
    resourceName,
    patternType: 'literal',
    permission: 'allow',
    operation,
  }));
  await call(root, '/v1/acls', { acls });
  return { ...server, authorization: `Bearer ${String(key)}` };
}

/** Fills the topics: `bench` grows while it is measured, `read` stays in memory. */
async function fill(server: Server): Promise<void> {
  await createTopic(server, 'bench');
  await createTopic(server, 'read');
  await call(server, '/v1/topics/read/records', JSON.parse(bodyOf(100)));
}

async function measure(
  [name, unit, run]: Shape,
  servers: { readonly off: Server; readonly on: Server },
  context: RowContext,
): Promise<RowResult> {
  const off = new Turns(servers.off, run);
  const on = new Turns(servers.on, run);
  // The first turns compile the code, which takes longer for fan-out than for requests.
  for (let turn = 0; turn < WARMUP_TURNS; turn += 1) {
    for (const each of [off, on]) await each.run(context.durationMs / 2);
  }
  const ratios: number[] = [];
  for (let turn = 0; turn < context.rounds * TURNS_PER_ROUND; turn += 1) {
    context.progress(`authorization: ${name}, turn ${turn + 1}`);
    // Each gateway is the first one half of the times.
    const order = turn % 2 === 0 ? [off, on] : [on, off];
    for (const each of order) await each.add(context.durationMs / 2);
    ratios.push(on.last / off.last);
  }
  return {
    name: `${name}, authorisation on`,
    value: on.rate,
    unit,
    baseline: { name: 'off', value: off.rate },
    ratio: median(ratios),
    target: TARGET,
    note: `${on.cpuMicros.toFixed(1)} us of CPU beside ${off.cpuMicros.toFixed(1)} us`,
  };
}

/** The turns of one gateway. */
class Turns {
  readonly #server: Server;
  readonly #run: Shape[2];
  readonly #rates: number[] = [];
  readonly #cpuMicros: number[] = [];

  constructor(server: Server, run: Shape[2]) {
    this.#server = server;
    this.#run = run;
  }

  /** Units per second in the last turn. */
  get last(): number {
    return this.#rates.at(-1) ?? Number.NaN;
  }

  /** Units per second. */
  get rate(): number {
    return median(this.#rates);
  }

  /** CPU time of the gateway for one unit, in us. */
  get cpuMicros(): number {
    return median(this.#cpuMicros);
  }

  run(durationMs: number): Promise<number> {
    return this.#run(this.#server, durationMs);
  }

  async add(durationMs: number): Promise<void> {
    const beforeMs = (await cpuMsOf(this.#server.pid)) ?? Number.NaN;
    const rate = await this.run(durationMs);
    const usedMs = ((await cpuMsOf(this.#server.pid)) ?? Number.NaN) - beforeMs;
    this.#rates.push(rate);
    this.#cpuMicros.push((usedMs * 1000) / ((rate * (durationMs + WARMUP_MS)) / 1000));
  }
}

async function requests(
  server: Server,
  durationMs: number,
  { body, path }: { readonly body?: string; readonly path?: string },
): Promise<number> {
  const { port, authorization = '' } = server;
  const result = await load({
    port,
    method: body === undefined ? 'GET' : 'POST',
    path: path ?? RECORDS,
    headers: { ...JSON_HEADERS, ...(authorization === '' ? {} : { authorization }) },
    ...(body === undefined ? {} : { body }),
    warmupMs: WARMUP_MS,
    durationMs,
  });
  return result.requestsPerSecond;
}

function pathOf(limit: number): string {
  return `/v1/topics/read/partitions/0/records?offset=0&limit=${limit}`;
}

async function fanOut(server: Server, durationMs: number): Promise<number> {
  const { port, authorization } = server;
  const options = JSON.stringify({
    port,
    authorization,
    subscribers: SUBSCRIBERS,
    recordsPerFrame: 1,
    producers: PRODUCERS,
    isBare: false,
    warmupMs: WARMUP_MS,
    durationMs,
  });
  const result = await runJson<{ recordsPerSecond: number }>('load', [
    'bench/load/fan-out-load.mjs',
    options,
  ]);
  return result.recordsPerSecond;
}
