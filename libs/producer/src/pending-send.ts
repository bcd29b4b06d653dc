import type { RecordOwner, Settle } from './pending-record.js';
import type { ProducerRecord, RecordMetadata } from './producer-record.js';
import type { UserCode } from './user-code.js';

/** The producer of a send. */
export interface SendOwner extends RecordOwner {
  readonly userCode: UserCode;
}

export interface PendingSendOptions {
  /** Epoch of `UnsettledRecords`. */
  readonly epoch: number;
  readonly signal: AbortSignal | undefined;
  /** Undefined: nobody waits for the result. */
  readonly tell: Settle | undefined;
}

/** A record that a user gave to a producer, until the user has its result. */
export class PendingSend {
  readonly record: ProducerRecord;
  readonly owner: SendOwner;
  readonly epoch: number;
  readonly signal: AbortSignal | undefined;
  /** True when the record is not on its way any more: it was refused. */
  isRefused = false;
  readonly #tell: Settle | undefined;
  #isSettled = false;

  constructor(record: ProducerRecord, owner: SendOwner, options: PendingSendOptions) {
    this.record = record;
    this.owner = owner;
    this.epoch = options.epoch;
    this.signal = options.signal;
    this.#tell = options.tell;
  }

  /** True when nobody waits for the result, so that nothing else limits how many records wait. */
  get isForgotten(): boolean {
    return this.#tell === undefined;
  }

  /** Tells the user the result; calls after the first one do nothing. */
  settle(metadata: RecordMetadata | undefined, error: Error | undefined): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.owner.userCode.settled(this.#tell, metadata, error);
  }
}
