import { describe, expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import type { FetchResult, ProduceResult } from './broker.js';
import { failureOf } from './testing/failure-of.js';
import { type PlainRecord, produceOf, valuesOf } from './testing/records.js';
import { SlowSyncs } from './testing/slow-syncs.js';
import { TestBroker, type TestBrokerOptions } from './testing/test-broker.js';
import { TEST_DATA_DIR } from './testing/test-broker-settings.js';

describe('produce', () => {
  it('answers the offsets of the records, which can be fetched then', async () => {
    const { broker } = await started();
    await broker.createTopic({ name: 'events' });
    const result = await broker.produce(produceOf('events', ['a', 'b']));
    expect(result.parts).toMatchObject([
      { partition: 0, indexes: undefined, baseOffset: 0, logAppendTimeMs: null, error: undefined },
    ]);
    expect(valuesOf(await fetchAll(broker, 'events'))).toEqual(['0:a', '1:b']);
  });

  it('writes the requests of one turn as one record batch, each with its own offsets', async () => {
    const { broker } = await started();
    await broker.createTopic({ name: 'events' });
    const results = await Promise.all(
      ['a', 'b', 'c'].map((value) => broker.produce(produceOf('events', [value, value]))),
    );
    expect(results.map((result) => result.parts[0]?.baseOffset)).toEqual([0, 2, 4]);
    expect((await fetchAll(broker, 'events')).batches).toHaveLength(1);
  });

  it('writes a request of very many records in its turn, and whole', async () => {
    const { broker } = await started({ bufferMemoryBytes: 32 * 1024 * 1024 });
    await broker.createTopic({ name: 'events' });
    const many = Array.from({ length: 20_000 }, () => 'm');
    const requests = [['a'], many, ['b'], many, ['c']].map((values) => {
      return broker.produce(produceOf('events', values));
    });
    const results = await Promise.all(requests);
    expect(results.map((result) => result.parts[0]?.baseOffset)).toEqual([
      0, 1, 20_001, 20_002, 40_002,
    ]);
  });

  it('keeps the sequences of a producer in order, large batches or small', async () => {
    const { broker } = await started({ bufferMemoryBytes: 32 * 1024 * 1024 });
    await broker.createTopic({ name: 'events' });
    const { producerId, producerEpoch } = await broker.initProducer();
    const inTurn = [1, 20_000, 3, 20_000, 1].map((count, index, counts) => {
      const sequence = counts.slice(0, index).reduce((sum, each) => sum + each, 0);
      const records = Array.from({ length: count }, () => ({ value: 'm', partition: 0 }));
      const producer = { producerId, producerEpoch, sequence };
      return broker.produce(produceOf('events', records, { producer }));
    });
    const results = await Promise.all(inTurn);
    expect(results.map((result) => result.parts[0]?.baseOffset)).toEqual([
      0, 1, 20_001, 20_004, 40_004,
    ]);
  });

  it('places records by their partition, by the hash of their key, else sticky', async () => {
    const { broker } = await started();
    await broker.createTopic({ name: 'events', partitions: 12 });
    const result = await broker.produce(
      produceOf('events', [
        { value: 'k', key: 'foobar' },
        { value: 'p', key: 'foobar', partition: 3 },
        { value: 's1' },
        { value: 's2' },
      ]),
    );
    expect(placesOf(result, 4).slice(0, 2)).toEqual([6, 3]);
    const [sticky1, sticky2] = placesOf(result, 4).slice(2);
    expect(sticky1).toBe(sticky2);
  });

  it('takes the partitions in turns when asked to', async () => {
    const { broker } = await started();
    await broker.createTopic({ name: 'events', partitions: 3 });
    const request = produceOf('events', ['a', 'b', 'c', 'd'], { partitioner: 'roundrobin' });
    const places = placesOf(await broker.produce(request), 4);
    expect(new Set(places.slice(0, 3)).size).toBe(3);
    expect(places[3]).toBe(places[0]);
  });

  it('stamps records without a timestamp, and all records under LogAppendTime', async () => {
    const test = await started();
    const { broker, clock } = test;
    await broker.createTopic({ name: 'own' });
    await broker.createTopic({
      name: 'stamped',
      configs: { 'message.timestamp.type': 'LogAppendTime' },
    });
    const records = [{ value: 'a' }, { value: 'b', timestamp: 5 }];
    const own = await broker.produce(produceOf('own', records));
    expect(own.parts[0]).toMatchObject({ createTimeMs: clock.nowMs(), logAppendTimeMs: null });
    const stamped = await broker.produce(produceOf('stamped', records));
    expect(stamped.parts[0]).toMatchObject({ logAppendTimeMs: clock.nowMs() });
  });

  it.each([
    ['message.timestamp.after.max.ms', {}, 3_600_000, 3_600_001],
    ['message.timestamp.after.max.ms', { 'message.timestamp.after.max.ms': '0' }, 0, 1],
    [
      'message.timestamp.before.max.ms',
      { 'message.timestamp.before.max.ms': '1000' },
      -1000,
      -1001,
    ],
  ])('compares timestamps with its clock by %s %j', async (key, configs, accepted, refused) => {
    const { broker, clock } = await started();
    await broker.createTopic({ name: 'events', configs });
    const stamped = (distanceMs: number, i: number): PlainRecord => {
      return { value: String(i), timestamp: clock.nowMs() + distanceMs };
    };
    await broker.produce(produceOf('events', [stamped(accepted, 0)]));
    const request = produceOf('events', [stamped(0, 1), stamped(refused, 2)]);
    const error = await failureOf(broker.produce(request));
    expect(error).toMatchObject({ code: 'INVALID_TIMESTAMP', outcome: 'failed' });
    expect(error.faults).toEqual([
      { pointer: '/records/1/timestamp', detail: expect.stringContaining(key) as string },
    ]);
    expect(valuesOf(await fetchAll(broker, 'events'))).toEqual(['0:0']);
  });

  it('refuses a record that is delayed for longer than it is kept', async () => {
    const { broker, clock } = await started();
    const configs = { 'retention.ms': '1000' };
    await broker.createTopic({ name: 'short', configs });
    await broker.createTopic({
      name: 'compacted',
      configs: { ...configs, 'cleanup.policy': 'compact' },
    });
    await broker.createTopic({ name: 'endless', configs: { 'retention.ms': '-1' } });
    const delayed = (topic: string, delayMs: number) => {
      const request = produceOf(topic, [{ key: 'k', value: 'a' }]);
      const delay = { deliverAtMs: clock.nowMs() + delayMs, member: '/delayMs' };
      return { ...request, records: { ...request.records, delays: new Map([[0, delay]]) } };
    };
    await broker.produce(delayed('short', 1000));
    await broker.produce(delayed('compacted', 1001));
    await broker.produce(delayed('endless', 1001));
    expect(await failureOf(broker.produce(delayed('short', 1001)))).toMatchObject({
      code: 'INVALID_TIMESTAMP',
      outcome: 'failed',
      faults: [{ pointer: '/records/0/delayMs' }],
    });
  });

  it('takes any timestamp under LogAppendTime, and any age by default', async () => {
    const { broker } = await started();
    const configs = {
      'message.timestamp.type': 'LogAppendTime',
      'message.timestamp.before.max.ms': '0',
      'message.timestamp.after.max.ms': '0',
    };
    await broker.createTopic({ name: 'stamped', configs });
    await broker.createTopic({ name: 'old' });
    const records = [
      { value: 'a', timestamp: 0 },
      { value: 'b', timestamp: 2 ** 52 },
    ];
    await broker.produce(produceOf('stamped', records));
    await broker.produce(produceOf('old', records.slice(0, 1)));
    expect(valuesOf(await fetchAll(broker, 'stamped'))).toEqual(['0:a', '1:b']);
  });

  it('does not say of a retry that has become too old that it was never written', async () => {
    const { broker, clock } = await started();
    const configs = { 'message.timestamp.before.max.ms': '1000' };
    await broker.createTopic({ name: 'events', configs });
    const producer = { ...(await broker.initProducer()), sequence: 0 };
    const records = [{ value: 'a', partition: 0, timestamp: clock.nowMs() }];
    const request = { ...produceOf('events', records), producer };
    await broker.produce(request);
    clock.advance(1001);
    expect(await failureOf(broker.produce(request))).toMatchObject({
      code: 'INVALID_TIMESTAMP',
      outcome: 'unknown',
    });
  });

  it.each<[string, PlainRecord, string, string]>([
    [
      'a partition that is not there',
      { value: 'x', partition: 2 },
      'UNKNOWN_TOPIC_OR_PARTITION',
      '/partition',
    ],
    ['no key', { value: 'x' }, 'INVALID_RECORD', '/key'],
    [
      'a negative timestamp',
      { value: 'x', key: 'k', timestamp: -2 },
      'INVALID_TIMESTAMP',
      '/timestamp',
    ],
    ['too many bytes', { value: 'x'.repeat(500), key: 'k' }, 'MESSAGE_TOO_LARGE', ''],
  ])('writes nothing of a request in which one record has %s', async (_, record, code, member) => {
    const { broker } = await started();
    const configs = { 'cleanup.policy': 'compact', 'max.message.bytes': 500 };
    await broker.createTopic({ name: 'table', partitions: 2, configs });
    const error = await failureOf(
      broker.produce(produceOf('table', [{ value: 'ok', key: 'k' }, record, record])),
    );
    expect(error.code).toBe(code);
    expect(error.outcome).toBe('failed');
    expect(error.faults.map((fault) => fault.pointer)).toEqual([
      `/records/1${member}`,
      `/records/2${member}`,
    ]);
    const { partitions } = await broker.describeTopic('table');
    expect(partitions.map((partition) => partition.logEndOffset)).toEqual([0, 0]);
  });

  it('names both sizes when a record is too large, and takes one that just fits', async () => {
    const { broker } = await started();
    await broker.createTopic({ name: 'small', configs: { 'max.message.bytes': 200 } });
    // 61 bytes of batch header, 2 of length, 6 of attributes and deltas, 2 of value length, 1 of
    // headers.
    const fits = 'x'.repeat(200 - 61 - 2 - 4 - 2 - 1);
    const error = await failureOf(broker.produce(produceOf('small', [`${fits}x`])));
    expect(error.message).toContain('201 bytes');
    expect(error.message).toContain('200');
    await broker.produce(produceOf('small', [fits]));
  });

  it('refuses topics that are not there, and those of the cluster', async () => {
    const { broker } = await started();
    expect((await failureOf(broker.produce(produceOf('nowhere', ['a'])))).code).toBe(
      'UNKNOWN_TOPIC_OR_PARTITION',
    );
    expect((await failureOf(broker.produce(produceOf('__own', ['a'])))).code).toBe(
      'INVALID_TOPIC_EXCEPTION',
    );
    await broker.createTopic({ name: 'events' });
    await broker.commitOffsets('g', [{ topic: 'events', partition: 0, offset: 0 }]);
    expect((await failureOf(broker.produce(produceOf('__consumer_offsets', ['a'])))).code).toBe(
      'INVALID_TOPIC_EXCEPTION',
    );
  });

  it('creates a topic once for concurrent produces, where that is enabled', async () => {
    const { broker } = await started({ autoCreateTopics: true });
    expect(broker.topicLimits('new')).toMatchObject({ partitions: 1, compacted: false });
    await Promise.all(['a', 'b'].map((value) => broker.produce(produceOf('new', [value]))));
    expect(valuesOf(await fetchAll(broker, 'new'))).toHaveLength(2);
    expect(broker.topicLimits('__new')).toBeUndefined();
    expect(broker.topicLimits('no/name')).toBeUndefined();
  });

  it('answers acks=0 before anything is written, without offsets', async () => {
    const { broker, scheduler } = await started();
    await broker.createTopic({ name: 'events' });
    const result = await broker.produce(produceOf('events', ['a'], { acks: '0' }));
    expect(result.parts[0]?.baseOffset).toBeNull();
    expect((await broker.describeTopic('events')).partitions[0]?.logEndOffset).toBe(0);
    await scheduler.settle();
    expect(valuesOf(await fetchAll(broker, 'events'))).toEqual(['0:a']);
  });

  it('gives all buffer memory back, whatever became of the requests', async () => {
    const test = await started();
    const { broker, opened } = test;
    await broker.createTopic({ name: 'events', partitions: 3 });
    const total = opened.status().bufferTotalBytes;
    await broker.produce(produceOf('events', ['a', 'b', 'c'], { partitioner: 'roundrobin' }));
    test.disk.failNext('writev', 'ENOSPC', { path: 'events' });
    await failureOf(broker.produce(produceOf('events', ['a'])));
    await broker.produce(produceOf('events', ['a'], { acks: '0' }));
    await test.scheduler.settle();
    expect(opened.status().bufferAvailableBytes).toBe(total);
  });

  it('answers a full disk as failed and retriable, and goes on when there is room', async () => {
    const test = await started();
    await test.broker.createTopic({ name: 'events' });
    test.disk.failNext('writev', 'ENOSPC', { path: 'events', afterBytes: 30 });
    const error = await failureOf(test.broker.produce(produceOf('events', ['lost'])));
    expect(error).toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      retriable: true,
      outcome: 'failed',
    });
    await test.broker.produce(produceOf('events', ['kept']));
    expect(valuesOf(await fetchAll(test.broker, 'events'))).toEqual(['0:kept']);
  });

  it('answers a failed sync as unknown, hides its records and takes no writes', async () => {
    const test = await started();
    await test.broker.createTopic({ name: 'events' });
    await test.broker.produce(produceOf('events', ['a']));
    test.disk.failNext('datasync', 'EIO', { path: 'events' });
    const error = await failureOf(test.broker.produce(produceOf('events', ['b'])));
    expect(error).toMatchObject({ code: 'KAFKA_STORAGE_ERROR', outcome: 'unknown' });
    expect(valuesOf(await fetchAll(test.broker, 'events'))).toEqual(['0:a']);
    const next = await failureOf(test.broker.produce(produceOf('events', ['c'])));
    expect(next).toMatchObject({ code: 'KAFKA_STORAGE_ERROR', outcome: 'failed' });
    expect(test.opened.status().partitions).toMatchObject([{ topic: 'events', isWritable: false }]);
  });

  it('lists the parts when only some partitions failed', async () => {
    const test = await started();
    await test.broker.createTopic({ name: 'events', partitions: 2 });
    test.disk.failNext('writev', 'ENOSPC', { path: 'events-1' });
    const result = await test.broker.produce(
      produceOf('events', [
        { value: 'a', partition: 1 },
        { value: 'b', partition: 0 },
      ]),
    );
    expect(result.parts).toMatchObject([
      { partition: 1, indexes: [0], baseOffset: null, error: { code: 'KAFKA_STORAGE_ERROR' } },
      { partition: 0, indexes: [1], baseOffset: 0, error: undefined },
    ]);
  });
});

describe('produce with full buffers', () => {
  const half = 'x'.repeat(600);

  it('waits for room, and is refused after max.block.ms', async () => {
    const test = await started({ bufferMemoryBytes: 1000, maxBlockMs: 5000 });
    await test.broker.createTopic({ name: 'events' });
    const first = test.broker.produce(produceOf('events', [half]));
    const second = test.broker.produce(produceOf('events', [half]));
    expect(test.opened.status().bufferWaiters).toBe(1);
    const parts = await Promise.all([first, second]);
    expect(parts.map((result) => result.parts[0]?.baseOffset)).toEqual([0, 1]);
  });

  it('is refused at once with acks=0, and where the caller may not wait', async () => {
    const test = await started({ bufferMemoryBytes: 1000 });
    await test.broker.createTopic({ name: 'events' });
    const first = test.broker.produce(produceOf('events', [half]));
    for (const options of [{ acks: '0' }, { mayBlock: false }] as const) {
      const error = await failureOf(test.broker.produce(produceOf('events', [half], options)));
      expect(error).toMatchObject({ code: 'BUFFER_EXHAUSTED', outcome: 'failed' });
    }
    await first;
    expect(test.opened.status().bufferExhaustedTotal).toBe(2);
  });

  it('is refused when it could never fit, or the caller is gone', async () => {
    const test = await started({ bufferMemoryBytes: 1000 });
    await test.broker.createTopic({ name: 'events' });
    const large = await failureOf(test.broker.produce(produceOf('events', ['x'.repeat(2000)])));
    expect(large).toMatchObject({ code: 'REQUEST_TOO_LARGE', outcome: 'failed' });
    expect(large.message).toContain('the whole buffer for records has 1000');
    const first = test.broker.produce(produceOf('events', [half]));
    const caller = new AbortController();
    const request = { ...produceOf('events', [half]), signal: caller.signal };
    const second = failureOf(test.broker.produce(request));
    caller.abort();
    expect(await second).toMatchObject({ code: 'REQUEST_TIMED_OUT', outcome: 'failed' });
    await first;
    expect((await fetchAll(test.broker, 'events')).logEndOffset).toBe(1);
  });

  it('ends the wait with the error that the caller gives, and writes nothing', async () => {
    const test = await started({ bufferMemoryBytes: 1000 });
    await test.broker.createTopic({ name: 'events' });
    const first = test.broker.produce(produceOf('events', [half]));
    const caller = new AbortController();
    const request = { ...produceOf('events', [half]), signal: caller.signal };
    const second = failureOf(test.broker.produce(request));
    caller.abort(new ProtocolError('TOPIC_AUTHORIZATION_FAILED', 'The caller may not write.'));
    expect((await second).code).toBe('TOPIC_AUTHORIZATION_FAILED');
    await first;
    expect((await fetchAll(test.broker, 'events')).logEndOffset).toBe(1);
  });

  it('notices after the wait that the topic is gone', async () => {
    const test = await started({ bufferMemoryBytes: 1000 });
    await test.broker.createTopic({ name: 'events' });
    await test.broker.createTopic({ name: 'other' });
    const first = test.broker.produce(produceOf('other', [half]));
    const second = failureOf(test.broker.produce(produceOf('events', [half])));
    const deleted = test.broker.deleteTopic('events');
    expect((await second).code).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    await Promise.all([first, deleted]);
    await test.scheduler.settle();
    expect(test.opened.status().bufferAvailableBytes).toBe(1000);
  });
});

describe('produce that takes too long', () => {
  it('has failed for certain while it was not begun', async () => {
    const test = await started({ lingerMs: 1000 });
    await test.broker.createTopic({ name: 'events' });
    const error = failureOf(test.broker.produce(produceOf('events', ['a'], { timeoutMs: 500 })));
    await test.scheduler.advance(500);
    expect(await error).toMatchObject({ code: 'REQUEST_TIMED_OUT', outcome: 'failed' });
    await test.scheduler.advance(1000);
    expect((await fetchAll(test.broker, 'events')).logEndOffset).toBe(0);
    expect(test.opened.status().bufferAvailableBytes).toBe(test.opened.status().bufferTotalBytes);
  });

  it('finds its topic deleted meanwhile, and does not know whether a reader saw it', async () => {
    const slow = new SlowSyncs();
    const test = await started();
    await test.broker.createTopic({ name: 'events' });
    await test.opened.close();
    await test.open({ fileSystem: slow.wrap(test.disk) });
    slow.isSlow = true;
    const error = failureOf(test.broker.produce(produceOf('events', ['a'])));
    await test.scheduler.settle();
    slow.isSlow = false;
    const deleted = test.broker.deleteTopic('events');
    await test.scheduler.settle();
    slow.finish();
    expect(await error).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', outcome: 'unknown' });
    await deleted;
  });

  it('has an unknown outcome once it was begun', async () => {
    const slow = new SlowSyncs();
    const test = await started();
    await test.broker.createTopic({ name: 'events' });
    await test.opened.close();
    await test.open({ fileSystem: slow.wrap(test.disk) });
    slow.isSlow = true;
    const error = failureOf(test.broker.produce(produceOf('events', ['a'], { timeoutMs: 500 })));
    await test.scheduler.advance(500);
    expect(await error).toMatchObject({ code: 'REQUEST_TIMED_OUT', outcome: 'unknown' });
    slow.finish();
    await test.scheduler.settle();
    expect(valuesOf(await fetchAll(test.broker, 'events'))).toEqual(['0:a']);
    expect(test.opened.status().bufferAvailableBytes).toBe(test.opened.status().bufferTotalBytes);
  });
});

describe('a broker that is the only replica', () => {
  it('appends records that came without a producer id without one', async () => {
    const { broker } = await started();
    await broker.createTopic({ name: 'events' });
    await broker.produce(produceOf('events', ['a']));
    const [batch] = (await fetchAll(broker, 'events')).batches;
    expect(batch).toMatchObject({ producerId: -1, producerEpoch: -1, baseSequence: -1 });
  });

  it('syncs requests with producer ids of their own together', async () => {
    const { broker, disk } = await started();
    await broker.createTopic({ name: 'events' });
    const requests = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const producer = { ...(await broker.initProducer()), sequence: 0 };
        return produceOf('events', [{ value: 'a', partition: 0 }], { producer });
      }),
    );
    const syncs = (): number =>
      disk.counts(`${TEST_DATA_DIR}/events-0/00000000000000000000.log`).syncs;
    const before = syncs();
    await Promise.all(requests.map((request) => broker.produce(request)));
    expect(syncs() - before).toBe(1);
    expect((await fetchAll(broker, 'events')).batches).toHaveLength(5);
  });
});

describe('a broker that stops', () => {
  it('writes what is buffered, refuses what comes, and has all of it after the start', async () => {
    const test = await started({ lingerMs: 50 });
    await test.broker.createTopic({ name: 'events' });
    const buffered = test.broker.produce(produceOf('events', ['a']));
    const closing = test.opened.close();
    expect((await failureOf(test.broker.produce(produceOf('events', ['b'])))).code).toBe(
      'BROKER_NOT_AVAILABLE',
    );
    await test.scheduler.advance(50);
    await Promise.all([buffered, closing]);
    await test.open();
    expect(valuesOf(await fetchAll(test.broker, 'events'))).toEqual(['0:a']);
  });
});

function started(options: TestBrokerOptions = {}): Promise<TestBroker> {
  return TestBroker.start(options);
}

function fetchAll(
  broker: TestBroker['broker'],
  topic: string,
  partition = 0,
): Promise<FetchResult> {
  const maxBytes = 1024 * 1024;
  return broker.fetch({ topic, partition, offset: 0, maxBytes, minBytes: 1, waitMs: 0 });
}

/** The partition of each record, in the order of the records. */
function placesOf(result: ProduceResult, count: number): number[] {
  const places = Array.from<number>({ length: count }).fill(-1);
  for (const { partition, indexes } of result.parts) {
    for (const index of indexes ?? places.keys()) places[index] = partition;
  }
  return places;
}
