import { describe, expect, it } from 'vitest';
import { Producer } from './producer.js';
import type { ProducerOptions } from './producer-settings.js';
import { RecordPipeline } from './record-pipeline.js';
import { ModelBroker } from './testing/model-broker.js';
import { seededRandom } from './testing/producer-harness.js';
import { SimulatedTime } from './testing/simulated-time.js';
import { createTestError } from './testing/test-error.js';

function testProducer(options: ProducerOptions = {}): {
  readonly producer: Producer;
  readonly time: SimulatedTime;
} {
  const time = new SimulatedTime();
  const random = seededRandom(1);
  const broker = new ModelBroker({ time, random });
  broker.createTopic('t', 1);
  const producer = new Producer(
    (parts) => Promise.resolve(new RecordPipeline(broker, parts)),
    { clock: time, timers: time, random, createError: createTestError },
    options,
  );
  return { producer, time };
}

describe('Producer that is called wrongly', () => {
  it('refuses a signal that is none at once, and goes on with what follows', async () => {
    const { producer, time } = testProducer();
    const record = { topic: 't', value: 'a' };
    for (const options of [{ signal: 5 }, { signal: null }, null, 'signal']) {
      const send = (): unknown => producer.send(record, options as never);
      expect(send).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }));
    }
    const sent = producer.send(record);
    await time.until(producer.close());
    await expect(sent).resolves.toMatchObject({ offset: 0 });
  });

  it.each([
    { headers: 5 },
    { headers: [5] },
    { headers: [null] },
    { headers: [{ key: 5, value: 'x' }] },
    { headers: { trace: 5 } },
    { headers: [{ key: 'trace' }] },
    { partition: '0' },
    { timestamp: 'now' },
    { timestamp: -1 },
    { deliverAt: Number.NaN },
    { delayMs: 1.5 },
    { deliverAt: 1, delayMs: 1 },
  ])('refuses a record with %j at once, and sends the others', async (members) => {
    const { producer, time } = testProducer();
    const record = { topic: 't', value: 'a' };
    const sent = producer.send(record);
    const send = (): unknown => producer.send({ ...record, ...members } as never);
    const [name] = Object.keys(members);
    expect(send).toThrow(expect.objectContaining({ code: 'INVALID_RECORD' }));
    expect(send).toThrow(name);
    await time.until(producer.close());
    await expect(sent).resolves.toMatchObject({ offset: 0 });
    expect(producer.metrics().bufferAvailableBytes).toBe(33_554_432);
  });

  it('refuses all that would send once it is closed', async () => {
    const { producer, time } = testProducer();
    await time.until(producer.close());
    const closed = { code: 'ILLEGAL_STATE', outcome: 'failed' };
    const record = { topic: 't', value: 'a' };
    expect(() => producer.send(record)).toThrow(expect.objectContaining(closed));
    expect(() => producer.sendAndForget(record)).toThrow(expect.objectContaining(closed));
    await expect(producer.sendAll([])).rejects.toMatchObject(closed);
  });

  it('refuses a list of records that is none', async () => {
    const { producer } = testProducer();
    for (const records of [undefined, {}, 'records']) {
      const sent = producer.sendAll(records as never);
      await expect(sent).rejects.toMatchObject({ code: 'INVALID_RECORD' });
    }
  });

  it('refuses a time to close that is none or that no timer has, and is not closed', async () => {
    const { producer, time } = testProducer();
    const times = [-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '5'];
    for (const options of [...times.map((timeoutMs) => ({ timeoutMs })), null, 5000]) {
      const close = (): unknown => producer.close(options as never);
      expect(close).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }));
    }
    const sent = producer.send({ topic: 't', value: 'a' });
    await time.until(producer.close({ timeoutMs: 2 ** 31 - 1 }));
    await expect(sent).resolves.toMatchObject({ offset: 0 });
  });
});

describe('callback of send', () => {
  it('is called after send has returned, also when the partitioner fails', async () => {
    const { producer, time } = testProducer({ partitioner: () => 7 });
    const calls: string[] = [];
    const sendRecord = (): void => {
      const record = { topic: 't', value: 'a' };
      producer.send(record, (error) => calls.push(String(error?.code)));
      calls.push('returned');
    };
    sendRecord();
    await time.until(producer.flush());
    sendRecord();
    await time.until(producer.flush());
    expect(calls).toEqual(['returned', 'INVALID_RECORD', 'returned', 'INVALID_RECORD']);
  });
});
