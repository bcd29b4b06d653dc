import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Position, ReceivedRecord } from '../received-record.js';
import { OwnedPartition } from './owned-partition.js';
import { RecordRunner, type RunnerPort, type RunOptions } from './record-runner.js';
import type { TakenRun } from './taken-run.js';

/** A consumer that has some runs of records, and then ends the run once they are handled. */
class RunsPort implements RunnerPort<string, number> {
  readonly intervalMs = 1;
  readonly partitions = [0, 1].map((partition) => new OwnedPartition({ topic: 't', partition }, 0));
  readonly commits: Position[] = [];
  #next = [0, 0];
  #left: number;

  constructor(
    runs: number,
    readonly controller: AbortController,
  ) {
    this.#left = runs;
  }

  async take(
    signal: AbortSignal,
    isWanted: (owned: OwnedPartition) => boolean,
  ): Promise<TakenRun<string, number> | undefined> {
    while (!signal.aborted && this.#left > 0) {
      const owned = this.partitions[this.#left % 2];
      if (owned !== undefined && isWanted(owned)) {
        this.#left -= 1;
        owned.takeOut();
        return { owned, records: this.#records(owned.partition), highWatermark: 100 };
      }
      await new Promise(setImmediate);
    }
    while (!signal.aborted) await new Promise(setImmediate);
    return undefined;
  }

  wake(): void {
    // It looks again by itself.
  }

  commit(offsets: readonly Position[]): Promise<void> {
    this.commits.push(...offsets);
    for (const { partition, offset } of offsets) {
      const owned = this.partitions[partition];
      if (owned !== undefined) owned.committed = offset;
    }
    return Promise.resolve();
  }

  #records(partition: number): ReceivedRecord<string, number>[] {
    return Array.from({ length: 5 }, () => {
      const offset = this.#next[partition] ?? 0;
      this.#next[partition] = offset + 1;
      const key = `k${offset % 3}`;
      return { topic: 't', partition, offset, timestamp: 0, key, value: offset, headers: [] };
    });
  }
}

/** Runs handlers that take random times; returns what began, in order, and the commits. */
async function handledBy(
  runs: number,
  options: RunOptions,
  turns: readonly number[],
): Promise<{ seen: ReceivedRecord<string, number>[]; most: number; port: RunsPort }> {
  const controller = new AbortController();
  const port = new RunsPort(runs, controller);
  const seen: ReceivedRecord<string, number>[] = [];
  let running = 0;
  let most = 0;
  let done = 0;
  const handle = async (record: ReceivedRecord<string, number>): Promise<void> => {
    running += 1;
    most = Math.max(most, running);
    const turn = turns[seen.length % turns.length] ?? 0;
    for (let left = turn; left > 0; left -= 1) await new Promise(setImmediate);
    seen.push(record);
    running -= 1;
    done += 1;
    if (done === runs * 5) controller.abort();
  };
  await new RecordRunner(handle, options, port).run(controller);
  return { seen, most, port };
}

const ORDERINGS = ['partition', 'key'] as const;

test.each(ORDERINGS)(
  'records of one %s are handled in order, up to the concurrency',
  async (ordering) => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.nat(4), { minLength: 1 }),
        async (runs, concurrency, turns) => {
          const { seen, most, port } = await handledBy(runs, { concurrency, ordering }, turns);
          expect(seen).toHaveLength(runs * 5);
          expect(most).toBeLessThanOrEqual(concurrency);
          const lanes = new Map<string, number[]>();
          for (const { partition, key, offset } of seen) {
            const lane = ordering === 'key' ? `${partition}:${key}` : String(partition);
            lanes.set(lane, [...(lanes.get(lane) ?? []), offset]);
          }
          for (const offsets of lanes.values()) {
            expect(offsets).toEqual(offsets.toSorted((one, other) => one - other));
          }
          for (const owned of port.partitions) {
            const count = seen.filter(({ partition }) => partition === owned.partition).length;
            expect(owned.committed).toBe(count === 0 ? -1 : count);
          }
        },
      ),
      { numRuns: 30 },
    );
  },
);

test('records of a partition that is revoked are not handled, and not committed', async () => {
  const controller = new AbortController();
  const port = new RunsPort(1, controller);
  const [, owned] = port.partitions;
  const seen: number[] = [];
  const handle = ({ offset }: ReceivedRecord<string, number>): void => {
    seen.push(offset);
    if (offset === 2 && owned !== undefined) owned.isRevoking = true;
    if (offset === 2) void owned?.drained().then(() => controller.abort());
  };
  await new RecordRunner(handle, {}, port).run(controller);
  expect(seen).toEqual([0, 1, 2]);
  expect(port.commits.at(-1)).toMatchObject({ partition: 1, offset: 3 });
});
