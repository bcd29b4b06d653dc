/**
 * One partition on this broker: its log, and what the cluster agreed on about it.
 *
 * Invariant: log start offset <= high watermark <= synced end <= log end offset. The high watermark
 * rises only, within an epoch, and is what readers see of the log. On a cluster of one broker the ISR
 * is this broker alone, so that the high watermark is its synced end.
 *
 * Appends may overlap: the log takes them in the order of the calls.
 */
import type { PartitionMetadata } from '#coordination';
import type { AppendResult, Log } from '#log';
import {
  type HighWatermark,
  type LeaderEpoch,
  type Offset,
  ProtocolError,
  type SyncedEndOffset,
  type TopicPartition,
  topicPartitionName,
} from '#protocol';
import { assert, type Limiter } from '#runtime';

export class Partition {
  readonly topicPartition: TopicPartition;
  readonly topicId: string;
  readonly log: Log;
  #metadata: PartitionMetadata;
  #isClosed = false;
  #commitWaiters: CommitWaiter[] = [];
  readonly #onHighWatermark: (partition: Partition) => void;

  /**
   * @param diskReads lets the reads of all partitions that go to disk take turns
   * @param onHighWatermark called after every rise, and when the partition is closed
   */
  constructor(
    log: Log,
    metadata: PartitionMetadata,
    readonly diskReads: Limiter,
    onHighWatermark: (partition: Partition) => void,
  ) {
    this.topicPartition = log.topicPartition;
    this.topicId = log.topicId;
    this.log = log;
    this.#metadata = metadata;
    this.#onHighWatermark = onHighWatermark;
    log.onSyncedEnd((syncedEnd) => this.#maybeAdvanceHighWatermark(syncedEnd));
  }

  get highWatermark(): HighWatermark {
    return this.log.highWatermark;
  }

  get leaderEpoch(): LeaderEpoch {
    return this.#metadata.leaderEpoch;
  }

  get metadata(): PartitionMetadata {
    return this.#metadata;
  }

  /** Whether this broker leads it. On a cluster of one broker it leads what has a leader. */
  get isLeader(): boolean {
    return this.#metadata.leader !== null;
  }

  /** True once the topic was deleted or the broker stops. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Leads from now on in the epoch of `metadata`, which is durable in the log before this resolves.
   * The high watermark is the synced end at once: recovery ended with a sync, and nobody else has a say.
   * When it rejects the epoch is not recorded: reads go on, and the log records it with the first
   * append, or refuses that.
   */
  async becomeLeader(metadata: PartitionMetadata): Promise<void> {
    assert(
      metadata.leaderEpoch >= this.#metadata.leaderEpoch,
      `leader epoch of ${topicPartitionName(this.topicPartition)} went back`,
    );
    this.#metadata = metadata;
    this.#maybeAdvanceHighWatermark(this.log.syncedEndOffset);
    await this.log.assignLeaderEpoch(metadata.leaderEpoch);
  }

  /** Takes over a change that leaves leader and epoch as they are. */
  updateMetadata(metadata: PartitionMetadata): void {
    this.#metadata = metadata;
  }

  /**
   * Appends as the leader. Resolves when the batches are durable here; `whenCommitted` tells when
   * they are in the whole ISR.
   */
  append(batches: readonly Buffer[]): Promise<AppendResult> {
    if (this.#isClosed) return Promise.reject(this.closedError());
    return this.log.append(batches, { leaderEpoch: this.#metadata.leaderEpoch });
  }

  /** Whether an append that asks for all in-sync replicas may begin. */
  hasEnoughReplicas(): boolean {
    return this.#metadata.isr.length >= this.log.config['min.insync.replicas'];
  }

  /** Resolves when the high watermark has reached `endOffset`. */
  whenCommitted(endOffset: Offset): Promise<void> {
    if (this.highWatermark >= endOffset) return Promise.resolve();
    if (this.#isClosed) return Promise.reject(this.closedError());
    return new Promise((resolve, reject) => {
      this.#commitWaiters.push({ endOffset, resolve, reject });
    });
  }

  /** Ends all waits; the log is its manager's to close. */
  close(): void {
    this.#isClosed = true;
    const waiters = this.#commitWaiters;
    this.#commitWaiters = [];
    for (const waiter of waiters) waiter.reject(this.closedError());
    this.#onHighWatermark(this);
  }

  closedError(): ProtocolError {
    const { topic, partition } = this.topicPartition;
    return new ProtocolError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `Partition ${partition} of topic "${topic}" is not served any more.`,
    );
  }

  #maybeAdvanceHighWatermark(syncedEnd: SyncedEndOffset): void {
    if (this.#isClosed || syncedEnd <= this.highWatermark) return;
    this.log.updateHighWatermark(syncedEnd);
    if (this.#commitWaiters.length > 0) this.#answerCommitted();
    this.#onHighWatermark(this);
  }

  #answerCommitted(): void {
    const highWatermark = this.highWatermark;
    const waiters = this.#commitWaiters;
    this.#commitWaiters = waiters.filter((waiter) => waiter.endOffset > highWatermark);
    for (const waiter of waiters) if (waiter.endOffset <= highWatermark) waiter.resolve();
  }
}

interface CommitWaiter {
  readonly endOffset: Offset;
  readonly resolve: () => void;
  readonly reject: (error: ProtocolError) => void;
}
