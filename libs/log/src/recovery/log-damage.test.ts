import { describe, expect, it } from 'vitest';
import type { Log } from '../log.js';
import {
  appendValues,
  batchBytes,
  FakeBroker,
  filler,
  LOG_0,
  testLog,
  valuesBatch,
} from '../testing/log-fixture.js';

const COUNT = 20;

/** A log of 20 batches of one record each, all of one size, opened again after a clean stop. */
async function reopened(): Promise<{ broker: FakeBroker; log: Log; size: number }> {
  const broker = new FakeBroker();
  const manager = await broker.open();
  const log = await testLog(manager);
  for (let i = 0; i < COUNT; i += 1) await appendValues(log, filler(1000));
  await manager.close();
  return { broker, log: await testLog(await broker.open()), size: batchBytes(filler(1000)) };
}

/** Reads one offset: returns the offset of the batch, or the error's code. */
async function readOne(log: Log, offset: number): Promise<number | string> {
  try {
    const [batch] = await log.reader.read(offset, 1, log.offsets.logEnd);
    return batch?.baseOffset ?? 'nothing';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('damage below the recovery point', () => {
  const BYTES_OF_A_BATCH = [
    ['base offset, high half', 3],
    ['base offset, low half', 7],
    ['length', 10],
    ['length, lowest byte', 11],
    ['magic', 16],
    ['CRC', 18],
    ['attributes', 22],
    ['last offset delta', 26],
    ['producer id', 45],
    ['record count', 60],
    ['records', 500],
  ] as const;

  it.each(BYTES_OF_A_BATCH)(
    'in the %s of a batch is found, and nothing else is lost',
    async (_name, at) => {
      const { broker, log, size } = await reopened();
      const damaged = 9;
      broker.disk.corrupt(broker.path(LOG_0), damaged * size + at, 0x10);
      for (let offset = COUNT - 1; offset >= 0; offset -= 1) {
        expect(await readOne(log, offset)).toBe(offset === damaged ? 'CORRUPT_MESSAGE' : offset);
      }
      expect(log.damage.ranges).toMatchObject([{ startOffset: damaged, endOffset: damaged + 1 }]);
      expect(broker.seen.damagedRanges).toHaveLength(1);
    },
  );

  it('ends a read in front of it, and the next read names the range', async () => {
    const { broker, log, size } = await reopened();
    broker.disk.corrupt(broker.path(LOG_0), 9 * size + 100);
    const batches = await log.reader.read(0, 1_000_000, COUNT);
    expect(batches.at(-1)?.lastOffset).toBe(8);
    await expect(log.reader.read(9, 1_000_000, COUNT)).rejects.toMatchObject({
      code: 'CORRUPT_MESSAGE',
      members: { damagedStartOffset: 9, damagedEndOffset: 10 },
    });
    expect((await log.reader.read(10, 1_000_000, COUNT)).at(-1)?.lastOffset).toBe(COUNT - 1);
  });

  it('of several batches in a row is one range', async () => {
    const { broker, log, size } = await reopened();
    for (const batch of [5, 6, 7]) broker.disk.corrupt(broker.path(LOG_0), batch * size + 100);
    await expect(log.reader.read(6, 1, COUNT)).rejects.toMatchObject({
      members: { damagedStartOffset: 5, damagedEndOffset: 8 },
    });
    expect(await readOne(log, 4)).toBe(4);
    expect(await readOne(log, 8)).toBe(8);
  });

  it('at the end of a segment reaches to the next one', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    const log = await testLog(manager, { 'segment.bytes': '3000' });
    for (let i = 0; i < 6; i += 1) await appendValues(log, filler(1000));
    await manager.close();
    const again = await testLog(await broker.open());
    broker.disk.corrupt(broker.path(LOG_0), batchBytes(filler(1000)) + 100);
    expect(again.segments[1]?.baseOffset).toBe(2);
    await expect(again.reader.read(1, 1, 6)).rejects.toMatchObject({
      members: { damagedStartOffset: 1, damagedEndOffset: 2 },
    });
    expect(await readOne(again, 2)).toBe(2);
  });

  it('is found when it happens after the segment was read through its index', async () => {
    const { broker, log, size } = await reopened();
    expect(await readOne(log, 19)).toBe(19);
    broker.disk.corrupt(broker.path(LOG_0), 12 * size + 100);
    expect(await readOne(log, 12)).toBe('CORRUPT_MESSAGE');
    expect(await readOne(log, 13)).toBe(13);
  });

  it('does not stop appends, nor reads at the tail', async () => {
    const { broker, log, size } = await reopened();
    broker.disk.corrupt(broker.path(LOG_0), 9 * size + 100);
    expect(await readOne(log, 9)).toBe('CORRUPT_MESSAGE');
    expect(await appendValues(log, 'more')).toMatchObject({ baseOffset: COUNT });
    expect(await readOne(log, COUNT)).toBe(COUNT);
    expect(log.isWritable).toBe(true);
  });

  it('is no longer reported once its records are deleted', async () => {
    const { broker, log, size } = await reopened();
    broker.disk.corrupt(broker.path(LOG_0), 9 * size + 100);
    expect(await readOne(log, 9)).toBe('CORRUPT_MESSAGE');
    log.updateHighWatermark(COUNT);
    await log.trimmer.deleteRecordsBefore(9);
    expect(log.damage.ranges).toHaveLength(1);
    await log.trimmer.deleteRecordsBefore(10);
    expect(log.damage.ranges).toEqual([]);
  });

  it('is forgotten with the segment it is in', async () => {
    const { broker, log, size } = await reopened();
    broker.disk.corrupt(broker.path(LOG_0), 9 * size + 100);
    expect(await readOne(log, 9)).toBe('CORRUPT_MESSAGE');
    await log.roll();
    log.updateHighWatermark(COUNT);
    await log.trimmer.deleteRecordsBefore(COUNT);
    expect(log.damage.ranges).toEqual([]);
  });
});

describe('the CRC of a batch', () => {
  it('is checked once: the same bytes are not read again', async () => {
    const { broker, log, size } = await reopened();
    expect(await readOne(log, 3)).toBe(3);
    // A flip that only the CRC can see, after the check: what a second check would find.
    broker.disk.corrupt(broker.path(LOG_0), 3 * size + 500);
    expect(await readOne(log, 3)).toBe(3);
  });

  it('is checked for batches of this process, too, when they are read from disk', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await log.writer.append([valuesBatch(['a']), valuesBatch(['b'])], { leaderEpoch: 0 });
    broker.disk.corrupt(broker.path(LOG_0), 67);
    expect(await readOne(log, 0)).toBe('CORRUPT_MESSAGE');
    expect(await readOne(log, 1)).toBe(1);
  });
});
