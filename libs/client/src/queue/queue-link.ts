import type { RecordJson } from '../received-record.js';

export type AckType = 'ack' | 'nack' | 'extend' | 'reject';

/** A worker's message about one delivery of a record. */
export interface QueueAck {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly deliveryCount: number;
  readonly type: AckType;
  /** Time until the next delivery after a `nack`, ms. */
  readonly delayMs?: number | undefined;
  /** Text of a `nack` or `reject` for the dead letter. */
  readonly reason?: string | undefined;
}

/** The queue, as its link reports it. */
export interface QueueEvents {
  /** Records that this worker has under lock now. */
  delivered(records: readonly RecordJson[]): void;
  /** The locks of these records end soon. */
  expiring(topic: string, partition: number, offsets: readonly number[]): void;
  /** The worker is no longer a member: its locks are over. */
  lost(reason: unknown): void;
  /** The membership is over. */
  failed(error: unknown): void;
}

/** The transport of a worker. It joins when it is made. */
export interface QueueLink {
  /** Resolves when it is durable. @throws SluiceError INVALID_RECORD_STATE when the lock is over */
  settle(ack: QueueAck): Promise<void>;
  /** Fewer records are held: there is room for others. */
  room(): void;
  /** Gives back what is held, and leaves. Never rejects. */
  close(): Promise<void>;
}
