/** Flipped bits in the time index of a closed segment, which no checksum covers. */
import { describe, expect, it } from 'vitest';
import type { Log } from '../log.js';
import { FakeBroker, filler, TIME_INDEX_0, testLog } from '../testing/log-fixture.js';
import { testBatch } from '../testing/test-batches.js';

const RETENTION_MS = 60_000;
const CHECK_MS = 5000;
const ENTRY_BYTES = 12;
const ENTRY_BITS = 8 * ENTRY_BYTES;
const RECORDS = 40;

async function appendAt(log: Log, timestamp: number): Promise<void> {
  const record = { key: null, value: filler(1000), timestamp };
  await log.writer.append([testBatch([record])], { leaderEpoch: 0 });
  log.updateHighWatermark(log.offsets.syncedEnd);
}

/** A stopped broker whose log has records of one second each, all in its first segment. */
async function stoppedBroker(records: number): Promise<FakeBroker> {
  const broker = new FakeBroker();
  const manager = await broker.open();
  const log = await testLog(manager, { 'retention.ms': String(RETENTION_MS) });
  const nowMs = broker.clock.nowMs();
  for (let at = 0; at < records; at += 1) await appendAt(log, nowMs - 1000 * (records - at));
  await log.roll();
  await appendAt(log, nowMs);
  await manager.close();
  return broker;
}

function flip(broker: FakeBroker, bit: number): void {
  broker.disk.corrupt(broker.path(TIME_INDEX_0), Math.floor(bit / 8), 1 << (bit % 8));
}

describe('a flipped bit in a time index', () => {
  it('makes retention delete no record early, and none late', async () => {
    for (let bit = 0; bit < ENTRY_BITS; bit += 1) {
      const broker = await stoppedBroker(2);
      flip(broker, bit);
      const log = await testLog(await broker.open(), { 'retention.ms': String(RETENTION_MS) });
      await broker.scheduler.advance(CHECK_MS);
      expect(log.offsets.logStart, `bit ${bit}`).toBe(0);
      await broker.scheduler.advance(RETENTION_MS);
      expect(log.offsets.logStart, `bit ${bit}`).toBe(3);
    }
  });

  it('changes no answer to a look-up by time', async () => {
    const whole = await stoppedBroker(RECORDS);
    const { length } = await whole.disk.readFile(whole.path(TIME_INDEX_0));
    expect(length).toBeGreaterThan(4 * ENTRY_BYTES);
    const last = length / ENTRY_BYTES - 1;
    for (const entry of [0, Math.floor(last / 2), last]) {
      for (let bit = entry * ENTRY_BITS; bit < (entry + 1) * ENTRY_BITS; bit += 1) {
        await expectTimesFound(bit);
      }
    }
  });
});

/** Flips a bit, and looks every record up by its time. */
async function expectTimesFound(bit: number): Promise<void> {
  const broker = await stoppedBroker(RECORDS);
  const firstMs = broker.clock.nowMs() - 1000 * RECORDS;
  flip(broker, bit);
  const log = await testLog(await broker.open());
  for (let at = 0; at < RECORDS; at += 1) {
    const found = await log.reader.offsetForTimestamp(firstMs + 1000 * at, RECORDS + 1);
    expect(found?.offset, `bit ${bit}, record ${at}`).toBe(at);
  }
}
