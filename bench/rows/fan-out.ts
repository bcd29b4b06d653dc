/** Delivery to many subscribers, beside a bare `ws` server that writes one prepared frame. */
import { createTopic } from '../harness/http.js';
import {
  memoryOf,
  runJson,
  startBaseline,
  startGateway,
  withTempDir,
} from '../harness/processes.js';
import { median, type Row, type RowContext, type RowResult } from '../harness/row.js';

/** See bench/load/fan-out-load.mjs. */
interface FanOutResult {
  readonly framesPerSecond: number;
  readonly recordsPerSecond: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number };
}

interface Shape {
  readonly subscribers: number;
  readonly recordsPerFrame: number;
  readonly target: number;
}

const SHAPES: readonly Shape[] = [
  { subscribers: 100, recordsPerFrame: 1, target: 0.8 },
  { subscribers: 1000, recordsPerFrame: 1, target: 0.8 },
  { subscribers: 1000, recordsPerFrame: 10, target: 0.7 },
  { subscribers: 1000, recordsPerFrame: 100, target: 0.7 },
];
/**
 * Requests in flight: enough that no sync is waited for; each record is a batch, and so a frame.
 */
const PRODUCERS = 32;

export const fanOutRow: Row = {
  id: 'fan-out',
  title: 'fan-out over WebSocket, fsync, against a bare ws server writing one prepared frame',
  async run(context) {
    const results: RowResult[] = [];
    for (const shape of SHAPES) results.push(await measure(shape, context));
    return results;
  },
};

async function measure(shape: Shape, context: RowContext): Promise<RowResult> {
  const { subscribers, recordsPerFrame, target } = shape;
  const name = `fan-out, ${subscribers} subscribers, ${recordsPerFrame} x 100 B a frame`;
  const ours: FanOutResult[] = [];
  const bare: FanOutResult[] = [];
  let peakRssBytes = 0;
  for (let round = 0; round < context.rounds; round += 1) {
    context.progress(`${name}: round ${round + 1} of ${context.rounds}`);
    bare.push(await measureBare(shape, context));
    await withTempDir(async (dataDir) => {
      const server = await startGateway({ dataDir });
      try {
        await createTopic(server, 'bench');
        ours.push(
          await fanOut(server.port, { ...shape, isBare: false, producers: PRODUCERS }, context),
        );
        peakRssBytes = Math.max(peakRssBytes, (await memoryOf(server.pid))?.peak ?? 0);
      } finally {
        await server.stop();
      }
    });
  }
  const rate = (results: readonly FanOutResult[]) =>
    median(results.map((result) => result.recordsPerSecond));
  const frames = median(ours.map((result) => result.framesPerSecond));
  return {
    name,
    value: rate(ours),
    unit: 'records/s',
    baseline: { name: 'bare ws', value: rate(bare) },
    target,
    peakRssBytes,
    note: `in ${frames.toLocaleString('en')} frames/s`,
  };
}

async function measureBare(shape: Shape, context: RowContext): Promise<FanOutResult> {
  const { subscribers, recordsPerFrame } = shape;
  const args = [String(recordsPerFrame), 'loop', String(subscribers)];
  const server = await startBaseline('bare-fan-out', args);
  try {
    return await fanOut(server.port, { ...shape, isBare: true }, context);
  } finally {
    await server.stop();
  }
}

function fanOut(
  port: number,
  options: Readonly<Record<string, unknown>>,
  { durationMs }: RowContext,
): Promise<FanOutResult> {
  const all = JSON.stringify({ port, durationMs, ...options });
  return runJson<FanOutResult>('load', ['bench/load/fan-out-load.mjs', all]);
}

interface Pace {
  readonly subscribers: number;
  readonly perSecond: number;
  /** Limit of the p99, where there is one. */
  readonly p99MsMax: number | undefined;
}

const PACES: readonly Pace[] = [
  { subscribers: 1, perSecond: 1000, p99MsMax: 15 },
  { subscribers: 1000, perSecond: 20, p99MsMax: undefined },
];
/** Time that may be added to a sync and the bare fan-out, ms. */
const MARGIN_MS = 1.5;

export const deliveryLatencyRow: Row = {
  id: 'delivery-latency',
  title: 'from a POST to its record at the subscribers, fsync',
  async run(context) {
    const results: RowResult[] = [];
    for (const pace of PACES) results.push(await measureLatency(pace, context));
    return results;
  },
};

async function measureLatency(pace: Pace, context: RowContext): Promise<RowResult> {
  const name = `POST to WebSocket, ${pace.perSecond} records/s to ${pace.subscribers}`;
  const load = { ...pace, recordsPerFrame: 1, producers: 8 };
  const ours: FanOutResult[] = [];
  const bare: FanOutResult[] = [];
  const syncs: number[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    context.progress(`${name}: round ${round + 1} of ${context.rounds}`);
    const baseline = await startBaseline('bare-fan-out', ['1', 'post', '0']);
    try {
      bare.push(await fanOut(baseline.port, { ...load, isBare: true }, context));
    } finally {
      await baseline.stop();
    }
    await withTempDir(async (dataDir) => {
      syncs.push(await syncMs(dataDir));
      const server = await startGateway({ dataDir });
      try {
        await createTopic(server, 'bench');
        ours.push(await fanOut(server.port, { ...load, isBare: false }, context));
      } finally {
        await server.stop();
      }
    });
  }
  return latencyResult({ name, pace, ours, bare, syncs });
}

/** Median time of an fdatasync of a small append on an idle disk. */
async function syncMs(directory: string): Promise<number> {
  const { p50Ms } = await runJson<{ p50Ms: number }>('server', [
    'dist/esm/bench/baselines/sync-time.js',
    directory,
  ]);
  return p50Ms;
}

interface MeasuredLatency {
  readonly name: string;
  readonly pace: Pace;
  readonly ours: readonly FanOutResult[];
  readonly bare: readonly FanOutResult[];
  readonly syncs: readonly number[];
}

function latencyResult({ name, pace, ours, bare, syncs }: MeasuredLatency): RowResult {
  const p50Of = (results: readonly FanOutResult[]) =>
    median(results.map((result) => result.latencyMs.p50));
  const p50Ms = p50Of(ours);
  const p99Ms = median(ours.map((result) => result.latencyMs.p99));
  const boundMs = median(syncs) + p50Of(bare) + MARGIN_MS;
  const p99Bound = pace.p99MsMax === undefined ? '' : `, p99 bound ${pace.p99MsMax} ms`;
  return {
    name,
    value: median(ours.map((result) => result.framesPerSecond)),
    unit: 'frames/s',
    p50Ms,
    p99Ms,
    note:
      `p50 bound ${boundMs.toFixed(2)} ms = sync ${median(syncs).toFixed(2)} + bare ` +
      `${p50Of(bare).toFixed(2)} + ${MARGIN_MS}: ${p50Ms <= boundMs ? 'met' : 'MISSED'}${p99Bound}`,
  };
}
