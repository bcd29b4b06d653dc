/**
 * One partition on this broker: its log, its metadata in the cluster, and this broker's role in it.
 * A leader appends the records of clients and determines which are committed; a follower copies its
 * leader's log (see ReplicaFetcher).
 *
 * Invariant: log start offset <= high watermark <= synced end <= log end offset. Within an epoch
 * the high watermark only rises; readers see the log up to it. If this broker is the only replica,
 * the ISR is this broker alone and the high watermark reaches the synced end in the same step.
 *
 * Overlap: `becomeLeader`, `becomeFollower` and `updateMetadata` must not overlap with each other;
 * `changes` serialises them. Everything else may overlap with everything. The log accepts appends
 * in the order of the calls.
 */
import type { PartitionMetadata } from '#coordination';
import type { AppendResult, Log } from '#log';
import {
  type HighWatermark,
  type LeaderEpoch,
  type Offset,
  type Outcome,
  ProtocolError,
  type SyncedEndOffset,
  type TopicPartition,
  topicPartitionName,
} from '#protocol';
import { assert, type Clock, type Limiter, SerialQueue } from '#runtime';
import {
  type DesiredIsr,
  type FollowerPosition,
  type IsrInputs,
  LeaderState,
  type ReplicaEnd,
} from './leader-state.js';
import { EMPTY_CONTEXT } from './metadata-context.js';
import { NotLeaderError } from './peers.js';

/** The broker and the cluster that a partition belongs to. */
export interface ClusterMember {
  readonly brokerId: number;
  readonly clock: Clock;
  /** See `CoordinationStore.isShared`. */
  readonly isMetadataShared: boolean;
  /** Version of the cluster's metadata that is on this broker's own disk. */
  readonly journaledVersion: () => number;
  /** Called when a leader has records that followers may fetch. */
  readonly onLogEnd: (partition: Partition) => void;
}

export interface PartitionOptions {
  readonly member: ClusterMember;
  /** Lets the reads of all partitions that go to disk take turns. */
  readonly diskReads: Limiter;
  /**
   * Called after every rise of the high watermark, when this broker's role changes, and when the
   * partition is closed.
   */
  readonly onHighWatermark: (partition: Partition) => void;
}

export class Partition {
  readonly topicPartition: TopicPartition;
  readonly topicId: string;
  readonly log: Log;
  readonly diskReads: Limiter;
  /** Serialises the changes of this broker's role; for the partition's manager. */
  readonly changes = new SerialQueue();
  #metadata: PartitionMetadata;
  #context = EMPTY_CONTEXT;
  #role: 'leader' | 'follower' | 'none' = 'none';
  /** State of the current leader epoch; undefined while this broker does not lead in it. */
  #leaderState: LeaderState | undefined;
  /**
   * High watermark that the leader of this epoch sent; undefined until it has answered for the end
   * of this log.
   */
  #leaderHighWatermark: Offset | undefined;
  /** True when this follower has accepted the epoch, so that it may fetch in it. */
  #isEpochAccepted = false;
  #isClosed = false;
  #isLeft = false;
  #commitWaiters: CommitWaiter[] = [];
  /** Callers that wait for `isCommittedEndKnown`, or until this broker stops leading. */
  #endWaiters: (() => void)[] = [];
  readonly #onHighWatermark: (partition: Partition) => void;
  readonly #member: ClusterMember;

  constructor(log: Log, metadata: PartitionMetadata, options: PartitionOptions) {
    const { member, diskReads, onHighWatermark } = options;
    this.topicPartition = log.topicPartition;
    this.topicId = log.topicId;
    this.log = log;
    this.diskReads = diskReads;
    this.#metadata = metadata;
    this.#onHighWatermark = onHighWatermark;
    this.#member = member;
    log.writer.onSyncedEnd((syncedEnd) => this.#syncedEndMoved(syncedEnd));
    log.writer.onLogEnd({
      isWanted: () => this.#role === 'leader' && !this.isSoleReplica,
      moved: () => (this.#role === 'leader' ? member.onLogEnd(this) : undefined),
    });
  }

  get highWatermark(): HighWatermark {
    return this.log.offsets.highWatermark;
  }

  get leaderEpoch(): LeaderEpoch {
    return this.#metadata.leaderEpoch;
  }

  get metadata(): PartitionMetadata {
    return this.#metadata;
  }

  get isLeader(): boolean {
    return this.#role === 'leader';
  }

  /**
   * True when this broker leads as the only replica: no other broker can take over, and a synced
   * record is committed.
   */
  get isSoleReplica(): boolean {
    const { replicas, reassignment } = this.#metadata;
    return this.#role === 'leader' && replicas.length === 1 && reassignment === undefined;
  }

  get isFollower(): boolean {
    return this.#role === 'follower';
  }

  /** True once the topic was deleted or the broker stops. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** True when a leader epoch may have begun that this broker does not know of. */
  get mayEpochBeBehind(): boolean {
    return this.#member.isMetadataShared;
  }

  /** True when a follower may fetch; it may not in an epoch that it could not accept. */
  get mayFetch(): boolean {
    return this.#role === 'follower' && this.#isEpochAccepted && !this.#isClosed;
  }

  /** True when the log is undamaged and writable: others may rely only on such a replica. */
  get isTrusted(): boolean {
    return this.log.isWritable && this.log.damage.ranges.length === 0;
  }

  /** True when a follower's log is known to be a beginning of its leader's log. */
  get isAligned(): boolean {
    return this.#role === 'follower' && this.#leaderHighWatermark !== undefined;
  }

  /** True when this replica has all committed records: it leads, or is in the ISR known here. */
  get isInSync(): boolean {
    return this.#role === 'leader' || this.#metadata.isr.includes(this.#member.brokerId);
  }

  /**
   * True when every committed record is below the high watermark. A new leader knows it once its
   * high watermark has reached the start of its epoch; a follower never knows it.
   */
  get isCommittedEndKnown(): boolean {
    if (this.#role !== 'leader') return false;
    return this.highWatermark >= (this.#leaderState?.epochStartOffset ?? 0);
  }

  /**
   * Becomes the leader in the epoch of `metadata`. The epoch is durable in the log before this
   * resolves, except on a full disk: then the first append records it, or is refused. If this
   * broker is the only replica, the high watermark is the synced end at once, because recovery
   * ended with a sync.
   * @throws ProtocolError LEADER_NOT_AVAILABLE when this replica took part in a later epoch, or in
   *   this one as another process; it does not lead then
   */
  async becomeLeader(metadata: PartitionMetadata, context = EMPTY_CONTEXT): Promise<void> {
    this.#assertNotBack(metadata);
    this.#metadata = metadata;
    this.#context = context;
    const { log } = this;
    const { brokerId, clock, isMetadataShared } = this.#member;
    this.#wakeEndWaiters();
    this.#role = 'none';
    this.#leaderState = undefined;
    try {
      if (isMetadataShared) await this.#acceptElection(metadata);
      await this.#assignLeaderEpoch(metadata.leaderEpoch);
    } catch (error) {
      this.#endCommitWaits(this.#leadershipLost());
      throw error;
    }
    if (this.#isClosed) return;
    const epochStartOffset = log.leadership.epochStart(metadata.leaderEpoch) ?? log.offsets.logEnd;
    const start = { version: context.version, epochStartOffset, nowMs: clock.monotonicMs() };
    this.#leaderState = new LeaderState(brokerId, metadata, start);
    this.#role = 'leader';
    this.#leaderStateMoved();
    this.#onHighWatermark(this);
  }

  /**
   * Follows the leader that `metadata` names, or nobody. As soon as it is called, nothing is
   * appended for clients and nothing is committed here. When it resolves, the log is ready for the
   * leader's batches.
   */
  async becomeFollower(metadata: PartitionMetadata, context = EMPTY_CONTEXT): Promise<void> {
    this.#assertNotBack(metadata);
    this.#metadata = metadata;
    this.#context = context;
    this.#role = 'follower';
    this.#leaderState = undefined;
    this.#leaderHighWatermark = undefined;
    this.#isEpochAccepted = false;
    this.#endCommitWaits(this.#leadershipLost());
    await this.log.leadership.stopLeading();
    const { leaderEpoch: epoch, electionId } = metadata;
    this.#isEpochAccepted = await this.log.leadership.tryAccept({ epoch, electionId });
    if (!this.#isClosed) this.#onHighWatermark(this);
  }

  /** Applies a change that keeps the leader and its epoch. */
  updateMetadata(metadata: PartitionMetadata, context = EMPTY_CONTEXT): void {
    const isChange = metadata !== this.#metadata;
    this.#metadata = metadata;
    this.#context = context;
    if (isChange) this.#leaderState?.update(metadata, context.version);
    this.#leaderStateMoved();
  }

  /**
   * Appends as the leader. Resolves when the batches are durable here; `whenCommitted` reports when
   * they are in the whole ISR.
   * @throws NotLeaderError when another broker leads: nothing was appended
   */
  append(batches: readonly Buffer[]): Promise<AppendResult> {
    if (this.#isClosed) return Promise.reject(this.closedError());
    if (this.#role !== 'leader') return Promise.reject(this.notLeader());
    return this.log.writer.append(batches, { leaderEpoch: this.#metadata.leaderEpoch });
  }

  /** True when an append that asks for all in-sync replicas may begin. */
  hasEnoughReplicas(): boolean {
    return this.inSyncCount >= this.minInsyncReplicas;
  }

  /**
   * Number of replicas that must be in sync for a record to be committed. It comes from the same
   * metadata as the ISR, because a rebuild of the metadata relies on both.
   */
  get minInsyncReplicas(): number {
    return this.#context.minInsyncReplicas ?? this.log.config['min.insync.replicas'];
  }

  /**
   * Number of replicas that are certainly in sync: the smaller of the committed and the proposed
   * ISR.
   */
  get inSyncCount(): number {
    return this.#leaderState?.inSyncCount ?? this.#metadata.isr.length;
  }

  /**
   * Resolves when the high watermark has reached `endOffset`.
   * @throws ProtocolError with the outcome `unknown`: NOT_ENOUGH_REPLICAS_AFTER_APPEND as soon as
   *   too few replicas are in sync, LEADER_NOT_AVAILABLE when this broker leads no more
   */
  whenCommitted(endOffset: Offset): Promise<void> {
    if (this.highWatermark >= endOffset) return Promise.resolve();
    if (this.#isClosed) return Promise.reject(this.closedError('unknown'));
    if (this.#role !== 'leader') return Promise.reject(this.#leadershipLost());
    if (!this.hasEnoughReplicas()) return Promise.reject(this.#tooFewReplicas());
    return new Promise((resolve, reject) => {
      this.#commitWaiters.push({ endOffset, resolve, reject });
    });
  }

  /**
   * Resolves when every committed record is below the high watermark, or this broker does not lead.
   */
  whenCommittedEndKnown(): Promise<void> {
    if (this.isCommittedEndKnown || this.#role !== 'leader') return Promise.resolve();
    return new Promise((resolve) => this.#endWaiters.push(resolve));
  }

  /** Records the position of a follower, which continues this leader's log. */
  followerFetched(replicaId: number, position: FollowerPosition): void {
    this.#leaderState?.followerFetched(replicaId, position, this.#leaderEnd());
    this.#leaderStateMoved();
  }

  /** Records that a follower is sent records. */
  followerAnswered(replicaId: number): void {
    this.#leaderState?.followerAnswered(replicaId, this.#leaderEnd());
  }

  /** Records the version of the metadata that a broker, or this one, has on its disk. */
  metadataJournaled(brokerId: number, version: number): void {
    const leaderState = this.#leaderState;
    leaderState?.followerJournaled(brokerId, version);
    if (leaderState?.hasUnprovenRemovals === true) this.#leaderStateMoved();
  }

  /** Log ends of the replicas that this leader knows in this epoch. */
  replicaEnds(): ReplicaEnd[] {
    const ownReplica = { broker: this.#member.brokerId, logEndOffset: this.log.offsets.logEnd };
    return [ownReplica, ...(this.#leaderState?.followerEnds() ?? [])];
  }

  /** Excludes a stall of this process from the lag of the followers. */
  forgiveStall(stallMs: number): void {
    this.#leaderState?.forgiveStall(stallMs);
  }

  /**
   * The ISR that this leader wants; it counts as proposed from now on. Until `updateMetadata`
   * brings a later partition epoch or `isrRefused` is called, either ISR may be the committed one.
   * Returns the same ISR again while it is proposed.
   */
  proposedIsr(inputs: Omit<IsrInputs, 'highWatermark' | 'logEndOffset'>): DesiredIsr | undefined {
    const leaderState = this.#leaderState;
    if (leaderState === undefined || this.#isClosed) return undefined;
    if (leaderState.proposal !== undefined) return leaderState.proposal;
    if (!leaderState.hasFollowers) return undefined;
    const wantedIsr = leaderState.wantedIsr({
      ...inputs,
      highWatermark: this.highWatermark,
      logEndOffset: this.log.offsets.logEnd,
    });
    if (wantedIsr === undefined) return undefined;
    leaderState.propose(wantedIsr);
    this.#leaderStateMoved();
    return wantedIsr;
  }

  /** True when an ISR is proposed whose outcome is unknown. */
  get isIsrProposed(): boolean {
    return this.#leaderState?.proposal !== undefined;
  }

  /** Drops a proposal that was definitely not accepted and never will be. */
  isrRefused(proposal: DesiredIsr): void {
    this.#leaderState?.withdraw(proposal);
    this.#leaderStateMoved();
  }

  /**
   * Records the high watermark in the leader's answer to a fetch that continued the leader's log.
   */
  leaderAnswered(leaderHighWatermark: Offset): void {
    if (this.#role !== 'follower') return;
    this.#leaderHighWatermark = Math.max(this.#leaderHighWatermark ?? 0, leaderHighWatermark);
    this.#syncedEndMoved(this.log.offsets.syncedEnd);
  }

  /** Ends all waits; the log is its manager's to close. */
  close(): void {
    this.#isClosed = true;
    this.#leaderState = undefined;
    this.#endCommitWaits(this.closedError('unknown'));
    this.#onHighWatermark(this);
  }

  /** Closes a partition that only other brokers keep now; callers are sent to them. */
  leave(): void {
    this.#isLeft = true;
    this.close();
  }

  /** @param outcome `unknown` for records that were appended before */
  closedError(outcome: Outcome = 'failed'): ProtocolError {
    const { topic, partition } = this.topicPartition;
    if (this.#isLeft) {
      const moved = `Other brokers keep partition ${partition} of topic "${topic}" now.`;
      return new ProtocolError('LEADER_NOT_AVAILABLE', moved, { outcome });
    }
    const detail = `Partition ${partition} of topic "${topic}" is not served any more.`;
    return new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', detail, { outcome });
  }

  /** The answer to a broker that takes this one for the leader. */
  notLeader(): NotLeaderError {
    const { leader, leaderEpoch } = this.#metadata;
    return new NotLeaderError('NOT_LEADER_OR_FOLLOWER', leader, leaderEpoch);
  }

  /**
   * Accepts the election of this broker. A store that is not shared needs no election: no other
   * broker is elected there, and the store is never rolled back without the log.
   */
  async #acceptElection({ leaderEpoch, electionId }: PartitionMetadata): Promise<void> {
    const { log } = this;
    const latest = log.leadership.latestEpoch ?? -1;
    const isAccepted = await log.leadership.tryAccept({ epoch: leaderEpoch, electionId });
    // Another process or broker has led in an epoch that has already begun in this log.
    if (!isAccepted || latest >= leaderEpoch) {
      const newestEpoch = Math.max(latest, log.leadership.acceptedElection.epoch);
      throw new ProtocolError(
        'LEADER_NOT_AVAILABLE',
        `Leader epoch ${leaderEpoch} cannot be led: this replica took part in epoch ${newestEpoch}.`,
      );
    }
  }

  async #assignLeaderEpoch(leaderEpoch: LeaderEpoch): Promise<void> {
    try {
      await this.log.leadership.assignEpoch(leaderEpoch);
    } catch (error) {
      // The first append tries again, and is refused where that fails, too: a disk that is full
      // must not keep a partition from being read.
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  #assertNotBack(metadata: PartitionMetadata): void {
    assert(
      metadata.leaderEpoch >= this.#metadata.leaderEpoch,
      `leader epoch of ${topicPartitionName(this.topicPartition)} went back`,
    );
  }

  #leaderEnd(): { readonly end: Offset; readonly nowMs: number } {
    return { end: this.log.offsets.logEnd, nowMs: this.#member.clock.monotonicMs() };
  }

  #syncedEndMoved(syncedEnd: SyncedEndOffset): void {
    if (this.#leaderState !== undefined) this.#leaderStateMoved();
    else if (this.#role === 'follower') {
      this.#maybeAdvanceHighWatermark(Math.min(syncedEnd, this.#leaderHighWatermark ?? 0));
    }
  }

  /** Updates the high watermark after a change of the leader's state. */
  #leaderStateMoved(): void {
    const leaderState = this.#leaderState;
    if (leaderState === undefined) return;
    const { syncedEnd: syncedEndOffset } = this.log.offsets;
    const journaledVersion = this.#member.journaledVersion();
    const ownEnd = { syncedEndOffset, journaledVersion };
    const bound = leaderState.highWatermarkBound(ownEnd, this.minInsyncReplicas);
    if (bound !== undefined) this.#maybeAdvanceHighWatermark(bound);
    if (this.#commitWaiters.length > 0 && !this.hasEnoughReplicas()) {
      this.#endCommitWaits(this.#tooFewReplicas());
    }
  }

  #maybeAdvanceHighWatermark(offset: Offset): void {
    if (this.#isClosed || offset <= this.highWatermark) return;
    this.log.updateHighWatermark(offset);
    if (this.#commitWaiters.length > 0) this.#answerCommitted();
    if (this.#endWaiters.length > 0 && this.isCommittedEndKnown) this.#wakeEndWaiters();
    this.#onHighWatermark(this);
  }

  #wakeEndWaiters(): void {
    for (const wake of this.#endWaiters.splice(0)) wake();
  }

  #answerCommitted(): void {
    const highWatermark = this.highWatermark;
    const waiters = this.#commitWaiters;
    this.#commitWaiters = waiters.filter((waiter) => waiter.endOffset > highWatermark);
    for (const waiter of waiters) if (waiter.endOffset <= highWatermark) waiter.resolve();
  }

  #endCommitWaits(error: ProtocolError): void {
    this.#wakeEndWaiters();
    const waiters = this.#commitWaiters;
    this.#commitWaiters = [];
    for (const waiter of waiters) waiter.reject(error);
  }

  /**
   * The error for records that are appended here and may be missing in the log of the next leader.
   */
  #leadershipLost(): ProtocolError {
    return new ProtocolError(
      'LEADER_NOT_AVAILABLE',
      'Another broker leads the partition now: it is unknown whether the records will stay.',
      { outcome: 'unknown' },
    );
  }

  #tooFewReplicas(): ProtocolError {
    const required = this.minInsyncReplicas;
    return new ProtocolError(
      'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
      `Only ${this.inSyncCount} of the ${required} replicas that must be in sync are in sync: ` +
        'the records were appended, and it is not known whether they will stay.',
    );
  }
}

interface CommitWaiter {
  readonly endOffset: Offset;
  readonly resolve: () => void;
  readonly reject: (error: ProtocolError) => void;
}
