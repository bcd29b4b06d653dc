/**
 * A follower's side of replication with one leader: keeps its session (see replica-protocol.ts),
 * brings what the leader answers into the logs, and tells where they stand.
 *
 * A partition is *told* when the leader has its position, *busy* while its log changes for an
 * answer, and *resting* after a fault, or while it is throttled. One that is slow to sync does not
 * keep the others: their positions are told with a request that takes over the wait.
 *
 * Everything that an answer changes is checked again when it is done: the partition may follow
 * another leader by then, and the log refuses what is of an election that is not the accepted one.
 */
import type { Election } from '#log';
import { type Offset, ProtocolError, topicPartitionName } from '#protocol';
import { assert, type Logger, type Random, type Scheduler, type Timer } from '#runtime';
import { Backoff } from './backoff.js';
import type { Partition } from './partition.js';
import { type PeerMessage, type Peers, PeerUnreachableError } from './peers.js';
import { isBeingAdded, type ReassignmentThrottle } from './reassignment-throttle.js';
import { decodeReplicaFetchResponse, encodeReplicaFetchRequest } from './replica-fetch-codec.js';
import { truncationOffset } from './replica-position.js';
import type {
  EpochEnd,
  ForgottenPartition,
  ReplicaFetchPosition,
  ReplicaFetchRecords,
  ReplicaFetchResult,
} from './replica-protocol.js';

/** What all links of a broker have in common. */
export interface LeaderLinkOptions {
  readonly brokerId: number;
  readonly brokerEpoch: () => number;
  readonly peers: Peers;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  readonly journaledVersion: () => number;
  /**
   * Cuts a replica whose damage its leader's batches do not fit, once that is safe; rejects when it
   * is not yet.
   */
  readonly cutDamage: (partition: Partition) => Promise<void>;
  /** How long a request waits for news. */
  readonly replicaFetchWaitMaxMs: number;
  /** Bytes of batches of one partition in an answer, and of all together. */
  readonly replicaFetchMaxBytes: number;
  readonly replicaFetchResponseMaxBytes: number;
  /** Of the replicas that a reassignment adds, over all links. */
  readonly reassignmentThrottle: ReassignmentThrottle;
}

/** The later request takes over the wait of the earlier: more help nobody. */
const REQUESTS_MAX = 2;
/** How often a replica that is out of sync tells where it stands, though nothing has changed. */
const OUT_OF_SYNC_TELL_MS = 1000;
/** What an answer may take beyond the wait before the leader counts as unreachable. */
const ANSWER_MS_MAX = 5000;

/** One partition of the link. */
interface Place {
  readonly partition: Partition;
  readonly backoff: Backoff;
  readonly election: Election;
  /** Of the metadata when it was told last, or is to be. */
  partitionEpoch: number;
  state: 'untold' | 'told' | 'busy' | 'resting';
  /** Of the request by which it was told. */
  sequence: number;
  /** The position that was told: below the log end where a damaged log is repaired. */
  fetchOffset: Offset;
  rest: Timer | undefined;
}

export class LeaderLink {
  readonly #options: LeaderLinkOptions;
  readonly #places = new Map<string, Place>();
  readonly #untold = new Set<Place>();
  /** Of replicas that are out of the ISR. */
  readonly #outOfSync = new Set<Place>();
  #outOfSyncTimer: Timer | undefined;
  #forgotten: ForgottenPartition[] = [];
  readonly #ended = new AbortController();
  readonly #backoff = new Backoff();
  #sessionId = '';
  #sequence = 0;
  #requests = 0;
  #isSendAsked = false;
  #rest: Timer | undefined;

  constructor(
    readonly leaderId: number,
    options: LeaderLinkOptions,
  ) {
    this.#options = options;
    this.#sessionId = options.random.uuid();
  }

  get size(): number {
    return this.#places.size;
  }

  /**
   * Fetches a partition from now on, in the election of its metadata. To be called after every
   * change of that: a leader waits until its followers have a change of the ISR on disk.
   */
  follow(partition: Partition): void {
    const name = topicPartitionName(partition.topicPartition);
    const { leaderEpoch: epoch, electionId, partitionEpoch } = partition.metadata;
    const present = this.#places.get(name);
    const isSame =
      present?.partition === partition &&
      present.election.epoch === epoch &&
      present.election.electionId === electionId;
    if (present !== undefined && isSame) {
      if (present.partitionEpoch === partitionEpoch) return;
      present.partitionEpoch = partitionEpoch;
      this.#lookAtIsr(present);
      // It may have left the ISR: the leader lets it in again when it tells where it stands.
      if (present.state === 'told') this.#tellAnew(present);
      return;
    }
    if (present !== undefined) this.#drop(present);
    const place: Place = {
      partition,
      backoff: new Backoff(),
      election: { epoch, electionId },
      partitionEpoch,
      state: 'untold',
      sequence: 0,
      fetchOffset: 0,
      rest: undefined,
    };
    this.#places.set(name, place);
    this.#lookAtIsr(place);
    // Whoever was elected just now was there just now.
    this.#endRest();
    this.#tellAnew(place);
  }

  unfollow(partition: Partition): void {
    const name = topicPartitionName(partition.topicPartition);
    const place = this.#places.get(name);
    if (place?.partition !== partition) return;
    this.#places.delete(name);
    this.#drop(place);
    this.#forgotten.push(partition.topicPartition);
    this.#askToSend();
  }

  close(): void {
    for (const place of this.#places.values()) this.#drop(place);
    this.#places.clear();
    this.#outOfSyncTimer?.cancel();
    this.#endRest();
    this.#ended.abort();
  }

  #drop(place: Place): void {
    place.rest?.cancel();
    this.#untold.delete(place);
    this.#outOfSync.delete(place);
  }

  #lookAtIsr(place: Place): void {
    const { isr } = place.partition.metadata;
    if (isr.includes(this.#options.brokerId)) this.#outOfSync.delete(place);
    else this.#outOfSync.add(place);
    this.#tellOutOfSyncLater();
  }

  #tellAnew(place: Place): void {
    const throttledMs = this.#throttledMs(place);
    if (throttledMs > 0) {
      this.#restPlace(place, throttledMs);
      return;
    }
    place.state = 'untold';
    this.#untold.add(place);
    this.#askToSend();
  }

  /** How long a replica that a reassignment adds is to wait before it fetches. */
  #throttledMs({ partition: { metadata } }: Place): number {
    const { brokerId, reassignmentThrottle } = this.#options;
    return isBeingAdded(metadata, brokerId) ? reassignmentThrottle.waitMs : 0;
  }

  /** All that changes in this turn of the event loop goes into one request. */
  #askToSend(): void {
    if (this.#isSendAsked) return;
    this.#isSendAsked = true;
    this.#options.scheduler.soon(() => {
      this.#isSendAsked = false;
      this.#sendIfDue();
    });
  }

  #sendIfDue(): void {
    if (this.#ended.signal.aborted || this.#rest !== undefined || this.#requests >= REQUESTS_MAX)
      return;
    const hasNews = this.#untold.size > 0 || this.#forgotten.length > 0;
    const isWaitMissing = this.#requests === 0 && this.#places.size > 0;
    if (hasNews || isWaitMissing) void this.#send();
  }

  /**
   * A leader that hears of a removal after what the removed replica told because of it lets that in
   * again only when it tells once more, which without new records nothing else would make it do.
   */
  #tellOutOfSyncLater(): void {
    if (this.#outOfSyncTimer !== undefined || this.#outOfSync.size === 0) return;
    this.#outOfSyncTimer = this.#options.scheduler.after(OUT_OF_SYNC_TELL_MS, () => {
      this.#outOfSyncTimer = undefined;
      for (const place of this.#outOfSync) if (place.state === 'told') this.#tellAnew(place);
      this.#tellOutOfSyncLater();
    });
  }

  /** Never rejects. */
  async #send(): Promise<void> {
    const { peers, replicaFetchWaitMaxMs } = this.#options;
    const sessionId = this.#sessionId;
    this.#requests += 1;
    try {
      const request = this.#nextRequest();
      const signal = this.#ended.signal;
      const timeoutMs = replicaFetchWaitMaxMs + ANSWER_MS_MAX;
      const options = { timeoutMs, signal };
      const answer = await peers.call(this.leaderId, 'replica-fetch', request, options);
      if (sessionId === this.#sessionId) this.#take(answer);
    } catch (error) {
      if (sessionId === this.#sessionId) this.#failed(error);
    } finally {
      this.#requests -= 1;
      this.#askToSend();
    }
  }

  #nextRequest(): PeerMessage {
    const { brokerId, brokerEpoch, journaledVersion } = this.#options;
    this.#sequence += 1;
    const sequence = this.#sequence;
    const positions: ReplicaFetchPosition[] = [];
    for (const place of this.#untold) {
      const position = this.#positionOf(place);
      if (position === undefined) {
        this.#restPlace(place);
        continue;
      }
      place.state = 'told';
      place.sequence = sequence;
      place.fetchOffset = position.fetchOffset;
      positions.push(position);
    }
    this.#untold.clear();
    const forgotten = this.#forgotten;
    this.#forgotten = [];
    return encodeReplicaFetchRequest({
      replicaId: brokerId,
      brokerEpoch: brokerEpoch(),
      journaledVersion: Math.max(0, journaledVersion()),
      sessionId: this.#sessionId,
      sequence,
      maxWaitMs: this.#options.replicaFetchWaitMaxMs,
      maxBytes: this.#options.replicaFetchResponseMaxBytes,
      positions,
      forgotten,
    });
  }

  /** Undefined while the log has nothing that may be counted on. */
  #positionOf(place: Place): ReplicaFetchPosition | undefined {
    const { partition, election } = place;
    const { log, topicPartition, topicId } = partition;
    const fetchOffset = this.#isFollowed(place) ? this.#fetchOffsetOf(partition) : undefined;
    if (fetchOffset === undefined) return undefined;
    const isRepair = fetchOffset < log.logEndOffset;
    const lastEpoch = isRepair ? log.leaderEpochAt(fetchOffset - 1) : log.latestLeaderEpoch;
    const lastFetchedEpoch = lastEpoch ?? null;
    return {
      ...topicPartition,
      topicId,
      leaderEpoch: election.epoch,
      electionId: election.electionId,
      fetchOffset,
      lastFetchedEpoch,
      lastElectionId:
        lastFetchedEpoch === null ? null : (log.electionIdOf(lastFetchedEpoch) ?? null),
      syncedEndOffset: Math.min(log.syncedEndOffset, fetchOffset),
      highWatermark: partition.highWatermark,
      logStartOffset: log.logStartOffset,
      maxBytes: this.#options.replicaFetchMaxBytes,
    };
  }

  /**
   * A damaged log has nothing from there on, as far as the leader is concerned; it is not in sync.
   * What is committed the leader has byte for byte, so that it can be repaired; else it is to be
   * cut.
   */
  #fetchOffsetOf({ log, metadata, highWatermark }: Partition): Offset | undefined {
    if (!log.isWritable) return undefined;
    const { repairOffset } = log;
    if (repairOffset === undefined) return log.logEndOffset;
    const isInSync = metadata.isr.includes(this.#options.brokerId);
    return !isInSync && repairOffset < highWatermark ? repairOffset : undefined;
  }

  #take(answer: PeerMessage): void {
    const { refusal, results } = decodeReplicaFetchResponse(answer);
    if (refusal !== undefined) {
      this.#beginSession();
      this.#restAll();
      return;
    }
    this.#backoff.reset();
    for (const result of results) this.#takeResult(result, answer.blobs);
  }

  #failed(error: unknown): void {
    if (this.#ended.signal.aborted) return;
    const { logger } = this.#options;
    const isUsual = error instanceof PeerUnreachableError;
    const fields = { leader: this.leaderId, err: error };
    if (isUsual) logger.debug(fields, 'a leader gave no answer to a fetch of its replicas');
    else logger.warn(fields, 'a fetch of replicas failed');
    this.#beginSession();
    this.#restAll();
  }

  /** What was told may not have arrived: all is told anew. */
  #beginSession(): void {
    this.#sessionId = this.#options.random.uuid();
    this.#sequence = 0;
    this.#forgotten = [];
    for (const place of this.#places.values()) {
      if (place.state !== 'told') continue;
      place.state = 'untold';
      this.#untold.add(place);
    }
  }

  #restAll(): void {
    this.#endRest();
    this.#rest = this.#options.scheduler.after(this.#backoff.nextMs(), () => {
      this.#rest = undefined;
      this.#sendIfDue();
    });
  }

  #endRest(): void {
    this.#rest?.cancel();
    this.#rest = undefined;
  }

  #takeResult(result: ReplicaFetchResult, blobs: readonly Buffer[]): void {
    const place = this.#places.get(topicPartitionName(result));
    if (place?.state !== 'told' || place.sequence !== result.sequence) return;
    const { diverging, fault, records } = result;
    if (!this.#isFollowed(place)) return;
    if (diverging !== undefined) {
      void this.#whileBusy(place, () => this.#truncate(place, diverging));
    } else if (fault === 'OFFSET_OUT_OF_RANGE') {
      void this.#whileBusy(place, () => this.#startAnew(place, result));
    } else if (fault !== undefined) {
      this.#restPlace(place);
    } else {
      // What stands behind damage was not compared with the leader's log.
      const isAtEnd = place.fetchOffset >= place.partition.log.logEndOffset;
      if (isAtEnd) place.partition.leaderAnswered(result.highWatermark);
      const pieces = records === undefined ? [] : blobsOf(blobs, records);
      this.#count(place, pieces);
      const isChange =
        records !== undefined || result.logStartOffset > place.partition.log.logStartOffset;
      if (isChange) {
        void this.#whileBusy(place, () => this.#append(place, result, pieces));
      }
    }
  }

  #count({ partition: { metadata } }: Place, pieces: readonly Buffer[]): void {
    const { brokerId, reassignmentThrottle } = this.#options;
    if (pieces.length === 0 || !isBeingAdded(metadata, brokerId)) return;
    reassignmentThrottle.take(pieces.reduce((bytes, piece) => bytes + piece.length, 0));
  }

  #isFollowed({ partition, election }: Place): boolean {
    const { metadata } = partition;
    return (
      partition.mayFetch &&
      metadata.leaderEpoch === election.epoch &&
      metadata.electionId === election.electionId
    );
  }

  /** Never rejects. */
  async #whileBusy(place: Place, change: () => Promise<void>): Promise<void> {
    place.state = 'busy';
    try {
      await change();
      place.backoff.reset();
    } catch (error) {
      this.#changeFailed(place, error);
      return;
    }
    if (this.#isPresent(place)) this.#tellAnew(place);
  }

  #changeFailed(place: Place, error: unknown): void {
    const { partition } = place;
    if (!this.#isPresent(place) || !this.#isFollowed(place)) return;
    this.#options.logger.warn(
      { partition: topicPartitionName(partition.topicPartition), err: error },
      'a replica could not take over what its leader has: tried again',
    );
    this.#restPlace(place);
  }

  #isPresent(place: Place): boolean {
    return this.#places.get(topicPartitionName(place.partition.topicPartition)) === place;
  }

  async #append(
    { partition, election, fetchOffset }: Place,
    { records, logStartOffset }: ReplicaFetchResult,
    pieces: readonly Buffer[],
  ): Promise<void> {
    const { log } = partition;
    if (records !== undefined) {
      const { compactedEndOffset, elections } = records;
      const leader = { election, compactedEndOffset, elections };
      if (fetchOffset >= log.logEndOffset) await log.appendAsFollower(pieces, leader);
      else if (!(await log.repairAsFollower(fetchOffset, pieces, leader))) {
        await this.#options.cutDamage(partition);
      }
    }
    const start = Math.min(logStartOffset, partition.highWatermark);
    if (start > log.logStartOffset) await log.deleteRecordsBefore(start);
  }

  /** The logs part: this one is cut where they do, and the leader is asked again (KIP-279). */
  async #truncate({ partition, election }: Place, diverging: EpochEnd): Promise<void> {
    const { log } = partition;
    const offset = truncationOffset(partition, diverging);
    const { logEndOffset, highWatermark } = log;
    const name = topicPartitionName(partition.topicPartition);
    const fields = { partition: name, offset, logEndOffset, highWatermark, ...election };
    if (offset < highWatermark) {
      this.#options.logger.error(fields, 'a replica is cut below its high watermark');
    } else this.#options.logger.info(fields, 'a replica is cut where its leader has other records');
    if (offset < log.logStartOffset) await log.truncateFullyAndStartAt(offset, election);
    else await log.truncateTo(offset, election);
  }

  /** The leader has nothing at this log's end: it begins anew where the leader's log does. */
  async #startAnew(place: Place, { logStartOffset }: ReplicaFetchResult): Promise<void> {
    const { partition, election } = place;
    const { log, metadata } = partition;
    // Of what is damaged the leader has deleted the beginning: so may this replica, and no more.
    const start = Math.min(logStartOffset, partition.highWatermark);
    if (log.repairOffset !== undefined && start > log.logStartOffset) {
      await log.deleteRecordsBefore(start);
      return;
    }
    const isEmpty = log.logEndOffset - log.logStartOffset === 0;
    const isInSync = metadata.isr.includes(this.#options.brokerId);
    // What the cluster counts on is never deleted because a leader says that it has it not.
    if (isInSync && !isEmpty) {
      throw new ProtocolError(
        'OFFSET_OUT_OF_RANGE',
        `The leader's log does not reach to this replica's end, ${log.logEndOffset}, which is in sync.`,
      );
    }
    await log.truncateFullyAndStartAt(logStartOffset, election);
  }

  #restPlace(place: Place, restMs = place.backoff.nextMs()): void {
    place.state = 'resting';
    place.rest = this.#options.scheduler.after(restMs, () => {
      assert(place.state === 'resting', 'a place rests until its time is over');
      this.#tellAnew(place);
    });
  }
}

function blobsOf(blobs: readonly Buffer[], records: ReplicaFetchRecords): readonly Buffer[] {
  return blobs.slice(records.firstBlob, records.firstBlob + records.blobCount);
}
