import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { type LogFields, type Logger, silentLogger } from '#runtime';
import { FakeDisk } from '#runtime/testing';
import { LeaderEpochCache } from './leader-epoch-cache.js';

const PATH = '/data/orders-0/leader-epoch-checkpoint';

let disk: FakeDisk;
let warnings: LogFields[];
const logger: Logger = { ...silentLogger, warn: (fields) => void warnings.push(fields) };

beforeEach(async () => {
  disk = new FakeDisk();
  warnings = [];
  await disk.makeDirectory('/data/orders-0');
  await disk.syncDirectory('/data');
});

async function cacheOf(...entries: [number, number][]): Promise<LeaderEpochCache> {
  const cache = await LeaderEpochCache.open(disk, PATH, logger);
  for (const [epoch, startOffset] of entries) await cache.assign(epoch, startOffset);
  return cache;
}

function pairs(cache: LeaderEpochCache): [number, number][] {
  return cache.entries.map(({ epoch, startOffset }) => [epoch, startOffset]);
}

describe('assign', () => {
  it('is in the file, as Kafka writes it, when it resolves', async () => {
    await cacheOf([0, 0], [3, 120]);
    disk.crash();
    expect((await disk.readFile(PATH)).toString()).toBe('0\n2\n0 0\n3 120\n');
    expect(pairs(await LeaderEpochCache.open(disk, PATH, logger))).toEqual([
      [0, 0],
      [3, 120],
    ]);
  });

  it('does nothing for the latest epoch', async () => {
    expect(pairs(await cacheOf([2, 10], [2, 50]))).toEqual([[2, 10]]);
  });

  it('drops recorded entries that conflict with a new one, and logs them', async () => {
    expect(pairs(await cacheOf([1, 10], [2, 20], [3, 30], [4, 20]))).toEqual([
      [1, 10],
      [4, 20],
    ]);
    expect(warnings).toEqual([
      {
        path: PATH,
        entry: { epoch: 4, startOffset: 20 },
        dropped: [
          { epoch: 2, startOffset: 20 },
          { epoch: 3, startOffset: 30 },
        ],
      },
    ]);
    expect(pairs(await cacheOf([2, 40]))).toEqual([
      [1, 10],
      [2, 40],
    ]);
  });

  it('writes again what a failed write left out', async () => {
    const cache = await cacheOf([1, 0]);
    disk.failNext('writev', 'ENOSPC');
    await expect(cache.assign(2, 10)).rejects.toMatchObject({ code: 'ENOSPC' });
    await cache.assign(2, 10);
    disk.crash();
    expect(pairs(await LeaderEpochCache.open(disk, PATH, logger))).toEqual([
      [1, 0],
      [2, 10],
    ]);
  });
});

describe('endOffsetFor', () => {
  it('answers as Kafka does', async () => {
    const cache = await cacheOf([2, 10], [4, 30], [7, 50]);
    expect(cache.endOffsetFor(7, 99)).toEqual({ epoch: 7, endOffset: 99 });
    expect(cache.endOffsetFor(8, 99)).toBeUndefined();
    expect(cache.endOffsetFor(1, 99)).toEqual({ epoch: 1, endOffset: 10 });
    expect(cache.endOffsetFor(2, 99)).toEqual({ epoch: 2, endOffset: 30 });
    expect(cache.endOffsetFor(3, 99)).toEqual({ epoch: 2, endOffset: 30 });
    expect(cache.endOffsetFor(5, 99)).toEqual({ epoch: 4, endOffset: 50 });
  });

  it('knows nothing when no epoch is known', async () => {
    expect((await cacheOf()).endOffsetFor(0, 5)).toBeUndefined();
  });
});

describe('truncation', () => {
  it('from the end forgets the epochs that begin at or above it', async () => {
    const cache = await cacheOf([1, 10], [2, 20], [3, 30]);
    cache.truncateFromEnd(20);
    expect(pairs(cache)).toEqual([[1, 10]]);
    await cache.flush();
    expect(pairs(await LeaderEpochCache.open(disk, PATH, logger))).toEqual([[1, 10]]);
  });

  it('from the start keeps the epoch that the new start was written in', async () => {
    const cache = await cacheOf([1, 10], [2, 20], [3, 30]);
    cache.truncateFromStart(25);
    expect(pairs(cache)).toEqual([
      [2, 25],
      [3, 30],
    ]);
    cache.truncateFromStart(30);
    expect(pairs(cache)).toEqual([[3, 30]]);
    cache.truncateFromStart(5);
    expect(pairs(cache)).toEqual([[3, 30]]);
    cache.truncateFromStart(40);
    expect(pairs(cache)).toEqual([[3, 40]]);
    await cache.flush();
    expect(pairs(await LeaderEpochCache.open(disk, PATH, logger))).toEqual([[3, 40]]);
  });
});

it('finds the epoch of every offset of a history of rising epochs', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(3), fc.nat(5)), { maxLength: 12 }), async (steps) => {
      const history = new FakeDisk();
      await history.makeDirectory('/data/orders-0');
      const cache = await LeaderEpochCache.open(history, PATH, logger);
      const epochs: number[] = [];
      let epoch = 0;
      for (const [rise, records] of steps) {
        epoch += rise;
        await cache.assign(epoch, epochs.length);
        for (let i = 0; i < records; i += 1) epochs.push(epoch);
      }
      for (const [offset, expected] of epochs.entries()) {
        expect(cache.epochForOffset(offset)).toBe(expected);
        const end = epochs.lastIndexOf(expected) + 1;
        expect(cache.endOffsetFor(expected, epochs.length)?.endOffset).toBe(end);
      }
    }),
    { numRuns: 200 },
  );
});
