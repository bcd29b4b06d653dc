import { describe, expect, it } from 'vitest';
import type { Log } from '../log.js';
import { stampBatch } from '../record-batch/record-batch.js';
import {
  appendValues,
  FakeBroker,
  filler,
  readAll,
  testLog,
  valuesBatch,
} from '../testing/log-fixture.js';

const SMALL_SEGMENTS = { 'segment.bytes': '1024' };

describe('truncation of a follower', () => {
  it('forgets an epoch that begins at the log end, where there is nothing to cut', async () => {
    const { broker, log } = await segmented(2);
    await log.leadership.assignEpoch(5);
    await log.trimmer.truncateTo(2);
    expect(log.leadership.latestEpoch).toBe(0);
    broker.crash();
    expect((await testLog(await broker.open())).leadership.latestEpoch).toBe(0);
  });

  it('accepts the loss of the records missing at the end when all of them are cut', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    for (const value of ['a', 'b', 'c']) await appendValues(log, value);
    await broker.scheduler.advance(1000);
    const { sizeBytes } = log;
    broker.crash();
    const file = await broker.disk.open(broker.path('00000000000000000000.log'), 'write');
    await file.truncate(sizeBytes - 1);
    await file.datasync();
    const again = await testLog(await broker.open());
    expect(again.damage.lostRecords).toEqual({
      ...again.damage.lostRecords,
      startOffset: 2,
      endOffset: 3,
    });
    await expect(again.trimmer.truncateTo(3)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
    });
    await again.trimmer.truncateTo(2);
    expect([again.isWritable, again.offsets.logEnd, again.damage.ranges]).toEqual([true, 2, []]);
    const election = { epoch: 1, electionId: 'first' };
    await again.leadership.stopLeading();
    await again.leadership.tryAccept(election);
    const copy = valuesBatch(['d']);
    stampBatch(copy, 2, 1);
    await again.copies.append([copy], { election, compactedEndOffset: 0, elections: [] });
    broker.crash();
    const third = await testLog(await broker.open());
    expect((await readAll(third)).map(([, value]) => value)).toEqual(['a', 'b', 'd']);
  });
});

describe('starting a log again', () => {
  it.each([0, 2, 3, 700])('at offset %i leaves an empty log that begins there', async (start) => {
    const { broker, log } = await segmented(3);
    await log.trimmer.deleteRecordsBefore(1);
    await log.trimmer.truncateFullyAndStartAt(start);
    const ends = [
      log.offsets.logStart,
      log.offsets.highWatermark,
      log.offsets.syncedEnd,
      log.offsets.logEnd,
    ];
    expect(ends).toEqual([start, start, start, start]);
    expect([log.leadership.latestEpoch, log.segments.length]).toEqual([undefined, 1]);
    broker.crash();
    const again = await testLog(await broker.open(), SMALL_SEGMENTS);
    expect([again.offsets.logStart, again.offsets.logEnd, again.isWritable]).toEqual([
      start,
      start,
      true,
    ]);
    expect(await appendValues(again, 'new')).toMatchObject({ baseOffset: start });
    expect(await readAll(again)).toEqual([[start, 'new']]);
  });

  it('forgets the producers', async () => {
    const { log } = await segmented(0);
    const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
    await log.writer.append([valuesBatch(['a'], producer)], { leaderEpoch: 0 });
    await log.trimmer.truncateFullyAndStartAt(9);
    const answer = await log.writer.append([valuesBatch(['a'], producer)], { leaderEpoch: 0 });
    expect(answer).toMatchObject({ isDuplicate: false, baseOffset: 9 });
  });

  it.each([0, 700])('at offset %i is never half done after a crash', async (start) => {
    for (let crashAt = 1; ; crashAt += 1) {
      const { broker, log } = await segmented(3);
      await log.trimmer.deleteRecordsBefore(1);
      let operations = 0;
      broker.onOperation = () => {
        operations += 1;
        if (operations === crashAt) broker.crash();
      };
      const isDone = await log.trimmer.truncateFullyAndStartAt(start).then(
        () => true,
        () => false,
      );
      broker.onOperation = undefined;
      if (isDone) return;
      const again = await testLog(await broker.open(), SMALL_SEGMENTS);
      expect(again.isWritable).toBe(true);
      // The leader's log begins at 0: a replica that lost its way there knows what it lacks.
      expect([undefined, { startOffset: 0, endOffset: 1 }]).toContainEqual(again.damage.lostStart);
      expect(again.damage.ranges).toHaveLength(again.damage.lostStart === undefined ? 0 : 1);
      // Deleted records may become visible again: the leader, whose log begins there, has them.
      const left = (await readAll(again, again.damage.lostStart?.endOffset)).map(
        ([offset]) => offset,
      );
      const first = left[0] ?? again.offsets.logEnd;
      expect(left).toEqual(left.map((_, i) => first + i));
      expect([0, 1, 2, 3, start]).toContain(again.offsets.logEnd);
      await appendValues(again, 'goes on');
    }
  });
});

/** A log with a segment for each of these many records. */
async function segmented(count: number): Promise<{ broker: FakeBroker; log: Log }> {
  const broker = new FakeBroker();
  const log = await testLog(await broker.open(), SMALL_SEGMENTS);
  for (let i = 0; i < count; i += 1) await appendValues(log, `${i}${filler(900)}`);
  return { broker, log };
}
