/**
 * Random histories of many subscribers: each one receives exactly the log from its start on,
 * whatever it does and whatever happens to the log. SLUICE_HISTORIES and SLUICE_HISTORIES_SEED work
 * as in libs/log.
 */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProtocolError } from '#protocol';
import type { PartitionPosition } from './start-position.js';
import { DeliveryWorld, type Reader } from './testing/delivery-world.js';

const HISTORIES = Number(process.env['SLUICE_HISTORIES'] ?? 50);
const SEED = process.env['SLUICE_HISTORIES_SEED'];
const IS_SHRUNK = process.env['SLUICE_HISTORIES_SHRINK'] !== 'false';
const TOPIC = 'events';
const PARTITIONS = 2;

type Step =
  | { readonly kind: 'produce'; readonly partition: number; readonly count: number }
  | { readonly kind: 'subscribe'; readonly from: 'latest' | 'earliest'; readonly credit: number }
  | { readonly kind: 'takes'; readonly reader: number; readonly takes: boolean }
  | { readonly kind: 'grant'; readonly reader: number; readonly records: number }
  | { readonly kind: 'seek'; readonly reader: number; readonly partition: number; at: number }
  | { readonly kind: 'resume'; readonly reader: number }
  | { readonly kind: 'close'; readonly reader: number }
  | { readonly kind: 'delete'; readonly partition: number; readonly share: number }
  | { readonly kind: 'turn'; readonly turns: number };

const partition = fc.integer({ min: 0, max: PARTITIONS - 1 });
const reader = fc.nat({ max: 5 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: step('produce', { partition, count: fc.integer({ min: 1, max: 9 }) }) },
    {
      weight: 2,
      arbitrary: step('subscribe', {
        from: fc.constantFrom('latest' as const, 'earliest' as const),
        credit: fc.constantFrom(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0, 3, 20),
      }),
    },
    { weight: 3, arbitrary: step('takes', { reader, takes: fc.boolean() }) },
    { weight: 2, arbitrary: step('grant', { reader, records: fc.integer({ min: 1, max: 9 }) }) },
    { weight: 2, arbitrary: step('seek', { reader, partition, at: fc.nat({ max: 100 }) }) },
    { weight: 1, arbitrary: step('resume', { reader }) },
    { weight: 1, arbitrary: step('close', { reader }) },
    { weight: 1, arbitrary: step('delete', { partition, share: fc.nat({ max: 100 }) }) },
    { weight: 6, arbitrary: step('turn', { turns: fc.integer({ min: 1, max: 4 }) }) },
  ),
  { minLength: 10, maxLength: 120 },
);

describe('delivery', () => {
  test(
    'every subscriber gets the log from its start on: dense, in order, once',
    async () => {
      await fc.assert(
        fc.asyncProperty(steps, async (history) => {
          const world = await DeliveryWorld.open();
          await world.createTopic(TOPIC, PARTITIONS);
          const run = new HistoryRun(world);
          for (const each of history) {
            await run.take(each);
            expect(run.faults()).toEqual([]);
          }
          await run.finish();
          expect(run.faults()).toEqual([]);
          expect(world.delivery.status()).toMatchObject({ subscriptions: 0, cursors: 0 });
          await world.close();
        }),
        {
          numRuns: HISTORIES,
          endOnFailure: !IS_SHRUNK,
          ...(SEED === undefined ? {} : { seed: Number(SEED) }),
        },
      );
    },
    120_000 + HISTORIES * 500,
  );
});

interface Bounds {
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly logEndOffset: number;
}

class HistoryRun {
  readonly #readers: Reader[] = [];
  #handledErrors = new Map<Reader, number>();
  #writes: Promise<void>[] = [];
  readonly #world: DeliveryWorld;

  constructor(world: DeliveryWorld) {
    this.#world = world;
  }

  faults(): string[] {
    return this.#readers.flatMap((each) => each.faults);
  }

  async take(taken: Step): Promise<void> {
    const world = this.#world;
    if (taken.kind === 'produce') {
      // The write is not awaited: it continues while other events happen.
      this.#writes.push(world.produce({ topic: TOPIC, partition: taken.partition }, taken.count));
    } else if (taken.kind === 'subscribe') {
      const { from, credit } = taken;
      if (this.#readers.length >= 6) return;
      const creditRecords = credit === Number.POSITIVE_INFINITY ? undefined : credit;
      this.#readers.push(await world.subscribe({ topics: [TOPIC], from, creditRecords }));
    } else if (taken.kind === 'turn') {
      for (let turn = 0; turn < taken.turns; turn += 1) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    } else if (taken.kind === 'delete') {
      await this.#deleteRecords(taken.partition, taken.share);
    } else {
      await this.#takeOfReader(taken);
    }
  }

  async #takeOfReader(taken: Extract<Step, { readonly reader: number }>): Promise<void> {
    const one = this.#readers[taken.reader];
    if (one?.isOpen !== true) return;
    if (taken.kind === 'takes') one.setTakes(taken.takes);
    else if (taken.kind === 'grant') one.subscription.grant(taken.records);
    else if (taken.kind === 'close') one.close();
    else if (taken.kind === 'seek') await this.#seek(one, taken.partition, taken.at);
    else await this.#resume(one);
  }

  /** Seeks to an offset of the log given as a share of it in percent; it may be uncommitted. */
  async #seek(one: Reader, number: number, share: number): Promise<void> {
    const { logStartOffset, logEndOffset } = await this.#bounds(number);
    const offset = logStartOffset + Math.floor(((logEndOffset - logStartOffset) * share) / 100);
    const position = { topic: TOPIC, partition: number, offset };
    await this.#goOn(one, position);
  }

  /** Subscribes again, from the positions that the client has reached. */
  async #resume(one: Reader): Promise<void> {
    const offsets = [...one.next].map(([name, offset]) => ({
      topic: TOPIC,
      partition: Number(name.slice(TOPIC.length + 1)),
      offset,
    }));
    one.close();
    await one.open({ topics: [TOPIC], from: { offsets }, autoOffsetReset: 'earliest' });
    this.#handledErrors.set(one, one.errors.length);
  }

  async #deleteRecords(number: number, share: number): Promise<void> {
    const { logStartOffset, highWatermark } = await this.#bounds(number);
    const before = logStartOffset + Math.floor(((highWatermark - logStartOffset) * share) / 200);
    await this.#world.broker.deleteRecords({ topic: TOPIC, partition: number }, before);
  }

  async #bounds(number: number): Promise<Bounds> {
    const description = await this.#world.broker.describeTopic(TOPIC);
    const { logStartOffset, highWatermark, logEndOffset } = description.partitions[number] ?? {};
    return {
      logStartOffset: logStartOffset ?? 0,
      highWatermark: highWatermark ?? 0,
      logEndOffset: logEndOffset ?? 0,
    };
  }

  /**
   * Lets all readers read to the end; those whose position was deleted continue at the log start.
   */
  async finish(): Promise<void> {
    await Promise.all(this.#writes);
    for (const one of this.#readers) {
      if (!one.isOpen) continue;
      one.setTakes(true);
      one.subscription.grant(1_000_000);
    }
    const ends = await Promise.all(
      Array.from({ length: PARTITIONS }, (_, number) => this.#bounds(number)),
    );
    await this.#world.until(() => this.#seekPastDeletions(ends), 'errors of lost positions only');
    await this.#world.until(
      () =>
        this.#seekPastDeletions(ends) &&
        this.#readers.every(
          (one) =>
            !one.isOpen ||
            ends.every((end, number) => one.next.get(`${TOPIC}-${number}`) === end.highWatermark),
        ),
      'everybody has everything',
    );
    for (const one of this.#readers) if (one.isOpen) one.close();
  }

  async #goOn(one: Reader, position: PartitionPosition): Promise<void> {
    await one.subscription.seek(position);
    one.expect(position);
    one.subscription.startFrom(position);
  }

  #seekPastDeletions(ends: readonly { logStartOffset: number }[]): boolean {
    for (const one of this.#readers) {
      const handled = this.#handledErrors.get(one) ?? 0;
      for (const { target, error } of one.errors.slice(handled)) {
        expect(error).toBeInstanceOf(ProtocolError);
        expect(error).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
        const offset = ends[target.partition]?.logStartOffset ?? 0;
        // A reader that was closed after the error has no partitions to continue with.
        if (one.isOpen) void this.#goOn(one, { ...target, offset });
      }
      this.#handledErrors.set(one, one.errors.length);
    }
    return true;
  }
}

function step<Kind extends Step['kind'], Members extends object>(
  kind: Kind,
  members: { [Name in keyof Members]: fc.Arbitrary<Members[Name]> },
): fc.Arbitrary<Extract<Step, { kind: Kind }>> {
  return fc
    .record(members)
    .map((values) => ({ kind, ...values }) as unknown as Extract<Step, { kind: Kind }>);
}
