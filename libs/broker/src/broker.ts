/**
 * The port that every transport calls (REST, WebSocket, SSE): topics, produce, fetch, offsets.
 *
 * A transport does not know which broker leads a partition, nor what keeps the log: an
 * implementation serves here or forwards to the leader. All methods reject with `ProtocolError` for
 * what the contract knows; everything else is a bug or a storage fault.
 */
import type { OffsetRange, RecordBatch } from '#log';
import type {
  LeaderEpoch,
  Offset,
  ProtocolError,
  RecordSet,
  TopicConfigKey,
  TopicPartition,
} from '#protocol';
import type { Groups } from './groups/groups.js';
import type { Requester } from './requester.js';

export interface Broker {
  /**
   * The same broker for the requests of one requester, whom they name to the brokers that serve
   * them. While authentication is off, requests name nobody.
   */
  as(requester: Requester): Broker;

  describeCluster(): ClusterDescription;

  createTopic(request: CreateTopicRequest): Promise<TopicDescription>;
  listTopics(options: { readonly includeInternal: boolean }): Promise<TopicDescription[]>;
  describeTopic(topic: string): Promise<TopicDescription>;
  alterTopic(topic: string, change: AlterTopicRequest): Promise<TopicDescription>;
  deleteTopic(topic: string): Promise<void>;
  /**
   * Elects the preferred replica, or with `unclean` a replica that lacks records and is alone: the
   * records it lacks are lost.
   */
  electLeader(target: TopicPartition, election: ElectLeaderRequest): Promise<PartitionDescription>;
  /**
   * Moves a partition to other brokers: the records are copied to new replicas, and the partition
   * moves once all of them are in sync. Resolves when the move is sure to continue. Naming the
   * present replicas cancels a move.
   */
  reassignReplicas(
    target: TopicPartition,
    replicas: readonly number[],
  ): Promise<PartitionDescription>;
  describeReplicas(target: TopicPartition): Promise<PartitionReplicasDescription>;
  /**
   * Limits that a transport needs before it parses records for a topic; undefined when the topic
   * does not exist.
   */
  topicLimits(topic: string): TopicLimits | undefined;
  /** Kafka's id of a topic; undefined if there is none as far as this broker knows. */
  topicId(topic: string): string | undefined;
  /**
   * Reports every topic that was created, changed (more partitions, other configs) or deleted, once
   * this broker has applied it.
   * @returns a function that ends the listening
   */
  onTopicChange(listener: (change: TopicChanged) => void): () => void;

  produce(request: ProduceRequest): Promise<ProduceResult>;
  /** Issues a producer id that was never issued before, with epoch 0. */
  initProducer(): Promise<ProducerIdentity>;

  fetch(request: FetchRequest): Promise<FetchResult>;
  listOffset(target: TopicPartition, spec: OffsetSpec): Promise<ListedOffset>;
  /** Removes all records below `beforeOffset`; answers the new log start offset. */
  deleteRecords(target: TopicPartition, beforeOffset: Offset): Promise<{ logStartOffset: Offset }>;
  /**
   * Accepts the loss of synced records that are missing at a log's end, which must be exactly
   * `lost`: their offsets stay empty, and the partition accepts writes again.
   */
  acceptDataLoss(target: TopicPartition, lost: OffsetRange): Promise<void>;

  /** All or none; resolves when the commit is below the high watermark of the offsets topic. */
  commitOffsets(group: string, offsets: readonly OffsetToCommit[]): Promise<void>;
  committedOffsets(group: string, topic?: string): Promise<CommittedOffset[]>;
  /** Members of consumer groups, and the groups themselves. */
  readonly groups: Groups;
}

export interface ClusterDescription {
  readonly clusterId: string;
  readonly coordination: 'embedded' | 'redis';
  readonly controller: number | null;
  readonly brokers: readonly BrokerDescription[];
}

export interface BrokerDescription {
  readonly id: number;
  readonly url: string | null;
  readonly rack: string | null;
  readonly alive: boolean;
}

export interface CreateTopicRequest {
  readonly name: string;
  readonly partitions?: number;
  readonly replicationFactor?: number;
  /** Raw values as the client sent them: number, boolean or string. */
  readonly configs?: Readonly<Record<string, unknown>>;
  /** Ids of the brokers that hold each partition, the preferred leader first. */
  readonly replicaAssignment?: readonly (readonly number[])[];
}

export interface AlterTopicRequest {
  readonly partitions?: number;
  /** A null value resets a config to its default. */
  readonly configs?: Readonly<Record<string, unknown>>;
}

export interface ElectLeaderRequest {
  readonly type: 'preferred' | 'unclean';
  /** Replica that leads after an unclean election; by default the first one that is alive. */
  readonly replica?: number;
}

export interface TopicDescription {
  readonly name: string;
  /** Kafka's topic id; a topic that is deleted and created again has another one. */
  readonly topicId: string;
  readonly internal: boolean;
  readonly configs: Readonly<Record<TopicConfigKey, string>>;
  readonly configSources: Readonly<Record<TopicConfigKey, 'default' | 'topic'>>;
  readonly partitions: readonly PartitionDescription[];
  /**
   * Queue groups of the topic. Present where it has some, and where its records are deleted when
   * all of them are done with them.
   */
  readonly queueGroups?: readonly string[];
}

/** A partition's state; members that this broker does not know now are null. */
export interface PartitionDescription {
  readonly partition: number;
  readonly leader: number | null;
  readonly leaderEpoch: LeaderEpoch | null;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly logStartOffset: Offset | null;
  readonly highWatermark: Offset | null;
  readonly logEndOffset: Offset | null;
  readonly sizeBytes: number | null;
  /** While the partition moves: target brokers, and brokers that will no longer have a replica. */
  readonly addingReplicas?: readonly number[];
  readonly removingReplicas?: readonly number[];
}

/** The replicas of a partition, and how far the log of each reaches. */
export interface PartitionReplicasDescription extends TopicPartition {
  readonly leader: number | null;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly addingReplicas: readonly number[];
  readonly removingReplicas: readonly number[];
  readonly progress: readonly ReplicaProgress[];
}

/** Offsets that a replica's log reaches; null when its leader does not know them. */
export interface ReplicaProgress {
  readonly broker: number;
  readonly logEndOffset: Offset | null;
  /** Records from there to the leader's log end. */
  readonly lag: number | null;
}

export interface TopicChanged {
  readonly topic: string;
  readonly kind: 'present' | 'deleted';
}

export interface TopicLimits {
  readonly partitions: number;
  /** Largest record batch, in bytes: also the limit of a record, as a batch of it alone. */
  readonly maxMessageBytes: number;
  /** A record without a key cannot be kept. */
  readonly compacted: boolean;
  /** Longest time that a record's own timestamp may lie in the past, in ms; Infinity: no limit. */
  readonly timestampBeforeMaxMs: number;
  /** Longest time that it may lie in the future, in ms; Infinity: no limit. */
  readonly timestampAfterMaxMs: number;
  /** Longest time that a record may be delayed, in ms: it is deleted later. Infinity: no limit. */
  readonly delayMaxMs: number;
}

export type Acks = 'all' | '1' | '0';

export interface ProduceRequest {
  readonly topic: string;
  readonly records: RecordSet;
  readonly acks: Acks;
  readonly timeoutMs: number;
  readonly partitioner: 'sticky' | 'roundrobin';
  /** Makes the request one record batch of its own, for one partition, that is written once. */
  readonly producer?: RequestProducer;
  /** Wall-clock time of arrival in ms, which timestamps are compared with; now unless given. */
  readonly receivedMs?: number;
  /** False: full buffers reject at once instead of after max.block.ms (acks=0 never waits). */
  readonly mayBlock?: boolean;
  /**
   * Ends a wait for buffer memory at once, with the error that it is aborted with, if that is a
   * `ProtocolError`; buffered records are written in any case.
   */
  readonly signal?: AbortSignal;
}

export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** The producer of a request, and the sequence of its first record in its partition. */
export interface RequestProducer extends ProducerIdentity {
  readonly sequence: number;
}

/**
 * One part per partition that records were written to. With acks=0 all parts have `baseOffset`
 * null.
 */
export interface ProduceResult {
  readonly parts: readonly ProducePart[];
}

/** Record k of a part has offset `baseOffset + k`. */
export interface ProducePart {
  readonly partition: number;
  /** Places of the part's records in the request; undefined: all of them, in order. */
  readonly indexes: readonly number[] | undefined;
  readonly baseOffset: Offset | null;
  /** The broker's time where the topic keeps that, else null: each record has its own. */
  readonly logAppendTimeMs: number | null;
  /** The time given to records that were sent without one. */
  readonly createTimeMs: number;
  readonly error: ProtocolError | undefined;
}

export interface FetchRequest extends TopicPartition {
  readonly offset: Offset;
  /** Bytes of record batches; the first batch always fits. */
  readonly maxBytes: number;
  /** Records from the offset on that are enough; there may be more. */
  readonly recordsMax?: number;
  /** Bytes that must be there before a waiting request is answered. */
  readonly minBytes: number;
  /** Longest wait for `minBytes`, in ms; the fetch is delayed and does not poll. */
  readonly waitMs: number;
  /** Time that the leader has to answer, in addition to `waitMs`, in ms; a setting by default. */
  readonly leaderWaitMs?: number;
  /** Epoch of the position, when the reader knows it: used to detect a truncation. */
  readonly leaderEpoch?: LeaderEpoch;
  /** Ends a wait at once, with the available records. */
  readonly signal?: AbortSignal;
  /** The caller; a read from disk is skipped if the caller has disconnected before its turn. */
  readonly caller?: { readonly isGone: boolean };
  /**
   * True when it waits for all live readers of its partition. There is one such fetch per
   * partition, which does not count against the limit of waiting fetches.
   */
  readonly isFeed?: boolean;
  /**
   * True when it continues a stream of fetches, each at the end of the one before. Any in-sync
   * replica may answer it; its high watermark may be behind the leader's.
   */
  readonly mayBeBehind?: boolean;
}

export interface FetchResult {
  /**
   * Whole batches in offset order. The first may begin below the requested offset; none reaches
   * above the high watermark.
   */
  readonly batches: readonly RecordBatch[];
  readonly highWatermark: Offset;
  readonly logStartOffset: Offset;
  readonly logEndOffset: Offset;
  readonly leaderEpoch: LeaderEpoch;
}

export type OffsetSpec = 'earliest' | 'latest' | { readonly timestampMs: number };

export interface ListedOffset {
  readonly offset: Offset | null;
  readonly timestamp: number | null;
  readonly leaderEpoch: LeaderEpoch | null;
}

export interface OffsetToCommit extends TopicPartition {
  readonly offset: Offset;
  readonly leaderEpoch?: LeaderEpoch;
  readonly metadata?: string;
}

export interface CommittedOffset extends TopicPartition {
  readonly offset: Offset | null;
  readonly highWatermark: Offset | null;
  readonly lag: number | null;
  readonly metadata: string | null;
}
