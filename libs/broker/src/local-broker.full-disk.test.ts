import { expect, it } from 'vitest';
import type { Broker } from './broker.js';
import { failureOf } from './testing/failure-of.js';
import { produceOf, valuesOf } from './testing/records.js';
import { TestBroker } from './testing/test-broker.js';
import { TEST_DATA_DIR } from './testing/test-broker-settings.js';

const EVENTS = { topic: 'events', partition: 0 };
const RESERVE_BYTES = 10_000;
const RECORDS = 40;
const SOUND = { isDiskFull: false, heldBytes: RESERVE_BYTES };
/** Time until the reserve is checked again. */
const CHECK_MS = 1000;

it('refuses records on a full disk, serves reads, and recovers after a deletion', async () => {
  const test = await fullBroker();
  expect(test.opened.status().disk).toEqual(SOUND);
  await expectFull(test.broker);
  expect(test.opened.status().disk).toEqual({ isDiskFull: true, heldBytes: RESERVE_BYTES });
  expect(await test.broker.deleteRecords(EVENTS, RECORDS - 5)).toEqual({
    logStartOffset: RECORDS - 5,
  });
  await expectRoomAgain(test);
});

it('writes no records into the space that was freed for a deletion', async () => {
  const test = await fullBroker();
  await test.broker.deleteRecords(EVENTS, 1);
  for (let round = 0; round < 3; round += 1) {
    await test.scheduler.advance(CHECK_MS);
    expect(test.opened.status().disk).toEqual({ isDiskFull: true, heldBytes: 0 });
    await expectFull(test.broker);
  }
  await test.broker.deleteTopic('others');
  await test.broker.deleteRecords(EVENTS, RECORDS - 5);
  await expectRoomAgain(test);
});

it('makes room by a retention that is set when the disk is full', async () => {
  const test = await fullBroker();
  await test.broker.alterTopic('events', { configs: { 'retention.bytes': 2000 } });
  await test.scheduler.advance(5000);
  await expectRoomAgain(test);
});

it('starts on a full disk: reads, and has room again once records are deleted', async () => {
  const test = await fullBroker();
  await test.losePower();
  await expectFull(test.broker);
  await test.broker.deleteRecords(EVENTS, RECORDS - 5);
  await expectRoomAgain(test);
});

it('stops on a full disk without a loss', async () => {
  const test = await fullBroker({ diskReserveBytes: 0 });
  await test.opened.close();
  test.disk.capacityBytes = Number.POSITIVE_INFINITY;
  await test.open();
  const { highWatermark } = await fetchFrom(test.broker, 0);
  expect(highWatermark).toBe(RECORDS);
});

it('reserves space again after the last process freed it', async () => {
  const test = await fullBroker();
  await test.broker.deleteRecords(EVENTS, 1);
  test.disk.capacityBytes = Number.POSITIVE_INFINITY;
  await test.restart();
  expect(await test.disk.fileSize(`${TEST_DATA_DIR}/.reserve`)).toBe(RESERVE_BYTES);
  await test.broker.produce(produceOf('events', ['at once']));
});

/** A broker with records in small segments, on a disk without a byte of room. */
async function fullBroker(options = { diskReserveBytes: RESERVE_BYTES }): Promise<TestBroker> {
  const test = await TestBroker.start(options);
  const configs = { 'segment.bytes': 1024 };
  await test.broker.createTopic({ name: 'events', configs });
  await test.broker.createTopic({ name: 'others' });
  for (let record = 0; record < RECORDS; record += 1) {
    await test.broker.produce(produceOf('events', ['x'.repeat(400)]));
  }
  test.disk.capacityBytes = test.disk.usedBytes;
  return test;
}

async function expectFull(broker: Broker): Promise<void> {
  const produced = produceOf('events', ['refused']);
  const error = await failureOf(broker.produce(produced));
  expect(error).toMatchObject({ code: 'KAFKA_STORAGE_ERROR', outcome: 'failed', retriable: true });
  expect(valuesOf(await fetchFrom(broker, RECORDS - 1), RECORDS - 1)).toHaveLength(1);
}

async function expectRoomAgain({ broker, scheduler, opened }: TestBroker): Promise<void> {
  await scheduler.advance(CHECK_MS);
  expect(opened.status().disk).toEqual(SOUND);
  await broker.produce(produceOf('events', ['taken']));
  expect(valuesOf(await fetchFrom(broker, RECORDS))).toEqual([`${RECORDS}:taken`]);
}

function fetchFrom(broker: Broker, offset: number): ReturnType<Broker['fetch']> {
  return broker.fetch({ ...EVENTS, offset, maxBytes: 100_000, minBytes: 1, waitMs: 0 });
}
