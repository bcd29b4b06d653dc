/**
 * The time of an answer by the rate of requests: POST of one record at fixed rates, up to most of
 * what the gateway can take, beside bare node:http at the same rates.
 */
import { createTopic, JSON_HEADERS, type LoadResult, load } from '../harness/http.js';
import type { Plot, Series } from '../harness/plot.js';
import { type Server, startBaseline, startGateway, withTempDir } from '../harness/processes.js';
import { median, type Row, type RowContext, type RowResult } from '../harness/row.js';

/** Shares of the highest rate of the gateway. */
const SHARES = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const BODY = JSON.stringify({ value: 'x'.repeat(98) });
/** So many that a request seldom waits for a connection. */
const CONNECTIONS = 256;

/** Measurements of both servers at one rate. */
interface Point {
  readonly ratePerSecond: number;
  readonly gateway: LoadResult;
  readonly bare: LoadResult;
}

export const loadCurveRow: Row = {
  id: 'load-curve',
  title: 'time of a POST of one record by the rate of requests, fsync, beside bare node:http',
  run: (context) =>
    withTempDir(async (dataDir) => {
      const gateway = await startGateway({ dataDir });
      const bare = await startBaseline('bare-http', []);
      try {
        await createTopic(gateway, 'bench');
        context.progress('load-curve: the highest rate');
        const { requestsPerSecond } = await post(gateway, context);
        const points: Point[] = [];
        for (const share of SHARES) {
          const ratePerSecond = Math.round(share * requestsPerSecond);
          context.progress(`load-curve: ${ratePerSecond} requests/s`);
          points.push({
            ratePerSecond,
            bare: await middle(bare, context, ratePerSecond),
            gateway: await middle(gateway, context, ratePerSecond),
          });
        }
        return points.map(resultOf);
      } finally {
        await Promise.all([gateway.stop(), bare.stop()]);
      }
    }),
  plot: plotOf,
};

/** The run with the median p99 of some at a rate. */
async function middle(
  server: Server,
  context: RowContext,
  ratePerSecond: number,
): Promise<LoadResult> {
  const runs: LoadResult[] = [];
  while (runs.length < context.rounds) runs.push(await post(server, context, ratePerSecond));
  const p99Ms = median(runs.map(({ latencyMs }) => latencyMs.p99));
  const distance = ({ latencyMs }: LoadResult) => Math.abs(latencyMs.p99 - p99Ms);
  return runs.reduce((nearest, run) => (distance(run) < distance(nearest) ? run : nearest));
}

/** Posts at a rate, or as fast as the server answers 64 connections. */
function post(server: Server, context: RowContext, ratePerSecond?: number): Promise<LoadResult> {
  return load({
    port: server.port,
    path: '/v1/topics/bench/records',
    headers: JSON_HEADERS,
    body: BODY,
    durationMs: context.durationMs,
    ...(ratePerSecond === undefined ? {} : { ratePerSecond, connections: CONNECTIONS }),
  });
}

function resultOf({ ratePerSecond, gateway, bare }: Point): RowResult {
  return {
    name: `POST 1 record at ${ratePerSecond.toLocaleString('en-US')} requests/s`,
    value: gateway.requestsPerSecond,
    unit: 'requests/s',
    p50Ms: gateway.latencyMs.p50,
    p99Ms: gateway.latencyMs.p99,
    curve: {
      x: ratePerSecond,
      y: {
        'Sluice, p50': gateway.latencyMs.p50,
        'node:http, p50': bare.latencyMs.p50,
        'Sluice, p99': gateway.latencyMs.p99,
        'node:http, p99': bare.latencyMs.p99,
      },
    },
    note: `bare node:http: p50 ${bare.latencyMs.p50} ms, p99 ${bare.latencyMs.p99} ms`,
  };
}

function plotOf(results: readonly RowResult[]): Plot {
  const names = Object.keys(results[0]?.curve?.y ?? {});
  const series = names.map(
    (name): Series => ({
      name,
      points: results.flatMap(({ curve }) => {
        const y = curve?.y[name];
        return curve === undefined || y === undefined ? [] : [{ x: curve.x, y }];
      }),
    }),
  );
  return {
    title: 'POST of one record, acknowledged after fdatasync, on one core',
    xLabel: 'requests per second',
    yLabel: 'time of an answer, ms',
    series,
  };
}
