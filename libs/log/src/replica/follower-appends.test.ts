import { describe, expect, it } from 'vitest';
import type { TopicConfigOverrides } from '#protocol';
import type { LogManager } from '../data-dir/log-manager.js';
import type { Log } from '../log.js';
import { emptyBatch } from '../record-batch/empty-batch.js';
import { CRC_AT, stampBatch } from '../record-batch/record-batch.js';
import { HeldFileSystem } from '../testing/held-file-system.js';
import {
  batchBytes,
  FakeBroker,
  FETCHED,
  filler,
  INDEX_0,
  LOG_0,
  readAll,
  testLog,
  valuesBatch,
} from '../testing/log-fixture.js';

const EPOCH_FILE = 'leader-epoch-checkpoint';
const ELECTION_FILE = 'leader-election-checkpoint';
const ELECTION = { epoch: 5, electionId: 'fifth' };
const PRODUCER = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
const LEADER = { election: ELECTION, compactedEndOffset: 0, elections: [] };

describe('the copies of a follower', () => {
  it('are the bytes of the leader, synced when the append resolves', async () => {
    const { broker, log } = await follower();
    await log.copies.append([copies([0, ['a', 'b']], [2, ['c']])], LEADER);
    expect([log.offsets.logEnd, log.offsets.syncedEnd]).toEqual([3, 3]);
    broker.crash();
    expect(await broker.disk.readFile(broker.path(LOG_0))).toEqual(
      copies([0, ['a', 'b']], [2, ['c']]),
    );
    expect(await readAll(await testLog(await broker.open()))).toEqual([
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
    ]);
  });

  it('can be read up to the log end before they are synced', async () => {
    const { broker, log } = await follower({}, { tailCacheBytes: 100_000 });
    log.writer.onLogEnd(FETCHED);
    let readable: number | undefined;
    broker.onOperation = () => {
      if (log.offsets.logEnd === 1)
        readable ??= log.reader.readCached(0, 1, log.offsets.logEnd)?.length;
    };
    await log.copies.append([copies([0, ['a']])], LEADER);
    expect(readable).toBe(1);
    expect(log.offsets.highWatermark).toBe(0);
  });

  it('are refused as a whole when one has a wrong checksum', async () => {
    const { log } = await follower();
    const bytes = copies([0, ['a']], [1, ['b']]);
    bytes[batchBytes('a') + CRC_AT] = (bytes[batchBytes('a') + CRC_AT] ?? 0) ^ 1;
    await expect(log.copies.append([bytes], LEADER)).rejects.toMatchObject({
      code: 'CORRUPT_MESSAGE',
    });
    expect(log.offsets.logEnd).toBe(0);
  });

  it.each([
    ['a gap', copies([1, ['a']])],
    ['a gap between batches', copies([0, ['a']], [2, ['b']])],
    ['what is there already', copies([0, ['a']], [0, ['b']])],
    ['an earlier epoch', copies([0, ['a'], 2], [1, ['b'], 1])],
    ["an epoch after the leader's", copies([0, ['a'], 6])],
    ['a part of a header', copies([0, ['a']], [1, ['b']]).subarray(0, batchBytes('a') + 11)],
    ['half a batch', copies([0, ['a']], [1, ['b']]).subarray(0, batchBytes('a') + 30)],
  ])('are refused with %s', async (_what, bytes) => {
    const { log } = await follower();
    await expect(log.copies.append([bytes], LEADER)).rejects.toMatchObject({
      code: 'CORRUPT_MESSAGE',
    });
    expect(log.offsets.logEnd).toBe(0);
  });

  it('have gaps where the leader was compacted, which are not damage after a crash', async () => {
    const { broker, log } = await follower();
    const compacted = { ...LEADER, compactedEndOffset: 9 };
    await log.copies.append([copies([3, ['a']], [8, ['b']], [9, ['c']])], compacted);
    await expect(log.copies.append([copies([12, ['d']])], compacted)).rejects.toMatchObject({
      code: 'CORRUPT_MESSAGE',
    });
    broker.crash();
    const again = await testLog(await broker.open());
    expect(again.damage.ranges).toEqual([]);
    expect((await readAll(again)).map(([offset]) => offset)).toEqual([3, 8, 9]);
  });

  it('have no gap before it is recorded that there may be one', async () => {
    const { broker, log } = await follower();
    const compacted = { ...LEADER, compactedEndOffset: 9 };
    broker.disk.failNext('writev', 'EIO', { path: 'compacted-end' });
    await expect(log.copies.append([copies([3, ['a']])], compacted)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
    });
    expect([broker.disk.waitingFaults, log.compactedEndOffset, log.offsets.logEnd]).toEqual([
      0, 0, 0,
    ]);
    await log.copies.append([copies([3, ['a']])], compacted);
    expect([log.compactedEndOffset, log.offsets.logEnd]).toEqual([3, 4]);
  });

  it('record the epoch that a batch begins before the batch is on disk', async () => {
    const { broker, log } = await follower();
    broker.disk.failNext('writev', 'EIO', { path: EPOCH_FILE });
    await expect(log.copies.append([copies([0, ['a'], 3])], LEADER)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
    });
    expect(broker.disk.counts(broker.path(LOG_0)).writes).toBe(0);
    await log.copies.append([copies([0, ['a'], 3], [1, ['b'], 5])], LEADER);
    broker.crash();
    const again = await testLog(await broker.open());
    expect([0, 1].map((offset) => again.leadership.epochAt(offset))).toEqual([3, 5]);
    expect(String(await broker.disk.readFile(broker.path(EPOCH_FILE)))).toBe('0\n2\n3 0\n5 1\n');
  });

  it('bring the producer state along, without a look at the sequences', async () => {
    const { log } = await follower();
    const producer = { producerId: 7, producerEpoch: 0, baseSequence: 40 };
    const batch = valuesBatch(['a', 'b'], producer);
    stampBatch(batch, 0, 1);
    await log.copies.append([Buffer.from(batch)], LEADER);
    await log.leadership.assignEpoch(6);
    log.updateHighWatermark(2);
    expect(await log.writer.append([batch], { leaderEpoch: 6 })).toMatchObject({
      isDuplicate: true,
      baseOffset: 0,
    });
  });

  it('go to several segments where they are more than one takes', async () => {
    const { log } = await follower({ 'segment.bytes': '1024' });
    const value = filler(600);
    await log.copies.append([copies([0, [value]], [1, [value]], [2, [value]])], LEADER);
    expect(log.segments.map(({ baseOffset }) => baseOffset)).toEqual([0, 1, 2]);
    expect((await readAll(log)).map(([offset]) => offset)).toEqual([0, 1, 2]);
  });

  it('leave the log as it was when a write fails, and are taken at the next try', async () => {
    const { broker, log } = await follower();
    await log.copies.append([copies([0, ['a']])], LEADER);
    broker.disk.failNext('writev', 'ENOSPC', { path: LOG_0, afterBytes: 10 });
    await expect(log.copies.append([copies([1, ['b']])], LEADER)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      outcome: 'failed',
    });
    expect(log.offsets.logEnd).toBe(1);
    await log.copies.append([copies([1, ['b']])], LEADER);
    expect((await readAll(log)).map(([, value]) => value)).toEqual(['a', 'b']);
  });

  it('are refused until the next start once a sync has failed', async () => {
    const { broker, log } = await follower();
    broker.disk.failNext('datasync', 'EIO', { path: LOG_0 });
    await expect(log.copies.append([copies([0, ['a']])], LEADER)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      outcome: 'unknown',
    });
    await expect(log.copies.append([copies([0, ['a']])], LEADER)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      outcome: 'failed',
      retriable: false,
    });
  });

  it('are refused once the log is closed', async () => {
    const { log, manager } = await follower();
    await manager.close();
    await expect(log.copies.append([copies([0, ['a']])], LEADER)).rejects.toMatchObject({
      code: 'LEADER_NOT_AVAILABLE',
      message: expect.stringContaining('has closed the log'),
    });
  });

  it('are refused while the reserve of a full disk is used', async () => {
    const { broker, log, manager } = await follower({}, { diskReserveBytes: 1000 });
    broker.disk.capacityBytes = broker.disk.usedBytes;
    const next = { epoch: 6, electionId: 'sixth' };
    await log.leadership.tryAccept(next);
    expect(manager.reserve.isWhole).toBe(false);
    const leader = { ...LEADER, election: next };
    await expect(log.copies.append([copies([0, ['a']])], leader)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      message: expect.stringContaining('The disk is full'),
    });
  });

  it('begin with the batch that has the log start inside it', async () => {
    const { broker, log } = await follower();
    await log.trimmer.truncateFullyAndStartAt(7);
    await log.copies.append([copies([5, ['a', 'b', 'c', 'd']], [9, ['e']])], LEADER);
    expect([log.offsets.logStart, log.offsets.logEnd]).toEqual([7, 10]);
    broker.crash();
    const again = await testLog(await broker.open());
    expect(again.damage.ranges).toEqual([]);
    expect(await readAll(again)).toEqual([
      [7, 'c'],
      [8, 'd'],
      [9, 'e'],
    ]);
  });

  it('are indexed beyond a gap that is larger than an index entry can tell', async () => {
    const { broker, log } = await follower();
    const far = 2 ** 33;
    await log.copies.append([copies([far, ['a']])], {
      ...LEADER,
      compactedEndOffset: far + 1,
    });
    expect(await readAll(log)).toEqual([[far, 'a']]);
    broker.crash();
    const again = await testLog(await broker.open());
    expect(await readAll(again)).toEqual([[far, 'a']]);
    expect(await broker.names()).not.toContain(INDEX_0);
  });

  it('are taken by a follower alone, and appends by a leader alone', async () => {
    const { log } = await follower();
    await expect(log.writer.append([valuesBatch(['a'])], { leaderEpoch: 1 })).rejects.toMatchObject(
      {
        code: 'LEADER_NOT_AVAILABLE',
        outcome: 'failed',
      },
    );
    await log.leadership.assignEpoch(1);
    await log.writer.append([valuesBatch(['a'])], { leaderEpoch: 1 });
    await expect(log.copies.append([copies([1, ['b']])], LEADER)).rejects.toMatchObject({
      code: 'LEADER_NOT_AVAILABLE',
    });
  });

  it('are taken of the leader that is followed alone, and nothing is cut for another', async () => {
    const { log } = await follower();
    await log.copies.append([copies([0, ['a']])], LEADER);
    const next = { epoch: 5, electionId: 'another' };
    const acceptance = log.leadership.tryAccept(next);
    const late = [
      log.copies.append([copies([1, ['b']])], LEADER),
      log.trimmer.truncateTo(0, ELECTION),
      log.trimmer.truncateFullyAndStartAt(9, ELECTION),
    ];
    await acceptance;
    for (const one of late) {
      await expect(one).rejects.toMatchObject({ code: 'LEADER_NOT_AVAILABLE', outcome: 'failed' });
    }
    expect(log.offsets.logEnd).toBe(1);
    await log.copies.append([copies([1, ['b']])], { ...LEADER, election: next });
  });
});

describe('a leader that begins to follow', () => {
  it('refuses the appends that wait, and answers the one that is being written', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await log.leadership.assignEpoch(1);
    const isWriting = new Promise<void>((resolve) => {
      const { writes } = broker.disk.counts(broker.path(LOG_0));
      broker.onOperation = () => {
        if (broker.disk.counts(broker.path(LOG_0)).writes > writes) resolve();
      };
    });
    const written = log.writer.append([valuesBatch(['a'])], { leaderEpoch: 1 });
    await isWriting;
    const waiting = log.writer.append([valuesBatch(['b'])], { leaderEpoch: 1 });
    const [first, second] = await Promise.allSettled([
      written,
      waiting,
      log.leadership.stopLeading(),
    ]);
    expect(first.status).toBe('fulfilled');
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'LEADER_NOT_AVAILABLE' } });
    expect(log.offsets.logEnd).toBe(1);
  });

  it('may try again when the epochs cannot be written', async () => {
    const { broker, log } = await follower();
    await log.leadership.assignEpoch(6);
    broker.disk.failNext('open', 'EIO', { path: EPOCH_FILE });
    await expect(log.leadership.stopLeading()).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      retriable: true,
    });
    await log.leadership.stopLeading();
    expect(log.leadership.latestEpoch).toBeUndefined();
  });

  it('forgets an epoch in which it has written nothing', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await log.writer.append([valuesBatch(['a'])], { leaderEpoch: 1 });
    await log.leadership.assignEpoch(4);
    await log.leadership.stopLeading();
    expect(log.leadership.latestEpoch).toBe(1);
  });

  it('answers a retry whose original may yet be lost with an unknown outcome', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await log.writer.append([valuesBatch(['a'], PRODUCER)], { leaderEpoch: 1 });
    const retry = log.writer.append([valuesBatch(['a'], PRODUCER)], { leaderEpoch: 1 });
    await broker.scheduler.settle();
    void log.leadership.stopLeading();
    await expect(retry).rejects.toMatchObject({ outcome: 'unknown' });
  });

  it('answers a retry that is read while it stops leading with an unknown outcome', async () => {
    const broker = new FakeBroker();
    const held = new HeldFileSystem(broker.disk.mount());
    const log = await testLog(await broker.open({}, held.port));
    await log.writer.append([valuesBatch(['a'], PRODUCER)], { leaderEpoch: 1 });
    held.heldPath = LOG_0;
    const other = log.writer.append([valuesBatch(['b'])], { leaderEpoch: 1 });
    const retry = log.writer.append([valuesBatch(['a'], PRODUCER)], { leaderEpoch: 1 });
    await broker.scheduler.settle();
    void log.leadership.stopLeading();
    held.releaseAll();
    await other;
    await expect(retry).rejects.toMatchObject({
      code: 'LEADER_NOT_AVAILABLE',
      outcome: 'unknown',
    });
  });

  it.each(['deleteLog', 'setAside'] as const)(
    'answers a retry with an unknown outcome when its replica moves away by %s',
    async (call) => {
      const broker = new FakeBroker();
      const logManager = await broker.open();
      const log = await testLog(logManager);
      await log.writer.append([valuesBatch(['a'], PRODUCER)], { leaderEpoch: 1 });
      const retry = log.writer.append([valuesBatch(['a'], PRODUCER)], { leaderEpoch: 1 });
      const answered = expect(retry).rejects.toMatchObject({
        code: 'LEADER_NOT_AVAILABLE',
        outcome: 'unknown',
      });
      await broker.scheduler.settle();
      await logManager[call](log.topicPartition);
      await answered;
    },
  );

  it('keeps what its leader keeps, however old', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open(), { 'retention.ms': '1', 'segment.ms': '1' });
    await log.leadership.stopLeading();
    await log.leadership.tryAccept(ELECTION);
    await log.copies.append([copies([0, ['a']], [1, ['b']])], LEADER);
    log.updateHighWatermark(2);
    await broker.scheduler.advance(20_000);
    expect(log.offsets.logStart).toBe(0);
    await log.leadership.assignEpoch(9);
    await broker.scheduler.advance(20_000);
    expect(log.offsets.logStart).toBe(2);
  });
});

describe('the elections of a log', () => {
  const first = { epoch: 7, electionId: 'first' };
  const second = { epoch: 7, electionId: 'second' };

  it('are accepted durably, and earlier ones are refused from then on', async () => {
    const { broker, log } = await follower();
    expect(await log.leadership.tryAccept(first)).toBe(true);
    broker.crash();
    const again = await testLog(await broker.open());
    expect(again.leadership.acceptedElection).toEqual(first);
    expect(await again.leadership.tryAccept(ELECTION)).toBe(false);
    expect(await again.leadership.tryAccept(first)).toBe(true);
  });

  it('are not accepted when the disk does not take them', async () => {
    const { broker, log } = await follower();
    broker.disk.failNext('open', 'EIO', { path: ELECTION_FILE });
    await expect(log.leadership.tryAccept(first)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
    });
    expect(log.leadership.acceptedElection).toEqual(ELECTION);
  });

  it('are those of its newest batch where none was accepted', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await log.writer.append([valuesBatch(['a'])], { leaderEpoch: 6 });
    expect(log.leadership.acceptedElection).toEqual({ epoch: 6, electionId: undefined });
    expect(await log.leadership.tryAccept({ epoch: 5, electionId: 'x' })).toBe(false);
  });

  it('tell batches of one epoch number apart', async () => {
    const { broker, log } = await follower();
    await log.copies.append([copies([0, ['a'], 2])], LEADER);
    await log.leadership.tryAccept(first);
    const leader = { election: first, compactedEndOffset: 0, elections: [first] };
    await log.copies.append([copies([1, ['b'], 7])], leader);
    await log.leadership.tryAccept(second);
    for (const one of [log, await testLog(await reopened(broker))]) {
      expect(one.leadership.electionIdOf(7)).toBe('first');
      expect(one.leadership.electionEnd(7, 'first')).toEqual({
        epoch: 7,
        endOffset: 2,
        electionId: 'first',
      });
      expect(one.leadership.electionEnd(7, 'second')).toMatchObject({ epoch: 2, endOffset: 1 });
      expect(one.leadership.electionEnd(7, undefined)).toMatchObject({ epoch: 7, endOffset: 2 });
      expect(one.leadership.electionEnd(9, 'x')).toMatchObject({ epoch: 7, endOffset: 2 });
      expect(one.leadership.electionEnd(1, undefined)).toMatchObject({ epoch: 1, endOffset: 0 });
    }
  });

  it('have the id of the batches that took the place of those cut', async () => {
    const { broker, log } = await follower();
    for (const election of [first, second]) {
      await log.leadership.tryAccept(election);
      await log.trimmer.truncateTo(0, election);
      const leader = { election, compactedEndOffset: 0, elections: [election] };
      await log.copies.append([copies([0, [election.electionId], 7])], leader);
    }
    const again = await testLog(await reopened(broker));
    expect(again.leadership.electionIdOf(7)).toBe('second');
  });
});

type Copy = readonly [baseOffset: number, values: readonly string[], leaderEpoch?: number];

/** Batches as a leader has them. */
function copies(...batches: readonly Copy[]): Buffer {
  return Buffer.concat(
    batches.map(([baseOffset, values, leaderEpoch = 1]) => {
      const lastOffset = baseOffset + values.length - 1;
      const batch =
        values.length === 0 ? emptyBatch({ baseOffset, lastOffset }, 1) : valuesBatch(values);
      stampBatch(batch, baseOffset, leaderEpoch);
      return batch;
    }),
  );
}

async function follower(
  config: TopicConfigOverrides = {},
  options: Parameters<FakeBroker['open']>[0] = {},
): Promise<{ readonly broker: FakeBroker; readonly log: Log; readonly manager: LogManager }> {
  const broker = new FakeBroker();
  const manager = await broker.open(options);
  const log = await testLog(manager, config);
  await log.leadership.stopLeading();
  await log.leadership.tryAccept(ELECTION);
  return { broker, log, manager };
}

function reopened(broker: FakeBroker): ReturnType<FakeBroker['open']> {
  broker.crash();
  return broker.open();
}
