/**
 * A follower's connection to one leader: keeps its fetch session (see replica-protocol.ts), sends
 * the positions of its partitions, and hands the answers to the applier.
 *
 * PartitionFetchState lists the states of a partition. A partition whose log is slow to sync does
 * not delay the others: their positions go out with a second request, and the leader answers the
 * first one at once when the second arrives.
 *
 * An answer is checked again after each await: the partition may follow another leader since then.
 * The log refuses changes of any election but the accepted one.
 */
import { topicPartitionName } from '#protocol';
import { type Logger, type Random, RetryBackoff, type Scheduler, type Timer } from '#runtime';
import type { Partition } from './partition.js';
import { PartitionFetchState } from './partition-fetch-state.js';
import { type PeerMessage, type Peers, PeerUnreachableError } from './peers.js';
import { isAddedByReassignment, type ReassignmentThrottle } from './reassignment-throttle.js';
import { ReplicaFetchApplier, type ReplicaFetchApplierOptions } from './replica-fetch-applier.js';
import { decodeReplicaFetchResponse, encodeReplicaFetchRequest } from './replica-fetch-codec.js';
import type {
  ForgottenPartition,
  ReplicaFetchPosition,
  ReplicaFetchRecords,
  ReplicaFetchResult,
} from './replica-protocol.js';

/** Options that all connections of a broker share. */
export interface ReplicaFetcherConnectionOptions extends ReplicaFetchApplierOptions {
  readonly brokerEpoch: () => number;
  readonly peers: Peers;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  /** Newest version of the metadata that this broker has on its disk. */
  readonly journaledVersion: () => number;
  /** Time that a leader holds a request back while it has nothing to answer, in ms. */
  readonly replicaFetchWaitMaxMs: number;
  /** Bytes of batches of one partition in an answer. */
  readonly replicaFetchMaxBytes: number;
  /** Bytes of batches of all partitions in an answer. */
  readonly replicaFetchResponseMaxBytes: number;
  /** Limits the bytes fetched for replicas that a reassignment adds, over all connections. */
  readonly reassignmentThrottle: ReassignmentThrottle;
}

/**
 * One request waits at the leader and a second one carries new positions. The second one ends the
 * first one's wait, so a third would not help.
 */
const REQUESTS_MAX = 2;
/** Interval in which an out-of-sync replica sends its position, even without a change. */
const OUT_OF_SYNC_REQUEUE_MS = 1000;
/** Time beyond the wait after which a leader without an answer counts as unreachable. */
const ANSWER_MS_MAX = 5000;

/**
 * Overlap: any call may come at any time; calls change the connection synchronously. Up to two
 * requests are in progress, and their answers arrive in any order: an answer counts only in the
 * session it was sent in, and for a partition only with the sequence of its last position. One
 * change at a time is applied to a partition, concurrently with requests and the changes of other
 * partitions.
 */
export class ReplicaFetcherConnection {
  readonly leaderId: number;
  readonly #options: ReplicaFetcherConnectionOptions;
  readonly #applier: ReplicaFetchApplier;
  /** Fetch states by partition name. */
  readonly #fetches = new Map<string, PartitionFetchState>();
  readonly #pending = new Set<PartitionFetchState>();
  /** Partitions whose replica here is out of the ISR. */
  readonly #outOfSync = new Set<PartitionFetchState>();
  #outOfSyncTimer: Timer | undefined;
  #forgotten: ForgottenPartition[] = [];
  readonly #ended = new AbortController();
  readonly #backoff: RetryBackoff;
  #backoffTimer: Timer | undefined;
  #sessionId: string;
  #sequence = 0;
  #requests = 0;
  #isSendScheduled = false;

  constructor(leaderId: number, options: ReplicaFetcherConnectionOptions) {
    this.leaderId = leaderId;
    this.#options = options;
    this.#applier = new ReplicaFetchApplier(options);
    this.#backoff = new RetryBackoff(options.random);
    this.#sessionId = options.random.uuid();
  }

  /** Number of partitions that are fetched. */
  get size(): number {
    return this.#fetches.size;
  }

  /**
   * Fetches a partition from now on, in the election of its metadata. Call it after every change of
   * the metadata: a leader waits until its followers have a change of the ISR on disk.
   */
  follow(partition: Partition): void {
    const name = topicPartitionName(partition.topicPartition);
    const existing = this.#fetches.get(name);
    if (existing?.partition === partition && existing.isFollowing) {
      this.#updateMetadata(existing);
      return;
    }
    if (existing !== undefined) this.#drop(existing);
    const fetch = new PartitionFetchState(partition, this.#options.random);
    this.#fetches.set(name, fetch);
    this.#trackIsrMembership(fetch);
    // A leader that was elected just now was reachable just now.
    this.#endBackoff();
    this.#requeue(fetch);
  }

  unfollow(partition: Partition): void {
    const name = topicPartitionName(partition.topicPartition);
    const fetch = this.#fetches.get(name);
    if (fetch?.partition !== partition) return;
    this.#fetches.delete(name);
    this.#drop(fetch);
    this.#forgotten.push(partition.topicPartition);
    this.#scheduleSend();
  }

  close(): void {
    for (const fetch of this.#fetches.values()) this.#drop(fetch);
    this.#fetches.clear();
    this.#outOfSyncTimer?.cancel();
    this.#endBackoff();
    this.#ended.abort();
  }

  #drop(fetch: PartitionFetchState): void {
    fetch.close();
    this.#pending.delete(fetch);
    this.#outOfSync.delete(fetch);
  }

  #updateMetadata(fetch: PartitionFetchState): void {
    const { partitionEpoch } = fetch.partition.metadata;
    if (fetch.partitionEpoch === partitionEpoch) return;
    fetch.partitionEpoch = partitionEpoch;
    this.#trackIsrMembership(fetch);
    // A replica that left the ISR joins again only after it has sent its position.
    if (fetch.state === 'fetching') this.#requeue(fetch);
  }

  #trackIsrMembership(fetch: PartitionFetchState): void {
    const { isr } = fetch.partition.metadata;
    if (isr.includes(this.#options.brokerId)) this.#outOfSync.delete(fetch);
    else this.#outOfSync.add(fetch);
    this.#requeueOutOfSyncLater();
  }

  #requeue(fetch: PartitionFetchState): void {
    const throttledMs = this.#throttledMs(fetch);
    if (throttledMs > 0) {
      this.#backOff(fetch, throttledMs);
      return;
    }
    fetch.becomePending();
    this.#pending.add(fetch);
    this.#scheduleSend();
  }

  /** Time that a replica which a reassignment adds waits before it fetches, in ms. */
  #throttledMs({ partition: { metadata } }: PartitionFetchState): number {
    const { brokerId, reassignmentThrottle } = this.#options;
    return isAddedByReassignment(metadata, brokerId) ? reassignmentThrottle.waitMs : 0;
  }

  /** Sends one request for everything that changes in this turn of the event loop. */
  #scheduleSend(): void {
    if (this.#isSendScheduled) return;
    this.#isSendScheduled = true;
    this.#options.scheduler.soon(() => {
      this.#isSendScheduled = false;
      this.#maybeSend();
    });
  }

  #maybeSend(): void {
    if (this.#ended.signal.aborted || this.#backoffTimer !== undefined) return;
    if (this.#requests >= REQUESTS_MAX) return;
    const hasChanges = this.#pending.size > 0 || this.#forgotten.length > 0;
    const isWaitMissing = this.#requests === 0 && this.#fetches.size > 0;
    if (hasChanges || isWaitMissing) void this.#send();
  }

  /**
   * Sends the positions of out-of-sync replicas at an interval. A leader may hear of a removal from
   * the ISR only after the removed replica has sent its position because of it. The leader adds the
   * replica again when it sends another position, which nothing else makes it do while there are no
   * new records.
   */
  #requeueOutOfSyncLater(): void {
    if (this.#outOfSyncTimer !== undefined || this.#outOfSync.size === 0) return;
    this.#outOfSyncTimer = this.#options.scheduler.after(OUT_OF_SYNC_REQUEUE_MS, () => {
      this.#outOfSyncTimer = undefined;
      for (const fetch of this.#outOfSync) if (fetch.state === 'fetching') this.#requeue(fetch);
      this.#requeueOutOfSyncLater();
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
      if (sessionId === this.#sessionId) this.#acceptAnswer(answer);
    } catch (error) {
      if (sessionId === this.#sessionId) this.#requestFailed(error);
    } finally {
      this.#requests -= 1;
      this.#scheduleSend();
    }
  }

  #nextRequest(): PeerMessage {
    const { brokerId, brokerEpoch, journaledVersion } = this.#options;
    this.#sequence += 1;
    const positions = this.#takePending(this.#sequence);
    const forgotten = this.#forgotten;
    this.#forgotten = [];
    return encodeReplicaFetchRequest({
      replicaId: brokerId,
      brokerEpoch: brokerEpoch(),
      journaledVersion: Math.max(0, journaledVersion()),
      sessionId: this.#sessionId,
      sequence: this.#sequence,
      maxWaitMs: this.#options.replicaFetchWaitMaxMs,
      maxBytes: this.#options.replicaFetchResponseMaxBytes,
      positions,
      forgotten,
    });
  }

  #takePending(sequence: number): ReplicaFetchPosition[] {
    const { brokerId, replicaFetchMaxBytes } = this.#options;
    const positions: ReplicaFetchPosition[] = [];
    for (const fetch of this.#pending) {
      const position = fetch.nextPosition(brokerId, replicaFetchMaxBytes);
      if (position === undefined) {
        this.#backOff(fetch);
        continue;
      }
      fetch.becomeFetching(sequence, position.fetchOffset);
      positions.push(position);
    }
    this.#pending.clear();
    return positions;
  }

  #acceptAnswer(answer: PeerMessage): void {
    const { refusal, results } = decodeReplicaFetchResponse(answer);
    if (refusal !== undefined) {
      this.#beginSession();
      this.#backOffAll();
      return;
    }
    this.#backoff.reset();
    for (const result of results) this.#acceptResult(result, answer.blobs);
  }

  #requestFailed(error: unknown): void {
    if (this.#ended.signal.aborted) return;
    const { logger } = this.#options;
    const fields = { leader: this.leaderId, err: error };
    if (error instanceof PeerUnreachableError) {
      logger.debug(fields, 'a leader did not answer a replica fetch: tried again');
    } else logger.warn(fields, 'a replica fetch failed: tried again');
    this.#beginSession();
    this.#backOffAll();
  }

  /** Sends every position again: those of the session before may not have arrived. */
  #beginSession(): void {
    this.#sessionId = this.#options.random.uuid();
    this.#sequence = 0;
    this.#forgotten = [];
    for (const fetch of this.#fetches.values()) {
      if (fetch.state !== 'fetching') continue;
      fetch.becomePending();
      this.#pending.add(fetch);
    }
  }

  /** Delays the next request after a fault of the whole connection. */
  #backOffAll(): void {
    this.#endBackoff();
    this.#backoffTimer = this.#options.scheduler.after(this.#backoff.nextDelayMs(), () => {
      this.#backoffTimer = undefined;
      this.#maybeSend();
    });
  }

  #endBackoff(): void {
    this.#backoffTimer?.cancel();
    this.#backoffTimer = undefined;
  }

  /** Delays the next position of one partition; by the retry policy unless `delayMs` is given. */
  #backOff(fetch: PartitionFetchState, delayMs?: number): void {
    fetch.becomeBackoff(this.#options.scheduler, () => this.#requeue(fetch), delayMs);
  }

  #acceptResult(result: ReplicaFetchResult, blobs: readonly Buffer[]): void {
    const fetch = this.#fetches.get(topicPartitionName(result));
    if (fetch?.state !== 'fetching' || fetch.sequence !== result.sequence) return;
    const { diverging, fault } = result;
    if (!fetch.isFollowing) return;
    if (diverging !== undefined) {
      void this.#apply(fetch, () => this.#applier.truncate(fetch, diverging));
    } else if (fault === 'OFFSET_OUT_OF_RANGE') {
      void this.#apply(fetch, () => this.#applier.restart(fetch, result));
    } else if (fault !== undefined) {
      this.#backOff(fetch);
    } else this.#acceptRecords(fetch, result, blobs);
  }

  #acceptRecords(
    fetch: PartitionFetchState,
    result: ReplicaFetchResult,
    blobs: readonly Buffer[],
  ): void {
    const { partition, fetchOffset } = fetch;
    const { records, highWatermark, logStartOffset } = result;
    const { log } = partition;
    // Records after damage were not compared with the leader's log.
    if (fetchOffset >= log.offsets.logEnd) partition.leaderAnswered(highWatermark);
    const batches = records === undefined ? [] : blobsOf(blobs, records);
    this.#chargeThrottle(fetch, batches);
    if (records === undefined && logStartOffset <= log.offsets.logStart) return;
    void this.#apply(fetch, () => this.#applier.append(fetch, result, batches));
  }

  #chargeThrottle(
    { partition: { metadata } }: PartitionFetchState,
    batches: readonly Buffer[],
  ): void {
    const { brokerId, reassignmentThrottle } = this.#options;
    if (batches.length === 0 || !isAddedByReassignment(metadata, brokerId)) return;
    reassignmentThrottle.take(batches.reduce((bytes, batch) => bytes + batch.length, 0));
  }

  /** Never rejects. */
  async #apply(fetch: PartitionFetchState, change: () => Promise<void>): Promise<void> {
    fetch.becomeApplying();
    try {
      await change();
      fetch.resetBackoff();
    } catch (error) {
      this.#applyFailed(fetch, error);
      return;
    }
    if (this.#isPresent(fetch)) this.#requeue(fetch);
  }

  #applyFailed(fetch: PartitionFetchState, error: unknown): void {
    const { partition } = fetch;
    if (!this.#isPresent(fetch) || !fetch.isFollowing) return;
    this.#options.logger.warn(
      { partition: topicPartitionName(partition.topicPartition), err: error },
      'the answer of a leader could not be applied to the replica: tried again',
    );
    this.#backOff(fetch);
  }

  #isPresent(fetch: PartitionFetchState): boolean {
    return this.#fetches.get(topicPartitionName(fetch.partition.topicPartition)) === fetch;
  }
}

function blobsOf(blobs: readonly Buffer[], records: ReplicaFetchRecords): readonly Buffer[] {
  return blobs.slice(records.firstBlob, records.firstBlob + records.blobCount);
}
