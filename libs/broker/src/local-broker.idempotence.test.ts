import { describe, expect, it } from 'vitest';
import type { FetchResult, ProduceResult } from './broker.js';
import { failureOf } from './testing/failure-of.js';
import { produceOf, valuesOf } from './testing/records.js';
import { TestBroker, type TestBrokerOptions } from './testing/test-broker.js';

describe('idempotent produce', () => {
  it('answers a retry with the first offsets and times, and writes nothing', async () => {
    const test = await started();
    const { broker, clock } = test;
    await broker.createTopic({ name: 'events', partitions: 2 });
    const producer = { ...(await broker.initProducer()), sequence: 0 };
    const records = [
      { value: 'a', partition: 1, timestamp: 9 },
      { value: 'b', partition: 1 },
    ];
    const first = await broker.produce(produceOf('events', records, { producer }));
    clock.advance(5000);
    const retry = await broker.produce(produceOf('events', records, { producer, acks: '1' }));
    expect(retry.parts[0]?.baseOffset).toBe(0);
    expect(retry.parts[0]?.createTimeMs).toBe(first.parts[0]?.createTimeMs);
    const next = { ...producer, sequence: 2 };
    await broker.produce(produceOf('events', [{ value: 'c', partition: 1 }], { producer: next }));
    expect(valuesOf(await fetchAll(broker, 'events', 1))).toEqual(['0:a', '1:b', '2:c']);
  });

  it('writes requests that come together as batches of their own', async () => {
    const { broker } = await started();
    await broker.createTopic({ name: 'events' });
    const identity = await broker.initProducer();
    const record = { value: 'a', partition: 0 };
    const results = await Promise.all([
      broker.produce(produceOf('events', ['free'])),
      broker.produce(produceOf('events', [record], { producer: { ...identity, sequence: 0 } })),
      broker.produce(produceOf('events', [record], { producer: { ...identity, sequence: 1 } })),
      broker.produce(produceOf('events', [record], { producer: { ...identity, sequence: 0 } })),
    ]);
    expect(results.map((result) => result.parts[0]?.baseOffset)).toEqual([0, 1, 2, 1]);
    expect((await fetchAll(broker, 'events')).batches).toHaveLength(3);
  });

  it('answers a retry also after the power was lost', async () => {
    const test = await started();
    await test.broker.createTopic({ name: 'events' });
    const producer = { ...(await test.broker.initProducer()), sequence: 0 };
    const request = produceOf('events', [{ value: 'a', partition: 0 }], { producer });
    await test.broker.produce(request);
    await test.losePower();
    expect((await test.broker.produce(request)).parts[0]?.baseOffset).toBe(0);
    expect(valuesOf(await fetchAll(test.broker, 'events'))).toEqual(['0:a']);
    const { producerId } = await test.broker.initProducer();
    expect(producerId).not.toBe(producer.producerId);
  });

  it('is refused when its records do not name one partition', async () => {
    const { broker } = await started();
    await broker.createTopic({ name: 'events', partitions: 2 });
    const producer = { ...(await broker.initProducer()), sequence: 0 };
    for (const records of [
      ['a'],
      [
        { value: 'a', partition: 0 },
        { value: 'b', partition: 1 },
      ],
    ]) {
      const error = await failureOf(broker.produce(produceOf('events', records, { producer })));
      expect(error.code).toBe('INVALID_REQUEST');
    }
  });

  it('is refused out of order', async () => {
    const { broker } = await started();
    await broker.createTopic({ name: 'events' });
    const identity = await broker.initProducer();
    const send = (sequence: number): Promise<ProduceResult> =>
      broker.produce(
        produceOf('events', [{ value: 'a', partition: 0 }], {
          producer: { ...identity, sequence },
        }),
      );
    await send(0);
    expect((await failureOf(send(5))).code).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
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
