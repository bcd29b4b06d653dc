import { describe, expect, it } from 'vitest';
import { Producer } from './producer.js';
import type { ProducerOptions } from './producer-settings.js';
import { RecordPipeline } from './record-pipeline.js';
import { ModelBroker } from './testing/model-broker.js';
import { seededRandom } from './testing/producer-harness.js';
import { SimulatedTime } from './testing/simulated-time.js';
import { createTestError } from './testing/test-error.js';
import { UNAWAITED_SENDS_MAX } from './waiting-sends.js';

/** A producer whose pipeline is loaded when the test says so. */
function loadingProducer(options: ProducerOptions = {}): {
  readonly producer: Producer;
  readonly broker: ModelBroker;
  readonly time: SimulatedTime;
  /** Ends the oldest load that is under way; with an error it fails. */
  readonly endLoad: (error?: Error) => void;
} {
  const time = new SimulatedTime();
  const random = seededRandom(1);
  const broker = new ModelBroker({ time, random });
  broker.createTopic('t', 1);
  broker.createTopic('u', 1);
  const loads: ((error: Error | undefined) => void)[] = [];
  const producer = new Producer(
    (parts) =>
      new Promise((resolve, reject) => {
        loads.push((error) => {
          if (error === undefined) resolve(new RecordPipeline(broker, parts));
          else reject(error);
        });
      }),
    { clock: time, timers: time, random, createError: createTestError },
    options,
  );
  return { producer, broker, time, endLoad: (error) => loads.shift()?.(error) };
}

const failure = createTestError('NETWORK_EXCEPTION', 'the module could not be loaded', {
  retriable: true,
  outcome: 'failed',
});

describe('Producer whose pipeline is being loaded', () => {
  it('writes what was sent meanwhile, in its order, before what is sent later', async () => {
    const { producer, broker, time, endLoad } = loadingProducer();
    const early = ['a', 'b', 'c'].map((value) => producer.send({ topic: 't', value }));
    const other = producer.send({ topic: 'u', value: 'x' });
    expect(producer.metrics()).toMatchObject({ recordsBuffered: 4, recordsWaiting: 4 });
    endLoad();
    await Promise.resolve();
    const late = producer.send({ topic: 't', value: 'd' });
    await time.until(Promise.all([...early, other, late]));
    expect(broker.log('t').map(({ value }) => value)).toEqual(['a', 'b', 'c', 'd']);
    expect(broker.log('u').map(({ value }) => value)).toEqual(['x']);
  });

  it('writes values as they were when they were sent', async () => {
    const { producer, broker, time, endLoad } = loadingProducer();
    const value = { item: 'tea' };
    const sent = producer.send({ topic: 't', value });
    value.item = 'rum';
    endLoad();
    await time.until(sent);
    expect(broker.log('t').map((record) => record.value)).toEqual(['{"item":"tea"}']);
  });

  it('rejects a send that is aborted meanwhile, and writes the others', async () => {
    const { producer, broker, time, endLoad } = loadingProducer();
    const controller = new AbortController();
    const aborted = producer.send({ topic: 't', value: 'a' }, { signal: controller.signal });
    const sent = producer.send({ topic: 't', value: 'b' });
    controller.abort(new Error('changed my mind'));
    await expect(aborted).rejects.toThrow('changed my mind');
    endLoad();
    await time.until(sent);
    expect(broker.log('t').map(({ value }) => value)).toEqual(['b']);
  });

  it('fails what waits when the load fails, and loads again for the next record', async () => {
    const { producer, broker, time, endLoad } = loadingProducer();
    const failed = producer.send({ topic: 't', value: 'a' });
    await time.advance(0);
    endLoad(failure);
    await expect(failed).rejects.toMatchObject({ code: 'NETWORK_EXCEPTION', retriable: true });
    const sent = producer.send({ topic: 't', value: 'b' });
    await time.advance(0);
    endLoad();
    await time.until(sent);
    expect(broker.log('t').map(({ value }) => value)).toEqual(['b']);
  });

  it('waits for the load for max.block.ms', async () => {
    const { producer, time } = loadingProducer({ maxBlockMs: 500 });
    const sent = producer.send({ topic: 't', value: 'a' });
    await expect(time.until(sent)).rejects.toMatchObject({
      code: 'NETWORK_EXCEPTION',
      message: 'A module was not loaded within 500 ms (maxBlockMs).',
      retriable: true,
      outcome: 'failed',
    });
    expect(time.monotonicMs()).toBe(500);
  });

  it('lets no more records wait than buffer.memory holds, unless their callers wait', async () => {
    const errors: (Error | undefined)[] = [];
    const onError = (error: Error | undefined): unknown => errors.push(error);
    const { producer, broker, time, endLoad } = loadingProducer({ bufferMemory: 100, onError });
    const awaited = ['a', 'b'].map((value) =>
      producer.send({ topic: 't', value: value.repeat(40) }),
    );
    producer.sendAndForget({ topic: 't', value: 'c' });
    producer.send({ topic: 't', value: 'd' }, onError);
    expect(errors).toEqual([]);
    await time.advance(0);
    const refusal = { code: 'BUFFER_EXHAUSTED', retriable: true, outcome: 'failed' };
    expect(errors).toMatchObject([refusal, refusal]);
    expect(errors[1]?.message).toContain('await send()');
    expect(producer.metrics().recordsWaiting).toBe(2);
    endLoad();
    await time.until(Promise.all(awaited));
    producer.send({ topic: 't', value: 'e' }, onError);
    await time.until(producer.flush());
    expect(errors[2]).toBeUndefined();
    const values = broker.log('t').map(({ value }) => value?.slice(0, 2));
    expect(values).toEqual(['aa', 'bb', 'e']);
  });

  it('bounds the number of small records that wait, too', async () => {
    const { producer, time, endLoad } = loadingProducer();
    endLoad();
    await time.advance(0);
    for (let sent = 0; sent < UNAWAITED_SENDS_MAX + 7; sent += 1) {
      producer.sendAndForget({ topic: 't', value: '' });
    }
    expect(producer.metrics().recordsWaiting).toBe(UNAWAITED_SENDS_MAX);
    await time.advance(0);
    expect(producer.metrics().recordsFailed).toBe(7);
  });

  it('counts records whose serializer is async when it is done', async () => {
    const errors: Error[] = [];
    const { producer, broker, time, endLoad } = loadingProducer({
      bufferMemory: 100,
      onError: (error) => errors.push(error),
      valueSerializer: { serialize: async (_, value) => new Uint8Array(Number(value)) },
    });
    producer.sendAndForget({ topic: 't', value: 40 });
    producer.sendAndForget({ topic: 't', value: 41 });
    endLoad();
    await time.until(producer.flush());
    expect(errors).toMatchObject([{ code: 'BUFFER_EXHAUSTED' }]);
    expect(broker.log('t')).toHaveLength(1);
  });

  it('refuses in a later turn, so that a callback that sends again blocks nothing', async () => {
    const { producer, time } = loadingProducer({ bufferMemory: 100 });
    const sendRecord = (): void => producer.send({ topic: 't', value: 'a'.repeat(70) }, onResult);
    let refusals = 0;
    const onResult = (error: Error | undefined): void => {
      refusals += error === undefined ? 0 : 1;
      if (refusals === 1) sendRecord();
    };
    sendRecord();
    sendRecord();
    for (let microtasks = 0; microtasks < 100; microtasks += 1) await Promise.resolve();
    expect(refusals).toBe(0);
    await time.advance(0);
    expect(refusals).toBe(2);
  });

  it('sends nothing when it is closed before, and leaves no timer', async () => {
    const { producer, broker, time, endLoad } = loadingProducer();
    const sent = producer.send({ topic: 't', value: 'a' });
    const refused = expect(sent).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT' });
    await time.until(producer.close({ timeoutMs: 10 }));
    await refused;
    endLoad();
    await time.advance(100_000);
    expect(broker.requests).toEqual([]);
    expect(producer.metrics()).toMatchObject({ recordsBuffered: 0, recordsWaiting: 0 });
  });
});
