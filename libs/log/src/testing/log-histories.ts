import * as fc from 'fast-check';
import { parseTopicConfig, type TopicConfig } from '#protocol';
import { CLOCK_SKEW_MS } from './history-model.js';
import { type CrashMode, HistoryWorld } from './history-world.js';
import type { PlainRecord } from './record-sets.js';

/**
 * Random histories of one partition, checked against a model after every start and at the end. A
 * failure prints the seed and path to run again with SLUICE_HISTORIES_SEED and
 * SLUICE_HISTORIES_PATH.
 */
const SEED = process.env['SLUICE_HISTORIES_SEED'];
const PATH = process.env['SLUICE_HISTORIES_PATH'];
/** Looking for the shortest form of a failure takes longer than finding it. */
const IS_SHRUNK = process.env['SLUICE_HISTORIES_SHRINK'] !== 'false';

/** One thing that happens. */
type Step = (world: HistoryWorld) => Promise<void> | void;

interface NamedStep {
  readonly name: string;
  readonly run: Step;
  toString(): string;
}

const mode = fc.constantFrom<CrashMode>('lost', 'torn', 'torn', 'killed');

/** Sizes around one and several sectors of the disk. */
const valueBytes = fc.oneof(fc.nat(60), fc.nat(60), fc.integer({ min: 400, max: 1300 }));

interface DrawnRecord {
  readonly key: number;
  readonly bytes: number;
  readonly ageMs: number;
}

const drawnRecords = fc.array(
  fc.record<DrawnRecord>({
    key: fc.nat(5),
    bytes: valueBytes,
    ageMs: fc.integer({ min: -CLOCK_SKEW_MS, max: 900 }),
  }),
  { minLength: 1, maxLength: 4 },
);

const step: fc.Arbitrary<NamedStep> = fc.oneof(
  weighted(
    8,
    fc.array(drawnRecords, { minLength: 1, maxLength: 3 }),
    'append',
    (world, batches) => {
      return world.append(batches.map((records) => recordsAt(world.nowMs, records)));
    },
  ),
  weighted(
    8,
    fc.tuple(fc.nat(2), drawnRecords),
    'appendIdempotent',
    (world, [producer, records]) => {
      return world.appendIdempotent(producer, recordsAt(world.nowMs, records));
    },
  ),
  weighted(4, fc.constant(0), 'settle', (world) => world.settle()),
  weighted(2, fc.nat(40), 'turns', (world, count) => world.turns(count)),
  weighted(3, fc.constantFrom(100, 700, 2000, 6000, 12_000), 'advance', (world, ms) =>
    world.advance(ms),
  ),
  weighted(2, fc.tuple(fc.nat(2), fc.nat(6)), 'resend', (world, [producer, back]) => {
    return world.resend(producer, back);
  }),
  weighted(2, fc.constant(0), 'roll', (world) => world.roll()),
  weighted(1, fc.constant(0), 'beginLeaderEpoch', (world) => world.beginLeaderEpoch()),
  weighted(2, fc.boolean(), 'holdHighWatermark', (world, held) => world.holdHighWatermark(held)),
  weighted(2, fc.nat(12), 'truncate', (world, back) => world.truncate(back)),
  weighted(1, fc.integer({ min: 0, max: 100 }), 'deleteRecords', (world, percent) => {
    return world.deleteRecords(percent / 100);
  }),
  weighted(2, mode, 'crash', (world, how) => world.crash(how)),
  weighted(4, fc.tuple(fc.integer({ min: 1, max: 60 }), mode), 'crashAfter', (world, [n, how]) => {
    world.crashAfter(n, how);
  }),
  weighted(2, fc.constant(0), 'stop', (world) => world.stop()),
  weighted(2, fc.nat(900), 'diskFull', (world, bytes) => world.diskFull(bytes)),
  weighted(1, fc.constant(0), 'syncFails', (world) => world.syncFails()),
  weighted(1, fc.constant(0), 'check', (world) => world.check()),
);

const history = fc.record({
  seed: fc.integer(),
  batchesRemembered: fc.constantFrom(2, 512),
  tailCacheBytes: fc.constantFrom(0, 1500, 1_000_000),
  compactionMapBytes: fc.constantFrom(100, 1_000_000),
  steps: fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }),
});

type Overrides = Readonly<Record<string, string>>;

/** Kinds of logs by their clean-up. */
export const POLICIES: readonly (readonly [string, Overrides])[] = [
  ['kept for ever', { 'retention.ms': '-1' }],
  ['deleted by time', { 'retention.ms': '9000' }],
  ['deleted by size', { 'retention.ms': '-1', 'retention.bytes': '5000' }],
  ['compacted', { 'cleanup.policy': 'compact', 'delete.retention.ms': '15000' }],
  ['compacted and deleted', { 'cleanup.policy': 'compact,delete', 'retention.ms': '20000' }],
];

/** Runs this many histories of a log with these configs. @throws Error at the first failure */
export async function checkLogHistories(overrides: Overrides, count: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(history, async ({ steps, ...options }) => {
      const world = new HistoryWorld({ ...options, config: historyConfig(overrides) });
      for (const { run } of steps) await run(world);
      world.crashAfter(Number.POSITIVE_INFINITY, 'torn');
      await world.holdHighWatermark(false);
      await world.check();
      world.crash('torn');
      await world.check();
    }),
    {
      numRuns: count,
      endOnFailure: !IS_SHRUNK,
      ...(SEED === undefined ? {} : { seed: Number(SEED) }),
      ...(PATH === undefined ? {} : { path: PATH }),
    },
  );
}

function historyConfig(overrides: Overrides): TopicConfig {
  return parseTopicConfig(
    {
      'segment.bytes': '2500',
      'segment.ms': '30000',
      'min.cleanable.dirty.ratio': '0.1',
      ...overrides,
    },
    1,
  );
}

function recordsAt(nowMs: number, drawn: readonly DrawnRecord[]): PlainRecord[] {
  return drawn.map(({ key, bytes, ageMs }) => ({
    key: `key ${key}`,
    value: bytes === 0 ? null : 'v'.repeat(bytes),
    timestamp: nowMs - ageMs,
  }));
}

/** A kind of step with its arguments drawn; prints as a call. */
function weighted<T>(
  weight: number,
  argument: fc.Arbitrary<T>,
  name: string,
  run: (world: HistoryWorld, argument: T) => Promise<void> | void,
): fc.WeightedArbitrary<NamedStep> {
  const arbitrary = argument.map((value): NamedStep => {
    return {
      name,
      run: (world) => run(world, value),
      toString: () => `${name}(${JSON.stringify(value)})`,
    };
  });
  return { weight, arbitrary };
}
