import type { Command } from 'commander';
import { type Position, serdes } from '#client';
import { type CommandRun, withGateway } from '../command-run.js';
import { optionsOf } from '../global-options.js';
import { wholeNumber } from '../parse-values.js';
import { Progress } from '../produce/progress.js';

interface BenchOptions {
  readonly records: number;
  readonly size: number;
  readonly concurrency: number;
}

/** Adds `bench` and its commands. */
export function addBenchCommands(program: Command): void {
  const bench = program.command('bench').description('measure a gateway from here');
  withSize(addBench(bench, 'produce', benchProduce, 100_000))
    .description('produce records, and show how long each took')
    .option('--concurrency <number>', 'records on their way at a time', wholeNumber(1), 1000);
  addBench(bench, 'consume', benchConsume, 100_000).description(
    'read records of a topic from its beginning',
  );
  withSize(addBench(bench, 'latency', benchLatency, 1000)).description(
    'produce one record after the other, and show when each arrives',
  );
}

/** Adds one command of `bench`, with the number of records. */
function addBench(
  bench: Command,
  name: string,
  work: (run: CommandRun, topic: string, options: BenchOptions) => Promise<void>,
  records: number,
): Command {
  return bench
    .command(`${name} <topic>`)
    .option('--records <number>', 'number of records', wholeNumber(1), records)
    .action((topic: string, _options, command: Command) => {
      const options = optionsOf<BenchOptions>(command);
      return withGateway(options, (run) => work(run, topic, options));
    });
}

function withSize(command: Command): Command {
  return command.option('--size <bytes>', 'bytes of a value', wholeNumber(1), 100);
}

async function benchProduce(run: CommandRun, topic: string, options: BenchOptions): Promise<void> {
  const { records, size, concurrency } = options;
  const producer = run.sluice.producer({ valueSerializer: serdes.bytes });
  const value = new Uint8Array(size).fill(0x61);
  const times: number[] = [];
  const progress = new Progress(run.output, records * size);
  const startedMs = performance.now();
  let sent = 0;
  const sendInTurn = async (): Promise<void> => {
    while (sent < records && !run.signal.aborted) {
      sent += 1;
      const sentMs = performance.now();
      await producer.send({ topic, value });
      times.push(performance.now() - sentMs);
      progress.add(size, 1);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, records) }, sendInTurn));
  await producer.close();
  progress.stop();
  report(run, { name: 'produce', seconds: (performance.now() - startedMs) / 1000, times, size });
}

async function benchConsume(run: CommandRun, topic: string, options: BenchOptions): Promise<void> {
  const { records } = options;
  const subscription = run.sluice.subscribe(topic, {
    from: 'earliest',
    bufferRecords: 10_000,
    valueDeserializer: serdes.bytes,
  });
  const positions = await subscription.ready;
  const left = await partitionsWithRecords(run, positions);
  const startedMs = performance.now();
  let count = 0;
  let bytes = 0;
  const close = (): void => void subscription.close();
  run.signal.addEventListener('abort', close, { once: true });
  if (left.size === 0) await subscription.close();
  for await (const record of subscription) {
    count += 1;
    bytes += (record.value as Uint8Array | null)?.length ?? 0;
    if (record.offset + 1 >= (left.get(record.partition) ?? Number.POSITIVE_INFINITY)) {
      left.delete(record.partition);
    }
    if (count >= records || left.size === 0) break;
  }
  await subscription.close();
  const seconds = (performance.now() - startedMs) / 1000;
  const perSecond = Math.round(count / seconds);
  const mibPerSecond = bytes / seconds / 1024 / 1024;
  run.output.either({ bench: 'consume', records: count, seconds, perSecond, mibPerSecond }, () =>
    run.output.table(
      ['RECORDS', 'SECONDS', 'RECORDS/S', 'MIB/S'],
      [[count, seconds.toFixed(2), perSecond, mibPerSecond.toFixed(1)]],
    ),
  );
  run.signal.throwIfAborted();
}

/**
 * Returns the end offsets of the partitions that have records from the given positions on. A bench
 * ends there, as records that nobody sends would never come.
 */
async function partitionsWithRecords(
  { sluice }: CommandRun,
  positions: readonly Position[],
): Promise<Map<number, number>> {
  const ends = await Promise.all(
    positions.map(async ({ topic, partition, offset }) => {
      const latest = await sluice.admin.listOffset({ topic, partition, at: 'latest' });
      return { partition, begin: offset, end: latest.offset ?? 0 };
    }),
  );
  const withRecords = ends.filter(({ begin, end }) => begin < end);
  return new Map(withRecords.map(({ partition, end }) => [partition, end]));
}

async function benchLatency(run: CommandRun, topic: string, options: BenchOptions): Promise<void> {
  const { records, size } = options;
  const subscription = run.sluice.subscribe(topic, { valueDeserializer: serdes.string });
  await subscription.ready;
  const producer = run.sluice.producer({ valueSerializer: serdes.string });
  const reader = subscription[Symbol.asyncIterator]();
  const times: number[] = [];
  const startedMs = performance.now();
  for (let sent = 0; sent < records && !run.signal.aborted; sent += 1) {
    const value = `${process.pid}-${sent}-`.padEnd(size, 'x');
    const sentMs = performance.now();
    const produced = producer.send({ topic, value });
    for (;;) {
      const next = await reader.next();
      if (next.done === true || next.value.value === value) break;
    }
    times.push(performance.now() - sentMs);
    await produced;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  await producer.close();
  await subscription.close();
  report(run, { name: 'latency', seconds, times, size });
}

function report(
  run: CommandRun,
  bench: {
    readonly name: string;
    readonly seconds: number;
    readonly times: number[];
    readonly size: number;
  },
): void {
  const { name, seconds, times, size } = bench;
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const percentiles = { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1) };
  const perSecond = Math.round(times.length / seconds);
  const document = {
    bench: name,
    records: times.length,
    seconds,
    perSecond,
    latencyMs: percentiles,
  };
  run.output.either(document, () => {
    run.output.table(
      [
        'RECORDS',
        'SECONDS',
        'RECORDS/S',
        'MIB/S',
        'P50 MS',
        'P90 MS',
        'P99 MS',
        'P99.9 MS',
        'MAX MS',
      ],
      [
        [
          times.length,
          seconds.toFixed(2),
          perSecond,
          ((perSecond * size) / 1024 / 1024).toFixed(1),
          ...Object.values(percentiles).map((ms) => ms.toFixed(2)),
        ],
      ],
    );
    if (run.output.stdout.isTTY) run.output.line(`\n${chart(sorted)}`);
  });
  run.signal.throwIfAborted();
}

const BAR = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
const BAR_COLUMNS = 40;

/** Draws how many values are in each of some ranges that double. */
function chart(sorted: readonly number[]): string {
  const bounds: number[] = [];
  const max = sorted.at(-1) ?? 0;
  for (let bound = 0.25; bound < max * 2; bound *= 2) bounds.push(bound);
  const counts = bounds.map((bound, index) => {
    const from = bounds[index - 1] ?? 0;
    return sorted.filter((ms) => ms > from && ms <= bound).length;
  });
  const most = Math.max(1, ...counts);
  return counts
    .map((count, index) => ({ count, bound: bounds[index] ?? 0 }))
    .filter(({ count }) => count > 0)
    .map(({ count, bound }) => {
      const eighths = Math.max(1, Math.round((count / most) * BAR_COLUMNS * 8));
      const bar = '█'.repeat(Math.floor(eighths / 8)) + (BAR[eighths % 8] ?? '');
      return `${`≤ ${bound} ms`.padStart(12)}  ${bar} ${count.toLocaleString('en')}`;
    })
    .join('\n');
}
