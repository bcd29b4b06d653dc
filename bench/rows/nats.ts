/**
 * An alternative under the same load: NATS JetStream over its own WebSocket. It syncs every two
 * minutes by default, so it is compared with `os` durability as well as `fsync`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTopic } from '../harness/http.js';
import { pinned } from '../harness/machine.js';
import { freePort, runJson, startGateway, withTempDir } from '../harness/processes.js';
import { median, type Row, type RowContext, type RowResult } from '../harness/row.js';

interface Comparison {
  readonly name: string;
  readonly unit: string;
  readonly natsLoad: Readonly<Record<string, unknown>>;
  readonly ourScript: string;
  readonly ourLoad: Readonly<Record<string, unknown>>;
}

const PUBLISHES = [1, 100].map(
  (recordsPerFrame): Comparison => ({
    name: `publish, ${recordsPerFrame} x 100 B per message, 512 in flight`,
    unit: 'messages/s',
    natsLoad: { mode: 'publish', recordsPerFrame },
    ourScript: 'bench/load/publish-load.mjs',
    ourLoad: { recordsPerFrame },
  }),
);
const FAN_OUT: Comparison = {
  name: 'delivery to 1000 subscribers, 1 x 100 B',
  unit: 'records/s',
  natsLoad: { mode: 'fan-out', subscribers: 1000, producers: 4 },
  ourScript: 'bench/load/fan-out-load.mjs',
  ourLoad: { subscribers: 1000, producers: 4, recordsPerFrame: 1, isBare: false },
};

export const natsRow: Row = {
  id: 'nats',
  title: 'the same load on NATS JetStream over WebSocket',
  async run(context) {
    const version = await natsVersion();
    if (version === undefined) {
      context.progress('nats: nats-server is not installed (Debian: apt-get install nats-server)');
      return [];
    }
    const results: RowResult[] = [];
    for (const comparison of [...PUBLISHES, FAN_OUT]) {
      for (const durability of ['fsync', 'os'] as const) {
        results.push(await compare(comparison, durability, version, context));
      }
    }
    return results;
  },
};

/** See the load scripts. */
interface Loaded {
  readonly perSecond?: number;
  readonly messagesPerSecond?: number;
  readonly recordsPerSecond?: number;
}

async function compare(
  comparison: Comparison,
  durability: 'fsync' | 'os',
  version: string,
  context: RowContext,
): Promise<RowResult> {
  const { durationMs } = context;
  const ours: number[] = [];
  const theirs: number[] = [];
  const load = async (script: string, options: object): Promise<number> => {
    const result = await runJson<Loaded>('load', [script, JSON.stringify(options)]);
    return result.perSecond ?? result.messagesPerSecond ?? result.recordsPerSecond ?? Number.NaN;
  };
  for (let round = 0; round < context.rounds; round += 1) {
    context.progress(`nats, ${comparison.name}, ${durability}: round ${round + 1}`);
    await withNats(async (port) => {
      const options = { port, durationMs, ...comparison.natsLoad };
      theirs.push(await load('bench/load/nats-load.mjs', options));
    });
    await withTempDir(async (dataDir) => {
      const server = await startGateway({ dataDir, env: { SLUICE_DURABILITY: durability } });
      try {
        await createTopic(server, 'bench');
        const options = { port: server.port, durationMs, ...comparison.ourLoad };
        ours.push(await load(comparison.ourScript, options));
      } finally {
        await server.stop();
      }
    });
  }
  return {
    name: `${comparison.name}, ${durability}`,
    value: median(ours),
    unit: comparison.unit,
    baseline: { name: `NATS JetStream ${version}`, value: median(theirs) },
  };
}

async function natsVersion(): Promise<string | undefined> {
  const child = spawn('nats-server', ['--version'], { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const isThere = await Promise.race([
    once(child, 'close').then(() => true),
    once(child, 'error').then(() => false),
  ]);
  return isThere ? /v(\d\S*)/.exec(text)?.[1] : undefined;
}

/** Runs `use` with a NATS server on the server's core. */
async function withNats(use: (port: number) => Promise<void>): Promise<void> {
  await withTempDir(async (directory) => {
    const [port, websocketPort] = [await freePort(), await freePort()];
    const config = join(directory, 'nats.conf');
    await writeFile(
      config,
      `listen: 127.0.0.1:${port}\n` +
        `websocket { listen: "127.0.0.1:${websocketPort}", no_tls: true }\n` +
        `jetstream { store_dir: "${directory}" }\n`,
    );
    const { command, args } = pinned('server', ['-c', config], 'nats-server');
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = once(child, 'close');
    try {
      await new Promise<void>((resolve) => {
        child.stderr.on('data', (chunk: Buffer) => {
          if (chunk.toString().includes('Server is ready')) resolve();
        });
      });
      await use(websocketPort);
    } finally {
      child.kill();
      await ended;
    }
  });
}
