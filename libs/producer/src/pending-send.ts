import type { RecordOwner, Settle } from './pending-record.js';
import type { ProducerRecord, RecordMetadata } from './producer-record.js';
import type { UserCode } from './user-code.js';

/** The producer of a send. */
export interface SendOwner extends RecordOwner {
  readonly userCode: UserCode;
}

/** The way in which the result of a send is told. */
export interface SendResult {
  /** Undefined: nobody is told the result. */
  readonly tell: Settle | undefined;
  /** True when the caller has a promise of it, and can wait before it sends more. */
  readonly isAwaited: boolean;
  /** Ends the wait for the result. */
  readonly signal: AbortSignal | undefined;
}

/** A record that a user gave to a producer, until the user has its result. */
export class PendingSend {
  readonly record: ProducerRecord;
  readonly owner: SendOwner;
  readonly epoch: number;
  readonly signal: AbortSignal | undefined;
  /** False when nothing else limits how many records wait. */
  readonly isAwaited: boolean;
  /** True when the record is not on its way any more: it was refused. */
  isRefused = false;
  readonly #tell: Settle | undefined;
  #isSettled = false;

  /** @param epoch epoch of `UnsettledRecords` */
  constructor(record: ProducerRecord, owner: SendOwner, epoch: number, result: SendResult) {
    this.record = record;
    this.owner = owner;
    this.epoch = epoch;
    this.signal = result.signal;
    this.isAwaited = result.isAwaited;
    this.#tell = result.tell;
  }

  /** Tells the user at once when the signal is aborted. @returns the function that ends this */
  watchSignal(): (() => void) | undefined {
    const { signal } = this;
    if (signal === undefined) return undefined;
    const onAbort = (): void => this.settle(undefined, signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    return () => signal.removeEventListener('abort', onAbort);
  }

  /** Tells the user the result; calls after the first one do nothing. */
  settle(metadata: RecordMetadata | undefined, error: Error | undefined): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.owner.userCode.settled(this.#tell, metadata, error);
  }
}
