/** Restart after kill -9 with a large log: only bytes that may be unsynced are read. */
import { createTopic, load } from '../harness/http.js';
import { bytesReadBy, memoryOf, startGateway, withTempDir } from '../harness/processes.js';
import type { Row, RowContext, RowResult } from '../harness/row.js';

const RECORD_BYTES = 1_000_000;
const GIB = 2 ** 30;

export const restartRow: Row = {
  id: 'restart',
  title: 'restart after kill -9 with 10 GiB of log',
  async run(context) {
    const sizeBytes = context.isQuick ? GIB : 10 * GIB;
    return withTempDir(async (dataDir) => {
      await build(dataDir, sizeBytes, context);
      context.progress('restart: killed under load, starting again');
      await killUnderLoad(dataDir);
      return [await restart(dataDir, sizeBytes)];
    });
  },
};

/** Large batches, `os` durability and a clean stop are the fastest way to many bytes. */
async function build(dataDir: string, sizeBytes: number, context: RowContext): Promise<void> {
  const server = await startGateway({ dataDir, env: { SLUICE_DURABILITY: 'os' } });
  await createTopic(server, 'large', { configs: { 'segment.bytes': 256 * 2 ** 20 } });
  const body = 'x'.repeat(RECORD_BYTES);
  for (let written = 0; written < sizeBytes; ) {
    context.progress(`restart: building the log, ${((100 * written) / sizeBytes).toFixed(0)} %`);
    const options = { port: server.port, path: '/v1/topics/large/records', body, connections: 8 };
    const headers = { 'content-type': 'text/plain' };
    const result = await load({ ...options, headers, warmupMs: 0, durationMs: 2000 });
    written += result.requests * RECORD_BYTES;
  }
  await server.stop();
}

async function killUnderLoad(dataDir: string): Promise<void> {
  const server = await startGateway({ dataDir });
  const running = load({
    port: server.port,
    path: '/v1/topics/large/records',
    headers: { 'content-type': 'text/plain' },
    body: 'y'.repeat(1000),
    warmupMs: 0,
    durationMs: 3000,
  });
  await running;
  await server.stop('SIGKILL');
}

async function restart(dataDir: string, sizeBytes: number): Promise<RowResult> {
  const server = await startGateway({ dataDir });
  const read = await bytesReadBy(server.pid);
  const memory = await memoryOf(server.pid);
  await server.stop();
  const mib = read === undefined ? 'unknown' : `${(read / 2 ** 20).toFixed(1)} MiB`;
  return {
    name: `restart after kill -9, ${(sizeBytes / GIB).toFixed(0)} GiB of log`,
    value: server.startedInMs / 1000,
    unit: 's to ready',
    peakRssBytes: memory?.peak,
    note: `${mib} read by the process, its own code included`,
  };
}
