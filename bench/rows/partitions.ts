/**
 * Produces of one record by key over 1, 16 and 128 partitions, and the latency of cold reads at the
 * same time.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { call, createTopic, JSON_HEADERS, load } from '../harness/http.js';
import { type Server, startGateway, withTempDir } from '../harness/processes.js';
import { median, type Row, type RowContext, type RowResult } from '../harness/row.js';

const PARTITION_COUNTS = [1, 16, 128];
const COLD_RECORDS = 200_000;
const COLD_READ_EVERY_MS = 20;

export const partitionsRow: Row = {
  id: 'partitions',
  title: '1-record produces by key over 1, 16 and 128 partitions, fsync',
  async run(context) {
    const results: RowResult[] = [];
    let one: number | undefined;
    for (const partitions of PARTITION_COUNTS) {
      const rates: number[] = [];
      const p50s: number[] = [];
      const p99s: number[] = [];
      const reads: number[] = [];
      for (let round = 0; round < context.rounds; round += 1) {
        context.progress(`${partitions} partitions: round ${round + 1} of ${context.rounds}`);
        const measured = await measure(partitions, context);
        rates.push(measured.load.requestsPerSecond);
        p50s.push(measured.load.latencyMs.p50);
        p99s.push(measured.load.latencyMs.p99);
        reads.push(...measured.coldReadsMs);
      }
      const value = median(rates);
      one ??= value;
      const coldP99Ms = quantile(reads, 0.99);
      results.push({
        name: `POST 1 record by key, ${partitions} partitions`,
        value,
        unit: 'requests/s',
        ...(partitions === 1 ? {} : { baseline: { name: '1 partition', value: one } }),
        ...(partitions === 128 ? { target: 0.5 } : {}),
        p50Ms: median(p50s),
        p99Ms: median(p99s),
        note: `cold GET meanwhile: p99 ${coldP99Ms.toFixed(1)} ms (${reads.length} reads)`,
      });
    }
    return results;
  },
};

async function measure(partitions: number, context: RowContext) {
  return withTempDir(async (dataDir) => {
    const server = await startGateway({ dataDir, env: { SLUICE_TAIL_CACHE_BYTES: '1048576' } });
    try {
      await createTopic(server, 'keyed', { partitions });
      await fillCold(server);
      const bodies = Array.from({ length: 4096 }, (_, index) =>
        JSON.stringify({ key: `key-${index}`, value: 'x'.repeat(90) }),
      );
      const running = load({
        port: server.port,
        path: '/v1/topics/keyed/records',
        headers: JSON_HEADERS,
        bodies,
        durationMs: context.durationMs,
      });
      const reads = readCold(server, running);
      return { load: await running, coldReadsMs: await reads };
    } finally {
      await server.stop();
    }
  });
}

async function fillCold(server: Server): Promise<void> {
  await createTopic(server, 'cold');
  const records = Array.from({ length: 10_000 }, () => ({ value: 'c'.repeat(98) }));
  for (let count = 0; count < COLD_RECORDS; count += records.length) {
    await call(server, '/v1/topics/cold/records', { records });
  }
}

async function readCold(server: Server, until: Promise<unknown>): Promise<number[]> {
  const over = new AbortController();
  const end = () => over.abort();
  until.then(end, end);
  const timesMs: number[] = [];
  for (let turn = 0; !over.signal.aborted; turn += 1) {
    const offset = (turn * 7919) % (COLD_RECORDS / 2);
    const startedMs = performance.now();
    const path = `/v1/topics/cold/partitions/0/records?offset=${offset}&limit=100`;
    await (await fetch(server.url + path)).arrayBuffer();
    timesMs.push(performance.now() - startedMs);
    await delay(COLD_READ_EVERY_MS);
  }
  return timesMs;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
