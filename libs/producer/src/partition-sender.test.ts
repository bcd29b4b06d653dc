import { describe, expect, it } from 'vitest';
import type { TransportRequest } from './produce-transport.js';
import { failure, type ModelBroker } from './testing/model-broker.js';
import { type ProducerHarness, producerHarness } from './testing/producer-harness.js';

describe('PartitionSender', () => {
  it('sends the first batch alone, then as many as transport and settings allow', async () => {
    const { producer, broker, time } = producerHarness({ batchSize: 0 }, { delayMsMax: 100 });
    void sendAll(producer, 20);
    await time.until(producer.flush());
    expect(broker.requests.map(({ baseSequence }) => baseSequence)).toEqual(
      Array.from({ length: 20 }, (_, at) => at),
    );
    expect(broker.inFlightMaxSeen).toEqual({ partition: 5, broker: 5 });

    const http = producerHarness({ batchSize: 0 }, { maxInFlightPerPartition: 1 });
    void sendAll(http.producer, 5);
    await http.time.until(http.producer.flush());
    expect(http.broker.inFlightMaxSeen.partition).toBe(1);
  });

  it('has at most five requests in flight to one broker, for its partitions in turns', async () => {
    const { producer, broker, time } = producerHarness({ batchSize: 0 }, { delayMsMax: 50 });
    // Three brokers lead four partitions each.
    broker.createTopic('p', 12);
    for (let count = 0; count < 10; count += 1) {
      for (let partition = 0; partition < 12; partition += 1) {
        producer.sendAndForget({ topic: 'p', partition, value: count });
      }
    }
    await time.until(producer.flush());
    expect(broker.inFlightMaxSeen.broker).toBe(5);
    for (let partition = 0; partition < 12; partition += 1) {
      expect(broker.values('p', partition).map(Number)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
  });

  it('gathers records while a broker has its requests', async () => {
    const { producer, broker, time } = producerHarness({ maxInFlight: 1 }, { delayMsMax: 50 });
    broker.createTopic('p', 9);
    for (let count = 0; count < 100; count += 1) {
      producer.sendAndForget({ topic: 'p', partition: count % 9, value: count });
      await time.advance(1);
    }
    await time.until(producer.flush());
    expect(broker.requests.length).toBeLessThan(30);
  });

  it('sends batches again in order, with their sequences, when answers are lost', async () => {
    const { producer, broker, time } = await warmHarness({ batchSize: 0 });
    broker.faults.lostAnswer = 100;
    void sendAll(producer, 3);
    await time.advance(100);
    broker.faults.lostAnswer = 0;
    await time.until(producer.flush());
    expect(sequencesOf(broker)).toEqual([0, 1, 2, 3, 1, 2, 3]);
    expect(broker.values('t')).toEqual(['warm', '0', '1', '2']);
    expect(producer.metrics()).toMatchObject({ recordsRetried: 3, recordsFailed: 0 });
    expect(broker.idsIssued).toBe(1);
  });

  it('lets batches wait that were refused for want of an earlier one', async () => {
    const { producer, broker, time } = await warmHarness({ batchSize: 0 });
    refuseOnce(broker, '0', failure('LEADER_NOT_AVAILABLE', true));
    void sendAll(producer, 4);
    await time.until(producer.flush());
    expect(broker.values('t')).toEqual(['warm', '0', '1', '2', '3']);
    expect(broker.idsIssued).toBe(1);
    expect(producer.metrics().recordsFailed).toBe(0);
  });

  it('sends a batch again that was refused before the one ahead of it was written', async () => {
    const { producer, broker, time } = await warmHarness({ batchSize: 0 });
    const produce = broker.produce.bind(broker);
    let attempts = 0;
    // The first request of `0` is lost. The refusal of `1` arrives after `0` is written.
    broker.produce = async (request, signal) => {
      attempts += 1;
      const delayMs = [0, 500, 1000][attempts] ?? 0;
      try {
        if (delayMs === 500) throw failure('NETWORK_EXCEPTION', true, 'unknown');
        return await produce(request, signal);
      } finally {
        await new Promise<void>((resolve) => void time.after(delayMs, resolve));
      }
    };
    const results = settled(sendAll(producer, 2));
    await time.until(producer.flush());
    expect(await results).toEqual(['written', 'written']);
    expect(broker.values('t')).toEqual(['warm', '0', '1']);
    expect(broker.idsIssued).toBe(1);
  });

  it('sends nothing after a lost batch again, and nothing new, before it is settled', async () => {
    const { producer, broker, time } = await warmHarness({ batchSize: 0 });
    broker.faults.lostRequest = 100;
    void sendAll(producer, 1);
    await time.settle();
    broker.faults.lostRequest = 0;
    void sendAll(producer, 3);
    await time.advance(1000);
    expect(sequencesOf(broker)).toEqual([0, 1, 2, 3, 4]);
    void sendAll(producer, 1);
    await time.advance(1000);
    expect(sequencesOf(broker)).toEqual([0, 1, 2, 3, 4]);
    await time.until(producer.flush());
    expect(sequencesOf(broker).slice(5)).toEqual([1, 2, 3, 4, 5]);
    expect(broker.values('t')).toEqual(['warm', '0', '0', '1', '2', '0']);
  });

  it('waits for the time that the broker asks for', async () => {
    const { producer, broker, time } = await warmHarness();
    const busy = failure('THROTTLING_QUOTA_EXCEEDED', true);
    busy.retryAfterMs = 5000;
    refuseOnce(broker, '0', busy);
    const startMs = time.monotonicMs();
    await time.until(producer.send({ topic: 't', value: 0 }));
    expect(time.monotonicMs() - startMs).toBeGreaterThanOrEqual(5000);
  });

  it('tells errors at once that are not retriable, and goes on without a hole', async () => {
    const { producer, broker, time } = await warmHarness({ batchSize: 0 }, 1);
    refuseOnce(broker, '1', failure('INVALID_RECORD', false));
    const results = settled(sendAll(producer, 3));
    await time.until(producer.flush());
    expect(await results).toEqual(['written', 'INVALID_RECORD failed', 'written']);
    expect(broker.values('t')).toEqual(['warm', '0', '2']);
    // One request in flight: nothing depends on the sequence of the failed batch.
    expect(broker.idsIssued).toBe(1);
  });

  it('takes a new id when batches after a failed one were sent', async () => {
    const { producer, broker, time } = await warmHarness({ batchSize: 0 });
    refuseOnce(broker, '0', failure('INVALID_RECORD', false));
    const results = settled(sendAll(producer, 4));
    await time.until(producer.flush());
    expect(await results).toEqual(['INVALID_RECORD failed', 'written', 'written', 'written']);
    expect(broker.values('t')).toEqual(['warm', '1', '2', '3']);
    expect(broker.idsIssued).toBe(2);
  });

  it('reuses no sequence of a failed batch while later ones are in flight', async () => {
    const { producer, broker, time } = await warmHarness({ batchSize: 0 });
    refuseOnce(broker, 'bad', failure('INVALID_RECORD', false));
    const bad = settled([producer.send({ topic: 't', value: 'bad' })]);
    await time.settle();
    broker.faults.lostRequest = 100;
    producer.sendAndForget({ topic: 't', value: 'first' });
    await time.settle();
    broker.faults.lostRequest = 0;
    await time.advance(10);
    expect(await bad).toEqual(['INVALID_RECORD failed']);
    producer.sendAndForget({ topic: 't', value: 'second' });
    await time.until(producer.flush());
    expect(broker.values('t')).toEqual(['warm', 'first', 'second']);
  });

  it('gives up after its retries, with the outcome that is known', async () => {
    const { producer, broker, time } = await warmHarness({ retries: 2 });
    broker.refuse = () => failure('NOT_ENOUGH_REPLICAS', true);
    const refused = settled([producer.send({ topic: 't', value: 'a' })]);
    await time.until(producer.flush());
    expect(await refused).toEqual(['NOT_ENOUGH_REPLICAS failed']);
    expect(broker.requests).toHaveLength(1 + 3);

    let attempts = 0;
    broker.refuse = () => {
      attempts += 1;
      if (attempts === 1) return failure('REQUEST_TIMED_OUT', true, 'unknown');
      return failure('NOT_ENOUGH_REPLICAS', true);
    };
    const maybe = settled([producer.send({ topic: 't', value: 'b' })]);
    await time.until(producer.flush());
    expect(await maybe).toEqual(['NOT_ENOUGH_REPLICAS unknown']);
  });

  it('ends a record at its delivery timeout: failed in the queue, unknown in flight', async () => {
    const settings = { batchSize: 0, deliveryTimeoutMs: 40_000 };
    const { producer, broker, time } = await warmHarness(settings, 1);
    broker.faults.lostAnswer = 100;
    const results = settled(sendAll(producer, 2));
    await time.until(producer.flush());
    expect(await results).toEqual(['REQUEST_TIMED_OUT unknown', 'REQUEST_TIMED_OUT failed']);
    broker.faults.lostAnswer = 0;
    await time.until(producer.send({ topic: 't', value: 'next' }));
    expect(broker.values('t')).toEqual(['warm', '0', 'next']);
    expect(broker.idsIssued).toBe(2);
  });

  it('resolves batches after a lost one under the old id, so that none repeats', async () => {
    const settings = { batchSize: 0, deliveryTimeoutMs: 30_500, requestTimeoutMs: 30_000 };
    const { producer, broker, time } = await warmHarness(settings);
    broker.faults.lostAnswer = 100;
    const first = producer.send({ topic: 't', value: 'lost' });
    await time.advance(1000);
    const behind = producer.send({ topic: 't', value: 'behind' });
    const results = settled([first, behind]);
    await time.advance(29_600);
    broker.faults.lostAnswer = 0;
    const after = producer.send({ topic: 't', value: 'after' });
    await time.until(Promise.all([results, after]));
    expect(await results).toEqual(['REQUEST_TIMED_OUT unknown', 'written']);
    expect(broker.values('t')).toEqual(['warm', 'lost', 'behind', 'after']);
    expect(broker.idsIssued).toBe(2);
  });

  it('sends again under a new id when the broker lost track of the old one', async () => {
    const { producer, broker, time } = await warmHarness({ batchSize: 0 });
    refuseOnce(broker, '0', failure('OUT_OF_ORDER_SEQUENCE_NUMBER', false));
    const results = settled(sendAll(producer, 3));
    await time.until(producer.flush());
    expect(await results).toEqual(['written', 'written', 'written']);
    expect(broker.values('t')).toEqual(['warm', '0', '1', '2']);
    expect(broker.idsIssued).toBe(2);
  });

  it('does not send again under a new id what may be in the log', async () => {
    const { producer, broker, time } = await warmHarness();
    let attempts = 0;
    broker.refuse = () => {
      attempts += 1;
      if (attempts === 1) return failure('NOT_ENOUGH_REPLICAS_AFTER_APPEND', true, 'unknown');
      return failure('INVALID_PRODUCER_EPOCH', false);
    };
    const results = settled([producer.send({ topic: 't', value: 'a' })]);
    await time.until(producer.flush());
    expect(await results).toEqual(['INVALID_PRODUCER_EPOCH unknown']);
    expect(attempts).toBe(2);
  });

  it('gives up after three ids whose sequences are refused', async () => {
    const { producer, broker, time } = await warmHarness();
    broker.refuse = () => failure('OUT_OF_ORDER_SEQUENCE_NUMBER', false);
    const results = settled([producer.send({ topic: 't', value: 'a' })]);
    await time.until(producer.flush());
    expect(await results).toEqual(['OUT_OF_ORDER_SEQUENCE_NUMBER failed']);
    expect(broker.idsIssued).toBe(4);
  });

  it('counts a duplicate whose offset is forgotten as written', async () => {
    const { producer, broker, time } = await warmHarness();
    broker.refuse = () => failure('DUPLICATE_SEQUENCE_NUMBER', false, 'applied');
    const sent = producer.send({ topic: 't', value: 'a' });
    expect(await time.until(sent)).toEqual({
      topic: 't',
      partition: 0,
      offset: null,
      timestamp: null,
    });
  });

  it('halves a batch that is too large for its topic, and fails one record that is', async () => {
    const { producer, broker, time } = await warmHarness();
    broker.recordsPerBatchMax = 3;
    void sendAll(producer, 10);
    await time.until(producer.flush());
    expect(broker.values('t').slice(1).map(Number)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(broker.idsIssued).toBe(1);
    broker.recordsPerBatchMax = 0;
    const results = settled(sendAll(producer, 2));
    await time.until(producer.flush());
    expect(await results).toEqual(['MESSAGE_TOO_LARGE failed', 'MESSAGE_TOO_LARGE failed']);
  });

  it('sends what waited for a request as one batch, larger than batchSize if need be', async () => {
    const settings = { batchSize: 100, maxInFlight: 1 };
    const { producer, broker, time } = await warmHarness(settings, 1);
    void sendAll(producer, 50);
    await time.until(producer.flush());
    expect(broker.values('t').slice(1).map(Number)).toEqual(
      Array.from({ length: 50 }, (_, at) => at),
    );
    const sizes = broker.requests.slice(1).map(({ sizeBytes }) => sizeBytes);
    expect(sizes[0]).toBeLessThanOrEqual(100);
    expect(Math.max(...sizes)).toBeGreaterThan(700);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(800);
  });

  it('keeps to batchSize after a topic has refused a larger batch', async () => {
    const settings = { batchSize: 100, maxInFlight: 1 };
    const { producer, broker, time } = await warmHarness(settings, 1);
    broker.recordsPerBatchMax = 10;
    void sendAll(producer, 100);
    await time.until(producer.flush());
    expect(producer.metrics()).toMatchObject({ recordsFailed: 0, recordsWritten: 101 });
    // The large batch was halved until its parts had at most ten records.
    expect(broker.requests.filter(({ records }) => records.length > 10)).toHaveLength(3);
  });

  it('halves a batch whose fate is unknown, and does not write it twice', async () => {
    const { producer, broker, time } = await warmHarness();
    broker.faults.lostAnswer = 100;
    const results = settled(sendAll(producer, 4));
    await time.advance(100);
    broker.faults.lostAnswer = 0;
    // The topic accepts smaller batches now than when it took this one.
    let isLowered = true;
    broker.refuse = ({ records }) => {
      if (!isLowered || records.length < 4) return undefined;
      isLowered = false;
      return failure('MESSAGE_TOO_LARGE', false);
    };
    await time.until(producer.flush());
    expect(new Set(await results)).toEqual(new Set(['OUT_OF_ORDER_SEQUENCE_NUMBER unknown']));
    await time.until(producer.send({ topic: 't', value: 'next' }));
    expect(broker.values('t')).toEqual(['warm', '0', '1', '2', '3', 'next']);
  });

  it('asks for the leaders again when one has moved', async () => {
    const { producer, broker, time } = await warmHarness();
    const before = broker.metadataRequests;
    refuseOnce(broker, 'a', failure('LEADER_NOT_AVAILABLE', true));
    await time.until(producer.send({ topic: 't', value: 'a' }));
    expect(broker.metadataRequests).toBe(before + 1);
  });

  it('fails what is queued when there are no producer ids for it, and tries again', async () => {
    const { producer, broker, time } = producerHarness();
    broker.refuseId = () => failure('CLUSTER_AUTHORIZATION_FAILED', false);
    const results = settled(sendAll(producer, 2));
    await time.until(producer.flush());
    expect(await results).toEqual([
      'CLUSTER_AUTHORIZATION_FAILED failed',
      'CLUSTER_AUTHORIZATION_FAILED failed',
    ]);
    let refusals = 3;
    broker.refuseId = () => {
      refusals -= 1;
      return refusals >= 0 ? failure('BROKER_NOT_AVAILABLE', true) : undefined;
    };
    await time.until(producer.send({ topic: 't', value: 'a' }));
    expect(broker.idsIssued).toBe(1);
  });

  it('takes a new id after 12 hours of sleep, and calls unknown what was in flight', async () => {
    const { producer, broker, time } = await warmHarness({
      deliveryTimeoutMs: 2 ** 31 - 1,
      batchSize: 0,
    });
    broker.faults.lostAnswer = 100;
    const results = settled(sendAll(producer, 2));
    await time.advance(10);
    time.sleep(12 * 60 * 60 * 1000);
    broker.faults.lostAnswer = 0;
    await time.until(producer.send({ topic: 't', value: 'awake' }));
    expect(await results).toEqual(['REQUEST_TIMED_OUT unknown', 'REQUEST_TIMED_OUT unknown']);
    expect(broker.idsIssued).toBe(2);
    expect(broker.values('t')).toEqual(['warm', '0', '1', 'awake']);
  });

  it('counts the time of a sleep against the delivery timeout', async () => {
    const { producer, broker, time } = await warmHarness();
    broker.faults.lostAnswer = 100;
    const results = settled([producer.send({ topic: 't', value: 'a' })]);
    await time.advance(10);
    time.sleep(121_000);
    broker.faults.lostAnswer = 0;
    await time.until(producer.send({ topic: 't', value: 'b' }));
    expect(await results).toEqual(['REQUEST_TIMED_OUT unknown']);
  });

  it('sends the first batch after a silence alone, in case the id is forgotten', async () => {
    const { producer, broker, time } = await warmHarness({ batchSize: 0 });
    await time.advance(61_000);
    broker.forgetProducers('t');
    void sendAll(producer, 5);
    await time.advance(0);
    expect(broker.requests).toHaveLength(1 + 1);
    await time.until(producer.flush());
    expect(broker.values('t')).toEqual(['warm', '0', '1', '2', '3', '4']);
  });

  it('has neither ids nor sequences without idempotence', async () => {
    const { producer, broker, time } = producerHarness({ enableIdempotence: false });
    await time.until(producer.send({ topic: 't', value: 'a' }));
    expect(broker.requests[0]).toMatchObject({ producer: undefined, baseSequence: 0 });
    expect(broker.idsIssued).toBe(0);
  });

  it('keeps the order without idempotence while one request is in flight', async () => {
    const settings = { enableIdempotence: false, maxInFlight: 1, batchSize: 0 };
    const { producer, broker, time } = await warmHarness(settings);
    refuseOnce(broker, '0', failure('NOT_ENOUGH_REPLICAS', true));
    void sendAll(producer, 3);
    await time.until(producer.flush());
    expect(broker.values('t')).toEqual(['warm', '0', '1', '2']);
  });

  it('resolves with no offset with acks 0', async () => {
    const { producer, time } = producerHarness({ acks: '0' });
    const sent = producer.send({ topic: 't', value: 'a' });
    expect(await time.until(sent)).toMatchObject({ offset: null, timestamp: null });
  });

  it('survives a transport that breaks its contract', async () => {
    const { producer, broker, time } = await warmHarness();
    const produce = broker.produce.bind(broker);
    let calls = 0;
    broker.produce = (...request) => {
      calls += 1;
      if (calls === 1) throw new TypeError('not even a promise');
      if (calls === 2) return Promise.reject(new TypeError('no failure of the contract'));
      return produce(...request);
    };
    await time.until(producer.send({ topic: 't', value: 'a' }));
    expect(broker.values('t')).toEqual(['warm', 'a']);
  });
});

/** A producer that has sent one record already, so that requests may overlap. */
async function warmHarness(
  options: Parameters<typeof producerHarness>[0] = {},
  maxInFlightPerPartition = 5,
): Promise<ProducerHarness> {
  const harness = producerHarness(options, { maxInFlightPerPartition });
  await harness.time.until(harness.producer.send({ topic: 't', value: 'warm' }));
  return harness;
}

function sendAll(producer: ProducerHarness['producer'], count: number) {
  const sent = Array.from({ length: count }, (_, at) => producer.send({ topic: 't', value: at }));
  for (const one of sent) one.catch(() => undefined);
  return sent;
}

/** Refuses the first request with this value. */
function refuseOnce(broker: ModelBroker, value: string, error: ReturnType<typeof failure>): void {
  const hasValue = ({ records }: TransportRequest): boolean =>
    records.some((record) => new TextDecoder().decode(record.value ?? undefined) === value);
  broker.refuse = (request) => {
    if (!hasValue(request)) return undefined;
    broker.refuse = undefined;
    return error;
  };
}

function sequencesOf(broker: ModelBroker): number[] {
  return broker.requests.map(({ baseSequence }) => baseSequence);
}

function settled(sent: readonly Promise<unknown>[]): Promise<string[]> {
  return Promise.all(
    sent.map((one) =>
      one.then(
        () => 'written',
        (error: { code: string; outcome: string }) => `${error.code} ${error.outcome}`,
      ),
    ),
  );
}
