/**
 * What followers and leaders say to each other: the body of the peer method `replica-fetch`
 * (kafka-format 5 and 6, KIP-101, KIP-227, KIP-279, KIP-320, KIP-595's diverging epoch).
 *
 * A follower keeps a *session* with each broker that leads partitions which it follows. The session
 * holds a position for each partition; requests carry those that are new. A position is *armed* by
 * being told: the leader answers it once with records, or a fault, or the point where the logs
 * part, and says no more of that partition until the position is told again. The high watermark
 * alone may be told at any time. So a position may be armed again while others of the session wait.
 *
 * Two requests of a session may be under way: the later one takes over the wait, the earlier one is
 * answered with what there is. They may overtake each other: a position of an earlier request does
 * not replace one of a later, and an answer names the request by which its position was armed.
 * Whoever does not get an answer begins a new session, in which every position is told anew.
 *
 * Batches travel as blobs: the bytes of the leader's log, copied into the follower's. A fetch that
 * is answered with records also truncates before them: no record is handed to a log that parts from
 * the leader's below the position.
 */
import type { Election } from '#log';
import type { LeaderEpoch, Offset } from '#protocol';

/** A follower's request for many partitions of one leader. */
export interface ReplicaFetchRequest {
  readonly replicaId: number;
  /** Of the follower's process: an answer to an earlier one does not count. */
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
  /** What the follower knows: it is told when the leader's is higher. */
  readonly highWatermark: Offset;
  readonly logStartOffset: Offset;
  /** Bytes of batches of this partition. */
  readonly maxBytes: number;
}

export interface ReplicaFetchResponse {
  /** Why nothing of the request was looked at. */
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
  /** Of the request by which the position was armed. */
  readonly sequence: number;
  readonly fault?: ReplicaFetchFault;
  /** The follower's log parts from the leader's: it truncates, and asks again (KIP-595). */
  readonly diverging?: EpochEnd;
  readonly highWatermark: Offset;
  readonly logStartOffset: Offset;
  readonly records?: ReplicaFetchRecords;
}

/** Which blobs of the message hold a partition's batches, and what the leader knows of them. */
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
