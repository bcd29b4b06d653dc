import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeDisk } from '#runtime/testing';
import { replaceFile } from '../checkpoint/checkpoint-file.js';
import type { IndexOptions } from './segment-index.js';
import { TimeIndex } from './time-index.js';

const PATH = '/data/00000000000000001000.timeindex';
const BASE = 1000;

let disk: FakeDisk;

beforeEach(async () => {
  disk = new FakeDisk();
  await disk.makeDirectory('/data');
});

describe('the file', () => {
  it('has the bytes that Kafka writes', async () => {
    const index = TimeIndex.empty(indexOn(disk));
    index.maybeAppend(1_700_000_000_000, 1004);
    await index.flush();
    expect((await disk.readFile(PATH)).toString('hex')).toBe('0000018bcfe5680000000004');
  });

  it.each([
    ['a torn entry', '0000018bcfe568000000'],
    ['timestamps that do not rise', '0000018bcfe56800000000040000018bcfe5680000000005'],
    ['offsets that fall', '0000018bcfe56800000000040000018bcfe5680100000003'],
    ['an offset below the base', '0000018bcfe56800ffffffff'],
  ])('with %s is not opened', async (_, hex) => {
    await replaceFile(disk, PATH, Buffer.from(hex, 'hex'));
    expect(await TimeIndex.open(indexOn(disk))).toBeUndefined();
  });
});

it('skips an entry whose timestamp is not above the last', () => {
  const index = TimeIndex.empty(indexOn(disk));
  index.maybeAppend(50, 1001);
  index.maybeAppend(50, 1002);
  index.maybeAppend(40, 1003);
  expect(index.entryCount).toBe(1);
  expect(index.lastEntry).toEqual({ timestamp: 50, offset: 1001 });
});

it('keeps one place for the entry that a roll forces', () => {
  const index = TimeIndex.empty({ ...indexOn(disk), indexBytesMax: 24 });
  index.maybeAppend(1, 1001);
  expect(index.isFull).toBe(true);
  index.maybeAppend(2, 1002);
  expect(() => index.maybeAppend(3, 1003)).toThrow('full');
});

it('gives its memory back when idle, and takes it again from the file', async () => {
  const index = TimeIndex.empty(indexOn(disk));
  index.maybeAppend(50, 1001);
  await index.flush();
  expect(index.unloadIfIdle()).toBe(false);
  expect(index.unloadIfIdle()).toBe(true);
  expect(await index.load()).toBe(true);
  expect(index.lookup(99)).toEqual({ timestamp: 50, offset: 1001 });
});

it('finds for every time what a scan of the entries finds', async () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: -3, max: 20 }), fc.nat(9)), { maxLength: 100 });
  await fc.assert(
    fc.asyncProperty(steps, fc.nat(300), async (gaps, cut) => {
      const index = TimeIndex.empty(indexOn(disk));
      const entries: { timestamp: number; offset: number }[] = [];
      let timestamp = 0;
      let offset = BASE;
      for (const [timeGap, offsetGap] of gaps) {
        timestamp += timeGap;
        offset += offsetGap;
        index.maybeAppend(timestamp, offset);
        if (timestamp > (entries.at(-1)?.timestamp ?? -1)) entries.push({ timestamp, offset });
      }
      await index.flush();
      index.truncateTo(BASE + cut);
      await index.flush();
      const kept = entries.filter((entry) => entry.offset < BASE + cut);
      const reopened = await TimeIndex.open(indexOn(disk));
      for (let target = -1; target < 250; target += 9) {
        const expected = kept.findLast((entry) => entry.timestamp <= target);
        const answer = expected ?? { timestamp: -1, offset: BASE };
        expect(index.lookup(target)).toEqual(answer);
        expect(reopened?.lookup(target)).toEqual(answer);
      }
    }),
    { numRuns: 150 },
  );
});

function indexOn(fileSystem: FakeDisk): IndexOptions {
  return { fileSystem, path: PATH, baseOffset: BASE };
}
