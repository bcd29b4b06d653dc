/**
 * Publishing over a WebSocket beside a bare `ws` server that parses and answers the same messages.
 */
import { createTopic } from '../harness/http.js';
import {
  memoryOf,
  runJson,
  startBaseline,
  startGateway,
  withTempDir,
} from '../harness/processes.js';
import { median, type Row, type RowContext, type RowResult } from '../harness/row.js';

/** See bench/load/publish-load.mjs. */
interface PublishResult {
  readonly messagesPerSecond: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number };
}

const RECORDS_PER_FRAME = [1, 100];

export const publishRow: Row = {
  id: 'publish',
  title: 'publish over one WebSocket, 512 in flight, fsync, against bare ws parsing the same',
  async run(context) {
    const results: RowResult[] = [];
    for (const records of RECORDS_PER_FRAME) results.push(await measure(records, context));
    return results;
  },
};

async function measure(recordsPerFrame: number, context: RowContext): Promise<RowResult> {
  const name = `publish, ${recordsPerFrame} x 100 B a message, 512 in flight`;
  const ours: PublishResult[] = [];
  const bare: PublishResult[] = [];
  let peakRssBytes = 0;
  const load = (port: number) =>
    runJson<PublishResult>('load', [
      'bench/load/publish-load.mjs',
      JSON.stringify({ port, recordsPerFrame, durationMs: context.durationMs }),
    ]);
  for (let round = 0; round < context.rounds; round += 1) {
    context.progress(`${name}: round ${round + 1} of ${context.rounds}`);
    const baseline = await startBaseline('bare-publish', []);
    try {
      bare.push(await load(baseline.port));
    } finally {
      await baseline.stop();
    }
    await withTempDir(async (dataDir) => {
      const server = await startGateway({ dataDir });
      try {
        await createTopic(server, 'bench');
        ours.push(await load(server.port));
        peakRssBytes = Math.max(peakRssBytes, (await memoryOf(server.pid))?.peak ?? 0);
      } finally {
        await server.stop();
      }
    });
  }
  const rate = (results: readonly PublishResult[]) =>
    median(results.map((result) => result.messagesPerSecond));
  return {
    name,
    value: rate(ours),
    unit: 'messages/s',
    baseline: { name: 'bare ws', value: rate(bare) },
    target: 0.5,
    p50Ms: median(ours.map((result) => result.latencyMs.p50)),
    p99Ms: median(ours.map((result) => result.latencyMs.p99)),
    peakRssBytes,
  };
}
