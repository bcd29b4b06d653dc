import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RecordAck } from './acknowledge-records.js';
import type { ShareConfig } from './share-context.js';
import { ShareWorld } from './testing/share-world.js';

/**
 * SLUICE_HISTORIES sets how many histories run per config; SLUICE_HISTORIES_SEED and
 * SLUICE_HISTORIES_SHRINK work as in log-histories.test.ts. A failure prints its seed.
 */
const HISTORIES = Number(process.env['SLUICE_HISTORIES'] ?? 15);
/** Many histories take long on a busy machine. */
const TIMEOUT_MS = 120_000 + HISTORIES * 500;
const SEED = process.env['SLUICE_HISTORIES_SEED'];
const IS_SHRUNK = process.env['SLUICE_HISTORIES_SHRINK'] !== 'false';
const RUN = {
  numRuns: HISTORIES,
  endOnFailure: !IS_SHRUNK,
  ...(SEED === undefined ? {} : { seed: Number(SEED) }),
};
const MEMBERS = ['m1', 'm2', 'm3'];

type Step = (world: ShareWorld) => void;

const member = fc.constantFrom(...MEMBERS);
const produced = fc.record(
  {
    key: fc.option(fc.nat(3)),
    delayMs: fc.constantFrom(-50, 0, 1000, 40_000, 40_000),
    gap: fc.constantFrom(0, 0, 0, 1, 5),
  },
  { requiredKeys: [] },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  weighted(6, fc.array(produced, { minLength: 1, maxLength: 8 }), (world, records) => {
    world.produce(records);
  }),
  weighted(10, fc.tuple(member, fc.integer({ min: 1, max: 6 })), (world, [name, recordsMax]) => {
    world.poll(name, recordsMax);
  }),
  weighted(3, fc.tuple(member, fc.constantFrom('r1', 'r2')), (world, [name, receiveId]) => {
    pollTwice(world, name, receiveId);
  }),
  weighted(
    12,
    fc.tuple(
      member,
      fc.array(fc.nat(30), { minLength: 1, maxLength: 5 }),
      fc.constantFrom<RecordAck['type']>('ack', 'ack', 'ack', 'nack', 'extend', 'reject'),
      fc.constantFrom(undefined, undefined, 0, 500, 60_000),
    ),
    (world, [name, picks, type, delayMs]) => {
      const acks = picks.map((pick) => ackOf(world, pick, type, delayMs));
      world.ack(name, acks);
    },
  ),
  weighted(
    5,
    fc.tuple(fc.constantFrom(10, 900, 10_000, 30_000, 50_000), fc.boolean()),
    (world, [ms, isTimerLate]) => world.advance(ms, isTimerLate),
  ),
  weighted(2, fc.tuple(member, fc.boolean()), (world, [name, isCounted]) => {
    world.memberGone(name, isCounted);
  }),
  weighted(3, fc.constantFrom('never', 'never', 'afterPlan', 'afterWrite'), (world, crash) => {
    world.writeDeadLetters(crash);
  }),
  weighted(3, fc.constant(0), (world) => world.readForLater()),
  weighted(3, fc.constant(0), (world) => world.scan()),
  weighted(3, fc.constant(0), (world) => world.takeLateOffers()),
  weighted(2, fc.boolean(), (world, isFinished) => world.snapshot(isFinished)),
  weighted(2, fc.constant(0), (world) => world.compact()),
  weighted(2, fc.constant(0), (world) => world.failover()),
  weighted(1, fc.nat(3), (world, records) => world.trim(records)),
  weighted(1, fc.integer({ min: 1, max: 4 }), (world, records) => world.truncate(records)),
  weighted(1, fc.constant(0), (world) => world.purge()),
  weighted(3, fc.nat(60), (world, pick) => {
    world.cancel(pick);
  }),
);

const CONFIGS: Readonly<Record<string, Partial<ShareConfig>>> = {
  'with dead letters': {},
  'with a small window': { recordLocksMax: 4 },
  'without dead letters': { hasDeadLetters: false, deliveryCountLimit: 2 },
  'in key order': { isKeyOrdered: true },
  'with a delay between retries': { retryBackoffMs: 1000, retryBackoffMaxMs: 3000 },
};

describe('a share partition', () => {
  it.each(Object.entries(CONFIGS))(
    'keeps all promises of a queue in random histories %s',
    (_name, config) => {
      fc.assert(
        fc.property(fc.array(step, { minLength: 10, maxLength: 80 }), (steps) => {
          const world = new ShareWorld(config);
          for (const run of steps) {
            run(world);
            world.assertReplay();
            expect(world.hasDeliverable).toBe(world.availableCount > 0);
          }
          assertAllDelivered(world);
        }),
        RUN,
      );
    },
    TIMEOUT_MS,
  );

  it(
    'delivers everything from an earlier offset again after a reset',
    () => {
      fc.assert(
        fc.property(
          fc.array(step, { minLength: 5, maxLength: 40 }),
          fc.array(step, { minLength: 5, maxLength: 40 }),
          fc.nat(20),
          (before, after, offset) => {
            const world = new ShareWorld();
            for (const run of before) run(world);
            world.reset(offset);
            for (const run of after) {
              run(world);
              world.assertReplay();
            }
            assertAllDelivered(world);
          },
        ),
        RUN,
      );
    },
    TIMEOUT_MS,
  );
});

function weighted<Value>(
  weight: number,
  values: fc.Arbitrary<Value>,
  run: (world: ShareWorld, value: Value) => void,
): fc.WeightedArbitrary<Step> {
  const named = values.map((value) =>
    Object.assign((world: ShareWorld) => run(world, value), {
      toString: () => `${run.toString()} of ${JSON.stringify(value)}`,
    }),
  );
  return { weight, arbitrary: named };
}

/** A repeated poll, whose first answer was lost. */
function pollTwice(world: ShareWorld, name: string, receiveId: string): void {
  const first = world.poll(name, 4, receiveId);
  if (first.length > 0) expect(world.poll(name, 4, receiveId)).toEqual(first);
}

/** An ack of one of the records in the window, or of one near it. */
function ackOf(
  world: ShareWorld,
  pick: number,
  type: RecordAck['type'],
  delayMs: number | undefined,
): RecordAck {
  const { records } = world.state.window;
  const record = records[pick % (records.length + 1)];
  const offset = record?.offset ?? pick;
  const deliveryCount = pick % 3 === 0 ? { deliveryCount: (pick % 2) + 1 } : {};
  return { offset, type, ...deliveryCount, ...(delayMs === undefined ? {} : { delayMs }) };
}

/** Asserts that every record is done in the end: nothing is lost, nothing is stuck. */
function assertAllDelivered(world: ShareWorld): void {
  for (let round = 0; round < 2 * world.topic.length + 10; round += 1) {
    world.advance(70_000);
    for (const name of MEMBERS) {
      const offsets = world.poll(name, 10);
      world.ack(
        name,
        offsets.map((offset) => ({ offset, type: 'ack' })),
      );
    }
    world.writeDeadLetters('never');
  }
  expect(world.state.window.size).toBe(0);
  const missing = world.topic.filter(({ offset }) => !world.done.has(offset));
  expect(missing).toEqual([]);
  expect(new Set(world.deadLetters).size).toBe(world.deadLetters.length);
}
