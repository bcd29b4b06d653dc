import { describe, expect, it } from 'vitest';
import { outcomeOf } from './testing/outcome-of.js';
import { producerHarness } from './testing/producer-harness.js';
import { UNAWAITED_SENDS_MAX } from './waiting-sends.js';

describe('buffer memory', () => {
  it('blocks a full producer until there is memory', async () => {
    const { producer, broker, time } = producerHarness({ bufferMemory: 200, lingerMs: 60_000 });
    const sent = Array.from({ length: 20 }, (_, at) =>
      producer.send({ topic: 't', value: String(at).padStart(50, '0') }),
    );
    await time.advance(0);
    expect(producer.metrics()).toMatchObject({ recordsBuffered: 20 });
    await time.until(Promise.all(sent.slice(0, 18)));
    expect(time.monotonicMs()).toBeLessThan(1000);
    await time.until(Promise.all([producer.flush(), ...sent]));
    expect(broker.values('t').map(Number)).toEqual(Array.from({ length: 20 }, (_, at) => at));
    expect(producer.metrics()).toMatchObject({ recordsBuffered: 0, bufferAvailableBytes: 200 });
  });

  it('refuses a record after max.block.ms, together with those that wait behind it', async () => {
    const { producer, broker, time } = producerHarness({ bufferMemory: 100, maxBlockMs: 1000 });
    broker.faults.lostRequest = 100;
    producer.sendAndForget({ topic: 't', value: 'x'.repeat(70) });
    await time.advance(10);
    const blocked = ['a', 'b'].map((value) => outcomeOf(producer.send({ topic: 't', value })));
    await time.advance(1000);
    expect(await Promise.all(blocked)).toEqual([
      'BUFFER_EXHAUSTED failed',
      'BUFFER_EXHAUSTED failed',
    ]);
  });

  it('bounds the waiting records of sendAndForget, whose senders do not wait', async () => {
    const errors: Error[] = [];
    const { producer, time } = producerHarness({
      bufferMemory: 1000,
      onError: (error) => errors.push(error),
    });
    for (let count = 0; count < 100; count += 1) {
      producer.sendAndForget({ topic: 't', value: 'x'.repeat(79) });
    }
    await time.until(producer.flush());
    expect(producer.metrics()).toMatchObject({ recordsWritten: 10, recordsFailed: 90 });
    expect(errors[0]).toMatchObject({ code: 'BUFFER_EXHAUSTED', retriable: true });
  });

  it('bounds the records of sendAndForget that wait for their serializers', async () => {
    const errors: Error[] = [];
    const endless = new Promise<Uint8Array>(() => undefined);
    const { producer, time } = producerHarness({
      valueSerializer: {
        serialize: (_, value) => {
          if (value === 'fails') return Promise.reject(new Error('must not be reported'));
          return value === 'waits' ? endless : new Uint8Array(1);
        },
      },
      onError: (error) => errors.push(error),
    });
    await time.until(producer.send({ topic: 't', value: 'first' }));
    for (let count = 0; count < UNAWAITED_SENDS_MAX; count += 1) {
      producer.sendAndForget({ topic: 't', value: 'waits' });
    }
    await time.advance(0);
    expect(errors).toEqual([]);
    producer.sendAndForget({ topic: 't', value: 'fails' });
    await time.advance(0);
    // Node reports an unhandled rejection in this turn, which fails the test.
    await new Promise((resolve) => setImmediate(resolve));
    expect(errors).toMatchObject([{ code: 'BUFFER_EXHAUSTED', retriable: true }]);
  });

  it('refuses a record that is larger than a request or the buffer may be', async () => {
    const small = producerHarness({ maxRequestSize: 100 });
    await expect(small.producer.send({ topic: 't', value: 'x'.repeat(80) })).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      message: 'The record takes 101 bytes: maxRequestSize is 100, and bufferMemory is 33554432.',
    });
    const tiny = producerHarness({ bufferMemory: 100 });
    await expect(tiny.producer.send({ topic: 't', value: 'x'.repeat(80) })).rejects.toMatchObject({
      message: 'The record takes 101 bytes: maxRequestSize is 1048576, and bufferMemory is 100.',
    });
  });
});
