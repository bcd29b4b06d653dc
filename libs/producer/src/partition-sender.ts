/**
 * Sends the records of one partition, in their order, through errors, retries and leader changes.
 *
 * Records gather in the queue until a request may be made. With idempotence each batch gets its
 * sequence when it is first sent and keeps it through all retries, so that the broker writes it
 * once. Several batches may be in flight; the broker refuses one whose predecessor is missing, and
 * it then waits until those before it are settled. The first batch under an id goes alone, because
 * a broker accepts any first sequence of a producer that it does not know.
 *
 * A batch that is lost (it failed, or its outcome stays unknown) leaves a hole in the sequences.
 * Nothing new is sent under that id. The batches after the hole that were sent before are sent
 * again until the broker has accepted or refused each of them. Then the partition takes a new id
 * and numbers the remaining ones from 0.
 *
 * Invariant: `#batches` is in the order of the records, and in the order of the sequences.
 *
 * Overlap: all methods are synchronous; results of requests arrive in any order.
 */
import type { PartitionQueue } from './accumulator.js';
import { attempt } from './attempt.js';
import type { LaneWaiter } from './broker-lanes.js';
import type { PendingRecord, RecordBatch } from './pending-record.js';
import type {
  ProduceFailure,
  ProducerIdentity,
  TransportAnswer,
  TransportRequest,
} from './produce-transport.js';
import type { ProducerIdentities } from './producer-identities.js';
import { halvesOf, recordBatch, sequenceAfter } from './record-batch.js';
import { retryDelayMs } from './retry-delay.js';
import type { SenderContext, SenderTopic } from './sender-context.js';

/** Time without a batch after which a broker may have forgotten a producer, ms. */
const FORGOTTEN_MS = 12 * 60 * 60 * 1000;
/** Silence after which the first batch goes alone again, ms. */
const SILENT_MS = 60 * 1000;
/** New ids for a batch whose sequence the broker refuses. */
const IDS_REFUSED_MAX = 3;

const OUT_OF_ORDER = 'OUT_OF_ORDER_SEQUENCE_NUMBER';
const SEQUENCE_ERRORS = [OUT_OF_ORDER, 'INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING'];
const SIZE_ERRORS = ['MESSAGE_TOO_LARGE', 'REQUEST_TOO_LARGE'];
const METADATA_ERRORS = ['LEADER_NOT_AVAILABLE', 'UNKNOWN_TOPIC_OR_PARTITION'];

export class PartitionSender implements LaneWaiter {
  readonly queue: PartitionQueue<PendingRecord>;
  readonly #topic: SenderTopic;
  readonly #partition: number;
  readonly #context: SenderContext;
  /** Batches that are not settled. */
  #batches: RecordBatch[] = [];
  #requestsInFlight = 0;
  /** Undefined without idempotence, and until an id is issued. */
  #identity: ProducerIdentity | undefined;
  #abandonedIdentity: ProducerIdentity | undefined;
  #isIdentityRequested = false;
  #identityAttempts = 0;
  #nextSequence = 0;
  /** True once a broker has accepted a batch under the id. */
  #isKnown = false;
  /** True when a sequence of the id is missing, or may be: no new batch gets one. */
  #isHoled = false;
  /** True when all batches get new sequences under a new id, once no request is in flight. */
  #isRenumbering = false;
  #retry: { readonly dueMs: number; cancel(): void } | undefined;
  /** Time of the last request or answer, ms. */
  #lastActiveMs: number;
  #isClosed = false;

  constructor(topic: SenderTopic, partition: number, context: SenderContext) {
    this.#topic = topic;
    this.#partition = partition;
    this.#context = context;
    this.#lastActiveMs = context.clock.monotonicMs();
    this.queue = context.accumulator.openQueue(
      (entries) => this.#take(entries),
      () => this.#mayDrain(),
    );
  }

  /** Bytes of records that are not in flight. */
  get waitingBytes(): number {
    let bytes = this.queue.queuedBytes;
    for (const batch of this.#batches) if (batch.request === undefined) bytes += batch.sizeBytes;
    return bytes;
  }

  /** Sends what may be sent now: batches that wait for a retry first. */
  pump(): void {
    if (this.#isClosed) return;
    this.#checkSilence();
    for (const batch of this.#batches) {
      if (batch.request !== undefined) continue;
      if (!this.#maySend(batch)) return;
      this.#send(batch);
    }
    if (this.queue.isDue) this.queue.drain();
  }

  /** Ends a record whose time is over, and with it the batch that it is in. */
  expire(entry: PendingRecord): void {
    const { createError, settings } = this.#context;
    const { batch } = entry;
    const error = createError(
      'REQUEST_TIMED_OUT',
      `The record was not written within ${settings.deliveryTimeoutMs} ms.`,
      { retriable: true, outcome: 'failed', cause: batch?.lastError },
    );
    if (this.queue.remove(entry)) {
      entry.finish(undefined, error);
    } else if (batch !== undefined) {
      if (batch.request !== undefined) batch.isMaybeWritten = true;
      this.#end(batch, () => this.#fail(batch, error));
    }
  }

  /** Fails all records that are not settled, and sends nothing more. */
  close(error: ProduceFailure): void {
    this.#isClosed = true;
    this.#retry?.cancel();
    for (const entry of this.queue.removeAll()) entry.finish(undefined, error);
    this.#drop([...this.#batches], error);
  }

  /** Called by the queue with the records of a drain. */
  #take(entries: readonly PendingRecord[]): Promise<void> {
    const batch = recordBatch(entries);
    this.#batches.push(batch);
    this.#send(batch);
    return Promise.resolve();
  }

  #mayDrain(): boolean {
    if (this.#isClosed) return false;
    this.#checkSilence();
    // A batch that waits for a retry goes first.
    if (this.#isHoled || this.#batches.length > this.#requestsInFlight) return false;
    return this.#mayMakeRequest();
  }

  /** True when the batch may be sent, now that those before it are in flight. */
  #maySend(batch: RecordBatch): boolean {
    if (this.#isHoled && batch.baseSequence === undefined) return false;
    if (batch.isBehind && batch !== this.#batches[0]) return false;
    return this.#mayMakeRequest();
  }

  #mayMakeRequest(): boolean {
    const { lanes, identities, settings, transport } = this.#context;
    if (this.#isRenumbering || this.#retry !== undefined) return false;
    const { maxInFlightRequestsPerConnection } = settings;
    const max = Math.min(maxInFlightRequestsPerConnection, transport.maxInFlightPerPartition);
    if (this.#requestsInFlight >= max) return false;
    if (identities !== undefined) {
      if (this.#identity === undefined) {
        void this.#requestIdentity(identities);
        return false;
      }
      if (!this.#isKnown && this.#requestsInFlight > 0) return false;
    }
    return lanes.hasRoom(this.#topic.leaderOf(this.#partition), this);
  }

  #send(batch: RecordBatch): void {
    const { clock, lanes, metrics, runtime, settings, transport } = this.#context;
    if (this.#topic.isStale) this.#topic.refresh();
    const broker = this.#topic.leaderOf(this.#partition);
    if (this.#identity !== undefined && batch.baseSequence === undefined) {
      batch.baseSequence = this.#nextSequence;
      this.#nextSequence = sequenceAfter(this.#nextSequence, batch.entries.length);
    }
    if (batch.attempts > 0) metrics.recordsRetried += batch.entries.length;
    metrics.requests += 1;
    batch.attempts += 1;
    batch.isSentFirst = batch === this.#batches[0];
    lanes.begin(broker);
    this.#requestsInFlight += 1;
    this.#lastActiveMs = clock.monotonicMs();
    const request = this.#requestOf(batch);
    const { result, abandon } = attempt((signal) => transport.produce(request, signal), {
      timers: runtime.timers,
      timeoutMs: settings.requestTimeoutMs,
      timedOut: () => this.#notAnswered(),
    });
    batch.request = { broker, abandon };
    void this.#awaitAnswer(batch, result);
  }

  async #awaitAnswer(batch: RecordBatch, result: Promise<TransportAnswer>): Promise<void> {
    const { request } = batch;
    let decide: () => void;
    try {
      const answer = await result;
      decide = () => this.#succeed(batch, answer);
    } catch (error) {
      decide = () => this.#onError(batch, error);
    }
    // Another request of the batch, or none, counts once this one was abandoned.
    if (batch.request === request) this.#end(batch, decide);
  }

  #requestOf(batch: RecordBatch): TransportRequest {
    const { clock, settings } = this.#context;
    const deadlineMs = batch.entries[0]?.deadlineMs ?? 0;
    const leftMs = Math.ceil(deadlineMs - clock.monotonicMs());
    return {
      topic: this.#topic.name,
      partition: this.#partition,
      leader: this.#topic.leaderOf(this.#partition),
      records: batch.entries.map((entry) => entry.record),
      sizeBytes: batch.sizeBytes,
      acks: settings.acks,
      timeoutMs: Math.max(1, Math.min(settings.requestTimeoutMs, leftMs)),
      producer: this.#identity,
      baseSequence: batch.baseSequence ?? 0,
      compression: settings.compressionType,
    };
  }

  /** Ends the batch's request, if it has one, decides about the batch, and sends what follows. */
  #end(batch: RecordBatch, decide: () => void): void {
    const { request } = batch;
    if (request !== undefined) this.#takeRequest(batch);
    decide();
    this.#maybeTakeNewIdentity();
    if (request !== undefined) this.#context.lanes.end(request.broker);
    this.#context.deadlines.expire();
    this.pump();
  }

  #takeRequest(batch: RecordBatch): void {
    batch.request?.abandon();
    batch.request = undefined;
    this.#requestsInFlight -= 1;
    this.#lastActiveMs = this.#context.clock.monotonicMs();
  }

  #succeed(batch: RecordBatch, { offsets }: TransportAnswer): void {
    this.#isKnown = true;
    this.#remove(batch);
    this.#context.metrics.written(batch, this.#lastActiveMs);
    for (const [index, entry] of batch.entries.entries()) {
      const { offset = null, timestamp = null } = offsets?.[index] ?? {};
      const metadata = { topic: this.#topic.name, partition: this.#partition, offset, timestamp };
      entry.finish(metadata, undefined);
    }
  }

  #onError(batch: RecordBatch, thrown: unknown): void {
    const error = this.#context.failureOf(thrown);
    batch.lastError = error;
    if (error.outcome === 'applied') {
      this.#succeed(batch, { offsets: null });
      return;
    }
    if (error.outcome === 'unknown') batch.isMaybeWritten = true;
    if (METADATA_ERRORS.includes(error.code)) this.#topic.refresh();
    if (this.#identity !== undefined && SEQUENCE_ERRORS.includes(error.code)) {
      this.#onSequenceError(batch, error);
    } else if (SIZE_ERRORS.includes(error.code) && this.#maybeSplit(batch)) {
      this.#context.metrics.batchesSplit += 1;
    } else if (error.retriable && batch.attempts <= this.#context.settings.retries) {
      this.#retryLater(batch.attempts, error);
    } else {
      this.#fail(batch, error);
    }
  }

  /**
   * The broker does not accept the batch's sequence. For the first batch this proves that neither
   * it nor any later one is in the log: the broker would have known it as a duplicate. A batch that
   * became the first one after its request was made proves nothing: the broker may have refused it
   * before it had those ahead of it.
   */
  #onSequenceError(batch: RecordBatch, error: ProduceFailure): void {
    if (!batch.isSentFirst) {
      batch.isBehind = true;
      return;
    }
    // Only the check of the sequence compares the batch with those in the log, by its size.
    const isCompared = error.code === OUT_OF_ORDER && !batch.isHalf;
    const isProof = isCompared || !batch.isMaybeWritten;
    if (error.outcome !== 'failed' || !isProof || batch.idsRefused >= IDS_REFUSED_MAX) {
      this.#fail(batch, error);
      return;
    }
    batch.idsRefused += 1;
    this.#isRenumbering = true;
  }

  /** Replaces a batch that is too large for its topic by its halves. */
  #maybeSplit(batch: RecordBatch): boolean {
    if (batch.entries.length === 1) return false;
    this.queue.lateDrainBytesMax = this.#context.settings.batchSize;
    this.#batches.splice(this.#batches.indexOf(batch), 1, ...halvesOf(batch));
    return true;
  }

  #fail(batch: RecordBatch, error: ProduceFailure): void {
    const failure = batch.isMaybeWritten ? this.#asUnknown(error) : error;
    this.#remove(batch);
    if (batch.baseSequence !== undefined) {
      const isLast = sequenceAfter(batch.baseSequence, batch.entries.length) === this.#nextSequence;
      if (failure.outcome === 'failed' && isLast) this.#nextSequence = batch.baseSequence;
      else this.#isHoled = true;
    }
    for (const entry of batch.entries) entry.finish(undefined, failure);
  }

  #remove(batch: RecordBatch): void {
    this.#batches = this.#batches.filter((other) => other !== batch);
  }

  /** Ends batches at once, whatever becomes of their requests. */
  #drop(batches: readonly RecordBatch[], error: ProduceFailure): void {
    for (const batch of batches) {
      const { request } = batch;
      if (request !== undefined) {
        this.#takeRequest(batch);
        batch.isMaybeWritten = true;
      }
      this.#fail(batch, error);
      if (request !== undefined) this.#context.lanes.end(request.broker);
    }
  }

  #retryLater(attempts: number, error: ProduceFailure): void {
    const { clock, runtime, settings } = this.#context;
    const delayMs = Math.max(
      retryDelayMs(attempts, settings, runtime.random),
      error.retryAfterMs ?? 0,
    );
    const dueMs = clock.monotonicMs() + delayMs;
    if (this.#retry !== undefined && this.#retry.dueMs >= dueMs) return;
    this.#retry?.cancel();
    const timer = runtime.timers.after(delayMs, () => {
      this.#retry = undefined;
      this.pump();
    });
    this.#retry = { dueMs, cancel: () => timer.cancel() };
  }

  /** Abandons the id once no sent batch depends on it. */
  #maybeTakeNewIdentity(): void {
    if (this.#isHoled && this.#batches.every((batch) => batch.baseSequence === undefined)) {
      this.#isRenumbering = true;
    }
    if (!this.#isRenumbering || this.#requestsInFlight > 0) return;
    for (const batch of this.#batches) {
      batch.baseSequence = undefined;
      batch.isBehind = false;
      batch.isMaybeWritten = false;
      batch.isHalf = false;
    }
    this.#abandonedIdentity = this.#identity;
    this.#identity = undefined;
    this.#nextSequence = 0;
    this.#isKnown = false;
    this.#isHoled = false;
    this.#isRenumbering = false;
  }

  async #requestIdentity(identities: ProducerIdentities): Promise<void> {
    if (this.#isIdentityRequested) return;
    this.#isIdentityRequested = true;
    try {
      this.#identity = await identities.next(this.#abandonedIdentity);
      this.#isIdentityRequested = false;
      this.#identityAttempts = 0;
      this.#lastActiveMs = this.#context.clock.monotonicMs();
    } catch (error) {
      this.#isIdentityRequested = false;
      this.#onIdentityError(this.#context.failureOf(error));
      return;
    }
    this.pump();
  }

  /** No record is sent without an id, so all of them fail with one that cannot be had. */
  #onIdentityError(error: ProduceFailure): void {
    if (this.#isClosed) return;
    this.#identityAttempts += 1;
    if (error.retriable && this.#identityAttempts <= this.#context.settings.retries) {
      this.#retryLater(this.#identityAttempts, error);
      return;
    }
    this.#identityAttempts = 0;
    const { code, message, retriable } = error;
    const failure = this.#context.createError(code, message, {
      retriable,
      outcome: 'failed',
      cause: error,
    });
    this.#drop([...this.#batches], failure);
    for (const entry of this.queue.removeAll()) entry.finish(undefined, failure);
  }

  /** Checks how long nothing was sent: a laptop that slept, or a partition without records. */
  #checkSilence(): void {
    if (this.#identity === undefined) return;
    const nowMs = this.#context.clock.monotonicMs();
    const silentMs = nowMs - this.#lastActiveMs;
    if (silentMs >= SILENT_MS && this.#batches.length === 0) this.#isKnown = false;
    if (silentMs < FORGOTTEN_MS) return;
    this.#lastActiveMs = nowMs;
    this.#isRenumbering = true;
    const sent = this.#batches.filter((batch) => batch.baseSequence !== undefined);
    for (const batch of sent) batch.isMaybeWritten = true;
    const error = this.#context.createError(
      'REQUEST_TIMED_OUT',
      'Nothing was heard for 12 hours, after which a broker may have forgotten this producer.',
      { retriable: false, outcome: 'unknown' },
    );
    this.#drop(sent, error);
    this.#maybeTakeNewIdentity();
  }

  #asUnknown(error: ProduceFailure): ProduceFailure {
    if (error.outcome === 'unknown') return error;
    const { code, message, retriable } = error;
    return this.#context.createError(
      code,
      `${message} An earlier attempt may have written the record.`,
      { retriable, outcome: 'unknown', cause: error },
    );
  }

  #notAnswered(): ProduceFailure {
    const { createError, settings } = this.#context;
    return createError(
      'REQUEST_TIMED_OUT',
      `The broker did not answer within ${settings.requestTimeoutMs} ms.`,
      { retriable: true, outcome: 'unknown' },
    );
  }
}
