import { describe, expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import { SeededRandom } from '#runtime/testing';
import { produceOf, valuesOf } from './testing/records.js';
import { TestBroker } from './testing/test-broker.js';

const RUNS = 40;
const PARTITIONS = 3;

describe('a broker that loses power at any moment', () => {
  it.each(Array.from({ length: RUNS }, (_, run) => run))(
    'has all that was acknowledged, and nothing that was refused (seed %i)',
    async (seed) => {
      const random = new SeededRandom(seed);
      const history = new History(await TestBroker.start({ bufferMemoryBytes: 3000 }), random);
      await history.test.broker.createTopic({ name: 'events', partitions: PARTITIONS });
      for (let life = 0; life < 3; life += 1) {
        await history.live(random.below(60));
        await history.losePower();
        await history.check();
      }
    },
  );
});

/** The answers that one producer and one group got over several lives of a broker. */
class History {
  readonly test: TestBroker;
  readonly #random: SeededRandom;
  readonly #acknowledged = new Set<string>();
  readonly #refused = new Set<string>();
  #committed = 0;
  #committing = 0;
  #values = 0;

  constructor(test: TestBroker, random: SeededRandom) {
    this.test = test;
    this.#random = random;
  }

  /** Sends requests for some turns of the event loop, while some disk calls fail. */
  async live(turns: number): Promise<void> {
    for (let turn = 0; turn < turns; turn += 1) {
      for (let count = this.#random.below(4); count > 0; count -= 1) this.#produce();
      if (this.#random.below(8) === 0) this.#commit();
      if (this.#random.below(25) === 0) {
        const afterBytes = this.#random.below(200);
        this.test.disk.failNext('writev', 'ENOSPC', { path: 'events', afterBytes });
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async losePower(): Promise<void> {
    this.test.disk.crash({ random: this.#random });
    await this.test.open();
  }

  async check(): Promise<void> {
    const { broker } = this.test;
    const found: string[] = [];
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const target = { topic: 'events', partition, offset: 0, minBytes: 1, waitMs: 0 };
      const values = valuesOf(await broker.fetch({ ...target, maxBytes: 1_000_000 }));
      const offsets = values.map((value) => Number.parseInt(value, 10));
      expect(offsets).toEqual([...offsets.keys()]);
      found.push(...values.map((value) => `${partition}:${value}`));
    }
    const present = new Set(found);
    expect([...this.#acknowledged].filter((place) => !present.has(place))).toEqual([]);
    const foundValues = found.map((place) => place.slice(place.lastIndexOf(':') + 1));
    expect(foundValues.filter((value) => this.#refused.has(value))).toEqual([]);
    expect(new Set(foundValues).size).toBe(foundValues.length);
    const [offset] = await broker.committedOffsets('g');
    expect(offset?.offset ?? 0).toBeGreaterThanOrEqual(this.#committed);
    expect(offset?.offset ?? 0).toBeLessThanOrEqual(this.#committing);
  }

  #produce(): void {
    const values = Array.from({ length: 1 + this.#random.below(5) }, () => {
      this.#values += 1;
      return `value${this.#values}`;
    });
    const partitioner = this.#random.below(2) === 0 ? 'sticky' : 'roundrobin';
    this.test.broker.produce(produceOf('events', values, { partitioner })).then(
      ({ parts }) => {
        for (const { partition, indexes, baseOffset, error } of parts) {
          const ofPart = indexes === undefined ? values : indexes.map((at) => values[at] ?? '');
          for (const [at, value] of ofPart.entries()) {
            if (error !== undefined) this.#failed(error, [value]);
            else this.#acknowledged.add(`${partition}:${Number(baseOffset) + at}:${value}`);
          }
        }
        return undefined;
      },
      (error: unknown) => this.#failed(error, values),
    );
  }

  #commit(): void {
    const partition = 0;
    const place = (value: string): number => Number(value.split(':')[1]);
    const ofPartition = [...this.#acknowledged].filter((value) => value.startsWith('0:'));
    const offset = Math.max(this.#committing, ...ofPartition.map(place));
    this.#committing = offset;
    this.test.broker.commitOffsets('g', [{ topic: 'events', partition, offset }]).then(
      () => (this.#committed = Math.max(this.#committed, offset)),
      () => undefined,
    );
  }

  #failed(error: unknown, values: readonly string[]): void {
    if (!(error instanceof ProtocolError) || error.outcome !== 'failed') return;
    for (const value of values) this.#refused.add(value);
  }
}
