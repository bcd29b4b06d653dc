import type { ReceivedRecord } from '../received-record.js';

/** Option of a call that waits. */
export interface SignalOption {
  /** Ends the wait; the call rejects with the reason, and may still take effect. */
  readonly signal?: AbortSignal | undefined;
}

/** Consecutive records of one partition that a member reads. */
export interface Batch<K = unknown, V = unknown> {
  /** Name of the topic. */
  readonly topic: string;
  /** Number of the partition, from 0. */
  readonly partition: number;
  /** Records in the order of their offsets, at least one. */
  readonly records: readonly ReceivedRecord<K, V>[];
  /** First offset that is not committed to the log, when the records were read. */
  readonly highWatermark: number;
  /** Aborted when another member has the partition: the work on the batch is void. */
  readonly signal: AbortSignal;
  /**
   * Commits the offset after the last record.
   * @throws SluiceError ILLEGAL_GENERATION when another member has the partition
   */
  commit(options?: SignalOption): Promise<void>;
}
