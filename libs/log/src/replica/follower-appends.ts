import { type LeaderEpoch, type Offset, ProtocolError } from '#protocol';
import { DiskReserveError, retryDuringShortage } from '#runtime';
import type { BatchUnpacker } from '../compression/compression.js';
import type { Election } from '../leader-epoch/leader-elections.js';
import type { LogEnvironment, LogState } from '../log/log-state.js';
import type { LogWriter } from '../log/log-writer.js';
import {
  closedLogError,
  failedWriteError,
  fencedLeaderError,
  writesOfflineError,
} from '../log/storage-error.js';
import { batchSizeAt, RecordBatch } from '../record-batch/record-batch.js';
import { LogSegment } from '../segment/segment.js';

/** Index entries have offsets relative to their segment's base, as int32. */
export const RELATIVE_OFFSET_MAX = 2 ** 31 - 1;

/** A leader's description of the batches that it sends. */
export interface LeaderLog {
  /** The election in which it leads: its batches are refused once a later one was accepted. */
  readonly election: Election;
  /** The leader's compaction may have left gaps below it. */
  readonly compactedEndOffset: Offset;
  /** The elections that began the batches' epochs, where the leader knows them. */
  readonly elections: readonly Election[];
}

/**
 * Appends a leader's batches to a follower's log, byte for byte: their offsets and epochs are the
 * leader's. Facts about a batch that must not be lost are durable before the batch: the election of
 * its epoch, and that offsets before it are missing.
 *
 * Overlap: appends may overlap with everything; they run one after the other in the log's write
 * lane.
 */
export class FollowerAppends {
  readonly #log: LogState;
  readonly #environment: LogEnvironment;
  readonly #writer: LogWriter;

  constructor(log: LogState, environment: LogEnvironment, writer: LogWriter) {
    this.#log = log;
    this.#environment = environment;
    this.#writer = writer;
  }

  /**
   * @param pieces whole consecutive batches in each; the tail cache keeps them, so that they must
   *   not be modified
   * @throws ProtocolError LEADER_NOT_AVAILABLE when the log no longer follows that leader,
   *   CORRUPT_MESSAGE on a wrong CRC, or batches that do not follow the log end: none of them is
   *   appended; KAFKA_STORAGE_ERROR
   */
  async append(pieces: readonly Buffer[], leader: LeaderLog): Promise<void> {
    const batches = pieces.flatMap((piece) => checkedBatches(piece, this.#environment.unpacker));
    await this.#writer.exclusive(() => this.#append(batches, leader));
  }

  async #append(batches: readonly RecordBatch[], leader: LeaderLog): Promise<void> {
    const log = this.#log;
    const writer = this.#writer;
    assertFollows(log, leader.election);
    if (log.failure !== undefined) throw writesOfflineError(log.failure, 'failed');
    if (writer.isStopped) throw closedLogError();
    this.#assertInPlace(batches, leader);
    for (let nextIndex = 0; nextIndex < batches.length; ) {
      const fitting = await this.#prepare(batches, nextIndex, leader);
      await writer.writeCopies(fitting);
      nextIndex += fitting.length;
    }
  }

  /**
   * Checks that the batches follow the log end; gaps are accepted only below the leader's compacted
   * end.
   */
  #assertInPlace(
    batches: readonly RecordBatch[],
    { compactedEndOffset, election }: LeaderLog,
  ): void {
    const { offsets, epochs } = this.#log;
    let expected: Offset = offsets.logEnd;
    let epoch: LeaderEpoch = epochs.latestEpoch ?? -1;
    for (const [i, { baseOffset, nextOffset, leaderEpoch }] of batches.entries()) {
      const isInPlace =
        baseOffset === expected ||
        (baseOffset > expected && expected < compactedEndOffset) ||
        (i === 0 && this.#isBatchOfStart(baseOffset, nextOffset));
      if (!isInPlace) {
        throw outOfPlace(`A batch of offset ${baseOffset} came where ${expected} must follow.`);
      }
      if (leaderEpoch < epoch || leaderEpoch > election.epoch) {
        throw outOfPlace(`A batch of leader epoch ${leaderEpoch} came after one of ${epoch}.`);
      }
      expected = nextOffset;
      epoch = leaderEpoch;
    }
  }

  /** True when a batch contains the start of a log that is still empty. */
  #isBatchOfStart(baseOffset: Offset, nextOffset: Offset): boolean {
    const { offsets, segments } = this.#log;
    const start: Offset = offsets.logStart;
    const isEmpty = start === offsets.logEnd && segments.active.sizeBytes === 0;
    return isEmpty && baseOffset < start && nextOffset > start;
  }

  /**
   * Prepares the log for the batches from `nextIndex` on; returns how many of them fit into the
   * active segment.
   */
  async #prepare(
    batches: readonly RecordBatch[],
    nextIndex: number,
    leader: LeaderLog,
  ): Promise<readonly RecordBatch[]> {
    const log = this.#log;
    const environment = this.#environment;
    const writer = this.#writer;
    const first = batches[nextIndex] as RecordBatch;
    try {
      if (!environment.reserve.isWhole) throw new DiskReserveError();
      const isFull = this.#isFullFor(first.sizeBytes, first.lastOffset);
      if (isFull || writer.roller.isDue || writer.roller.isUnfinished) await writer.roller.roll();
      await this.#moveEmptySegment(first);
      const roomBytes = log.config['segment.bytes'] - log.segments.active.sizeBytes;
      const bytesMax = Math.min(environment.roundBytesMax, roomBytes);
      let sizeBytes = first.sizeBytes;
      let end = nextIndex + 1;
      for (let next = batches[end]; next !== undefined; next = batches[end]) {
        sizeBytes += next.sizeBytes;
        if (sizeBytes > bytesMax || this.#isFullFor(sizeBytes, next.lastOffset)) break;
        end += 1;
      }
      const fitting = batches.slice(nextIndex, end);
      await this.#markGaps(fitting);
      await this.#assignEpochs(fitting, leader);
      return fitting;
    } catch (error) {
      throw error instanceof ProtocolError ? error : failedWriteError(error);
    }
  }

  #isFullFor(sizeBytes: number, lastOffset: Offset): boolean {
    const { segments, config } = this.#log;
    return segments.active.mustRollFor(sizeBytes, lastOffset, config['segment.bytes']);
  }

  /**
   * Replaces an empty segment that cannot take the batch, because the batch begins below it or too
   * far above, by one that begins with the batch. A crash meanwhile leaves an empty log that begins
   * at the log start, or at the batch, before which the leader has nothing.
   */
  async #moveEmptySegment({ baseOffset, lastOffset }: RecordBatch): Promise<void> {
    const log = this.#log;
    const environment = this.#environment;
    const old = log.segments.active;
    const isWithin =
      baseOffset >= old.baseOffset && lastOffset - old.baseOffset <= RELATIVE_OFFSET_MAX;
    if (old.sizeBytes > 0 || isWithin) return;
    if (baseOffset > log.offsets.logEnd) await this.#markGap(baseOffset);
    const next = await LogSegment.create(environment.files, log.directory, baseOffset);
    const { scheduler, fileSystem } = environment;
    await retryDuringShortage(scheduler, () => fileSystem.syncDirectory(log.directory));
    log.segments.replace(old.baseOffset, Number.POSITIVE_INFINITY, [next]);
    await retryDuringShortage(scheduler, () => old.remove());
    await retryDuringShortage(scheduler, () => fileSystem.syncDirectory(log.directory));
  }

  async #markGaps(batches: readonly RecordBatch[]): Promise<void> {
    let expected: Offset = this.#log.offsets.logEnd;
    let gapEnd = -1;
    for (const { baseOffset, nextOffset } of batches) {
      if (baseOffset > expected) gapEnd = baseOffset;
      expected = nextOffset;
    }
    if (gapEnd >= 0) await this.#markGap(gapEnd);
  }

  /** Records that offsets below `to` may be missing, on disk before the first gap exists. */
  async #markGap(to: Offset): Promise<void> {
    const log = this.#log;
    const environment = this.#environment;
    if (log.denseFrom >= to) return;
    const before = log.denseFrom;
    log.denseFrom = to;
    try {
      await environment.checkpoints.persistCompactedEnds();
    } catch (error) {
      log.denseFrom = before;
      throw error;
    }
  }

  async #assignEpochs(batches: readonly RecordBatch[], { elections }: LeaderLog): Promise<void> {
    const log = this.#log;
    for (const { leaderEpoch, baseOffset } of batches) {
      if (leaderEpoch === log.epochs.latestEpoch) continue;
      const election = elections.find(({ epoch }) => epoch === leaderEpoch);
      const epochsInLog = log.epochs.entries.map(({ epoch }) => epoch);
      await log.elections.learn(leaderEpoch, election?.electionId, epochsInLog);
      await log.epochs.assign(leaderEpoch, baseOffset);
    }
    // A write that failed after an epoch was assigned may have left the file behind.
    await log.epochs.flush();
  }
}

/**
 * Called in the lane: only the leader of the accepted election may change a follower's log.
 * @throws ProtocolError LEADER_NOT_AVAILABLE
 */
export function assertFollows(log: LogState, { epoch, electionId }: Election): void {
  const { accepted } = log.elections;
  const isAccepted = accepted?.epoch === epoch && accepted.electionId === electionId;
  if (log.role !== 'follower' || !isAccepted) throw fencedLeaderError(epoch);
}

/** True when the log knows an epoch by this election, as far as ids are known. */
export function isSameElection(log: LogState, election: Election | undefined): boolean {
  if (election === undefined) return true;
  const knownElectionId = log.elections.idOf(election.epoch);
  return knownElectionId === undefined || knownElectionId === election.electionId;
}

/**
 * Parses the batches of a piece of a leader's log, each whole and with a right CRC.
 * @throws ProtocolError CORRUPT_MESSAGE
 */
export function checkedBatches(piece: Buffer, unpacker: BatchUnpacker): RecordBatch[] {
  const keptBytes = ownMemory(piece);
  const batches: RecordBatch[] = [];
  for (let position = 0; position < keptBytes.length; ) {
    const sizeBytes = batchSizeAt(keptBytes, position);
    if (sizeBytes === undefined) throw outOfPlace('A batch was handed over in part.');
    const batch = new RecordBatch(keptBytes.subarray(position, position + sizeBytes), unpacker);
    if (!batch.isCrcValid()) {
      throw outOfPlace(`The batch of offset ${batch.baseOffset} came with a wrong checksum.`);
    }
    batches.push(batch);
    position += sizeBytes;
  }
  return batches;
}

/** Readers at the tail keep the bytes: they must not keep a much larger buffer alive. */
function ownMemory(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength <= 2 * bytes.length) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

function outOfPlace(detail: string): ProtocolError {
  return new ProtocolError('CORRUPT_MESSAGE', detail);
}
