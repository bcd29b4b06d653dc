import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { RecordMetadata } from './producer-record.js';
import { serdes } from './serdes.js';
import { failure } from './testing/model-broker.js';
import { outcomeOf } from './testing/outcome-of.js';
import { producerHarness } from './testing/producer-harness.js';

describe('Producer', () => {
  it('resolves with the position of the record', async () => {
    const { producer, broker, time } = producerHarness();
    const sent = producer.send({ topic: 't', key: 'ada', value: 'tea' });
    expect(await time.until(sent)).toEqual({
      topic: 't',
      partition: 0,
      offset: 0,
      timestamp: 1000,
    });
    expect(broker.log('t')).toEqual([{ key: 'ada', value: 'tea' }]);
    expect(broker.requests[0]).toMatchObject({
      acks: 'all',
      baseSequence: 0,
      producer: { producerId: 1001, producerEpoch: 0 },
      compression: 'none',
      timeoutMs: 30_000,
    });
  });

  it('sends the records of one turn in one request', async () => {
    const { producer, broker, time } = producerHarness();
    await time.until(producer.send({ topic: 't', value: 'first' }));
    const all = producer.sendAll(['a', 'b', 'c'].map((value) => ({ topic: 't', value })));
    expect((await time.until(all)).map(({ offset }) => offset)).toEqual([1, 2, 3]);
    expect(broker.requests.map(({ records }) => records.length)).toEqual([1, 3]);
  });

  it('lingers for more records, and for none beyond a batch', async () => {
    const { producer, broker, time } = producerHarness({ lingerMs: 50, batchSize: 100 });
    const small = producer.send({ topic: 't', value: 'a' });
    await time.advance(49);
    expect(broker.requests).toHaveLength(0);
    await time.until(small);
    // Two of them are more than a batch: the third one lingers.
    const full = [1, 2, 3].map(() => producer.send({ topic: 't', value: 'x'.repeat(40) }));
    await time.advance(10);
    expect(broker.requests.map(({ records }) => records.length)).toEqual([1, 1, 1]);
    await time.until(Promise.all(full));
    expect(broker.requests.map(({ records }) => records.length)).toEqual([1, 1, 1, 1]);
    expect(time.monotonicMs()).toBeGreaterThan(100);
    expect(time.monotonicMs()).toBeLessThan(110);
  });

  it('sends null values, headers, times and encodings as they are', async () => {
    const { producer, broker, time } = producerHarness({ valueSerializer: serdes.json });
    const record = {
      topic: 't',
      key: 'k',
      value: null,
      headers: { trace: '7f', raw: Uint8Array.of(255), none: null },
      timestamp: 5,
      delayMs: 7,
    };
    await time.until(producer.send(record));
    expect(broker.requests[0]?.records[0]).toEqual({
      key: new TextEncoder().encode('k'),
      keyEncoding: 'text',
      value: null,
      valueEncoding: 'bytes',
      headers: [
        { key: 'trace', value: new TextEncoder().encode('7f') },
        { key: 'raw', value: Uint8Array.of(255) },
        { key: 'none', value: null },
      ],
      timestamp: 5,
      deliverAt: undefined,
      delayMs: 7,
    });
    await time.until(producer.send({ topic: 't', value: { a: 1 } }));
    expect(broker.requests[1]?.records[0]).toMatchObject({ key: null, valueEncoding: 'json' });
  });

  it('tells a callback the result, and returns nothing', async () => {
    const { producer, time } = producerHarness();
    const results: unknown[] = [];
    const tell = (error: unknown, metadata: unknown): void => {
      results.push(error ?? metadata);
    };
    expect(producer.send({ topic: 't', value: 'a' }, tell)).toBeUndefined();
    producer.send({ topic: 'missing', value: 'a' }, tell);
    producer.send({ topic: 't', value: 'b' }, (error) => results.push(error ?? 'written'));
    await time.until(producer.flush());
    expect(results).toEqual([
      expect.objectContaining({ code: 'UNKNOWN_TOPIC_OR_PARTITION' }),
      expect.objectContaining({ offset: 0 }),
      'written',
    ]);
  });

  it('reports failures of forgotten records to onError, and counts them', async () => {
    const errors: Error[] = [];
    const { producer, time } = producerHarness({ onError: (error) => errors.push(error) });
    producer.sendAndForget({ topic: 'missing', value: 'a' });
    producer.sendAndForget({ topic: 't', value: 'a' });
    await time.until(producer.flush());
    expect(errors).toMatchObject([{ code: 'UNKNOWN_TOPIC_OR_PARTITION' }]);
    expect(producer.metrics()).toMatchObject({ recordsFailed: 1, recordsWritten: 1 });
  });

  it('rejects sendAll once all have settled, with the results of each', async () => {
    const { producer, time } = producerHarness();
    const records = ['t', 'missing', 't'].map((topic) => ({ topic, value: 'a' }));
    await expect(time.until(producer.sendAll(records))).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      outcome: 'failed',
      results: [
        { status: 'fulfilled', value: { offset: 0 } },
        { status: 'rejected', reason: { code: 'UNKNOWN_TOPIC_OR_PARTITION' } },
        { status: 'fulfilled', value: { offset: 1 } },
      ],
    });
  });

  it.each([
    [undefined, 'A record must be an object.'],
    [{ value: 'a' }, 'A record must have a topic, as a string.'],
    [{ topic: 't' }, 'A record must have a value; null is a tombstone.'],
    [{ topic: 't', value: 1, partition: -1 }, 'must be a whole number from 0, not -1.'],
  ])('throws for the malformed record %j at once', (record, detail) => {
    const { producer } = producerHarness();
    expect(() => producer.send(record as never)).toThrow(detail);
    expect(() => producer.sendAndForget(record as never)).toThrow(detail);
  });

  it('fails at once for a topic that does not exist, and keeps nothing of it', async () => {
    const { producer, broker, time } = producerHarness();
    const startMs = time.monotonicMs();
    const sent = producer.send({ topic: 'missing', value: 'a' });
    await expect(time.until(sent)).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
    });
    expect(time.monotonicMs() - startMs).toBeLessThan(10);
    broker.createTopic('missing', 1);
    await time.until(producer.send({ topic: 'missing', value: 'b' }));
    expect(broker.values('missing')).toEqual(['b']);
  });

  it('tries for max.block.ms to learn the partitions of a topic', async () => {
    const { producer, broker, time } = producerHarness({ maxBlockMs: 5000 });
    broker.refuseMetadata = () => failure('BROKER_NOT_AVAILABLE', true);
    await expect(time.until(producer.send({ topic: 't', value: 'a' }))).rejects.toMatchObject({
      outcome: 'failed',
      retriable: true,
    });
    expect(time.monotonicMs()).toBeGreaterThanOrEqual(5000);
    expect(time.monotonicMs()).toBeLessThan(7000);
    expect(broker.metadataRequests).toBeGreaterThan(5);
    broker.refuseMetadata = undefined;
    await time.until(producer.send({ topic: 't', value: 'b' }));
  });

  it('finds the partitions that a topic has got', async () => {
    const { producer, broker, time } = producerHarness({ metadataMaxAgeMs: 1000 });
    await time.until(producer.send({ topic: 't', value: 'a' }));
    const missing = producer.send({ topic: 't', value: 'b', partition: 1 });
    await expect(time.until(missing)).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
    broker.growTopic('t', 2);
    await time.until(producer.send({ topic: 't', value: 'c', partition: 1 }));
    expect(broker.values('t', 1)).toEqual(['c']);
    broker.growTopic('t', 3);
    await time.advance(1000);
    const before = broker.metadataRequests;
    await time.until(producer.send({ topic: 't', value: 'd', partition: 0 }));
    await time.advance(10);
    expect(broker.metadataRequests).toBe(before + 1);
  });

  it('keeps the order of records while topics are not known and serializers are slow', async () => {
    const { producer, broker, time } = producerHarness({
      valueSerializer: {
        serialize: (_topic, data) => {
          const bytes = new TextEncoder().encode(String(data));
          if (data !== 'slow') return bytes;
          return new Promise<Uint8Array>((resolve) => {
            time.after(100, () => resolve(bytes));
          });
        },
      },
    });
    for (const value of ['slow', 'b', 'c']) producer.sendAndForget({ topic: 't', value });
    await time.until(producer.flush());
    for (const value of ['slow', 'd']) producer.sendAndForget({ topic: 't', value });
    await time.until(producer.flush());
    expect(broker.values('t')).toEqual(['slow', 'b', 'c', 'slow', 'd']);
  });

  it('closes once what was sent is settled, and throws afterwards', async () => {
    const { producer, broker, time } = producerHarness({ lingerMs: 10_000 });
    const sent = producer.send({ topic: 't', value: 'a' });
    const closed = producer.close();
    expect(producer.close({ timeoutMs: 0 })).toBe(closed);
    expect(() => producer.send({ topic: 't', value: 'b' })).toThrow('closed');
    await time.until(closed);
    await sent;
    expect(time.monotonicMs()).toBeLessThan(100);
    expect(broker.values('t')).toEqual(['a']);
    expect(time.pendingTimers).toBe(0);
  });

  it('fails what is not settled within the time of close, by what is known of it', async () => {
    const { producer, broker, time } = producerHarness({ bufferMemory: 50, lingerMs: 5 });
    broker.faults.lostAnswer = 100;
    const inFlight = outcomeOf(producer.send({ topic: 't', value: 'x'.repeat(20) }));
    await time.advance(20);
    const blocked = outcomeOf(producer.send({ topic: 't', value: 'y'.repeat(20) }));
    const unknownTopic = outcomeOf(producer.send({ topic: 'u', value: 'a' }));
    await time.until(producer.close({ timeoutMs: 100 }));
    expect(await Promise.all([inFlight, blocked, unknownTopic])).toEqual([
      'REQUEST_TIMED_OUT unknown',
      'REQUEST_TIMED_OUT failed',
      'UNKNOWN_TOPIC_OR_PARTITION failed',
    ]);
    expect(time.pendingTimers).toBe(0);
    await time.until(producer.flush());
  });

  it('closes its interceptors when it is disposed of', async () => {
    let isClosed = false;
    const close = (): void => {
      isClosed = true;
    };
    const { producer, time } = producerHarness({ interceptors: [{ close }] });
    await time.until(producer[Symbol.asyncDispose]());
    expect(isClosed).toBe(true);
  });
});

describe('interceptors', () => {
  it('may change records, and are told every result once', async () => {
    const told: unknown[] = [];
    const { producer, broker, time } = producerHarness({
      interceptors: [
        { onSend: (record) => ({ ...record, value: `${String(record.value)}!` }) },
        {
          onSend: (record) => ({ ...record, value: `${String(record.value)}?` }),
          onAcknowledgement: (metadata: RecordMetadata | undefined, error) => {
            told.push(metadata?.offset ?? error?.message);
          },
        },
      ],
    });
    await time.until(producer.send({ topic: 't', value: 'a' }));
    producer.sendAndForget({ topic: 'missing', value: 'a' });
    await time.until(producer.flush());
    expect(broker.values('t')).toEqual(['a!?']);
    expect(told).toEqual([0, expect.stringContaining('UNKNOWN_TOPIC')]);
  });

  it('may fail in every way without harm, and their errors are reported', async () => {
    const errors: string[] = [];
    const fail = (): never => {
      throw new Error('broken');
    };
    const { producer, time } = producerHarness({
      onError: (error) => {
        errors.push(error.message);
        throw error;
      },
      interceptors: [
        { onSend: fail, onAcknowledgement: fail, close: fail },
        { onSend: (async () => fail()) as never, close: () => Promise.reject(new Error('late')) },
        { onSend: () => ({ topic: 7 }) as never },
      ],
    });
    await time.until(producer.send({ topic: 't', value: 'a' }));
    producer.send({ topic: 't', value: 'b' }, fail);
    await time.until(producer.close());
    expect(errors.filter((message) => message === 'broken').length).toBeGreaterThanOrEqual(7);
    expect(errors).toContain('late');
    expect(errors).toContainEqual(expect.stringContaining('An interceptor returned no record.'));
    expect(producer.metrics()).toMatchObject({ recordsWritten: 2, userErrors: errors.length });
  });
});

describe('serializers', () => {
  it('fail once for a record with two faults, one of which comes later', async () => {
    const rejections: unknown[] = [];
    const onRejection = (reason: unknown): void => void rejections.push(reason);
    process.on('unhandledRejection', onRejection);
    const { producer, time } = producerHarness({
      keySerializer: { serialize: () => Promise.reject(new Error('no key')) },
      valueSerializer: serdes.int32,
    });
    const sent = time.until(producer.send({ topic: 't', key: 'k', value: 'text' }));
    await expect(sent).rejects.toMatchObject({ field: 'value' });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', onRejection);
    expect(rejections).toEqual([]);
  });

  it('may return promises of their own class', async () => {
    const { producer, broker, time } = producerHarness({
      valueSerializer: {
        // A promise of another realm is not an instance of this one's class.
        serialize: () => runInNewContext('Promise.resolve(bytes)', { bytes: Uint8Array.of(7) }),
      },
    });
    expect(await time.until(producer.send({ topic: 't', value: 1 }))).toMatchObject({ offset: 0 });
    expect(broker.log('t')).toHaveLength(1);
  });

  it('fail one record alone, by name', async () => {
    const { producer, broker, time } = producerHarness({ valueSerializer: serdes.int32 });
    const good = producer.send({ topic: 't', value: 1 });
    const record = { topic: 't', key: 'ada', value: 'tea' };
    await expect(time.until(producer.send(record))).rejects.toMatchObject({
      code: 'INVALID_RECORD',
      outcome: 'failed',
      message:
        'The value of a record of topic "t" with key "ada" cannot be serialized by "int32": ' +
        'tea is not a whole number of 32 bits.',
      record,
      field: 'value',
      serializer: 'int32',
    });
    await time.until(good);
    expect(broker.log('t')).toHaveLength(1);
  });

  it('may reject, and may not return anything but bytes', async () => {
    class Registry {
      async serialize(): Promise<Uint8Array> {
        throw new Error('no schema');
      }
    }
    const { producer, time } = producerHarness({ keySerializer: new Registry() });
    await expect(time.until(producer.send({ topic: 't', key: 1, value: 1 }))).rejects.toMatchObject(
      { message: expect.stringContaining('cannot be serialized by "Registry": no schema') },
    );
    const encodingOf = () => {
      throw new Error('no encoding');
    };
    const valueSerializer = { serialize: () => Uint8Array.of(1), encodingOf };
    const lacking = producerHarness({ valueSerializer });
    await expect(lacking.producer.send({ topic: 't', value: 1 })).rejects.toMatchObject({
      code: 'INVALID_RECORD',
      message: expect.stringContaining('no encoding'),
      field: 'value',
    });
    const odd = producerHarness({ valueSerializer: { serialize: () => 'text' as never } });
    await expect(odd.producer.send({ topic: 't', value: 1 })).rejects.toMatchObject({
      message: expect.stringContaining('it returned a string'),
    });
  });
});

describe('partitioners', () => {
  it('choose the partition that the record names, or that of its key as Kafka does', async () => {
    const { producer, broker, time } = producerHarness();
    broker.createTopic('p', 12);
    const named = producer.send({ topic: 'p', key: 'foobar', value: 'a', partition: 11 });
    const keyed = producer.send({ topic: 'p', key: 'foobar', value: 'a' });
    expect((await time.until(named)).partition).toBe(11);
    expect((await time.until(keyed)).partition).toBe(6);
  });

  it('stay on a partition for a batch of bytes, then take another', async () => {
    const { producer, broker, time } = producerHarness({ batchSize: 1000 });
    broker.createTopic('p', 4);
    const sent = Array.from({ length: 40 }, () =>
      producer.send({ topic: 'p', value: 'x'.repeat(79) }),
    );
    const partitions = (await time.until(Promise.all(sent))).map(({ partition }) => partition);
    const runs = partitions.filter((partition, at) => partition !== partitions[at - 1]);
    expect(runs.length).toBeLessThanOrEqual(4);
    expect(new Set(partitions).size).toBeGreaterThan(1);
  });

  it('avoid partitions that are behind, and those without a leader', async () => {
    const { producer, broker, time } = producerHarness({ batchSize: 100, maxInFlight: 1 });
    broker.createTopic('p', 3);
    broker.faults.lostAnswer = 100;
    for (let count = 0; count < 60; count += 1) {
      producer.sendAndForget({ topic: 'p', value: 'x'.repeat(79), partition: 0 });
    }
    await time.advance(50);
    broker.faults.lostAnswer = 0;
    const before = producer.metrics().recordsBuffered;
    expect(before).toBe(60);
    const sent = Array.from({ length: 60 }, () =>
      producer.send({ topic: 'p', value: 'x'.repeat(79) }),
    );
    const partitions = (await time.until(Promise.all(sent))).map(({ partition }) => partition);
    expect(partitions.filter((partition) => partition === 0).length).toBeLessThan(5);
  });

  it('take turns, or ignore keys, when they are told to', async () => {
    const turns = producerHarness({ partitioner: 'roundRobin' });
    turns.broker.createTopic('p', 3);
    const sent = ['a', 'a', 'a'].map((key) => turns.producer.send({ topic: 'p', key, value: 1 }));
    const partitions = (await turns.time.until(Promise.all(sent))).map(
      ({ partition }) => partition,
    );
    expect(partitions.toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
    const keyless = producerHarness({ partitionerIgnoreKeys: true });
    keyless.broker.createTopic('p', 12);
    const all = Array.from({ length: 30 }, (_, at) =>
      keyless.producer.send({ topic: 'p', key: String(at), value: 1 }),
    );
    const chosen = (await keyless.time.until(Promise.all(all))).map(({ partition }) => partition);
    expect(new Set(chosen).size).toBe(1);
  });

  it("may be the user's, whose mistakes fail one record", async () => {
    const { producer, broker, time } = producerHarness({
      partitioner: ({ value }, { keyBytes, valueBytes, partitions, topic }) => {
        expect([topic, partitions, keyBytes?.length, valueBytes?.length]).toEqual(['p', 3, 1, 1]);
        if (value === 9) throw new Error('cannot decide');
        return Number(value);
      },
    });
    broker.createTopic('p', 3);
    const send = (value: number) => time.until(producer.send({ topic: 'p', key: 'k', value }));
    expect((await send(2)).partition).toBe(2);
    await expect(send(3)).rejects.toMatchObject({
      code: 'INVALID_RECORD',
      message:
        'The partitioner chose 3 for a record of topic "p", which has the partitions 0 to 2.',
    });
    await expect(send(9)).rejects.toMatchObject({ cause: { message: 'cannot decide' } });
  });
});

describe('abort signals', () => {
  it('end the wait for a record: before it is sent by its reason, later as unknown', async () => {
    const { producer, broker, time } = producerHarness({ lingerMs: 100 });
    const reason = new Error('enough');
    const abort = new AbortController();
    const waiting = producer.send({ topic: 't', value: 'a' }, { signal: abort.signal });
    abort.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(producer.send({ topic: 't', value: 'b' }, { signal: abort.signal })).rejects.toBe(
      reason,
    );
    await time.advance(10);

    const queued = new AbortController();
    const lingering = producer.send({ topic: 't', value: 'c' }, { signal: queued.signal });
    queued.abort(reason);
    await expect(lingering).rejects.toBe(reason);

    const late = new AbortController();
    const inFlight = producer.send({ topic: 't', value: 'd' }, { signal: late.signal });
    broker.faults.lostAnswer = 100;
    await time.advance(150);
    late.abort(reason);
    await expect(inFlight).rejects.toMatchObject({ outcome: 'unknown', cause: reason });
    broker.faults.lostAnswer = 0;
    await time.until(producer.flush());
    expect(broker.values('t')).toEqual(['d']);
    expect(producer.metrics()).toMatchObject({ recordsBuffered: 0, recordsFailed: 4 });
  });
});
