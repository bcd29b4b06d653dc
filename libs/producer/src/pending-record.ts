import { AccumulatorEntry, type PartitionQueue } from './accumulator.js';
import type { DeadlineEntry } from './deadlines.js';
import type { BrokerKey, ProduceFailure, SerializedRecord } from './produce-transport.js';
import type { RecordMetadata } from './producer-record.js';

/** Receives the result of a record: one of the arguments is undefined. */
export type Settle = (metadata: RecordMetadata | undefined, error: Error | undefined) => void;

/** The sender of the record's partition. */
interface RecordSender {
  readonly queue: PartitionQueue<PendingRecord>;
  expire(entry: PendingRecord): void;
}

/** Records of one partition that are sent together, from their drain until they are settled. */
export interface RecordBatch {
  readonly entries: readonly PendingRecord[];
  readonly sizeBytes: number;
  /** Sequence of the first record under the partition's id; undefined before it is sent. */
  baseSequence: number | undefined;
  /** Requests made so far. */
  attempts: number;
  /** The request in progress; undefined while the batch waits for its turn. */
  request: { readonly broker: BrokerKey | null; readonly abandon: () => void } | undefined;
  /** True when an attempt ended without a definite result. */
  isMaybeWritten: boolean;
  /** True for a half of a batch that may be written as a whole. */
  isHalf: boolean;
  /** True when all batches before it were settled when its last request was made. */
  isSentFirst: boolean;
  /** True when a broker refused it because an earlier batch was missing: it waits for that one. */
  isBehind: boolean;
  /** Number of ids under which brokers refused its sequence. */
  idsRefused: number;
  /** Error of the last attempt. */
  lastError: ProduceFailure | undefined;
}

/** The producer of records. */
export interface RecordOwner {
  /** Time until a record is written or has failed, ms. */
  readonly timeoutMs: number;
  /** Called once for each record, when nothing uses its bytes any more. */
  readonly finished: (entry: PendingRecord) => void;
}

/** The send of a record, with the callback of its user. */
interface RecordSend {
  /** Epoch of `UnsettledRecords`. */
  readonly epoch: number;
  readonly owner: RecordOwner;
  settle(metadata: RecordMetadata | undefined, error: Error | undefined): void;
}

/**
 * A record from its place in the buffer until its batch is done.
 *
 * `answer` tells the user the result; `finish` also returns the record's memory. They differ for a
 * record whose caller stopped waiting while it was being sent.
 */
export class PendingRecord
  extends AccumulatorEntry<PendingRecord>
  implements DeadlineEntry<PendingRecord>
{
  readonly record: SerializedRecord;
  readonly sender: RecordSender;
  deadlineMs = 0;
  nextDeadline: PendingRecord | undefined = undefined;
  previousDeadline: PendingRecord | undefined = undefined;
  /** Batch that contains the record; undefined while the record is in its queue. */
  batch: RecordBatch | undefined = undefined;
  /** Called when the user has the result; undefined when no signal ends the wait for it. */
  onAnswered: (() => void) | undefined = undefined;
  readonly #send: RecordSend;
  #isAnswered = false;
  #isFinished = false;

  /** @param sizeBytes bytes of the record in batches and in the buffer */
  constructor(record: SerializedRecord, sizeBytes: number, send: RecordSend, sender: RecordSender) {
    super(sizeBytes, false);
    this.record = record;
    this.sender = sender;
    this.#send = send;
  }

  get timeoutMs(): number {
    return this.#send.owner.timeoutMs;
  }

  get epoch(): number {
    return this.#send.epoch;
  }

  answer(metadata: RecordMetadata | undefined, error: Error | undefined): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.onAnswered?.();
    this.#send.settle(metadata, error);
  }

  finish(metadata: RecordMetadata | undefined, error: Error | undefined): void {
    if (!this.#isFinished) {
      this.#isFinished = true;
      this.#send.owner.finished(this);
    }
    this.answer(metadata, error);
  }
}
