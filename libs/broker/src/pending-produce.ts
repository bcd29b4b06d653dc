/**
 * A pending produce request, with one entry for each of its partitions. The entries wait in
 * their partitions' queues, are written, and together make the answer.
 *
 * The request is answered once: when all entries are done, or when its time is over. Its buffer
 * memory is released when all entries are done, answered or not, because until then their bytes are
 * in use. On the hot path it costs one promise, and its entries are the parts of its answer.
 */
import type { RecordSelection } from '#log';
import { AccumulatorEntry, type DeadlineEntry } from '#producer';
import { type Offset, ProtocolError, type RecordSet } from '#protocol';
import type { Acks, ProducePart, ProduceRequest, ProduceResult } from './broker.js';
import type { Requester } from './requester.js';

/** The records of a request that go to one partition. */
export class ProduceEntry
  extends AccumulatorEntry<ProduceEntry>
  implements ProducePart, RecordSelection
{
  readonly pending: PendingProduce;
  readonly partition: number;
  readonly records: RecordSet;
  readonly indexes: readonly number[] | undefined;
  baseOffset: Offset | null = null;
  logAppendTimeMs: number | null = null;
  createTimeMs = 0;
  error: ProtocolError | undefined = undefined;
  #isDone = false;

  constructor(pending: PendingProduce, part: PartitionRecords) {
    super(part.sizeBytes, pending.producer !== undefined);
    this.pending = pending;
    this.partition = part.partition;
    this.records = pending.records;
    this.indexes = part.indexes;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  succeed(baseOffset: Offset, logAppendTimeMs: number | null, createTimeMs: number): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.baseOffset = baseOffset;
    this.logAppendTimeMs = logAppendTimeMs;
    this.createTimeMs = createTimeMs;
    this.pending.entryDone();
  }

  /** @param error any thrown value; the outcome of an error outside the contract is unknown */
  fail(error: unknown): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.error = asProtocolError(error);
    this.pending.entryDone();
  }
}

/**
 * The records of a request that belong to a partition; `indexes` undefined: all, in their order.
 */
export interface PartitionRecords {
  readonly partition: number;
  readonly indexes: readonly number[] | undefined;
  /** About how many bytes they are. */
  readonly sizeBytes: number;
}

export class PendingProduce implements DeadlineEntry<PendingProduce> {
  readonly records: RecordSet;
  readonly acks: Acks;
  readonly producer: ProduceRequest['producer'];
  readonly timeoutMs: number;
  /** Undefined while authentication is off. */
  readonly requester: Requester | undefined;
  readonly entries: ProduceEntry[];
  /** Set by `Deadlines`, whose list it is linked into. */
  deadlineMs = 0;
  nextDeadline: PendingProduce | undefined;
  previousDeadline: PendingProduce | undefined;
  #unfinished: number;
  readonly #onFinished: (pending: PendingProduce) => void;
  #resolve: ((result: ProduceResult) => void) | undefined;
  #reject: ((error: ProtocolError) => void) | undefined;

  /** @param onFinished called once, when all entries are done */
  constructor(
    request: ProduceRequest,
    parts: readonly PartitionRecords[],
    onFinished: (pending: PendingProduce) => void,
    requester?: Requester,
  ) {
    this.records = request.records;
    this.acks = request.acks;
    this.producer = request.producer;
    this.timeoutMs = request.timeoutMs;
    this.requester = requester;
    this.#onFinished = onFinished;
    this.#unfinished = parts.length;
    this.entries = parts.map((part) => new ProduceEntry(this, part));
  }

  /** The answer, to be asked for once, before any entry is done. */
  answer(): Promise<ProduceResult> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Called by an entry that is done. */
  entryDone(): void {
    this.#unfinished -= 1;
    if (this.#unfinished > 0) return;
    this.#onFinished(this);
    this.#answerWith(this.entries);
  }

  /**
   * The time is over. Entries that are still queued are taken out and have definitely failed; those
   * that are being written may be in the log or not.
   */
  timeOut(): void {
    const { timeoutMs } = this;
    for (const entry of this.entries) {
      if (entry.queue?.remove(entry) === true) entry.fail(timedOut(timeoutMs, 'failed'));
    }
    if (this.#resolve === undefined) return;
    const error = timedOut(timeoutMs, 'unknown');
    this.#answerWith(
      this.entries.map((entry): ProducePart => {
        const { partition, indexes, baseOffset, logAppendTimeMs, createTimeMs } = entry;
        const failure = entry.isDone ? entry.error : error;
        return { partition, indexes, baseOffset, logAppendTimeMs, createTimeMs, error: failure };
      }),
    );
  }

  #answerWith(parts: readonly ProducePart[]): void {
    const resolve = this.#resolve;
    const reject = this.#reject;
    if (resolve === undefined || reject === undefined) return;
    this.#resolve = undefined;
    this.#reject = undefined;
    const error = parts[0]?.error;
    if (error !== undefined && parts.every((part) => isAlike(part.error, error))) reject(error);
    else resolve({ parts });
  }
}

function isAlike(error: ProtocolError | undefined, other: ProtocolError): boolean {
  return error === other || (error?.code === other.code && error.outcome === other.outcome);
}

function timedOut(timeoutMs: number, outcome: 'failed' | 'unknown'): ProtocolError {
  return new ProtocolError(
    'REQUEST_TIMED_OUT',
    outcome === 'failed'
      ? `The records were not written within ${timeoutMs} ms, and will not be.`
      : `It is not known after ${timeoutMs} ms whether the records were written. ` +
          'Retry with a producer id to have them written once.',
    { outcome },
  );
}

function asProtocolError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  return new ProtocolError('UNKNOWN_SERVER_ERROR', 'The records may have been written or not.', {
    cause: error,
  });
}
