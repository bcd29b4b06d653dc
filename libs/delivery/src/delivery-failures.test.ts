import { afterEach, describe, expect, test } from 'vitest';
import { RECORD_BATCH_HEADER_BYTES, RecordBatch } from '#log';
import { ProtocolError } from '#protocol';
import { DeliveryWorld } from './testing/delivery-world.js';

/** Place of the low byte of a batch's attributes. */
const ATTRIBUTES_AT = 22;
const P0 = { topic: 'events', partition: 0 };

const worlds: DeliveryWorld[] = [];

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

describe('a subscription', () => {
  test('to a topic that does not exist is refused, and is not counted', async () => {
    const world = await opened();
    await expect(world.subscribe({ topics: ['events', 'missing'] })).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      message: 'There is no topic "missing".',
    });
    expect(world.delivery.status()).toMatchObject({ subscriptions: 0, cursors: 0 });
  });

  test('refuses a seek in a partition that it does not have', async () => {
    const world = await opened();
    const reader = await world.subscribe({ topics: ['events'] });
    const seek = reader.subscription.seek({ topic: 'events', partition: 1, offset: 0 });
    await expect(seek).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      message: 'The subscription has no partition 1 of topic "events".',
    });
  });

  test('ends when the partitions that are added are over the limit', async () => {
    const world = await opened({ cursorsMax: 2 });
    const reader = await world.subscribe({ topics: ['events'] });
    await world.broker.alterTopic('events', { partitions: 3 });
    await world.until(() => reader.endedWith !== undefined, 'the end');
    expect(reader.endedWith).toMatchObject({ code: 'THROTTLING_QUOTA_EXCEEDED' });
    expect(world.delivery.status()).toMatchObject({ subscriptions: 0, cursors: 0 });
  });

  test('at the end of its partition goes on when the leader is back', async () => {
    const world = await opened();
    const feeds = world.hold((request) => request.isFeed === true);
    const readers = [
      await world.subscribe({ topics: ['events'], from: 'latest' }),
      await world.subscribe({ topics: ['events'], from: 'latest' }),
    ];
    await world.produce(P0, 2);
    await world.until(() => feeds.count === 1, 'the feed has read the records');
    world.fetchFailure = new ProtocolError('LEADER_NOT_AVAILABLE', 'The leader is moving.');
    feeds.stop();
    feeds.release();
    await world.until(() => readers.every((one) => one.received === 2), 'the records');
    await world.produce(P0, 3);
    await world.scheduler.settle();
    expect(readers.map((one) => one.received)).toEqual([2, 2]);
    world.fetchFailure = undefined;
    await world.until(() => readers.every((one) => one.received === 5), 'the other records');
    expect(readers.flatMap((one) => [...one.faults, ...one.errors])).toEqual([]);
  });

  test('tells its client of an error that does not pass, and goes on after a seek', async () => {
    const world = await opened();
    await world.produce(P0, 2);
    for (const error of [
      new ProtocolError('KAFKA_STORAGE_ERROR', 'The disk is gone.'),
      new RangeError('a bug'),
    ]) {
      world.fetchFailure = error;
      const reader = await world.subscribe({ topics: ['events'] });
      await world.until(() => reader.errors.length === 1, 'an error');
      expect(reader.errors).toEqual([{ target: P0, error }]);
      world.fetchFailure = undefined;
      await reader.subscription.seek({ ...P0, offset: 1 });
      reader.expect({ ...P0, offset: 1 });
      reader.subscription.startFrom(P0);
      await world.until(() => reader.received === 1, 'the last record');
      expect(reader.faults).toEqual([]);
    }
  });

  test('tells its client when the position to go on at cannot be found', async () => {
    const world = await opened();
    await world.produce(P0, 2);
    const error = new ProtocolError('KAFKA_STORAGE_ERROR', 'The disk is gone.');
    const reader = await world.subscribe({ topics: ['events'], autoOffsetReset: 'earliest' });
    await world.until(() => reader.received === 2, 'the records');
    world.lookUpFailure = error;
    await reader.subscription.seek({ ...P0, offset: 0 });
    await world.broker.deleteRecords(P0, 2);
    reader.subscription.startFrom(P0);
    await world.until(() => reader.errors.length === 1, 'an error');
    expect(reader.errors).toEqual([{ target: P0, error }]);
    expect(reader.resets).toEqual([]);
  });

  test.each([
    ['follows its partition', 'latest', 'default'],
    ['follows its partition in another format', 'latest', 'json'],
    ['reads behind its end', 'earliest', 'default'],
  ] as const)('that %s gets the records before one that is damaged', async (_, from, format) => {
    const world = await opened();
    world.replaceBatch = withoutLengthOfLast;
    let reader = await world.subscribe({ topics: ['events'], from: 'latest', format });
    await world.produce(P0, 3);
    if (from === 'earliest') reader = await world.subscribe({ topics: ['events'], from });
    await world.until(() => reader.errors.length === 1, 'an error');
    expect(reader.received).toBe(2);
    expect(reader.errors).toMatchObject([{ target: P0, error: { code: 'CORRUPT_MESSAGE' } }]);
    expect(reader.faults).toEqual([]);
  });

  test('stops at a batch that cannot be unpacked, and says so', async () => {
    const world = await opened();
    const reader = await world.subscribe({ topics: ['events'], from: 'latest' });
    world.replaceBatch = asIfGzipped;
    await world.produce(P0, 3);
    await world.until(() => reader.errors.length === 1, 'an error');
    expect(reader.received).toBe(0);
    expect(reader.errors).toMatchObject([{ target: P0, error: { code: 'CORRUPT_MESSAGE' } }]);
  });
});

/** The batch, whose records have one length, with a negative length in its last record. */
function withoutLengthOfLast({ bytes, recordCount }: RecordBatch): RecordBatch {
  const damaged = Buffer.from(bytes);
  const recordBytes = (bytes.length - RECORD_BATCH_HEADER_BYTES) / recordCount;
  damaged[bytes.length - recordBytes] = 0x7f;
  return new RecordBatch(damaged);
}

/** The batch with attributes that say that it is compressed. */
function asIfGzipped({ bytes }: RecordBatch): RecordBatch {
  const damaged = Buffer.from(bytes);
  damaged[ATTRIBUTES_AT] = 1;
  return new RecordBatch(damaged);
}

async function opened(
  options: Parameters<typeof DeliveryWorld.open>[0] = {},
): Promise<DeliveryWorld> {
  const world = await DeliveryWorld.open(options);
  worlds.push(world);
  await world.createTopic('events', 1);
  return world;
}
