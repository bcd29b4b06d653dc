import { describe, expect, it } from 'vitest';
import type { AppendResult } from '../log/append-round.js';
import type { Log } from '../log.js';
import { FakeBroker, LOG_0, readAll, testLog, valuesBatch } from '../testing/log-fixture.js';

/** Appends one batch of a producer. */
function produce(log: Log, baseSequence: number, ...values: string[]): Promise<AppendResult> {
  const producer = { producerId: 7, producerEpoch: 0, baseSequence };
  return log.writer.append([valuesBatch(values, producer)], { leaderEpoch: 0 });
}

function commit(log: Log): void {
  log.updateHighWatermark(log.offsets.syncedEnd);
}

describe('a retry of an idempotent producer', () => {
  it('is answered with the original offsets and writes nothing', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await produce(log, 0, 'a', 'b');
    await produce(log, 2, 'c');
    commit(log);
    expect(await produce(log, 0, 'a', 'b')).toEqual({
      baseOffset: 0,
      lastOffset: 1,
      logAppendTimeMs: null,
      isDuplicate: true,
      maxTimestampMs: 1001,
    });
    expect(log.offsets.logEnd).toBe(3);
  });

  it('waits until the original is below the high watermark', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await produce(log, 0, 'a');
    let answer: AppendResult | undefined;
    const retry = produce(log, 0, 'a').then((result) => (answer = result));
    await broker.scheduler.settle();
    expect(answer).toBeUndefined();
    commit(log);
    await retry;
    expect(answer).toMatchObject({ baseOffset: 0, isDuplicate: true });
  });

  it('is found within its original’s own round', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    log.writer.onSyncedEnd((end) => log.updateHighWatermark(end));
    const [first, retry] = await Promise.all([produce(log, 0, 'a'), produce(log, 0, 'a')]);
    expect(first.isDuplicate).toBe(false);
    expect(retry).toMatchObject({ baseOffset: 0, isDuplicate: true });
    expect(log.offsets.logEnd).toBe(1);
  });

  it('of a write that failed is written', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    broker.disk.failNext('writev', 'ENOSPC', { path: LOG_0 });
    const [first, second] = await Promise.allSettled([produce(log, 0, 'a'), produce(log, 1, 'b')]);
    expect([first.status, second.status]).toEqual(['rejected', 'rejected']);
    expect(await produce(log, 0, 'a')).toMatchObject({ baseOffset: 0, isDuplicate: false });
    expect(await produce(log, 1, 'b')).toMatchObject({ baseOffset: 1, isDuplicate: false });
  });

  it('is recognised after a power failure, from the log alone', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await produce(log, 0, 'a');
    await produce(log, 1, 'b');
    broker.crash();
    const again = await testLog(await broker.open());
    commit(again);
    expect(await produce(again, 0, 'a')).toMatchObject({ baseOffset: 0, isDuplicate: true });
    expect(await produce(again, 2, 'c')).toMatchObject({ baseOffset: 2, isDuplicate: false });
  });

  it('is recognised after a clean stop, from the snapshot', async () => {
    const broker = new FakeBroker();
    const manager = await broker.open();
    const log = await testLog(manager);
    await produce(log, 0, 'a');
    await manager.close();
    const again = await testLog(await broker.open());
    commit(again);
    expect(await produce(again, 0, 'a')).toMatchObject({ baseOffset: 0, isDuplicate: true });
  });

  it('whose original was truncated away is refused as unknown', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    await produce(log, 0, 'a');
    commit(log);
    await produce(log, 1, 'b');
    const retry = produce(log, 1, 'b');
    await broker.scheduler.settle();
    const refused = expect(retry).rejects.toMatchObject({ outcome: 'unknown' });
    await log.trimmer.truncateTo(1);
    await refused;
    expect(await produce(log, 1, 'b')).toMatchObject({ baseOffset: 1, isDuplicate: false });
  });
});

describe('sequences out of order', () => {
  it('are refused one by one, without an effect on the others of the round', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    const results = await Promise.allSettled([
      produce(log, 0, 'a'),
      produce(log, 5, 'gap'),
      produce(log, 1, 'b'),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' } });
    expect(await readAll(log)).toEqual([
      [0, 'a'],
      [1, 'b'],
    ]);
  });

  it('of an older producer epoch are fenced', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    const producer = { producerId: 7, producerEpoch: 1, baseSequence: 0 };
    await log.writer.append([valuesBatch(['new'], producer)], { leaderEpoch: 0 });
    await expect(produce(log, 0, 'old')).rejects.toMatchObject({ code: 'INVALID_PRODUCER_EPOCH' });
  });

  it('that were forgotten are told to be in the log', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open({ producerBatchesRemembered: 2 }));
    for (let i = 0; i < 4; i += 1) await produce(log, i, `v${i}`);
    await expect(produce(log, 0, 'v0')).rejects.toMatchObject({
      code: 'DUPLICATE_SEQUENCE_NUMBER',
      outcome: 'applied',
    });
  });
});
