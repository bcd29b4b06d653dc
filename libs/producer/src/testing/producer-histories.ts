/**
 * Histories of a producer against a model broker on a bad network: it delays, loses, cuts and
 * reorders requests and answers, moves leaders and grows topics. SLUICE_HISTORIES_SEED repeats the
 * histories of the seed that a failure prints.
 */
import * as fc from 'fast-check';
import { expect } from 'vitest';
import type { ProduceFailure } from '../produce-transport.js';
import type { Producer } from '../producer.js';
import type { RecordMetadata } from '../producer-record.js';
import type { ProducerOptions } from '../producer-settings.js';
import type { Faults, ModelBrokerOptions } from './model-broker.js';
import { type ProducerHarness, producerHarness, seededRandom } from './producer-harness.js';

const SEED = process.env['SLUICE_HISTORIES_SEED'];

interface History {
  readonly seed: number;
  readonly records: number;
  readonly partitions: number;
  readonly recordsPerBatchMax: number;
  /** True when records are sent with a promise; otherwise with a callback. */
  readonly isAwaited: boolean;
  readonly settings: ProducerOptions;
  readonly network: Partial<ModelBrokerOptions>;
}

type Outcome = { readonly metadata: RecordMetadata } | { readonly error: { outcome: string } };

interface SentRecord {
  readonly value: string;
  readonly key: string | null;
  readonly outcomes: Outcome[];
}

const FAULT = fc.constantFrom(0, 0, 5, 20);
const FAULTS: fc.Arbitrary<Faults> = fc.record({
  lostRequest: FAULT,
  lostAnswer: FAULT,
  cut: FAULT,
  leaderMoves: FAULT,
  notEnoughReplicas: FAULT,
  throttled: FAULT,
  invalid: FAULT,
});
const NETWORK = fc.record({
  maxInFlightPerPartition: fc.constantFrom(1, 5),
  delayMsMax: fc.constantFrom(0, 30, 400),
  isUnordered: fc.boolean(),
  faults: FAULTS,
});
const SETTINGS = fc.record({
  batchSize: fc.constantFrom(0, 200, 2000),
  lingerMs: fc.constantFrom(0, 20),
  bufferMemory: fc.constantFrom(300, 5000, 1_000_000),
  maxBlockMs: fc.constant(2 ** 31 - 1),
  requestTimeoutMs: fc.constant(1000),
  // The short one ends some records before they are written.
  deliveryTimeoutMs: fc.constantFrom(2000, 10_000_000),
});
const HISTORY: fc.Arbitrary<History> = fc.record({
  seed: fc.integer({ min: 1, max: 2 ** 30 }),
  records: fc.integer({ min: 1, max: 80 }),
  partitions: fc.integer({ min: 1, max: 4 }),
  recordsPerBatchMax: fc.constantFrom(1000, 3),
  isAwaited: fc.boolean(),
  settings: SETTINGS,
  network: NETWORK,
});

/** Each record settles once, with the truth, is in the log at most once, and in its order. */
export function checkTruth(numRuns: number): Promise<void> {
  return check(numRuns, {}, (harness, sent, history) => {
    checkSettled(harness, sent, history);
    checkOutcomes(harness, sent);
    checkOnce(harness);
    checkOrder(harness, sent);
  });
}

/**
 * Every record that brokers accept is written when there is no delivery timeout, and when any
 * number of records may wait for the buffer.
 */
export function checkCompleteness(numRuns: number): Promise<void> {
  const overrides = { isAwaited: true, settings: { deliveryTimeoutMs: 10_000_000 } };
  return check(numRuns, overrides, (harness, sent, { network }) => {
    if ((network.faults?.invalid ?? 0) > 0) return;
    for (const { outcomes } of sent) expect(outcomes).toMatchObject([{ metadata: {} }]);
    expect(logValues(harness).toSorted()).toEqual(sent.map(({ value }) => value).toSorted());
  });
}

/** A producer without idempotence may repeat records, but loses none that it calls written. */
export function checkWithoutIdempotence(numRuns: number): Promise<void> {
  return check(numRuns, { settings: { enableIdempotence: false } }, (harness, sent, history) => {
    checkSettled(harness, sent, history);
    checkOutcomes(harness, sent);
  });
}

async function check(
  numRuns: number,
  overrides: { readonly isAwaited?: boolean; readonly settings?: ProducerOptions },
  verify: (harness: ProducerHarness, sent: readonly SentRecord[], history: History) => void,
): Promise<void> {
  const property = fc.asyncProperty(HISTORY, async (given) => {
    const settings = { ...given.settings, ...overrides.settings };
    const history = { ...given, ...overrides, settings };
    const harness = producerHarness(history.settings, history.network, history.seed);
    verify(harness, await produce(harness, history), history);
  });
  await fc.assert(property, { numRuns, ...(SEED === undefined ? {} : { seed: Number(SEED) }) });
}

/** Sends the records in bursts while the topic grows, and waits until all are settled. */
async function produce(harness: ProducerHarness, history: History): Promise<SentRecord[]> {
  const { broker, producer, time } = harness;
  const random = seededRandom(history.seed + 1);
  broker.createTopic('h', history.partitions);
  broker.recordsPerBatchMax = history.recordsPerBatchMax;
  const sent: SentRecord[] = [];
  for (let at = 0; at < history.records; at += 1) {
    const key = random.below(3) === 0 ? null : `key-${random.below(5)}`;
    const record: SentRecord = { value: `value-${at}`, key, outcomes: [] };
    sent.push(record);
    send(producer, record, history.isAwaited);
    expect(producer.metrics().bufferAvailableBytes).toBeGreaterThanOrEqual(0);
    if (random.below(10) === 0) broker.growTopic('h', history.partitions + random.below(3));
    if (random.below(4) === 0) await time.advance(random.below(300));
  }
  await time.until(producer.flush());
  // Late copies of requests arrive.
  await time.advance(5000);
  return sent;
}

function send(producer: Producer, { key, value, outcomes }: SentRecord, isAwaited: boolean): void {
  const failed = (error: ProduceFailure): unknown => outcomes.push({ error });
  const written = (metadata: RecordMetadata): unknown => outcomes.push({ metadata });
  const record = { topic: 'h', key, value };
  if (isAwaited) {
    producer.send(record).then(written, failed);
    return;
  }
  producer.send(record, (error, metadata) => {
    if (metadata === undefined) failed(error);
    else written(metadata);
  });
}

function checkSettled(
  { producer, broker }: ProducerHarness,
  sent: readonly SentRecord[],
  { settings, network }: History,
): void {
  for (const { outcomes } of sent) expect(outcomes).toHaveLength(1);
  expect(producer.metrics()).toMatchObject({
    recordsBuffered: 0,
    recordsWaiting: 0,
    requestsInFlight: 0,
    bufferAvailableBytes: settings.bufferMemory,
  });
  expect(broker.inFlightMaxSeen.broker).toBeLessThanOrEqual(5);
  expect(broker.inFlightMaxSeen.partition).toBeLessThanOrEqual(
    network.maxInFlightPerPartition ?? 0,
  );
}

/** A written record is where its metadata says; one that failed is nowhere. */
function checkOutcomes({ broker }: ProducerHarness, sent: readonly SentRecord[]): void {
  const everywhere = new Set(broker.topics.get('h')?.flatMap(({ log }) => log.map((r) => r.value)));
  for (const { value, key, outcomes } of sent) {
    const [outcome] = outcomes;
    if (outcome === undefined) continue;
    if ('error' in outcome) {
      if (outcome.error.outcome === 'failed') expect(everywhere.has(value)).toBe(false);
    } else {
      const { partition, offset } = outcome.metadata;
      expect(broker.log('h', partition)[offset ?? -1]).toEqual({ key, value });
    }
  }
}

function checkOnce(harness: ProducerHarness): void {
  const values = logValues(harness);
  expect(values.length).toBe(new Set(values).size);
}

/** Records that are known to be written are in their partition in the order of the sends. */
function checkOrder({ broker }: ProducerHarness, sent: readonly SentRecord[]): void {
  const orders = new Map(sent.map(({ value }, at) => [value, at]));
  const isWritten = new Set(
    sent.filter(({ outcomes }) => outcomes.some((one) => 'metadata' in one)).map((r) => r.value),
  );
  for (const { log } of broker.topics.get('h') ?? []) {
    const order = log.filter((record) => isWritten.has(record.value));
    const numbers = order.map((record) => orders.get(record.value) ?? -1);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  }
}

function logValues({ broker }: ProducerHarness): string[] {
  return (broker.topics.get('h') ?? []).flatMap(({ log }) => log.map(({ value }) => value));
}
