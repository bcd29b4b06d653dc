/** Resident memory while millions of records pass: it must not grow. */
import { createTopic, JSON_HEADERS, load } from '../harness/http.js';
import { memoryOf, startGateway, withTempDir } from '../harness/processes.js';
import type { Row, RowResult } from '../harness/row.js';

const RECORDS_PER_REQUEST = 100;
const MARKS = [1_000_000, 10_000_000, 100_000_000];
const SLICE_MS = 2000;
const WHOLE_MS_MAX = 10 * 60_000;

export const memoryRow: Row = {
  id: 'memory',
  title: 'memory under produce, at 1, 10 and 100 million records',
  async run(context) {
    const marks = context.isQuick ? MARKS.slice(0, 2) : MARKS;
    const records = Array.from({ length: RECORDS_PER_REQUEST }, () => ({ value: 'x'.repeat(98) }));
    const body = JSON.stringify({ records });
    return withTempDir(async (dataDir) => {
      const server = await startGateway({ dataDir });
      const configs = { 'segment.bytes': 64 * 2 ** 20, 'retention.bytes': 2 ** 30 };
      await createTopic(server, 'bench', { configs });
      const results: RowResult[] = [];
      const startedMs = performance.now();
      let count = 0;
      while (results.length < marks.length && performance.now() - startedMs < WHOLE_MS_MAX) {
        const { requests, latencyMs } = await load({
          port: server.port,
          path: '/v1/topics/bench/records',
          headers: JSON_HEADERS,
          body,
          warmupMs: 0,
          durationMs: SLICE_MS,
        });
        count += requests * RECORDS_PER_REQUEST;
        const mark = marks[results.length] ?? Number.POSITIVE_INFINITY;
        context.progress(`memory: ${(count / 1e6).toFixed(1)} million records`);
        if (count < mark) continue;
        const memory = await memoryOf(server.pid);
        results.push({
          name: `memory at ${(mark / 1e6).toFixed(0)} million records`,
          value: (memory?.rss ?? Number.NaN) / 2 ** 20,
          unit: 'MiB resident',
          p99Ms: latencyMs.p99,
          peakRssBytes: memory?.peak,
        });
      }
      await server.stop();
      return results;
    });
  },
};
