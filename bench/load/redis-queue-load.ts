/**
 * Members of a consumer group of a Redis stream, each on a connection of its own with one command
 * at a time.
 *
 *     taskset -c 1 node dist/esm/bench/load/redis-queue-load.js '{"port": 6379, "records": 9000}'
 */
import { performance } from 'node:perf_hooks';
import { argv, exit, stdout } from 'node:process';
import { Redis } from 'ioredis';

interface Options {
  readonly port: number;
  readonly members?: number;
  readonly prefetch?: number;
  readonly isAckedAlone?: boolean;
  readonly records: number;
  readonly durationMs?: number;
}

const {
  port,
  members = 4,
  prefetch = 100,
  isAckedAlone = false,
  records,
  durationMs = 5000,
} = JSON.parse(argv[2] ?? '{}') as Options;

/** The answer of XREADGROUP for one stream. */
type Read = [[stream: string, entries: [id: string, fields: string[]][]]];

const STREAM = 'bench';
const GROUP = 'workers';
const FILL_AT_ONCE = 1000;

await fill();
let acknowledged = 0;
let isOver = false;
const startedMs = performance.now();
setTimeout(() => {
  isOver = true;
}, durationMs).unref();
await Promise.all(Array.from({ length: members }, (_, at) => work(`member-${at}`)));
const perSecond = (acknowledged * 1000) / (performance.now() - startedMs);
stdout.write(`${JSON.stringify({ perSecond, acknowledged })}\n`);
exit(0);

async function fill(): Promise<void> {
  const redis = new Redis({ port });
  const value = 'x'.repeat(98);
  for (let count = 0; count < records; count += FILL_AT_ONCE) {
    const pipeline = redis.pipeline();
    for (let at = 0; at < FILL_AT_ONCE; at += 1) pipeline.xadd(STREAM, '*', 'value', value);
    await pipeline.exec();
  }
  await redis.xgroup('CREATE', STREAM, GROUP, '0');
  redis.disconnect();
}

async function work(consumer: string): Promise<void> {
  const redis = new Redis({ port });
  while (!isOver) {
    const group = ['GROUP', GROUP, consumer] as const;
    const stream = ['STREAMS', STREAM, '>'] as const;
    const read = (await redis.xreadgroup(...group, 'COUNT', prefetch, ...stream)) as Read | null;
    if (read === null) {
      isOver = true;
      break;
    }
    const ids = read[0][1].map(([id]) => id);
    for (const part of isAckedAlone ? ids.map((id) => [id]) : [ids]) {
      if (isOver) break;
      acknowledged += await redis.xack(STREAM, GROUP, ...part);
    }
  }
  redis.disconnect();
}
