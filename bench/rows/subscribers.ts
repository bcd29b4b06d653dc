/** One subscriber that catches up over old records, and many idle subscribers. */
import { call, createTopic } from '../harness/http.js';
import { memoryOf, runJson, type Server, startGateway, withTempDir } from '../harness/processes.js';
import { median, type Row, type RowContext, type RowResult } from '../harness/row.js';

const RECORD_BYTES = 100;
const BATCH_RECORDS = 10_000;

/** See bench/load/catch-up-load.mjs. */
interface CatchUpResult {
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
}

export const catchUpRow: Row = {
  id: 'catch-up',
  title: 'one subscriber over 1 GB of old records, against NDJSON fetch of the same',
  async run(context) {
    const records = context.isQuick ? 1_000_000 : 10_000_000;
    return withTempDir(async (dataDir) => {
      const server = await startGateway({ dataDir });
      try {
        await fill(server, records, context);
        return [await measureCatchUp(server, records, context)];
      } finally {
        await server.stop();
      }
    });
  },
};

async function measureCatchUp(
  server: Server,
  end: number,
  context: RowContext,
): Promise<RowResult> {
  const read = (mode: 'websocket' | 'ndjson') =>
    runJson<CatchUpResult>('load', [
      'bench/load/catch-up-load.mjs',
      JSON.stringify({ port: server.port, mode, end }),
    ]);
  const ours: CatchUpResult[] = [];
  const ndjson: CatchUpResult[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    context.progress(`catch-up: round ${round + 1} of ${context.rounds}`);
    ndjson.push(await read('ndjson'));
    ours.push(await read('websocket'));
  }
  const rate = (results: readonly CatchUpResult[]) =>
    median(results.map((result) => result.recordsPerSecond));
  const bytes = median(ours.map((result) => result.bytesPerSecond));
  return {
    name: `catch-up over ${end / 1e6} million x 100 B`,
    value: rate(ours),
    unit: 'records/s',
    baseline: { name: 'NDJSON fetch', value: rate(ndjson) },
    target: 0.5,
    peakRssBytes: (await memoryOf(server.pid))?.peak ?? 0,
    note: `${Math.round(bytes / 2 ** 20)} MiB/s of frames`,
  };
}

async function fill(server: Server, count: number, context: RowContext): Promise<void> {
  await createTopic(server, 'bench', { configs: { 'segment.bytes': 64 * 2 ** 20 } });
  const value = 'x'.repeat(RECORD_BYTES - 2);
  const records = Array.from({ length: BATCH_RECORDS }, () => ({ value }));
  for (let done = 0; done < count; done += BATCH_RECORDS) {
    await call(server, '/v1/topics/bench/records', { records });
    if (done % 1_000_000 === 0) context.progress(`catch-up: ${done / 1e6} million records written`);
  }
}

const IDLE_SUBSCRIBERS = [1000, 10_000];

export const idleRow: Row = {
  id: 'idle',
  title: 'memory of idle subscribers',
  async run(context) {
    const results: RowResult[] = [];
    for (const subscribers of IDLE_SUBSCRIBERS) {
      context.progress(`idle: ${subscribers} subscribers`);
      results.push(await measureIdle(subscribers));
    }
    return results;
  },
};

function measureIdle(subscribers: number): Promise<RowResult> {
  return withTempDir(async (dataDir) => {
    const env = { SLUICE_CONNECTIONS_MAX: String(2 * subscribers) };
    const server = await startGateway({ dataDir, env });
    try {
      await createTopic(server, 'bench');
      const before = (await memoryOf(server.pid))?.rss ?? Number.NaN;
      const { rssBytes } = await runJson<{ rssBytes: number }>('load', [
        'bench/load/idle-load.mjs',
        JSON.stringify({ port: server.port, pid: server.pid, subscribers }),
      ]);
      return {
        name: `idle, ${subscribers} subscribers`,
        value: Math.round((rssBytes - before) / subscribers / 1024),
        unit: 'KiB each',
        peakRssBytes: rssBytes,
      };
    } finally {
      await server.stop();
    }
  });
}
