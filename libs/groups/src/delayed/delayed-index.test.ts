import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeDisk } from '#runtime/testing';
import { compareDue, type DueCursor } from '../queue/share-change.js';
import { MemoryLog, type TestRecord } from '../queue/testing/memory-log.js';
import { DelayedIndex } from './delayed-index.js';

const BEGIN: DueCursor = { atMs: -1, offset: -1 };
const ALL = { pendingFrom: 0, untilMs: 1e15, recordsMax: 1e9 };
const DIRECTORY = '/orders-0';

const PLAIN: TestRecord = {};

let disk: FakeDisk;
beforeEach(async () => {
  disk = new FakeDisk();
  await disk.makeDirectory(DIRECTORY);
  await disk.syncDirectory('/');
});

function open(log: MemoryLog, tailRecordsMax = 100): DelayedIndex {
  return new DelayedIndex({ log, fileSystem: disk, directory: DIRECTORY, tailRecordsMax });
}

/** Offsets of all that the index lists. */
async function offsetsOf(index: DelayedIndex): Promise<number[]> {
  const { records } = await index.list({ from: BEGIN, ...ALL });
  return records.map(({ offset }) => offset);
}

async function runFiles(): Promise<string[]> {
  return (await disk.readDirectory(DIRECTORY)).map(({ name }) => name).toSorted();
}

describe('the index of delayed records', () => {
  it('lists what is due in the order of its time, a part at a time', async () => {
    const log = new MemoryLog();
    log.append(300, PLAIN, 100);
    log.append(PLAIN);
    log.append(200, 100);
    const index = open(log);
    const question = { from: BEGIN, pendingFrom: 0, untilMs: 250, recordsMax: 2 };
    const first = await index.list(question);
    expect(first.records).toEqual([
      { atMs: 100, offset: 2, keyHash: null },
      { atMs: 100, offset: 5, keyHash: null },
    ]);
    expect(first).toMatchObject({ to: { atMs: 100, offset: 5 }, indexedTo: 6, nextAtMs: 200 });
    const second = await index.list({ ...question, from: first.to });
    expect(second.records).toMatchObject([{ atMs: 200, offset: 4 }]);
    expect(second.to.atMs).toBe(250);
    expect(second.nextAtMs).toBe(300);
  });

  it('finds records that came since the last question', async () => {
    const log = new MemoryLog();
    log.append(100);
    const index = open(log);
    await index.list({ from: BEGIN, ...ALL });
    log.append(50, 150);
    const { records, indexedTo } = await index.list({ from: BEGIN, ...ALL });
    expect(records.map(({ atMs }) => atMs)).toEqual([50, 100, 150]);
    expect(indexedTo).toBe(3);
    expect(index.rebuildsTotal).toBe(1);
  });

  it('keeps a tail in memory, and the rest in sorted files', async () => {
    const log = new MemoryLog();
    for (let at = 0; at < 400; at += 1) log.append(900 - at, PLAIN, 500 + at, 700);
    const index = open(log, 200);
    const found: DueCursor[] = [];
    let from = BEGIN;
    while (found.length < 1200) {
      const { records, to } = await index.list({ from, ...ALL, recordsMax: 70 });
      found.push(...records);
      from = to;
    }
    expect(found).toEqual(found.toSorted(compareDue));
    expect(new Set(found.map(({ offset }) => offset)).size).toBe(1200);
    expect(index.count).toBe(1200);
    expect(index.memoryBytes).toBeLessThanOrEqual((200 + 6 * 2 * 512) * 20);
    expect(index.rebuildsTotal).toBe(1);
  });

  it('reads each block once when it is asked again and again between two blocks', async () => {
    const log = new MemoryLog();
    for (let at = 0; at < 1200; at += 1) log.append(1000 + at);
    const index = open(log, 1200);
    const question = { from: { atMs: 1000 + 511, offset: 511 }, pendingFrom: 0, recordsMax: 10 };
    await index.list({ ...question, untilMs: 1600 });
    const [file = ''] = await runFiles();
    const { reads } = disk.counts(`${DIRECTORY}/${file}`);
    for (let times = 0; times < 5; times += 1) {
      const { nextAtMs } = await index.list({ ...question, untilMs: 1511 });
      expect(nextAtMs).toBe(1512);
    }
    expect(disk.counts(`${DIRECTORY}/${file}`).reads).toBe(reads);
  });

  it('keeps the keys of records', async () => {
    const log = new MemoryLog();
    const delay = ['sluice.deliver.at', '70'] as const;
    log.append({ key: 'a', header: delay }, { key: 'b', header: delay });
    log.append({ key: 'a', header: delay }, 70);
    const index = open(log, 2);
    const { records } = await index.list({ from: BEGIN, ...ALL });
    const keys = records.map(({ keyHash }) => keyHash);
    expect(keys).toEqual([keys[0], keys[1], keys[0], null]);
    expect(keys[0]).not.toBe(keys[1]);
  });

  it('reads the log from the oldest pending record on, and again for an older one', async () => {
    const log = new MemoryLog();
    for (let at = 0; at < 20; at += 1) log.append(at);
    const index = open(log);
    const late = await index.list({ ...ALL, from: BEGIN, pendingFrom: 15 });
    expect(late.records.map(({ offset }) => offset)).toEqual([15, 16, 17, 18, 19]);
    expect(await offsetsOf(index)).toHaveLength(20);
    expect(index.rebuildsTotal).toBe(2);
  });

  it('skips damage and batches that cannot be unpacked', async () => {
    const log = new MemoryLog();
    log.append(10, 20);
    log.append(30);
    log.append(40);
    log.damagedTo = 2;
    log.pack(1);
    expect(await offsetsOf(open(log))).toEqual([3]);
  });

  it('answers with an empty list until it has read the whole log', async () => {
    const log = new MemoryLog();
    for (let at = 0; at < 5; at += 1) log.append(30);
    const options = { log, fileSystem: disk, directory: DIRECTORY, tailRecordsMax: 100 };
    const index = new DelayedIndex({ ...options, questionBytesMax: 1 });
    const first = await index.list({ ...ALL, from: BEGIN, untilMs: 77 });
    expect(first).toMatchObject({ records: [], to: BEGIN, indexedTo: 3, nextAtMs: 77 });
    expect(await offsetsOf(index)).toEqual([0, 1, 2, 3, 4]);
  });
});

describe('the files of an index of delayed records', () => {
  it('are used after a restart, and only the log after them is read', async () => {
    const log = new MemoryLog();
    for (let at = 0; at < 60; at += 1) log.append(1000 - at);
    const index = open(log, 25);
    await offsetsOf(index);
    await index.save();
    disk.crash();
    log.append(7);
    log.reads = 0;
    const again = open(log, 25);
    expect(await offsetsOf(again)).toHaveLength(61);
    expect(log.reads).toBe(1);
    expect(again.rebuildsTotal).toBe(0);
  });

  it('have full runs after a crash: only the tail is read again', async () => {
    const log = new MemoryLog();
    for (let at = 0; at < 60; at += 1) log.append(1000 - at);
    await offsetsOf(open(log, 25));
    disk.crash();
    const again = open(log, 25);
    expect(await offsetsOf(again)).toHaveLength(60);
    expect(again.rebuildsTotal).toBe(0);
  });

  it.each([
    ['a head', 30],
    ['a block of entries', 70],
  ])('are built again when %s is damaged', async (_what, position) => {
    const log = new MemoryLog();
    for (let at = 0; at < 60; at += 1) log.append(1000 - at);
    await offsetsOf(open(log, 25));
    const [first] = await runFiles();
    const file = await disk.open(`${DIRECTORY}/${first}`, 'write');
    await file.writev([Buffer.from([0xff, 0xfe, 0xfd])], position);
    await file.close();
    const again = open(log, 25);
    expect(await offsetsOf(again)).toHaveLength(60);
    expect(again.rebuildsTotal).toBe(1);
  });

  it('are built again when one is missing', async () => {
    const log = new MemoryLog();
    for (let at = 0; at < 90; at += 1) log.append(1000 - at);
    await offsetsOf(open(log, 25));
    const [, second] = await runFiles();
    await disk.removeFile(`${DIRECTORY}/${second}`);
    expect(await offsetsOf(open(log, 25))).toHaveLength(90);
  });

  it('are built again when one was cut to a part', async () => {
    const log = new MemoryLog();
    for (let at = 0; at < 90; at += 1) log.append(1000 - at);
    await offsetsOf(open(log, 25));
    for (const name of await runFiles()) {
      const path = `${DIRECTORY}/${name}`;
      const file = await disk.open(path, 'write');
      await file.truncate(((await disk.fileSize(path)) ?? 0) - 1);
      await file.close();
    }
    const again = open(log, 25);
    expect(await offsetsOf(again)).toHaveLength(90);
    expect(again.rebuildsTotal).toBe(1);
  });

  it('are removed when the log no longer has their records', async () => {
    const log = new MemoryLog();
    for (let at = 0; at < 60; at += 1) log.append(1000 - at);
    const index = open(log, 25);
    await offsetsOf(index);
    const before = await runFiles();
    log.logStartOffset = 40;
    await index.list({ ...ALL, from: BEGIN });
    expect((await runFiles()).length).toBeLessThan(before.length);
    log.truncate(50);
    expect(await offsetsOf(index)).toEqual([49, 48, 47, 46, 45, 44, 43, 42, 41, 40]);
  });

  it.each(['in the same process', 'after a restart'])(
    'are built again %s when the log was truncated and has grown past its old end',
    async (when) => {
      const log = new MemoryLog();
      for (let at = 0; at < 60; at += 1) log.append(1000 - at);
      const before = open(log, 25);
      await offsetsOf(before);
      await before.save();
      // A new leader, which was not in sync, has only the first 30 records.
      log.truncate(30);
      log.leaderEpoch = 2;
      for (let at = 0; at < 40; at += 1) log.append(PLAIN, 5000 + at);
      const index = when === 'after a restart' ? open(log, 25) : before;
      const expected = [
        ...Array.from({ length: 30 }, (_, at) => 29 - at),
        ...Array.from({ length: 40 }, (_, at) => 31 + 2 * at),
      ];
      expect(await offsetsOf(index)).toEqual(expected);
      // Later records of the same log are only read on.
      const { rebuildsTotal } = index;
      log.leaderEpoch = 3;
      log.append(1);
      expect(await offsetsOf(index)).toEqual([110, ...expected]);
      expect(index.rebuildsTotal).toBe(rebuildsTotal);
    },
  );
});

it('lists the same as a sorted list, whatever comes in between', async () => {
  const times = fc.array(fc.nat(50), { minLength: 1, maxLength: 5 });
  const step = fc.oneof(times, fc.nat(60), fc.constantFrom('save', 'restart'));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.nat(8), async (steps, bound) => {
      disk = new FakeDisk();
      await disk.makeDirectory(DIRECTORY);
      await disk.syncDirectory('/');
      const log = new MemoryLog();
      let index = open(log, bound + 1);
      const all: DueCursor[] = [];
      let from = BEGIN;
      for (const one of steps) {
        if (one === 'save') {
          await index.save();
        } else if (one === 'restart') {
          disk.crash();
          index = open(log, bound + 1);
        } else if (typeof one === 'number') {
          const { records, to } = await index.list({ ...ALL, from, untilMs: one, recordsMax: 3 });
          const expected = all
            .filter((entry) => compareDue(entry, from) > 0 && compareDue(entry, to) <= 0)
            .toSorted(compareDue);
          expect(records).toMatchObject(expected);
          from = to;
        } else {
          for (const [at, atMs] of one.entries()) {
            all.push({ atMs, offset: log.highWatermark + at });
          }
          log.append(...one);
        }
      }
    }),
    { numRuns: 200 },
  );
});
