import { describe, expect, it } from 'vitest';
import type { LogManagerOptions } from '../data-dir/log-manager-options.js';
import type { Log } from '../log.js';
import { segmentFileName } from '../segment/segment-names.js';
import { FakeBroker, filler, readAll, testLog } from '../testing/log-fixture.js';
import { testBatch } from '../testing/test-batches.js';

const COMPACTED = {
  'cleanup.policy': 'compact',
  'min.cleanable.dirty.ratio': '0',
  'segment.bytes': '1024',
} as const;
const FAST: Partial<LogManagerOptions> = { compactionBytesPerSecond: 1e12 };
const CHECK_MS = 5000;
const VALUE = filler(900);
/** Keys of the records; each record has a segment of its own. */
const KEYS = ['a', 'b', 'a', 'c', 'd', 'a', 'e', 'f'];
/** Offsets that compaction keeps. */
const KEPT = [1, 3, 4, 5, 6, 7];
const LOST = { startOffset: 4, endOffset: 5 };
const LIST = 'compacted-segments-checkpoint';

describe('a segment that is missing in the compacted part of a log', () => {
  it('is named at every start, and readers of its offsets get an error', async () => {
    const broker = await compactedBroker();
    await removeSegment(broker, 4);
    for (let start = 0; start < 3; start += 1) {
      const log = await openLog(broker);
      expect(log.damage.lostBetween).toEqual([LOST]);
      await expect(log.reader.read(4, 4096, 8)).rejects.toMatchObject({
        code: 'CORRUPT_MESSAGE',
        members: { damagedStartOffset: 4, damagedEndOffset: 5 },
      });
      expect(await offsetsOf(log, 5)).toEqual([5, 6, 7]);
      broker.crash();
    }
  });

  it('is told from the gaps that compaction left beside it', async () => {
    const broker = await compactedBroker();
    expect(await offsetsOf(await openLog(broker), 0)).toEqual(KEPT);
    broker.crash();
    await removeSegment(broker, 3);
    // The segment before has lost its only record, at offset 2, to compaction.
    const lost = { startOffset: 2, endOffset: 4 };
    expect((await openLog(broker)).damage.lostBetween).toEqual([lost]);
  });

  it('keeps the log from being compacted until its loss is accepted', async () => {
    const broker = await compactedBroker();
    await removeSegment(broker, 4);
    const log = await openLog(broker);
    await append(log, 'b');
    await log.roll();
    const before = broker.seen.cleanedSegments;
    await broker.scheduler.advance(3 * CHECK_MS);
    expect(broker.seen.cleanedSegments).toBe(before);
    await log.damage.acceptLoss(LOST);
    broker.crash();
    const again = await openLog(broker);
    expect([again.damage.lostBetween, again.damage.ranges]).toEqual([[], []]);
    await broker.scheduler.advance(3 * CHECK_MS);
    expect(broker.seen.cleanedSegments).toBeGreaterThan(before);
    broker.crash();
    const last = await openLog(broker);
    expect([last.damage.lostBetween, await offsetsOf(last, 0)]).toEqual([[], [3, 5, 6, 7, 8]]);
  });

  it('is not a loss below the log start', async () => {
    const broker = await compactedBroker();
    const log = await openLog(broker);
    await log.trimmer.deleteRecordsBefore(6);
    broker.crash();
    const again = await openLog(broker);
    expect([again.damage.lostBetween, again.damage.lostStart]).toEqual([[], undefined]);
  });

  it('is not noticed without the list, which an operator may remove', async () => {
    const broker = await compactedBroker();
    await removeSegment(broker, 4);
    await broker.disk.removeFile(broker.path(LIST));
    await broker.disk.syncDirectory(broker.path(''));
    expect((await openLog(broker)).damage.lostBetween).toEqual([]);
  });

  it('is not noticed with a damaged list, which is quarantined', async () => {
    const broker = await compactedBroker();
    broker.disk.corrupt(broker.path(LIST), 0);
    expect((await openLog(broker)).damage.lostBetween).toEqual([]);
    expect(await broker.disk.fileSize(broker.path(`${LIST}.corrupt`))).toBeGreaterThan(0);
  });
});

it('a truncation removes its segments from the list', async () => {
  const broker = await compactedBroker();
  const log = await openLog(broker);
  const listed = async (): Promise<string> =>
    (await broker.disk.readFile(broker.path(LIST))).toString();
  expect(await listed()).toBe('0\n8\n0\n1\n2\n3\n4\n5\n6\n7\n');
  await log.trimmer.truncateTo(5);
  expect(await listed()).toMatch(/^0\n\d\n0\n1\n2\n3\n4\n(5\n)?$/);
  await log.trimmer.truncateFullyAndStartAt(0);
  expect(await listed()).toBe('0\n0\n');
});

describe('no segment counts as missing after a crash at any moment', () => {
  it('of a compaction', async () => {
    await crashAtEachOperation(async (broker, log) => {
      await append(log, 'b');
      await log.roll();
      await broker.scheduler.advance(2 * CHECK_MS);
    });
  });

  it('of a truncation', async () => {
    await crashAtEachOperation((_, log) => log.trimmer.truncateTo(2));
  });

  it('of a truncation of everything', async () => {
    await crashAtEachOperation((_, log) => log.trimmer.truncateFullyAndStartAt(20));
  });

  it('of a deletion of old records', async () => {
    await crashAtEachOperation((_, log) => log.trimmer.deleteRecordsBefore(2));
  });
});

/** A stopped broker whose log was compacted, and has one closed segment for each record. */
async function compactedBroker(keys = KEYS): Promise<FakeBroker> {
  const broker = new FakeBroker();
  const log = await openLog(broker);
  for (const key of keys) await append(log, key);
  await log.roll();
  await broker.scheduler.advance(CHECK_MS);
  expect(log.state.cleanedEnd).toBe(keys.length);
  broker.crash();
  return broker;
}

async function openLog(broker: FakeBroker): Promise<Log> {
  const log = await testLog(await broker.open(FAST), COMPACTED);
  log.updateHighWatermark(log.offsets.syncedEnd);
  return log;
}

async function append(log: Log, key: string): Promise<void> {
  await log.writer.append([testBatch([{ key, value: VALUE, timestamp: 0 }])], { leaderEpoch: 0 });
  log.updateHighWatermark(log.offsets.syncedEnd);
}

async function removeSegment(broker: FakeBroker, baseOffset: number): Promise<void> {
  await broker.disk.removeFile(broker.path(segmentFileName(baseOffset, 'log')));
  await broker.disk.syncDirectory(broker.path(''));
}

async function crashAtEachOperation(
  change: (broker: FakeBroker, log: Log) => Promise<unknown>,
): Promise<void> {
  for (let crashAt = 1, hasCrashed = true; hasCrashed; crashAt += 1) {
    const broker = await compactedBroker(KEYS.slice(0, 3));
    const log = await openLog(broker);
    let operations = 0;
    hasCrashed = false;
    broker.onOperation = () => {
      operations += 1;
      if (operations !== crashAt) return;
      hasCrashed = true;
      broker.crash();
    };
    await change(broker, log).catch(() => undefined);
    broker.onOperation = undefined;
    broker.crash();
    const again = await openLog(broker);
    expect([again.damage.lostBetween, again.damage.lostStart], `crash at ${crashAt}`).toEqual([
      [],
      undefined,
    ]);
  }
}

async function offsetsOf(log: Log, from: number): Promise<number[]> {
  return (await readAll(log, from)).map(([offset]) => offset);
}
