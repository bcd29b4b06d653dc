import type { SignalOption } from '../consumer/batch.js';
import type { ReceivedRecord } from '../received-record.js';

/** Options of a record that goes back to its queue. */
export interface NackOptions extends SignalOption {
  /** Time until the next delivery, ms. Default: at once, or the back-off of the group. */
  readonly delayMs?: number | undefined;
  /** Text for the dead letter, in case that this was the last delivery. */
  readonly reason?: string | undefined;
}

/** A record that this worker has under lock. It settles it with one of the first three calls. */
export interface Job<K = unknown, V = unknown> extends ReceivedRecord<K, V> {
  /** Number of this delivery, from 1. */
  readonly deliveryCount: number;
  /** Aborted when the lock is over: another worker may have the record. */
  readonly signal: AbortSignal;
  /** The record is done. Resolves when the group does not deliver it again. */
  ack(options?: SignalOption): Promise<void>;
  /** The record goes back, to be delivered again at once or after a time. */
  nack(options?: NackOptions): Promise<void>;
  /** The record goes to the dead letters of the group. */
  reject(reason?: string, options?: SignalOption): Promise<void>;
  /** The lock begins again. */
  extend(options?: SignalOption): Promise<void>;
}

/** Thrown by a handler of `Queue.run`: the record goes to the dead letters with the reason. */
export class Reject extends Error {
  /** Name of the class. */
  override readonly name = 'Reject';
}

/** Handles a job; `Queue.run` settles the job by how the handler ends. */
export type JobHandler<K = unknown, V = unknown> = (job: Job<K, V>) => unknown;

/** Options of `Queue.run`. */
export interface JobRunOptions {
  /** Records that are handled at a time. Default: 1. */
  readonly concurrency?: number | undefined;
  /** Ends the run. */
  readonly signal?: AbortSignal | undefined;
}
