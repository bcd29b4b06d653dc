/**
 * The fetch state of one partition that a connection fetches from its leader.
 *
 * | state    | meaning                                            | next                       |
 * |----------|----------------------------------------------------|----------------------------|
 * | pending  | its position goes into the next request            | fetching, backoff          |
 * | fetching | the leader has its position                        | pending, applying, backoff |
 * | applying | its log changes because of an answer               | pending, backoff           |
 * | backoff  | it waits after a fault, or because it is throttled | pending                    |
 */
import type { Election } from '#log';
import type { Offset } from '#protocol';
import { assert, type Random, RetryBackoff, type Scheduler, type Timer } from '#runtime';
import type { Partition } from './partition.js';
import type { ReplicaFetchPosition } from './replica-protocol.js';

export class PartitionFetchState {
  readonly partition: Partition;
  /** Election of the leader that the partition is fetched from. */
  readonly election: Election;
  /** Partition epoch of the metadata that the last position was, or the next one is, sent for. */
  partitionEpoch: number;
  readonly #backoff: RetryBackoff;
  #state: 'pending' | 'fetching' | 'applying' | 'backoff' = 'pending';
  #sequence = 0;
  #fetchOffset: Offset = 0;
  #backoffTimer: Timer | undefined;

  constructor(partition: Partition, random: Random) {
    const { leaderEpoch: epoch, electionId, partitionEpoch } = partition.metadata;
    this.partition = partition;
    this.election = { epoch, electionId };
    this.partitionEpoch = partitionEpoch;
    this.#backoff = new RetryBackoff(random);
  }

  get state(): 'pending' | 'fetching' | 'applying' | 'backoff' {
    return this.#state;
  }

  /** Sequence of the request that the last position was sent with. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Offset that was sent last; below the log end offset while a damaged log is repaired. */
  get fetchOffset(): Offset {
    return this.#fetchOffset;
  }

  /** True when the partition still follows the leader of `election`. */
  get isFollowing(): boolean {
    const { metadata, mayFetch } = this.partition;
    const { epoch, electionId } = this.election;
    return mayFetch && metadata.leaderEpoch === epoch && metadata.electionId === electionId;
  }

  becomePending(): void {
    this.#state = 'pending';
  }

  becomeFetching(sequence: number, fetchOffset: Offset): void {
    this.#state = 'fetching';
    this.#sequence = sequence;
    this.#fetchOffset = fetchOffset;
  }

  becomeApplying(): void {
    assert(this.#state === 'fetching', 'only an answer to a sent position changes a log');
    this.#state = 'applying';
  }

  /**
   * Calls `whenOver` after a delay.
   * @param delayMs the next delay of the retry policy unless given
   */
  becomeBackoff(
    scheduler: Scheduler,
    whenOver: () => void,
    delayMs = this.#backoff.nextDelayMs(),
  ): void {
    this.#state = 'backoff';
    this.#backoffTimer = scheduler.after(delayMs, () => {
      assert(this.#state === 'backoff', 'a backoff lasts until its delay is over');
      whenOver();
    });
  }

  /** Shortens the next backoff after a change that succeeded. */
  resetBackoff(): void {
    this.#backoff.reset();
  }

  /** Stops the timer; the state is not used any more. */
  close(): void {
    this.#backoffTimer?.cancel();
  }

  /**
   * The position to send.
   * @param brokerId id of this broker
   * @param maxBytes bytes of batches that the answer may have of this partition
   * @returns undefined while the log has no position that the leader may rely on
   */
  nextPosition(brokerId: number, maxBytes: number): ReplicaFetchPosition | undefined {
    const { partition, election } = this;
    const { log, topicPartition, topicId } = partition;
    const fetchOffset = this.isFollowing ? nextFetchOffset(partition, brokerId) : undefined;
    if (fetchOffset === undefined) return undefined;
    const isRepair = fetchOffset < log.offsets.logEnd;
    const lastEpoch = isRepair
      ? log.leadership.epochAt(fetchOffset - 1)
      : log.leadership.latestEpoch;
    const lastFetchedEpoch = lastEpoch ?? null;
    return {
      ...topicPartition,
      topicId,
      leaderEpoch: election.epoch,
      electionId: election.electionId,
      fetchOffset,
      lastFetchedEpoch,
      lastElectionId:
        lastFetchedEpoch === null ? null : (log.leadership.electionIdOf(lastFetchedEpoch) ?? null),
      syncedEndOffset: Math.min(log.offsets.syncedEnd, fetchOffset),
      highWatermark: partition.highWatermark,
      logStartOffset: log.offsets.logStart,
      maxBytes,
    };
  }
}

/**
 * A damaged log is fetched from its damage on: the leader then treats the replica as if it had
 * nothing after the damage, and out of sync. The leader has every committed record byte for byte,
 * so damage below the high watermark can be repaired. Other damage is cut elsewhere, and nothing is
 * fetched until then.
 */
function nextFetchOffset(
  { log, metadata, highWatermark }: Partition,
  brokerId: number,
): Offset | undefined {
  if (!log.isWritable) return undefined;
  const { repairOffset } = log.damage;
  if (repairOffset === undefined) return log.offsets.logEnd;
  const isInSync = metadata.isr.includes(brokerId);
  return !isInSync && repairOffset < highWatermark ? repairOffset : undefined;
}
