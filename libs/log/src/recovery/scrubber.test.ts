import { describe, expect, it } from 'vitest';
import type { LogManager } from '../data-dir/log-manager.js';
import type { Log } from '../log.js';
import {
  appendValues,
  FakeBroker,
  filler,
  LOG_0,
  readAll,
  testLog,
} from '../testing/log-fixture.js';

const SMALL_SEGMENTS = { 'segment.bytes': '1024' };
const HOUR_MS = 3_600_000;
const FIRST_PASS_MS = 70_000;

describe('the background scrub', () => {
  it('finds a flipped bit of a closed segment that nobody reads', async () => {
    const { broker, log } = await segmented();
    broker.disk.corrupt(broker.path(LOG_0), 200);
    await broker.scheduler.advance(FIRST_PASS_MS);
    expect(log.damage.ranges).toMatchObject([{ startOffset: 0, endOffset: 1 }]);
    expect(broker.seen.damagedRanges).toHaveLength(1);
  });

  it.each([
    ['beyond its segment', 6, 4],
    ['of a later batch', 7, 1],
  ])('finds a base offset that has become one %s', async (_, position, mask) => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open(), SMALL_SEGMENTS);
    for (let i = 0; i < 6; i += 1) await appendValues(log, `${i}${filler(250)}`);
    broker.disk.corrupt(broker.path(LOG_0), position, mask);
    await broker.scheduler.advance(FIRST_PASS_MS);
    expect(log.damage.ranges).toMatchObject([{ startOffset: 0, endOffset: 1, startPosition: 0 }]);
  });

  it('finds a segment that is missing between two others, once', async () => {
    const { broker } = await segmented();
    broker.crash();
    await broker.disk.removeFile(broker.path(LOG_0.replace('0.log', '1.log')));
    const log = await testLog(await broker.open(), SMALL_SEGMENTS);
    await broker.scheduler.advance(FIRST_PASS_MS);
    expect(log.damage.ranges).toMatchObject([{ startOffset: 1, endOffset: 2 }]);
    await expect(log.reader.read(1, 4096, 4)).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE' });
    expect(log.damage.ranges).toHaveLength(1);
  });

  it('goes through all closed segments, again after the interval', async () => {
    const { broker, log } = await segmented({ scrubIntervalMs: HOUR_MS });
    await broker.scheduler.advance(FIRST_PASS_MS);
    const closedBytes = log.segments.slice(0, -1).reduce((sum, one) => sum + one.sizeBytes, 0);
    expect(broker.seen).toMatchObject({ scrubPasses: 1, scrubbedBytes: closedBytes });
    await broker.scheduler.advance(HOUR_MS);
    expect(broker.seen).toMatchObject({ scrubPasses: 2, scrubbedBytes: 2 * closedBytes });
    expect(log.damage.ranges).toEqual([]);
  });

  it('takes gaps that compaction left for no damage', async () => {
    const { broker, log } = await segmented();
    log.state.denseFrom = 3;
    await broker.scheduler.advance(1000);
    broker.crash();
    await broker.disk.removeFile(broker.path(LOG_0.replace('0.log', '1.log')));
    const again = await testLog(await broker.open(), SMALL_SEGMENTS);
    await broker.scheduler.advance(FIRST_PASS_MS);
    expect(again.damage.ranges).toEqual([]);
  });

  it('reads no faster than it may, and does not keep a removal waiting', async () => {
    const { broker, manager, log } = await segmented({ scrubBytesPerSecond: 100 });
    await broker.scheduler.advance(FIRST_PASS_MS);
    expect(broker.seen.scrubPasses).toBe(0);
    await log.trimmer.deleteRecordsBefore(3);
    await broker.scheduler.advance(30_000);
    expect(await broker.names()).not.toContain(LOG_0);
    expect((await readAll(log)).map(([offset]) => offset)).toEqual([3]);
    await manager.close();
  });

  it('is off with an interval of 0', async () => {
    const { broker } = await segmented({ scrubIntervalMs: 0 });
    await broker.scheduler.advance(2 * HOUR_MS);
    expect(broker.seen.scrubbedBytes).toBe(0);
  });
});

/** A log of four segments with one record each. */
async function segmented(
  options: { scrubIntervalMs?: number; scrubBytesPerSecond?: number } = {},
): Promise<{ broker: FakeBroker; manager: LogManager; log: Log }> {
  const broker = new FakeBroker();
  const manager = await broker.open(options);
  const log = await testLog(manager, SMALL_SEGMENTS);
  for (let i = 0; i < 4; i += 1) await appendValues(log, `${i}${filler(900)}`);
  await broker.scheduler.advance(1000);
  return { broker, manager, log };
}
