import type { Offset } from '#protocol';
import type { Election } from '../leader-epoch/leader-elections.js';
import type { LogReader } from '../log/log-reader.js';
import type { LogEnvironment, LogState } from '../log/log-state.js';
import type { LogWriter } from '../log/log-writer.js';
import { brokerStops, writeFailed, writesOffline } from '../log/storage-error.js';
import type { DamagedRange } from '../record-batch/damage.js';
import type { RecordBatch } from '../record-batch/record-batch.js';
import {
  assertFollows,
  checkedBatches,
  isSameElection,
  type LeaderLog,
} from '../replica/follower-appends.js';
import type { LogSegment } from '../segment/segment.js';
import { keepAside } from './kept-bytes.js';
import { replayProducers } from './producer-replay.js';

/** What of a leader's answer stands where the damage is. */
interface Replacement {
  readonly batches: readonly RecordBatch[];
  readonly sizeBytes: number;
  readonly nextOffset: Offset;
}

/**
 * Gives a follower's log back what is damaged in it, from its leader's, whose bytes are the same
 * (replication-safety 3.2).
 *
 * As a rule the leader's batches take just the bytes that are damaged: they are written in their
 * place, and nothing else is touched, so the log is at no moment shorter than it was. Where they do
 * not, as in a file that lost its end or after compaction, the log is cut where the damage begins,
 * to be filled as any follower's. Either way the damaged bytes are kept beside the log first.
 *
 * Everything runs in the log's write lane, so calls may overlap with everything. A crash amid a
 * repair leaves damage where there was damage.
 */
export class DamageRepair {
  readonly #log: LogState;
  readonly #environment: LogEnvironment;
  readonly #writer: LogWriter;
  readonly #reader: LogReader;

  constructor(log: LogState, environment: LogEnvironment, writer: LogWriter, reader: LogReader) {
    this.#log = log;
    this.#environment = environment;
    this.#writer = writer;
    this.#reader = reader;
  }

  /**
   * Writes the leader's batches from `offset` on in the place of the damage that begins there, as
   * far as they reach; durable when it resolves. Nothing happens when there is no such damage (any
   * more).
   * @param offset as `repairOffset` gave it
   * @param pieces whole batches one after the other in each
   * @returns false when the batches are not what stood there byte for byte: nothing was done
   * @throws ProtocolError LEADER_NOT_AVAILABLE when the log does not follow that leader any more,
   *   CORRUPT_MESSAGE on a wrong CRC, KAFKA_STORAGE_ERROR
   */
  async repair(offset: Offset, pieces: readonly Buffer[], leader: LeaderLog): Promise<boolean> {
    const batches = pieces.flatMap(checkedBatches);
    return this.#writer.exclusive(async () => {
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
   * Keeps the bytes of the first damage, or of what stands where synced records are missing at the
   * end, before the log is cut there.
   * @returns where that is; undefined when there is no such thing (any more)
   * @throws ProtocolError LEADER_NOT_AVAILABLE when the log does not follow that leader any more,
   *   KAFKA_STORAGE_ERROR
   */
  keepForCut(leader: Election): Promise<Offset | undefined> {
    return this.#writer.exclusive(async () => {
      assertFollows(this.#log, leader);
      const damaged = this.#log.failure?.lost ?? this.#first;
      if (damaged !== undefined) await this.#keep(damaged, damaged.endPosition);
      return damaged?.startOffset;
    });
  }

  /** From which offset on the first damage has to be filled; undefined when nothing is damaged. */
  get repairOffset(): Offset | undefined {
    const first = this.#first;
    return first && Math.max(first.startOffset, this.#log.offsets.logStart);
  }

  get #first(): DamagedRange | undefined {
    const { damage, offsets } = this.#log;
    return damage.ranges.find(({ endOffset }) => endOffset > offsets.logStart);
  }

  #assertMayWrite(election: Election): void {
    assertFollows(this.#log, election);
    if (this.#log.failure !== undefined) throw writesOffline(this.#log.failure, 'failed');
    if (this.#writer.isStopped) throw brokerStops();
  }

  #damageFrom(offset: Offset): DamagedRange | undefined {
    return this.repairOffset === offset ? this.#first : undefined;
  }

  #segmentOf({ segmentBaseOffset }: DamagedRange): LogSegment | undefined {
    return this.#log.segments.all.find(({ baseOffset }) => baseOffset === segmentBaseOffset);
  }

  /**
   * The batches that fill the range from its start on; undefined when they are not what stood
   * there.
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
      if (!isInPlace || batch.nextOffset > range.endOffset || sizeBytes > roomBytes)
        return undefined;
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
   * Whether this log had a batch of the same election there: else the logs part, and nothing is
   * proven.
   */
  #isOfSameEpoch({ baseOffset, leaderEpoch }: RecordBatch, { elections }: LeaderLog): boolean {
    const { epochs, offsets } = this.#log;
    const known = epochs.epochForOffset(Math.max(baseOffset, offsets.logStart));
    const election = elections.find(({ epoch }) => epoch === leaderEpoch);
    return known === leaderEpoch && isSameElection(this.#log, election);
  }

  async #overwrite(
    segment: LogSegment,
    range: DamagedRange,
    { batches, sizeBytes, nextOffset }: Replacement,
  ): Promise<void> {
    const log = this.#log;
    const environment = this.#environment;
    const endPosition = range.startPosition + sizeBytes;
    await this.#keep(range, endPosition);
    try {
      const buffers = batches.map(({ bytes }) => bytes);
      await segment.overwrite(range.startPosition, buffers);
      const isWhole = nextOffset === range.endOffset;
      const rest = { ...range, startOffset: nextOffset, startPosition: endPosition };
      log.damage.replace(range, isWhole ? undefined : rest);
      // Times and producers of what was damaged may have been passed over when the log was opened.
      if (isWhole) await segment.rebuildIndexes();
      if (isWhole && nextOffset > (log.producers.snapshotOffsets.at(-1) ?? 0)) {
        await replayProducers(log, this.#reader, environment.clock.nowMs());
      }
    } catch (error) {
      this.#writer.goOffline('a repair of damaged records failed', error);
      throw writeFailed(error);
    }
    environment.logger.warn(
      { ...log.topicPartition, startOffset: range.startOffset, endOffset: nextOffset },
      'damaged records were replaced by those of the leader',
    );
    environment.observer.repaired(log.topicPartition, sizeBytes);
  }

  /** Keeps the damaged bytes up to `endPosition` beside the log. */
  async #keep(range: DamagedRange, endPosition: number): Promise<void> {
    const log = this.#log;
    const environment = this.#environment;
    const segment = this.#segmentOf(range);
    const span = { from: range.startPosition, to: endPosition };
    if (segment === undefined || span.from >= span.to) return;
    try {
      const keptIn = await keepAside(log, environment, segment, span);
      environment.logger.warn({ ...log.topicPartition, ...span, keptIn }, 'damaged bytes are kept');
    } catch (error) {
      throw writeFailed(error);
    }
  }
}
