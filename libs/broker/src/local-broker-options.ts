import type { LeaseRenewalCounts, StoreFault } from '#coordination';
import type { GroupCounts, GroupSettings, QueueCounts } from '#groups';
import type { LogObserver, OffsetRange, ProducerMemoryStatus } from '#log';
import type {
  Clock,
  DiskReserve,
  DiskReserveStatus,
  ExpiryClockStatus,
  FileSystem,
  Logger,
  Random,
  Scheduler,
} from '#runtime';
import type { SecurityMetadata } from '#security';
import type { Broker } from './broker.js';
import type { DelayedRecordsSettings, DelayedRecordsStatus } from './delayed-records.js';
import type { GroupLags } from './groups/group-lags.js';

/** Settings of a broker. Sizes in bytes, times in milliseconds. */
export interface LocalBrokerSettings
  extends Partial<GroupSettings>,
    Partial<DelayedRecordsSettings> {
  readonly dataDir: string;
  readonly clusterId: string;
  readonly brokerId: number;
  readonly rack?: string | undefined;
  /** Moment at which an append is acknowledged: after fdatasync, or after write. */
  readonly durability: 'fsync' | 'os';
  /** Kept free of records on the disk, for deletions and the like when it is full. */
  readonly diskReserveBytes: number;
  readonly syncsInFlightMax: number;
  readonly tailCacheBytes: number;
  readonly bufferMemoryBytes: number;
  readonly maxBlockMs: number;
  readonly batchSizeBytes: number;
  readonly lingerMs: number;
  readonly longPollsMax: number;
  /** Groups whose queue mode is remembered; a forgotten one costs a call more per poll. */
  readonly queueGroupsMax?: number;
  /** Reads of records from disk at the same time; others wait in their order. */
  readonly diskReadsMax: number;
  readonly topicsMax: number;
  readonly partitionsMax: number;
  readonly partitionsPerBrokerMax: number;
  readonly autoCreateTopics: boolean;
  readonly producerBatchesRemembered: number;
  readonly producerIdExpirationMs: number;
  /** Memory for idempotent producers: of all partitions, and of each. */
  readonly producerStateBytes: number;
  readonly producerStatePartitionBytes: number;
  /** Time after its last append in which a producer is not forgotten to make room for others. */
  readonly producerProtectedMs: number;
  readonly retentionCheckIntervalMs: number;
  /** Interval in which records are deleted that queues are done with; 1000 by default. */
  readonly deleteOnAckIntervalMs?: number;
  readonly compactionCheckIntervalMs: number;
  readonly compactionBytesPerSecond: number;
  readonly compactionMapBytes: number;
  /** Segment files kept open while they are not used; 1024 by default. */
  readonly openFilesMax?: number;
  /** Partitions that the limit of descriptors lets keep a file open; see ReplicaLimits. */
  readonly partitionFilesMax?: number | undefined;
  /** Bytes that the records of one compressed batch may unpack to; 64 MiB by default. */
  readonly unpackedBatchBytesMax?: number;
  readonly segmentsMax?: number;
  readonly scrubBytesPerSecond?: number;
  readonly scrubIntervalMs?: number;
  readonly clockJumpMs?: number;
  readonly clockGraceMs?: number;
  /** `on`: requests name their callers; default `off`. */
  readonly auth?: 'off' | 'on' | undefined;
  readonly offsetsTopicPartitions: number;
  /** Bytes of the segments of the offsets topic; 16 MiB by default. */
  readonly offsetsTopicSegmentBytes?: number;
  readonly offsetsKeptMax: number;
  readonly offsetsKeptBytes: number;
  readonly offsetMetadataBytesMax: number;
  readonly offsetsRetentionMinutes: number;
}

/** The outside world, as `openLocalBroker` needs it. */
export interface LocalBrokerPorts {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  readonly observer: LogObserver;
  /** Returns the URL of this broker for clients; null until its port is known. */
  readonly url: () => string | null;
}

/** A broker that serves, and what its owner needs to stop and to watch it. */
export interface OpenBroker {
  readonly broker: Broker;
  /** Disk space for what must be written on a full disk. */
  readonly reserve: DiskReserve;
  /**
   * The current status, for metrics and health, in one turn of the event loop: it walks all
   * partitions, which takes some fifty milliseconds with thousands of them.
   */
  status(): BrokerStatus;
  /** The status in slices; each partition is read in one turn of the event loop. */
  statusInSlices(): Promise<BrokerStatus>;
  /** Lags of groups that this broker coordinates, of at most `max` partitions. */
  groupLags(max: number): Promise<GroupLags>;
  /**
   * Removes members of groups whose owners lose their key or their permission, from now on. Called
   * at most once, while authentication is on.
   */
  followSecurity(metadata: Pick<SecurityMetadata, 'view' | 'onChange'>): void;
  /** Tells the cluster the URL under which clients reach this broker, once that is known. */
  announce(): Promise<void>;
  /**
   * Answers all waiting fetches with the records there are and lets no fetch wait from then on;
   * the start of a stop.
   */
  endWaits(): void;
  /** Refuses new produces, writes the buffered records, closes the logs cleanly. Call it once. */
  close(): Promise<void>;
}

export interface BrokerStatus {
  readonly topics: number;
  readonly partitions: readonly PartitionStatus[];
  readonly disk: DiskReserveStatus;
  readonly clock: ExpiryClockStatus;
  /** Segments of all logs, as they were last counted. */
  readonly segments: number;
  /** Bytes on disk that were cut from logs or quarantined, which only an operator removes. */
  readonly quarantinedBytes: number;
  readonly bufferTotalBytes: number;
  readonly bufferAvailableBytes: number;
  /** Produce requests that wait for buffer memory now. */
  readonly bufferWaiters: number;
  /** Produce requests refused with BUFFER_EXHAUSTED since the start. */
  readonly bufferExhaustedTotal: number;
  /** Fetches that wait for records now. */
  readonly delayedFetches: number;
  /** Fetches refused because too many waited, since the start. */
  readonly delayedFetchesRefusedTotal: number;
  /** Committed offsets in memory. */
  readonly committedOffsets: number;
  /** Committed offsets removed since the start because their groups were silent. */
  readonly offsetsExpiredTotal: number;
  /** Reads of records from disk that are in progress. */
  readonly diskReads: number;
  /** Fetches that wait for their turn to read from disk. */
  readonly diskReadsWaiting: number;
  readonly keptState: KeptStateStatus;
  readonly groups: GroupsStatus;
  readonly queues: QueueCounts;
  /** Indexes of delayed records at this broker. */
  readonly delayedRecords: DelayedRecordsStatus;
  /** Undefined where this broker is the whole cluster. */
  readonly cluster: ClusterStatus | undefined;
}

/** Groups that this broker coordinates, and polls of members at it. Totals count from the start. */
interface GroupsStatus extends GroupCounts {
  /** Polls that wait for records now. */
  readonly pollsWaiting: number;
  /** Polls refused because too many waited. */
  readonly pollsRefusedTotal: number;
  /** Groups that this broker remembers to be in queue mode. */
  readonly queueGroupsRemembered: number;
  /** Records deleted because all queue groups of their topics were done with them. */
  readonly acknowledgedDeletedTotal: number;
}

/** Memory of state that clients made this broker keep, as counted. Totals count from the start. */
interface KeptStateStatus {
  /** Bytes of committed offsets, with their metadata and the names of their groups. */
  readonly offsetBytes: number;
  /** Commits refused because too many offsets, or too many bytes of them, are kept. */
  readonly offsetCommitsRefusedTotal: number;
  readonly producers: ProducerMemoryStatus;
}

/** The state of the cluster as one of its brokers knows it. */
export interface ClusterStatus {
  /** True when the metadata can be changed now. */
  readonly isStoreAvailable: boolean;
  /** The reason why it cannot; undefined while no fault is known. */
  readonly storeFault: StoreFault | undefined;
  readonly isController: boolean;
  /** True when no other broker can have declared this one dead. */
  readonly isLeaseValid: boolean;
  readonly leaseRenewals: LeaseRenewalCounts;
  readonly brokerEpoch: number;
  /** Members, alive or not. */
  readonly brokers: number;
  readonly brokersAlive: number;
  readonly partitionsLed: number;
  /** Partitions led here that have replicas out of sync. */
  readonly partitionsUnderReplicated: number;
  /** Partitions led here that move to other replicas. */
  readonly partitionsReassigning: number;
  /** Partitions of the whole cluster that have no leader. */
  readonly partitionsWithoutLeader: number;
  readonly metadataVersion: number;
  /** Version of the metadata on this broker's own disk. */
  readonly journaledVersion: number;
  /** Calls to leaders that were made again, since the start. */
  readonly leaderCallRetriesTotal: number;
  /** Bytes fetched for replicas that a reassignment adds, since the start. */
  readonly reassignmentBytesTotal: number;
}

/** One partition that this broker should serve. */
export interface PartitionStatus {
  readonly topic: string;
  readonly partition: number;
  /** These four are null while the partition is offline. */
  readonly logStartOffset: number | null;
  readonly highWatermark: number | null;
  readonly logEndOffset: number | null;
  readonly sizeBytes: number | null;
  /**
   * False after a failed sync until a restart, and while records are missing at the log's end.
   * Reads continue.
   */
  readonly isWritable: boolean;
  /** Synced records that are missing at the log's start or end and were not abandoned. */
  readonly lostRecords: readonly OffsetRange[];
  /** Ranges of offsets that cannot be read. */
  readonly damagedRanges: number;
  /** The reason why the partition cannot be served at all; undefined when it can. */
  readonly offline: string | undefined;
}
