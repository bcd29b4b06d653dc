import { describe, expect, it } from 'vitest';
import type { TopicConfigOverrides } from '#protocol';
import type { LogManager } from '../data-dir/log-manager.js';
import type { Log } from '../log.js';
import { stampBatch } from '../record-batch/record-batch.js';
import {
  batchBytes,
  FakeBroker,
  filler,
  INDEX_0,
  LOG_0,
  readAll,
  testLog,
  valuesBatch,
} from '../testing/log-fixture.js';

const ELECTION = { epoch: 5, electionId: 'fifth' };
const LEADER = { election: ELECTION, compactedEndOffset: 0, elections: [] };
const COUNT = 12;
const SIZE = batchBytes(filler(1000));
/** Index of the damaged batch in the first of three segments. */
const DAMAGED = 2;
const FOUR_A_SEGMENT = { 'segment.bytes': String(4 * SIZE) };

describe('damage of a follower', () => {
  it('is written over with the bytes of the leader, and nothing else changes', async () => {
    const { broker, log, whole } = await damaged();
    expect(log.damage.repairOffset).toBe(DAMAGED);
    const later = [3, 4].map((offset) => copy(offset));
    const pieces = [Buffer.concat([copy(DAMAGED), ...later])];
    expect(await log.damage.repair(DAMAGED, pieces, LEADER)).toBe(true);
    expect([log.damage.repairOffset, log.damage.ranges]).toEqual([undefined, []]);
    expect(broker.seen.repairedBytes).toBe(SIZE);
    broker.crash();
    expect(await broker.disk.readFile(broker.path(LOG_0))).toEqual(whole);
    const again = await testLog(await broker.open(), FOUR_A_SEGMENT);
    expect(await readAll(again)).toHaveLength(COUNT);
  });

  it('is kept beside the log as it was found', async () => {
    const { broker, log, whole } = await damaged();
    await log.damage.repair(DAMAGED, [copy(DAMAGED)], LEADER);
    const kept = await broker.disk.readFile(broker.path(`${LOG_0}.cut-1`));
    const sound = whole.subarray(DAMAGED * SIZE, (DAMAGED + 1) * SIZE);
    expect(kept).toHaveLength(SIZE);
    expect(kept.filter((byte, i) => byte !== sound[i])).toHaveLength(1);
  });

  it('of several batches is repaired in parts, as they come', async () => {
    const { log } = await damaged([1, 2, 3]);
    expect(await log.damage.repair(1, [copy(1)], LEADER)).toBe(true);
    expect(log.damage.ranges).toMatchObject([{ startOffset: 2, endOffset: 4 }]);
    // An answer that came twice.
    expect(await log.damage.repair(1, [copy(1)], LEADER)).toBe(true);
    expect(await log.damage.repair(2, [Buffer.concat([copy(2), copy(3)])], LEADER)).toBe(true);
    expect(await readAll(log)).toHaveLength(COUNT);
  });

  it.each([
    ['another size', copy(DAMAGED, filler(999))],
    ['another offset', copy(DAMAGED + 1)],
    ['another leader epoch', copy(DAMAGED, filler(1000), 4)],
    ['nothing at all', Buffer.alloc(0)],
  ])('is not repaired by a batch of %s', async (_what, bytes) => {
    const { broker, log } = await damaged();
    const before = await broker.disk.readFile(broker.path(LOG_0));
    expect(await log.damage.repair(DAMAGED, [bytes], LEADER)).toBe(false);
    expect(await broker.disk.readFile(broker.path(LOG_0))).toEqual(before);
    expect(log.damage.repairOffset).toBe(DAMAGED);
  });

  it('is not repaired by the batch of another election of the same epoch', async () => {
    const { log } = await damaged();
    await log.leadership.tryAccept({ epoch: 9, electionId: 'ninth' });
    const leader = {
      election: { epoch: 9, electionId: 'ninth' },
      compactedEndOffset: 0,
      elections: [{ epoch: 5, electionId: 'another fifth' }],
    };
    expect(await log.damage.repair(DAMAGED, [copy(DAMAGED)], leader)).toBe(false);
  });

  it('is not repaired for a leader that is followed no more', async () => {
    const { log } = await damaged();
    await log.leadership.tryAccept({ epoch: 9, electionId: 'ninth' });
    await expect(log.damage.repair(DAMAGED, [copy(DAMAGED)], LEADER)).rejects.toMatchObject({
      code: 'LEADER_NOT_AVAILABLE',
    });
  });

  it('stays as it is where its bytes cannot be kept, and is repaired at the next try', async () => {
    const { broker, log, whole } = await damaged();
    broker.disk.failNext('writev', 'ENOSPC', { path: '.cut-1' });
    await expect(log.damage.repair(DAMAGED, [copy(DAMAGED)], LEADER)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
    });
    expect([log.isWritable, log.damage.repairOffset]).toEqual([true, DAMAGED]);
    expect(await log.damage.repair(DAMAGED, [copy(DAMAGED)], LEADER)).toBe(true);
    expect(await broker.disk.readFile(broker.path(LOG_0))).toEqual(whole);
  });

  it('whose repair could not be synced takes the log offline', async () => {
    const { broker, log } = await damaged();
    let isKept = false;
    broker.onOperation = () => {
      if (isKept || broker.disk.counts(broker.path(`${LOG_0}.cut-1`)).syncs === 0) return;
      isKept = true;
      broker.disk.failNext('datasync', 'EIO', { path: LOG_0 });
    };
    await expect(log.damage.repair(DAMAGED, [copy(DAMAGED)], LEADER)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
    });
    expect(log.isWritable).toBe(false);
  });

  it('is not repaired once a sync has failed, or the log is closed', async () => {
    const { broker, log } = await damaged();
    broker.disk.failNext('datasync', 'EIO', { path: '.log' });
    const next = copy(COUNT);
    await expect(log.copies.append([next], LEADER)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
    });
    await expect(log.damage.repair(DAMAGED, [copy(DAMAGED)], LEADER)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      retriable: false,
    });
    const other = await damaged();
    await other.manager.close();
    await expect(other.log.damage.repair(DAMAGED, [copy(DAMAGED)], LEADER)).rejects.toMatchObject({
      code: 'LEADER_NOT_AVAILABLE',
    });
  });

  it('is damage or repaired after a crash at any time of its repair', async () => {
    for (let crashAt = 1; ; crashAt += 1) {
      const { broker, log, whole } = await damaged();
      let operations = 0;
      broker.onOperation = () => {
        operations += 1;
        if (operations === crashAt) broker.crash();
      };
      const isRepaired = await log.damage.repair(DAMAGED, [copy(DAMAGED)], LEADER).catch(() => {
        return false;
      });
      broker.onOperation = undefined;
      if (operations < crashAt) break;
      const again = await testLog(await broker.open(), FOUR_A_SEGMENT);
      expect(again.offsets.logEnd).toBe(COUNT);
      const bytes = await broker.disk.readFile(broker.path(LOG_0));
      if (isRepaired) expect(bytes).toEqual(whole);
      const [found] = await again.reader.read(DAMAGED, 1, COUNT).catch(() => []);
      if (found !== undefined) expect(bytes).toEqual(whole);
    }
  });

  it('shows its records by their time again', async () => {
    const { broker, log } = await damaged();
    await broker.disk.removeFile(broker.path(INDEX_0));
    await log.damage.repair(DAMAGED, [copy(DAMAGED)], LEADER);
    expect(await log.reader.offsetForTimestamp(1000, COUNT)).toMatchObject({ offset: 0 });
    expect(await readAll(log, DAMAGED)).toHaveLength(COUNT - DAMAGED);
  });

  it('gives back the producers that a start passed over', async () => {
    const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
    const batch = valuesBatch(['once'], producer);
    stampBatch(batch, 0, 5);
    const broker = new FakeBroker();
    const log = await follower(broker);
    await log.copies.append([Buffer.concat([batch, copy(1)])], LEADER);
    broker.crash();
    broker.disk.corrupt(broker.path(LOG_0), 66);
    const again = await follower(broker);
    expect(again.damage.repairOffset).toBe(0);
    await again.damage.repair(0, [Buffer.from(batch)], LEADER);
    await again.leadership.assignEpoch(6);
    again.updateHighWatermark(2);
    const retry = valuesBatch(['once'], producer);
    expect(await again.writer.append([retry], { leaderEpoch: 6 })).toMatchObject({
      isDuplicate: true,
    });
  });
});

describe('a follower that is cut where it is damaged', () => {
  it('ends there, and has the damaged bytes beside it', async () => {
    const { broker, log } = await damaged();
    await log.damage.cut(ELECTION);
    expect([log.offsets.logEnd, log.damage.repairOffset]).toEqual([DAMAGED, undefined]);
    expect(await broker.disk.readFile(broker.path(`${LOG_0}.cut-1`))).toHaveLength(SIZE);
  });

  it('begins again where its first record was damaged and is half deleted', async () => {
    const broker = new FakeBroker();
    const log = await follower(broker, {}, { tailCacheBytes: 0 });
    await log.copies.append([Buffer.concat([wide(0), copy(3)])], LEADER);
    log.updateHighWatermark(4);
    await log.trimmer.deleteRecordsBefore(2);
    broker.disk.corrupt(broker.path(LOG_0), 66);
    await expect(log.reader.read(2, 1, 4)).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE' });
    expect(log.damage.repairOffset).toBe(2);
    await log.damage.cut(ELECTION);
    expect([log.offsets.logStart, log.offsets.logEnd]).toEqual([2, 2]);
    await log.copies.append([Buffer.concat([wide(0), copy(3)])], LEADER);
    expect((await readAll(log)).map(([offset]) => offset)).toEqual([2, 3]);
  });

  it('is not cut for a leader that is followed no more', async () => {
    const { log } = await damaged();
    await log.leadership.tryAccept({ epoch: 9, electionId: 'ninth' });
    await expect(log.damage.cut(ELECTION)).rejects.toMatchObject({ code: 'LEADER_NOT_AVAILABLE' });
    expect(log.offsets.logEnd).toBe(COUNT);
  });
});

/** A batch of one record, as a leader has it. */
function copy(baseOffset: number, value = filler(1000), leaderEpoch = 5): Buffer {
  const batch = valuesBatch([value]);
  stampBatch(batch, baseOffset, leaderEpoch);
  return batch;
}

/** A batch of three records. */
function wide(baseOffset: number): Buffer {
  const batch = valuesBatch(['a', 'b', 'c']);
  stampBatch(batch, baseOffset, 5);
  return batch;
}

async function follower(
  broker: FakeBroker,
  config: TopicConfigOverrides = {},
  options: Parameters<FakeBroker['open']>[0] = {},
): Promise<Log> {
  return followerOf(await broker.open(options), config);
}

async function followerOf(manager: LogManager, config: TopicConfigOverrides): Promise<Log> {
  const log = await testLog(manager, config);
  await log.leadership.stopLeading();
  await log.leadership.tryAccept(ELECTION);
  return log;
}

interface DamagedFollower {
  readonly broker: FakeBroker;
  readonly manager: LogManager;
  readonly log: Log;
  readonly whole: Buffer;
}

/**
 * A follower whose batches at these offsets are damaged, which a reader has met; and its first file
 * before.
 */
async function damaged(offsets: readonly number[] = [DAMAGED]): Promise<DamagedFollower> {
  const broker = new FakeBroker();
  const manager = await broker.open();
  const log = await followerOf(manager, FOUR_A_SEGMENT);
  const all = Array.from({ length: COUNT }, (_, offset) => copy(offset));
  await log.copies.append([Buffer.concat(all)], LEADER);
  log.updateHighWatermark(COUNT);
  const whole = await broker.disk.readFile(broker.path(LOG_0));
  for (const offset of offsets) broker.disk.corrupt(broker.path(LOG_0), offset * SIZE + 500);
  await expect(log.reader.read(offsets[0] ?? 0, 1, COUNT)).rejects.toMatchObject({
    code: 'CORRUPT_MESSAGE',
  });
  return { broker, manager, log, whole };
}
