/**
 * Produce, fetch and fan-out with authorisation on, beside a gateway with authorisation off: the
 * loads take turns on the two gateways, so that what else the machine does slows both down. The
 * ratio is that of the CPU times of pairs of turns, which other work changes less than the rates.
 * Both gateways are sent the same heads: a client that has a key would send it to either, and what
 * is measured is the check of the key and of the permissions, not the longer request.
 */
import { call, createTopic, JSON_HEADERS, load } from '../harness/http.js';
import { runJson, type Server, startGateway, withTempDir } from '../harness/processes.js';
import { median, quantile, type Row, type RowContext, type RowResult } from '../harness/row.js';

const RECORDS = '/v1/topics/bench/records';
const ROOT_KEY = `root.${'s'.repeat(43)}`;
/** A turn of one gateway: short, because the machine changes its speed. */
const TURN_MS = 700;
/** Time for each shape in one round, warm-up included: the whole row ends within five minutes. */
const SHAPE_MS_PER_ROUND = 16_000;
/** Pairs of turns, at least. */
const TURNS_MIN = 9;
/** The share of the speed that is to be left with authorisation on. */
const TARGET = 0.97;
/** Time in which the connections of a turn are opened. */
const OPENING_MS = 300;
/** CPU time of a gateway, ms, after which V8 has compiled the code of a shape. */
const WARMUP_CPU_MS = 2500;
const WARMUP_TURN_MS = 1000;
/** Sent to the gateway that issues no tokens, as long as those of the other one. */
const PRODUCER_TOKEN = 'x'.repeat(43);
const SUBSCRIBERS = 100;
const PRODUCERS = 32;

const bodyOf = (count: number) =>
  JSON.stringify({ records: Array.from({ length: count }, () => ({ value: 'x'.repeat(98) })) });

/** The measurements of a turn. */
interface Turn {
  /** Units per second. */
  readonly rate: number;
  /** CPU time of the gateway for all units, ms; NaN if it is not known. */
  readonly cpuMs: number;
  /** The same for one unit, us. */
  readonly cpuMicros: number;
}

/** Loads a gateway for a time, ms. */
type Shape = readonly [
  name: string,
  unit: string,
  run: (server: Server, durationMs: number) => Promise<Turn>,
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
          const { authorization = '' } = on;
          const sides = { off: { ...off, authorization }, on };
          const results: RowResult[] = [];
          for (const shape of SHAPES) results.push(await measure(shape, sides, context));
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
  { off, on }: { readonly off: Server; readonly on: Server },
  context: RowContext,
): Promise<RowResult> {
  const endMs = performance.now() + SHAPE_MS_PER_ROUND * context.rounds;
  for (const server of [off, on]) {
    for (let cpuMs = 0; cpuMs < WARMUP_CPU_MS; ) cpuMs += (await run(server, WARMUP_TURN_MS)).cpuMs;
  }
  const turns: { readonly off: Turn; readonly on: Turn }[] = [];
  while (turns.length < TURNS_MIN || performance.now() < endMs) {
    context.progress(`authorization: ${name}, turn ${turns.length + 1}`);
    // Each gateway is the first one half of the times.
    const isOffFirst = turns.length % 2 === 0;
    const first = await run(isOffFirst ? off : on, TURN_MS);
    const second = await run(isOffFirst ? on : off, TURN_MS);
    turns.push(isOffFirst ? { off: first, on: second } : { off: second, on: first });
  }
  const ratios = turns.map((turn) => turn.off.cpuMicros / turn.on.cpuMicros);
  const cpuOf = (which: 'off' | 'on'): string =>
    median(turns.map((turn) => turn[which].cpuMicros)).toFixed(2);
  const [low, high] = [quantile(ratios, 0.25), quantile(ratios, 0.75)];
  return {
    name: `${name}, authorisation on`,
    value: median(turns.map((turn) => turn.on.rate)),
    unit,
    baseline: { name: 'off', value: median(turns.map((turn) => turn.off.rate)) },
    ratio: median(ratios),
    target: TARGET,
    note:
      `ratio by CPU: ${cpuOf('on')} us beside ${cpuOf('off')}; half of ${turns.length} pairs of ` +
      `turns between ${low.toFixed(3)} and ${high.toFixed(3)}`,
  };
}

async function requests(
  server: Server,
  durationMs: number,
  { body, path }: { readonly body?: string; readonly path?: string },
): Promise<Turn> {
  const { port, pid, authorization = '' } = server;
  const result = await load({
    port,
    method: body === undefined ? 'GET' : 'POST',
    path: path ?? RECORDS,
    headers: { ...JSON_HEADERS, ...(authorization === '' ? {} : { authorization }) },
    ...(body === undefined ? {} : { body }),
    warmupMs: OPENING_MS,
    durationMs,
    serverPid: pid,
  });
  const { requestsPerSecond, serverCpuMs: cpuMs = Number.NaN } = result;
  return { rate: requestsPerSecond, cpuMs, cpuMicros: (cpuMs * 1000) / result.requests };
}

function pathOf(limit: number): string {
  return `/v1/topics/read/partitions/0/records?offset=0&limit=${limit}`;
}

async function fanOut(server: Server, durationMs: number): Promise<Turn> {
  const { port, pid, authorization } = server;
  const options = JSON.stringify({
    port,
    authorization,
    subscribers: SUBSCRIBERS,
    recordsPerFrame: 1,
    producers: PRODUCERS,
    producerToken: PRODUCER_TOKEN,
    isBare: false,
    warmupMs: OPENING_MS,
    durationMs,
    serverPid: pid,
  });
  const { recordsPerSecond, serverCpuMs: cpuMs = Number.NaN } = await runJson<{
    readonly recordsPerSecond: number;
    readonly serverCpuMs?: number;
  }>('load', ['bench/load/fan-out-load.mjs', options]);
  const records = (recordsPerSecond * durationMs) / 1000;
  return { rate: recordsPerSecond, cpuMs, cpuMicros: (cpuMs * 1000) / records };
}
