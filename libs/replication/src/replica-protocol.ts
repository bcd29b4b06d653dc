/**
 * The messages between followers and leaders: the body of the peer method `replica-fetch` (KIP-101,
 * KIP-227, KIP-279, KIP-320, KIP-595's diverging epoch).
 *
 * A follower keeps a *session* with each broker that leads partitions it follows. The session holds
 * one position per partition; a request carries only new positions. Sending a position *arms* it:
 * the leader answers it once, with records, a fault or a divergence, and then sends nothing more
 * for that partition until the next position. Only the high watermark may be sent at any time. A
 * position may thus be armed again while others of the session wait.
 *
 * Two requests of a session may be in progress: the later one waits, and the earlier one is
 * answered at once. They may overtake each other: a position of an earlier request never replaces
 * one of a later request, and an answer names the request that armed its position. A follower that
 * gets no answer begins a new session and sends every position again.
 *
 * Batches travel as blobs: the bytes of the leader's log, which are copied into the follower's.
 * Records are never sent to a log that diverges from the leader's below the position.
 */
import type { Election } from '#log';
import type { LeaderEpoch, Offset } from '#protocol';

/** A follower's request for many partitions of one leader. */
export interface ReplicaFetchRequest {
  readonly replicaId: number;
  /** Broker epoch of the follower's process; the leader refuses any other. */
  readonly brokerEpoch: number;
  /**
   * Version of the metadata that is on the follower's disk (rule 4.6: what proves an ISR shrink).
   */
  readonly journaledVersion: number;
  /** Random, made with the session. */
  readonly sessionId: string;
  /** Counts the session's requests from 1, which begins it. */
  readonly sequence: number;
  readonly maxWaitMs: number;
  /** Bytes of batches in the whole answer; the first batch always fits. */
  readonly maxBytes: number;
  readonly positions: readonly ReplicaFetchPosition[];
  /** No longer followed in this session. */
  readonly forgotten: readonly ForgottenPartition[];
}

export interface ForgottenPartition {
  readonly topic: string;
  readonly partition: number;
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
  /** Epoch of the follower's last batch, null for an empty log, and its election where known. */
  readonly lastFetchedEpoch: LeaderEpoch | null;
  readonly lastElectionId: string | null;
  /** First offset that is not on the follower's disk. */
  readonly syncedEndOffset: Offset;
  /** High watermark that the follower knows; the leader sends a higher one. */
  readonly highWatermark: Offset;
  readonly logStartOffset: Offset;
  /** Bytes of batches of this partition. */
  readonly maxBytes: number;
}

export interface ReplicaFetchResponse {
  /** The reason why the whole request was refused. */
  readonly refusal?: ReplicaFetchRefusal;
  /** Those that have something to say: records, a moved watermark or log start, a fault. */
  readonly results: readonly ReplicaFetchResult[];
}

export type ReplicaFetchRefusal =
  /** The leader does not have the session (any more): begin another. */
  | 'UNKNOWN_SESSION'
  /** Another process is registered under the follower's id, as far as the leader knows. */
  | 'OTHER_BROKER_EPOCH';

export interface ReplicaFetchResult {
  readonly topic: string;
  readonly partition: number;
  /** Sequence of the request that armed the position. */
  readonly sequence: number;
  readonly fault?: ReplicaFetchFault;
  /** The follower's log parts from the leader's: it truncates, and asks again (KIP-595). */
  readonly diverging?: EpochEnd;
  readonly highWatermark: Offset;
  readonly logStartOffset: Offset;
  readonly records?: ReplicaFetchRecords;
}

/** The blobs of the message that hold a partition's batches, and the leader's data on them. */
export interface ReplicaFetchRecords {
  readonly firstBlob: number;
  readonly blobCount: number;
  /** Below it compaction may have left gaps in the leader's log. */
  readonly compactedEndOffset: Offset;
  /** The elections of the batches' epochs, where known. */
  readonly elections: readonly Election[];
}

export type ReplicaFetchFault =
  | 'NOT_LEADER_OR_FOLLOWER'
  | 'FENCED_LEADER_EPOCH'
  | 'UNKNOWN_LEADER_EPOCH'
  | 'UNKNOWN_TOPIC_ID'
  /** The position is below the leader's log start or beyond its end. */
  | 'OFFSET_OUT_OF_RANGE'
  | 'KAFKA_STORAGE_ERROR';

/**
 * The end of the greatest epoch at or below the asked one that is of the same election in both
 * logs.
 */
export interface EpochEnd {
  /** -1: the leader knows none as low. */
  readonly epoch: LeaderEpoch;
  readonly electionId: string | null;
  readonly endOffset: Offset;
}
