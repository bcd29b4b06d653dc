/**
 * A cluster as a producer sees it: logs with the checks of idempotence, behind a network that a
 * test may make slow, lossy and unordered.
 */
import type { RandomBelow } from '../partitioner.js';
import type {
  BrokerKey,
  ProducerIdentity,
  ProduceTransport,
  TopicMetadata,
  TransportAnswer,
  TransportRequest,
} from '../produce-transport.js';
import type { SimulatedTime } from './simulated-time.js';
import { createTestError, type TestError } from './test-error.js';

const decoder = new TextDecoder();

/** Chances of faults, each out of 100 requests. */
export interface Faults {
  /** The request is lost, and the producer is not told. */
  lostRequest: number;
  /** The answer is lost, and the producer is not told. */
  lostAnswer: number;
  /** The connection is cut: every request in flight fails, and some of them arrive nevertheless. */
  cut: number;
  /** The leader refuses the request and another broker takes over. */
  leaderMoves: number;
  /** The records are appended, but not to enough replicas. */
  notEnoughReplicas: number;
  /** The broker has no memory left for the request. */
  throttled: number;
  /** The broker refuses the records for good. */
  invalid: number;
}

const NO_FAULTS: Faults = {
  lostRequest: 0,
  lostAnswer: 0,
  cut: 0,
  leaderMoves: 0,
  notEnoughReplicas: 0,
  throttled: 0,
  invalid: 0,
};

export interface ModelBrokerOptions {
  readonly time: SimulatedTime;
  readonly random: RandomBelow;
  readonly maxInFlightPerPartition?: number;
  /** Longest time of a request or an answer on its way, ms. */
  readonly delayMsMax?: number;
  /** Requests of one connection may overtake each other. */
  readonly isUnordered?: boolean;
  readonly faults?: Partial<Faults>;
}

export interface StoredRecord {
  readonly value: string;
  readonly key: string | null;
}

interface AppendedBatch {
  readonly baseSequence: number;
  readonly count: number;
  readonly baseOffset: number;
}

interface ProducerState {
  nextSequence: number;
  readonly batches: AppendedBatch[];
}

interface ModelPartition {
  leader: BrokerKey;
  readonly log: StoredRecord[];
  readonly producers: Map<number, ProducerState>;
}

export class ModelBroker implements ProduceTransport {
  maxInFlightPerPartition: number;
  readonly faults: Faults;
  /** Requests in the order in which they were made. */
  readonly requests: TransportRequest[] = [];
  readonly topics = new Map<string, ModelPartition[]>();
  /** Most requests in flight together: of one partition, and to one broker. */
  inFlightMaxSeen = { partition: 0, broker: 0 };
  metadataRequests = 0;
  idsIssued = 0;
  /** Largest batch that topics accept, in records. */
  recordsPerBatchMax = Number.POSITIVE_INFINITY;
  /** Called for each request: an error it returns refuses the request without an append. */
  refuse: ((request: TransportRequest) => TestError | undefined) | undefined;
  refuseMetadata: ((topic: string) => TestError | undefined) | undefined;
  refuseId: (() => TestError | undefined) | undefined;
  readonly #options: ModelBrokerOptions;
  readonly #inFlight = new Set<{ readonly request: TransportRequest; readonly fail: () => void }>();
  #lastArrivalMs = 0;

  constructor(options: ModelBrokerOptions) {
    this.#options = options;
    this.maxInFlightPerPartition = options.maxInFlightPerPartition ?? 5;
    this.faults = { ...NO_FAULTS, ...options.faults };
  }

  createTopic(name: string, partitions: number): void {
    this.topics.set(name, []);
    this.growTopic(name, partitions);
  }

  growTopic(name: string, partitions: number): void {
    const topic = this.topics.get(name) ?? [];
    while (topic.length < partitions) {
      topic.push({ leader: topic.length % 3, log: [], producers: new Map() });
    }
  }

  log(topic: string, partition = 0): readonly StoredRecord[] {
    return this.topics.get(topic)?.[partition]?.log ?? [];
  }

  values(topic: string, partition = 0): string[] {
    return this.log(topic, partition).map(({ value }) => value);
  }

  /** Forgets the producers of a partition, as a broker does with those silent for long. */
  forgetProducers(topic: string, partition = 0): void {
    this.topics.get(topic)?.[partition]?.producers.clear();
  }

  async topicMetadata(topic: string): Promise<TopicMetadata> {
    this.metadataRequests += 1;
    await this.#delay();
    const refusal = this.refuseMetadata?.(topic);
    if (refusal !== undefined) throw refusal;
    const partitions = this.topics.get(topic);
    if (partitions === undefined) throw failure('UNKNOWN_TOPIC_OR_PARTITION', false);
    return { partitions: partitions.map(({ leader }) => ({ leader })) };
  }

  async createProducerId(): Promise<ProducerIdentity> {
    await this.#delay();
    const refusal = this.refuseId?.();
    if (refusal !== undefined) throw refusal;
    this.idsIssued += 1;
    return { producerId: 1000 + this.idsIssued, producerEpoch: 0 };
  }

  produce(request: TransportRequest, signal: AbortSignal): Promise<TransportAnswer> {
    this.requests.push(request);
    return new Promise((resolve, reject) => {
      const inFlight = {
        request,
        fail: () => reject(failure('NETWORK_EXCEPTION', true, 'unknown')),
      };
      this.#inFlight.add(inFlight);
      this.#countInFlight(request);
      signal.addEventListener('abort', () => this.#inFlight.delete(inFlight), { once: true });
      const answer = (send: () => void): void => {
        this.#after(this.#randomDelay(), () => {
          if (!this.#inFlight.delete(inFlight) || this.#happens('lostAnswer')) return;
          send();
        });
      };
      if (this.#happens('cut')) this.#after(this.#randomDelay(), () => this.#cut());
      if (this.#happens('lostRequest')) return;
      this.#after(this.#arrivalDelay(), () => {
        try {
          const result = this.#append(request);
          answer(() => resolve(result));
        } catch (error) {
          answer(() => reject(error));
        }
      });
    });
  }

  /** All requests fail; those on their way arrive later, as from a proxy's buffer. */
  #cut(): void {
    const cut = [...this.#inFlight];
    this.#inFlight.clear();
    for (const { fail } of cut) fail();
  }

  #append(request: TransportRequest): TransportAnswer {
    const { topic, partition: number, records, producer, baseSequence } = request;
    const partition = this.topics.get(topic)?.[number];
    if (partition === undefined) throw failure('UNKNOWN_TOPIC_OR_PARTITION', false);
    if (this.#happens('leaderMoves')) {
      partition.leader = this.#options.random.below(3);
      throw failure('LEADER_NOT_AVAILABLE', true);
    }
    if (this.#happens('throttled')) throw failure('THROTTLING_QUOTA_EXCEEDED', true);
    if (this.#happens('invalid')) throw failure('INVALID_RECORD', false);
    const refusal = this.refuse?.(request);
    if (refusal !== undefined) throw refusal;
    if (records.length > this.recordsPerBatchMax) throw failure('MESSAGE_TOO_LARGE', false);
    const appended = { baseSequence, count: records.length, baseOffset: partition.log.length };
    const original =
      producer === undefined ? undefined : checkSequence(partition, producer.producerId, appended);
    if (original === undefined) {
      for (const { key, value } of records) {
        partition.log.push({ key: textOf(key), value: textOf(value) ?? 'null' });
      }
    }
    if (this.#happens('notEnoughReplicas')) {
      throw failure('NOT_ENOUGH_REPLICAS_AFTER_APPEND', true, 'unknown');
    }
    if (request.acks === '0') return { offsets: null };
    const { baseOffset } = original ?? appended;
    return { offsets: records.map((_, at) => ({ offset: baseOffset + at, timestamp: 1000 + at })) };
  }

  #countInFlight({ topic, partition, leader }: TransportRequest): void {
    const all = [...this.#inFlight].map((inFlight) => inFlight.request);
    const ofPartition = all.filter((one) => one.topic === topic && one.partition === partition);
    const ofBroker = all.filter((one) => one.leader === leader);
    const seen = this.inFlightMaxSeen;
    seen.partition = Math.max(seen.partition, ofPartition.length);
    seen.broker = Math.max(seen.broker, ofBroker.length);
  }

  #happens(fault: keyof Faults): boolean {
    return this.faults[fault] > 0 && this.#options.random.below(100) < this.faults[fault];
  }

  #randomDelay(): number {
    const { delayMsMax = 0, random } = this.#options;
    return delayMsMax === 0 ? 1 : 1 + random.below(delayMsMax);
  }

  /** Requests of one connection arrive in their order, unless the network is unordered. */
  #arrivalDelay(): number {
    const { isUnordered = false, time } = this.#options;
    const delayMs = this.#randomDelay();
    if (isUnordered) return delayMs;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, time.monotonicMs() + delayMs);
    return this.#lastArrivalMs - time.monotonicMs();
  }

  #delay(): Promise<void> {
    return new Promise((resolve) => {
      this.#after(this.#randomDelay(), resolve);
    });
  }

  #after(delayMs: number, task: () => void): void {
    this.#options.time.after(delayMs, task);
  }
}

/** Returns the first append of a batch that is repeated. */
function checkSequence(
  { producers }: ModelPartition,
  producerId: number,
  batch: AppendedBatch,
): AppendedBatch | undefined {
  const state = producers.get(producerId);
  if (state === undefined) {
    // As in Kafka, every sequence of an unknown producer is accepted.
    const nextSequence = batch.baseSequence + batch.count;
    producers.set(producerId, { nextSequence, batches: [batch] });
    return undefined;
  }
  const original = state.batches.find((other) => other.baseSequence === batch.baseSequence);
  if (original !== undefined && original.count === batch.count) return original;
  if (batch.baseSequence !== state.nextSequence) {
    throw failure('OUT_OF_ORDER_SEQUENCE_NUMBER', false);
  }
  state.nextSequence += batch.count;
  state.batches.push(batch);
  return undefined;
}

export function failure(
  code: string,
  retriable: boolean,
  outcome: 'failed' | 'unknown' | 'applied' = 'failed',
): TestError {
  return createTestError(code, `The model refused with ${code}.`, {
    retriable,
    outcome,
  }) as TestError;
}

function textOf(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : decoder.decode(bytes);
}
