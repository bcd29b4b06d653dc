import type { Offset } from '#protocol';
import type { Election } from '../leader-epoch/leader-elections.js';
import type { LogParts } from '../log/log-parts.js';
import { closedLogError, failedWriteError, writesOfflineError } from '../log/storage-error.js';
import type { DamagedRange } from '../record-batch/damage.js';
import type { RecordBatch } from '../record-batch/record-batch.js';
import {
  assertFollows,
  checkedBatches,
  isSameElection,
  type LeaderLog,
} from '../replica/follower-appends.js';
import type { LogSegment } from '../segment/segment.js';
import { replayProducers } from './producer-replay.js';
import { quarantineBytes } from './quarantine-bytes.js';

/** The part of a leader's answer that replaces the damage. */
interface Replacement {
  readonly batches: readonly RecordBatch[];
  readonly sizeBytes: number;
  readonly nextOffset: Offset;
}

/**
 * Repairs the damage of a follower's log from its leader's, whose bytes are the same
 * (replication-safety 3.2).
 *
 * Usually the leader's batches occupy exactly the damaged bytes: they are written in place, so that
 * the log is never shorter than it was. Otherwise, as in a file that lost its end or after
 * compaction, the log is truncated where the damage begins and filled as any follower's. Either way
 * the damaged bytes are quarantined first. A crash during a repair leaves damage only where there
 * was damage.
 *
 * Overlap: calls may overlap with everything; each runs in the log's write lane.
 */
export class DamageRepair {
  readonly #parts: LogParts;

  constructor(parts: LogParts) {
    this.#parts = parts;
  }

  /**
   * Overwrites the damage that begins at `offset` with the leader's batches, as far as they reach;
   * durable when it resolves. Does nothing when there is no such damage.
   * @param offset as `repairOffset` returned it
   * @param pieces whole consecutive batches in each
   * @returns false without a change when the batches are not byte for byte the damaged ones
   * @throws ProtocolError LEADER_NOT_AVAILABLE when the log no longer follows that leader,
   *   CORRUPT_MESSAGE on a wrong CRC, KAFKA_STORAGE_ERROR
   */
  async repair(offset: Offset, pieces: readonly Buffer[], leader: LeaderLog): Promise<boolean> {
    const batches = pieces.flatMap((piece) =>
      checkedBatches(piece, this.#parts.environment.unpacker),
    );
    return this.#parts.writer.exclusive(async () => {
      this.#assertMayWrite(leader.election);
      const range = this.#damageFrom(offset);
      if (range === undefined) return true;
      const segment = this.#segmentOf(range);
      const replacement = this.#replacement(range, batches, leader);
      if (segment === undefined || replacement === undefined) return false;
      await this.#overwrite(segment, range, replacement);
      return true;
    });
  }

  /**
   * Quarantines the bytes of the first damage, or those found where synced records are missing at
   * the end, before the log is truncated there.
   * @returns the offset to truncate to; undefined when there is no such damage
   * @throws ProtocolError LEADER_NOT_AVAILABLE when the log no longer follows that leader,
   *   KAFKA_STORAGE_ERROR
   */
  keepForCut(leader: Election): Promise<Offset | undefined> {
    return this.#parts.writer.exclusive(async () => {
      assertFollows(this.#parts.state, leader);
      const damaged = this.#parts.state.failure?.lost ?? this.#first;
      if (damaged !== undefined) await this.#keep(damaged, damaged.endPosition);
      return damaged?.startOffset;
    });
  }

  /** Offset from which on the first damage has to be filled; undefined when nothing is damaged. */
  get repairOffset(): Offset | undefined {
    const first = this.#first;
    return first && Math.max(first.startOffset, this.#parts.state.offsets.logStart);
  }

  get #first(): DamagedRange | undefined {
    const { damage, offsets } = this.#parts.state;
    return damage.ranges.find(({ endOffset }) => endOffset > offsets.logStart);
  }

  #assertMayWrite(election: Election): void {
    assertFollows(this.#parts.state, election);
    if (this.#parts.state.failure !== undefined)
      throw writesOfflineError(this.#parts.state.failure, 'failed');
    if (this.#parts.writer.isStopped) throw closedLogError();
  }

  #damageFrom(offset: Offset): DamagedRange | undefined {
    return this.repairOffset === offset ? this.#first : undefined;
  }

  #segmentOf({ segmentBaseOffset }: DamagedRange): LogSegment | undefined {
    return this.#parts.state.segments.all.find(
      ({ baseOffset }) => baseOffset === segmentBaseOffset,
    );
  }

  /**
   * Returns the batches that fill the range from its start on; undefined when they differ from the
   * damaged ones.
   */
  #replacement(
    range: DamagedRange,
    batches: readonly RecordBatch[],
    leader: LeaderLog,
  ): Replacement | undefined {
    const fitting: RecordBatch[] = [];
    const roomBytes = range.endPosition - range.startPosition;
    let sizeBytes = 0;
    let expected = range.startOffset;
    for (const batch of batches) {
      if (batch.baseOffset >= range.endOffset || sizeBytes === roomBytes) break;
      const mayLack = expected < leader.compactedEndOffset;
      const isInPlace = batch.baseOffset === expected || (mayLack && batch.baseOffset > expected);
      sizeBytes += batch.sizeBytes;
      if (!isInPlace || batch.nextOffset > range.endOffset || sizeBytes > roomBytes) {
        return undefined;
      }
      if (!this.#isOfSameEpoch(batch, leader)) return undefined;
      fitting.push(batch);
      expected = batch.nextOffset;
    }
    const hasAllBytes = sizeBytes === roomBytes;
    const hasAllOffsets =
      expected === range.endOffset || (hasAllBytes && expected < leader.compactedEndOffset);
    if (fitting.length === 0 || hasAllBytes !== hasAllOffsets) return undefined;
    return { batches: fitting, sizeBytes, nextOffset: hasAllBytes ? range.endOffset : expected };
  }

  /**
   * True when this log had a batch of the same election there; otherwise the logs diverge and
   * nothing is proven.
   */
  #isOfSameEpoch({ baseOffset, leaderEpoch }: RecordBatch, { elections }: LeaderLog): boolean {
    const { epochs, offsets } = this.#parts.state;
    const epochAtStart = epochs.epochForOffset(Math.max(baseOffset, offsets.logStart));
    const election = elections.find(({ epoch }) => epoch === leaderEpoch);
    return epochAtStart === leaderEpoch && isSameElection(this.#parts.state, election);
  }

  async #overwrite(
    segment: LogSegment,
    range: DamagedRange,
    { batches, sizeBytes, nextOffset }: Replacement,
  ): Promise<void> {
    const log = this.#parts.state;
    const environment = this.#parts.environment;
    const endPosition = range.startPosition + sizeBytes;
    await this.#keep(range, endPosition);
    try {
      const buffers = batches.map(({ bytes }) => bytes);
      await segment.overwrite(range.startPosition, buffers);
      const isWhole = nextOffset === range.endOffset;
      const rest = { ...range, startOffset: nextOffset, startPosition: endPosition };
      log.damage.replace(range, isWhole ? undefined : rest);
      // Opening the log may have skipped timestamps and producers of the damaged records.
      if (isWhole) await segment.rebuildIndexes();
      if (isWhole && nextOffset > (log.producers.snapshotOffsets.at(-1) ?? 0)) {
        await replayProducers(log, this.#parts.reader, environment.clock.nowMs());
      }
    } catch (error) {
      this.#parts.writer.goOffline('a repair of damaged records failed', error);
      throw failedWriteError(error);
    }
    environment.logger.warn(
      { ...log.topicPartition, startOffset: range.startOffset, endOffset: nextOffset },
      'damaged records were replaced by those of the leader',
    );
    environment.observer.repaired(log.topicPartition, sizeBytes);
  }

  /** Quarantines the damaged bytes up to `endPosition` beside the log. */
  async #keep(range: DamagedRange, endPosition: number): Promise<void> {
    const log = this.#parts.state;
    const environment = this.#parts.environment;
    const segment = this.#segmentOf(range);
    const span = { from: range.startPosition, to: endPosition };
    if (segment === undefined || span.from >= span.to) return;
    try {
      const keptIn = await quarantineBytes(log, environment, segment, span);
      environment.logger.warn({ ...log.topicPartition, ...span, keptIn }, 'damaged bytes are kept');
    } catch (error) {
      throw failedWriteError(error);
    }
  }
}
