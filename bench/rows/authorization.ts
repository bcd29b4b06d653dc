/**
 * Produce, fetch and fan-out with authorisation on, beside a gateway with authorisation off: the
 * loads take turns on the gateways, so that other work of the machine slows all of them down. The
 * ratio is that of the CPU times of pairs of turns, which other work changes less than the rates.
 * All gateways are sent the same heads: a client that has a key would send it to any, and what is
 * measured is the check of the key and of the permissions, not the longer request.
 *
 * A third gateway is the control: it has authorisation off as well, and the note of each line says
 * its ratio. A smaller difference than that between equal gateways was not measured.
 */
import { join } from 'node:path';
import { call, createTopic, JSON_HEADERS, load } from '../harness/http.js';
import { runJson, type Server, startGateway, withTempDir } from '../harness/processes.js';
import { median, quantile, type Row, type RowContext, type RowResult } from '../harness/row.js';

const RECORDS = '/v1/topics/bench/records';
const ROOT_KEY = `root.${'s'.repeat(43)}`;
/** A turn of one gateway: short, because the machine changes its speed. */
const TURN_MS = 700;
/** Time for each shape in one round: the whole row ends within eight minutes. */
const SHAPE_MS_PER_ROUND = 24_000;
/** Turns of each gateway, at least. */
const TURNS_MIN = 9;
/** The share of the speed that must be left with authorisation on. */
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

const SIDES = ['off', 'on', 'control'] as const;

type Side = (typeof SIDES)[number];

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

/** The reads come first: later the records that are written take their place in memory. */
const SHAPES: readonly Shape[] = [
  ['GET 1 record', 'requests/s', (server, ms) => requests(server, ms, { path: pathOf(1) })],
  ['GET 100 records', 'requests/s', (server, ms) => requests(server, ms, { path: pathOf(100) })],
  ['POST 1 record', 'requests/s', (server, ms) => requests(server, ms, { body: bodyOf(1) })],
  ['POST 100 records', 'requests/s', (server, ms) => requests(server, ms, { body: bodyOf(100) })],
  [`fan-out to ${SUBSCRIBERS}`, 'records/s', fanOut],
];

export const authorizationRow: Row = {
  id: 'authorization',
  title: 'produce, fetch and fan-out with authorisation on, in turns with authorisation off',
  run: (context) =>
    withTempDir(async (root) => {
      const servers: Server[] = [];
      const start = async (name: string, env: Readonly<Record<string, string>>) => {
        const server = await startGateway({ dataDir: join(root, name), env });
        servers.push(server);
        return server;
      };
      try {
        const off = await start('off', {});
        const open = await start('on', { SLUICE_AUTH: 'on', SLUICE_BOOTSTRAP_API_KEY: ROOT_KEY });
        const control = await start('control', {});
        for (const server of [off, control]) await fill(server);
        const on = await withKey(open);
        const { authorization = '' } = on;
        const sides = {
          off: { ...off, authorization },
          on,
          control: { ...control, authorization },
        };
        const results: RowResult[] = [];
        for (const shape of SHAPES) results.push(await measure(shape, sides, context));
        return results;
      } finally {
        await Promise.all(servers.map((server) => server.stop()));
      }
    }),
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
  shape: Shape,
  servers: Readonly<Record<Side, Server>>,
  context: RowContext,
): Promise<RowResult> {
  const [name, unit, run] = shape;
  await warmUp(shape, Object.values(servers));
  const endMs = performance.now() + SHAPE_MS_PER_ROUND * context.rounds;
  const turns: Readonly<Record<Side, Turn[]>> = { off: [], on: [], control: [] };
  for (let round = 0; round < TURNS_MIN || performance.now() < endMs; round += 1) {
    context.progress(`authorization: ${name}, turn ${round + 1}`);
    // Each gateway is the first one as often as the others.
    for (let place = 0; place < SIDES.length; place += 1) {
      const side = SIDES[(round + place) % SIDES.length] as Side;
      turns[side].push(await run(servers[side], TURN_MS));
    }
  }
  const cpuOf = (side: Side): string =>
    median(turns[side].map(({ cpuMicros }) => cpuMicros)).toFixed(2);
  const ratios = ratiosOf(turns.off, turns.on);
  const ofControl = ratiosOf(turns.off, turns.control);
  return {
    name: `${name}, authorisation on`,
    value: median(turns.on.map(({ rate }) => rate)),
    unit,
    baseline: { name: 'off', value: median(turns.off.map(({ rate }) => rate)) },
    ratio: median(ratios),
    target: TARGET,
    note:
      `ratio by CPU: ${cpuOf('on')} us beside ${cpuOf('off')}; half of ${ratios.length} pairs of ` +
      `turns ${middleOf(ratios)}; control, also off: ${median(ofControl).toFixed(3)} ` +
      `(${cpuOf('control')} us, half ${middleOf(ofControl)})`,
  };
}

/** Loads the servers until V8 has compiled the code of a shape. */
async function warmUp([, , run]: Shape, servers: readonly Server[]): Promise<void> {
  for (const server of servers) {
    for (let cpuMs = 0; cpuMs < WARMUP_CPU_MS; ) cpuMs += (await run(server, WARMUP_TURN_MS)).cpuMs;
  }
}

/** Ratios of the CPU times of the turns that belong together. */
function ratiosOf(off: readonly Turn[], other: readonly Turn[]): number[] {
  return off.map(({ cpuMicros }, turn) => cpuMicros / (other[turn]?.cpuMicros ?? Number.NaN));
}

/** Names the values between which half of them are. */
function middleOf(values: readonly number[]): string {
  return `between ${quantile(values, 0.25).toFixed(3)} and ${quantile(values, 0.75).toFixed(3)}`;
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
