/** Calls of a gateway beside load: topics, records, metrics. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runJson, type Server, withTempDir } from './processes.js';

/** See bench/load/http-load.mjs. */
export interface LoadOptions {
  readonly port: number;
  readonly method?: 'GET' | 'POST';
  readonly path?: string;
  readonly paths?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly bodies?: readonly string[];
  readonly connections?: number;
  /** Requests a second; default: as many as the server answers. */
  readonly ratePerSecond?: number;
  readonly warmupMs?: number;
  readonly durationMs?: number;
  /** Process whose CPU time is measured. */
  readonly serverPid?: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly statuses: Readonly<Record<string, number>>;
  readonly socketErrors: number;
  /** CPU time of `serverPid` while answers were counted; absent if it is not known. */
  readonly serverCpuMs?: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

export const JSON_HEADERS = { 'content-type': 'application/json' };

/** Loads a server from the other core; an answer that is not a success fails the row. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const result = await withTempDir(async (directory) => {
    // The options are in a file: a command line has no space for thousands of bodies.
    const file = join(directory, 'load.json');
    await writeFile(file, JSON.stringify(options));
    return runJson<LoadResult>('load', ['bench/load/http-load.mjs', `@${file}`]);
  });
  const bad = Object.keys(result.statuses).filter((status) => !status.startsWith('2'));
  if (bad.length > 0 || result.requests === 0) {
    throw new Error(`the load met answers ${JSON.stringify(result.statuses)}`);
  }
  return result;
}

/** Sends JSON by POST (or the given `method`) and returns the parsed answer. */
export async function call(
  server: Server,
  path: string,
  body?: unknown,
  method = 'POST',
): Promise<Record<string, unknown>> {
  const { authorization } = server;
  const response = await fetch(server.url + path, {
    method,
    headers: {
      ...(authorization === undefined ? {} : { authorization }),
      ...(body === undefined ? {} : JSON_HEADERS),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
}

export async function createTopic(
  server: Server,
  name: string,
  options: { partitions?: number; configs?: Record<string, unknown> } = {},
): Promise<void> {
  await call(server, '/v1/topics', { name, partitions: 1, ...options });
}

/**
 * A quantile of a histogram at /metrics, in seconds: the upper bound of the bucket it falls into.
 */
export async function metricQuantile(
  server: Server,
  name: string,
  share: number,
): Promise<number | undefined> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const counts = new Map<number, number>();
  for (const match of text.matchAll(
    new RegExp(`^${name}_bucket\\{[^}]*le="([^"]+)"[^}]*\\} (\\S+)$`, 'gm'),
  )) {
    const bound = match[1] === '+Inf' ? Number.POSITIVE_INFINITY : Number(match[1]);
    counts.set(bound, (counts.get(bound) ?? 0) + Number(match[2]));
  }
  const total = counts.get(Number.POSITIVE_INFINITY) ?? 0;
  if (total === 0) return undefined;
  const bounds = [...counts.keys()].toSorted((a, b) => a - b);
  return bounds.find((bound) => (counts.get(bound) ?? 0) >= total * share);
}
