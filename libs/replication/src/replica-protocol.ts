/**
 * What followers and leaders say to each other: the bodies of the peer methods `replica-fetch` and
 * `epoch-end-offsets` (kafka-format 5 and 6, KIP-101, KIP-279, KIP-320, KIP-595's diverging epoch).
 *
 * Batches travel as blobs: the bytes of the leader's log, copied into the follower's.
 */
import type { LeaderEpoch, Offset } from '#protocol';

/** A follower's request for many partitions of one leader. */
export interface ReplicaFetchRequest {
  readonly replicaId: number;
  /** Of the follower's process: an answer to an earlier one does not count. */
  readonly brokerEpoch: number;
  /** Version of the metadata that is on the follower's disk (rule 4.6: what proves an ISR shrink). */
  readonly journaledVersion: number;
  readonly maxWaitMs: number;
  /** Bytes of batches in the whole answer; the first batch always fits. */
  readonly maxBytes: number;
  readonly partitions: readonly ReplicaFetchPosition[];
}

export interface ReplicaFetchPosition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** The epoch, and its election, in which the follower takes the asked broker for the leader. */
  readonly leaderEpoch: LeaderEpoch;
  readonly electionId: string;
  /** The follower's log end. */
  readonly fetchOffset: Offset;
  /** Epoch of the follower's last batch; null for an empty log. */
  readonly lastFetchedEpoch: LeaderEpoch | null;
  /** First offset that is not on the follower's disk. */
  readonly syncedEndOffset: Offset;
  /** What the follower knows: the answer need not wait when the leader's is higher. */
  readonly highWatermark: Offset;
  /** Bytes of batches of this partition. */
  readonly maxBytes: number;
}

export interface ReplicaFetchResponse {
  /** Those that have something to say: records, a moved watermark or log start, a fault. */
  readonly partitions: readonly ReplicaFetchResult[];
}

export interface ReplicaFetchResult {
  readonly topic: string;
  readonly partition: number;
  readonly fault?: ReplicaFetchFault;
  /** The follower's log parts from the leader's: it truncates, and asks again (KIP-595). */
  readonly diverging?: EpochEnd;
  readonly highWatermark: Offset;
  readonly logStartOffset: Offset;
  /** Which blob of the message holds the batches; absent: none. */
  readonly blob?: number;
}

export type ReplicaFetchFault =
  | 'NOT_LEADER_OR_FOLLOWER'
  | 'FENCED_LEADER_EPOCH'
  | 'UNKNOWN_LEADER_EPOCH'
  | 'UNKNOWN_TOPIC_ID'
  /** The position is below the leader's log start or beyond its end. */
  | 'OFFSET_OUT_OF_RANGE'
  | 'KAFKA_STORAGE_ERROR';

/** The end of the greatest epoch at or below the asked one; epoch null: the leader knows none. */
export interface EpochEnd {
  readonly epoch: LeaderEpoch | null;
  readonly endOffset: Offset;
}
