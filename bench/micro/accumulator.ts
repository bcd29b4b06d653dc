/**
 * Micro benchmarks of small produce requests: the cost of a request in the accumulator, the buffer
 * pool and the partitioners.
 *
 *     npx tsc -p bench/tsconfig.json && node --expose-gc dist/esm/bench/micro/accumulator.js
 */
import { bench, do_not_optimize, group, run } from 'mitata';
import { Accumulator, AccumulatorEntry } from '../../libs/producer/src/accumulator.js';
import { BufferPool } from '../../libs/producer/src/buffer-pool.js';
import { murmur2, StickyPartitioner } from '../../libs/producer/src/partitioner.js';
import { SystemRandom, SystemScheduler } from '../../libs/runtime/src/system-clock.js';

const REQUESTS = 64;
const scheduler = new SystemScheduler();
const random = new SystemRandom();

class Entry extends AccumulatorEntry<Entry> {
  constructor() {
    super(100, false);
  }
}

/** Timers whose `soon` runs by hand, so that a round can be measured without the event loop. */
const turn: { tasks: (() => void)[] } = { tasks: [] };
const timers = {
  after: (delayMs: number, task: () => void) => scheduler.after(delayMs, task),
  soon: (task: () => void) => void turn.tasks.push(task),
};
const options = { drainBytesMax: 1_048_576, lingerMs: 0, batchSizeBytes: 16_384, timers };
const accumulator = new Accumulator<Entry>(options);
const done = Promise.resolve();
const queues = Array.from({ length: 128 }, () => accumulator.openQueue(() => done));

group(`accumulator, ${REQUESTS} requests in one turn`, () => {
  for (const partitions of [1, 16, 128]) {
    bench(`over ${partitions} partitions`, async () => {
      for (let at = 0; at < REQUESTS; at += 1) queues[at % partitions]?.add(new Entry());
      const { tasks } = turn;
      turn.tasks = [];
      for (const task of tasks) task();
      await done;
    });
  }
});

const refused = (): Error => new Error('refused');
const pool = new BufferPool({
  totalBytes: 32 * 1024 * 1024,
  maxBlockMs: 5000,
  timers,
  errors: { exhausted: refused, neverFits: refused, waitEnded: refused },
});
group('buffer pool', () => {
  bench('reserve and release', () => {
    do_not_optimize(pool.tryReserve(200));
    pool.release(200);
  });
});

const sticky = new StickyPartitioner(16_384, random);
const key = Buffer.from('customer-4711');
group('partitioner', () => {
  bench('sticky', () => do_not_optimize(sticky.next(12, 100)));
  bench('murmur2 of 13 bytes', () => do_not_optimize(murmur2(key)));
});

await run();
