import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeDisk } from '#runtime/testing';
import { replaceFile } from '../checkpoint/checkpoint-file.js';
import { OffsetIndex } from './offset-index.js';
import type { IndexOptions } from './segment-index.js';

const PATH = '/data/00000000000000001000.index';
const BASE = 1000;

let disk: FakeDisk;

beforeEach(async () => {
  disk = new FakeDisk();
  await disk.makeDirectory('/data');
});

function indexOf(...entries: [number, number][]): OffsetIndex {
  const index = OffsetIndex.empty(indexOn(disk));
  for (const [offset, position] of entries) index.append(offset, position);
  return index;
}

async function reopened(): Promise<OffsetIndex> {
  const index = await OffsetIndex.open(indexOn(disk));
  if (index === undefined) throw new Error('the index file is not sane');
  return index;
}

describe('the file', () => {
  it('has the bytes that Kafka writes', async () => {
    await indexOf([1004, 0], [1010, 4196]).flush();
    expect((await disk.readFile(PATH)).toString('hex')).toBe('00000004000000000000000a00001064');
  });

  it('is there, empty, for an index without entries', async () => {
    await indexOf().flush();
    expect((await reopened()).entryCount).toBe(0);
  });

  it.each([
    ['a torn entry', '00000004000000'],
    ['offsets that do not rise', '00000004000000000000000400000010'],
    ['positions that fall', '00000004000000100000000500000000'],
    ['an offset below the base', 'ffffffff00000000'],
  ])('with %s is not opened', async (_, hex) => {
    await replaceFile(disk, PATH, Buffer.from(hex, 'hex'));
    expect(await OffsetIndex.open(indexOn(disk))).toBeUndefined();
  });

  it('that is missing is not opened', async () => {
    expect(await OffsetIndex.open(indexOn(disk))).toBeUndefined();
  });

  it('follows truncation, further appends and flushes', async () => {
    const index = indexOf([1004, 0], [1010, 100], [1020, 200]);
    await index.flush();
    index.truncateTo(1010);
    index.append(1015, 90);
    await index.flush();
    const other = await reopened();
    expect(other.entryCount).toBe(2);
    expect(other.positionFor(1020)).toBe(90);
  });

  it('is right after a truncation amid a flush', async () => {
    const index = indexOf([1004, 0], [1010, 100], [1020, 200]);
    const flush = index.flush();
    index.truncateTo(1010);
    index.append(1011, 77);
    await flush;
    await index.flush();
    expect((await reopened()).positionFor(5000)).toBe(77);
  });

  it('is repaired by the next flush after a failed one', async () => {
    const index = indexOf([1004, 0], [1010, 100]);
    disk.failNext('writev', 'ENOSPC');
    await expect(index.flush()).rejects.toMatchObject({ code: 'ENOSPC' });
    await index.flush();
    expect((await reopened()).positionFor(1010)).toBe(100);
  });
});

describe('memory', () => {
  it('is given back only when idle and flushed, and comes back from the file', async () => {
    const index = indexOf([1004, 0], [1010, 100]);
    expect(index.unloadIfIdle()).toBe(false);
    expect(index.unloadIfIdle()).toBe(false);
    await index.flush();
    index.positionFor(1004);
    expect(index.unloadIfIdle()).toBe(false);
    expect(index.unloadIfIdle()).toBe(true);
    expect(index.isLoaded).toBe(false);
    expect(await index.load()).toBe(true);
    expect(index.positionFor(1010)).toBe(100);
  });

  it('does not come back from a file that was changed', async () => {
    const index = indexOf([1004, 0], [1010, 100]);
    await index.flush();
    index.unloadIfIdle();
    index.unloadIfIdle();
    await replaceFile(disk, PATH, Buffer.alloc(8));
    expect(await index.load()).toBe(false);
    expect(index.entryCount).toBe(0);
  });
});

it('is full at its greatest size, and refuses offsets that do not rise or fit', () => {
  const index = OffsetIndex.empty({ ...indexOn(disk), indexBytesMax: 17 });
  index.append(1001, 0);
  expect(() => index.append(1001, 5)).toThrow('after');
  expect(index.canHold(BASE + 2 ** 31)).toBe(false);
  expect(index.isFull).toBe(false);
  index.append(1002, 5);
  expect(index.isFull).toBe(true);
});

it('finds for every offset what a scan of the entries finds', async () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.nat(500)), {
    maxLength: 200,
  });
  await fc.assert(
    fc.asyncProperty(steps, fc.nat(300), async (gaps, cut) => {
      const entries: [number, number][] = [];
      let offset = BASE - 1;
      let position = 0;
      for (const [offsetGap, positionGap] of gaps) {
        offset += offsetGap;
        entries.push([offset, position]);
        position += positionGap;
      }
      const index = indexOf(...entries);
      await index.flush();
      index.truncateTo(BASE + cut);
      await index.flush();
      const kept = entries.filter(([entryOffset]) => entryOffset < BASE + cut);
      for (const candidate of [index, await reopened()]) {
        expect(candidate.entryCount).toBe(kept.length);
        for (let target = BASE - 1; target <= offset + 1; target += 7) {
          const expected = kept.findLast(([entryOffset]) => entryOffset <= target)?.[1] ?? 0;
          expect(candidate.positionFor(target)).toBe(expected);
        }
      }
    }),
    { numRuns: 150 },
  );
});

function indexOn(fileSystem: FakeDisk): IndexOptions {
  return { fileSystem, path: PATH, baseOffset: BASE };
}
