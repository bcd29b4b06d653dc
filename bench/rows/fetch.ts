/** Fetch of 1 MiB at the tail and from cold segments, beside node:http with the same bytes. */
import { call, createTopic, type LoadResult, load } from '../harness/http.js';
import {
  memoryOf,
  type Server,
  startBaseline,
  startGateway,
  withTempDir,
} from '../harness/processes.js';
import { median, type Row, type RowContext, type RowResult } from '../harness/row.js';

const RECORD_BYTES = 100;
const BATCH_RECORDS = 10_000;
const FETCH_BYTES = 2 ** 20;
const CONNECTIONS = 8;

export const fetchRow: Row = {
  id: 'fetch',
  title: 'GET of 1 MiB of 100 B records as JSON, against node:http sending those bytes',
  async run(context) {
    const tail: LoadResult[] = [];
    const cold: LoadResult[] = [];
    const bare: LoadResult[] = [];
    let peakRssBytes = 0;
    for (let round = 0; round < context.rounds; round += 1) {
      context.progress(`fetch: round ${round + 1} of ${context.rounds}`);
      await withTempDir(async (dataDir) => {
        const server = await startGateway({ dataDir });
        try {
          const end = await fill(server, context);
          const tailPath = pathAt(end - Math.floor(FETCH_BYTES / (RECORD_BYTES + 9)));
          tail.push(await get(server, [tailPath], context));
          bare.push(await measureBare(server.url + tailPath, tailPath, context));
          cold.push(await get(server, coldPaths(end), context));
          peakRssBytes = Math.max(peakRssBytes, (await memoryOf(server.pid))?.peak ?? 0);
        } finally {
          await server.stop();
        }
      });
    }
    const tailResult = result('GET 1 MiB at the tail', tail, { name: 'bare bytes', from: bare });
    const coldResult = result('GET 1 MiB, cold segments', cold, { name: 'tail', from: tail });
    return [
      { ...tailResult, target: 0.4, peakRssBytes },
      { ...coldResult, target: 0.6, peakRssBytes },
    ];
  },
};

function result(
  name: string,
  measured: readonly LoadResult[],
  baseline: { readonly name: string; readonly from: readonly LoadResult[] },
): RowResult {
  const rate = (results: readonly LoadResult[]) =>
    median(results.map((each) => each.requestsPerSecond));
  const bytes = median(measured.map((each) => each.bytesPerSecond));
  return {
    name,
    value: rate(measured),
    unit: 'requests/s',
    baseline: { name: baseline.name, value: rate(baseline.from) },
    p50Ms: median(measured.map((each) => each.latencyMs.p50)),
    p99Ms: median(measured.map((each) => each.latencyMs.p99)),
    note: `${Math.round(bytes / 2 ** 20)} MiB/s of answers`,
  };
}

/**
 * Writes enough records that half of them are outside the tail cache, in many segments; returns the
 * end.
 */
async function fill(server: Server, context: RowContext): Promise<number> {
  await createTopic(server, 'bench', { configs: { 'segment.bytes': 32 * 2 ** 20 } });
  const value = 'x'.repeat(RECORD_BYTES - 2);
  const records = Array.from({ length: BATCH_RECORDS }, () => ({ value }));
  const count = context.isQuick ? 1_500_000 : 4_000_000;
  for (let done = 0; done < count; done += BATCH_RECORDS) {
    await call(server, '/v1/topics/bench/records', { records });
  }
  return count;
}

/**
 * Paths spread over the older half, each read once per turn, so that no rendered answer is used
 * again.
 */
function coldPaths(end: number): string[] {
  const step = Math.floor(FETCH_BYTES / RECORD_BYTES);
  return Array.from({ length: Math.floor(end / 2 / step) }, (_, index) => pathAt(index * step));
}

function pathAt(offset: number): string {
  return `/v1/topics/bench/partitions/0/records?offset=${offset}&limit=1000000&maxBytes=${FETCH_BYTES}`;
}

async function measureBare(url: string, path: string, context: RowContext): Promise<LoadResult> {
  const server = await startBaseline('bare-bytes', [url]);
  try {
    return await get(server, [path], context);
  } finally {
    await server.stop();
  }
}

function get(server: Server, paths: readonly string[], context: RowContext): Promise<LoadResult> {
  return load({
    port: server.port,
    method: 'GET',
    paths,
    connections: CONNECTIONS,
    durationMs: context.durationMs,
  });
}
