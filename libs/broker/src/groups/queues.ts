/** The part of the `Groups` port for what operators do with a queue group. */
import type { InFlightRecord } from '#groups';
import type { Offset, TopicPartition } from '#protocol';

export type { InFlightRecord } from '#groups';

export interface Queues {
  /**
   * Records in flight: those that the group has scanned and not finished, by topic, partition and
   * offset.
   * @throws ProtocolError GROUP_ID_NOT_FOUND, INCONSISTENT_GROUP_PROTOCOL
   */
  records(group: string, request: InFlightRequest): Promise<readonly InFlightRecord[]>;
  /**
   * Finishes all records of a topic that no member has, delayed ones too.
   * @returns the end of each partition: later records are delivered
   * @throws ProtocolError as records; UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE
   */
  purge(group: string, request: PurgeRequest): Promise<readonly PartitionEnd[]>;
  /**
   * Finishes one record that no member has, so that it is never delivered.
   * @throws ProtocolError as records; UNKNOWN_TOPIC_OR_PARTITION, OFFSET_OUT_OF_RANGE,
   *   INVALID_RECORD_STATE, POLICY_VIOLATION
   */
  cancel(group: string, record: PartitionEnd): Promise<void>;
  /**
   * Puts dead letters of the group back at the end of their topics, and archives them.
   * @throws ProtocolError as records; LEADER_NOT_AVAILABLE, POLICY_VIOLATION
   */
  redrive(group: string, request: RedriveRequest): Promise<RedriveResult>;
  /**
   * The dead letters that wait to be put back, for each partition of the group's dead-letter topic;
   * none before there is such a topic.
   * @throws ProtocolError as records
   */
  deadLetters(group: string): Promise<readonly WaitingDeadLetters[]>;
}

/** The dead letters of a group in one partition that were not put back. */
export interface WaitingDeadLetters extends TopicPartition {
  /** All dead letters of the group from this offset on wait. */
  readonly position: Offset;
  /** Those before it that wait. */
  readonly waiting: readonly OffsetRange[];
}

/** Offsets one after the other. */
export interface OffsetRange {
  readonly firstOffset: Offset;
  readonly lastOffset: Offset;
}

export interface RedriveRequest {
  /** Most dead letters to put back; all unless given. */
  readonly limit?: number;
  /** Only dead letters of this topic. */
  readonly topic?: string;
}

export interface RedriveResult {
  readonly redriven: number;
  /** Dead letters that stay: their topic is gone, they are not copies, or they are too large. */
  readonly skipped: number;
}

export interface InFlightRequest {
  readonly topic?: string;
  readonly partition?: number;
  /** Lowest offset of each partition. */
  readonly offset?: Offset;
  readonly limit: number;
}

export interface PurgeRequest {
  readonly topic: string;
  /** All partitions unless given. */
  readonly partitions?: readonly number[];
}

/** An offset of a partition. */
export interface PartitionEnd extends TopicPartition {
  readonly offset: Offset;
}
