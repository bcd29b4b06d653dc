import type { Offset } from '#protocol';
import type { Election } from '../leader-epoch/leader-elections.js';
import type { LogState } from '../log/log-state.js';
import type { DamagedRange, OffsetRange } from '../record-batch/damage.js';
import type { LeaderLog } from '../replica/follower-appends.js';
import type { DamageRepair } from './damage-repair.js';
import { isSameRange, type LostRecords, missingStart } from './lost-records.js';
import { missingBetween } from './segment-gaps.js';

/** The truncations of a log; see LogTrimmer. */
interface LogCuts {
  deleteRecordsBefore(offset: Offset): Promise<Offset>;
  truncateTo(offset: Offset, leader: Election): Promise<void>;
  truncateFullyAndStartAt(offset: Offset, leader: Election): Promise<void>;
}

/**
 * The records of a log that cannot be read or are missing, and the ways out: a follower is repaired
 * or filled again from its leader, and an operator accepts the loss of what no replica has.
 *
 * Overlap: all methods may overlap; each runs its changes in the log's write lane.
 */
export class LogDamage {
  readonly #log: LogState;
  readonly #repair: DamageRepair;
  readonly #lostRecords: LostRecords;
  readonly #trimmer: LogCuts;

  constructor(log: LogState, repair: DamageRepair, lostRecords: LostRecords, trimmer: LogCuts) {
    this.#log = log;
    this.#repair = repair;
    this.#lostRecords = lostRecords;
    this.#trimmer = trimmer;
  }

  /** Known unreadable ranges that are not deleted, in the order of the offsets. */
  get ranges(): readonly DamagedRange[] {
    const { damage, offsets } = this.#log;
    return damage.ranges.filter(({ endOffset }) => endOffset > offsets.logStart);
  }

  /**
   * Offset from which on a leader's batches are needed to repair this log; undefined when it is
   * whole.
   */
  get repairOffset(): Offset | undefined {
    return this.#repair.repairOffset;
  }

  /** Synced records that recovery found missing at the end, until their loss is accepted. */
  get lostRecords(): OffsetRange | undefined {
    return this.#log.failure?.lost;
  }

  /**
   * Records missing at the start that were not deleted, until their loss is accepted or they are
   * deleted.
   */
  get lostStart(): OffsetRange | undefined {
    return missingStart(this.#log);
  }

  /** Records missing between two segments that were not deleted, until their loss is accepted. */
  get lostBetween(): readonly OffsetRange[] {
    return missingBetween(this.#log);
  }

  /**
   * Accepts the loss of exactly these records, which must be `lostRecords`, `lostStart` or one of
   * `lostBetween`. Offsets at the end and between two segments stay empty, and the log takes writes
   * again; after a loss at the start the log begins after it. Durable when it resolves; a repeated
   * call for the same range does nothing.
   * @throws ProtocolError OFFSET_OUT_OF_RANGE for any other range; KAFKA_STORAGE_ERROR
   */
  async acceptLoss(range: OffsetRange): Promise<void> {
    if (isSameRange(this.lostStart, range)) {
      await this.#trimmer.deleteRecordsBefore(range.endOffset);
      this.#lostRecords.logAbandonedStart(range);
      return;
    }
    await this.#lostRecords.accept(range);
  }

  /**
   * Replaces the damage at `offset`, which `repairOffset` returned, by a leader's batches; durable
   * when it resolves. The damaged bytes are quarantined beside the log.
   * @returns false when the batches do not fit: the log has to be truncated there
   * @throws ProtocolError as `FollowerAppends.append`
   */
  repair(offset: Offset, pieces: readonly Buffer[], leader: LeaderLog): Promise<boolean> {
    return this.#repair.repair(offset, pieces, leader);
  }

  /**
   * Truncates a follower's log at its first damage, or where synced records are missing at its end,
   * so that replication fills it again; durable when it resolves. The damaged bytes are quarantined
   * beside it.
   * @throws ProtocolError LEADER_NOT_AVAILABLE when the log no longer follows that leader,
   *   KAFKA_STORAGE_ERROR
   */
  async cut(leader: Election): Promise<void> {
    const start = await this.#repair.keepForCut(leader);
    if (start === undefined) return;
    const { logStart } = this.#log.offsets;
    if (start > logStart) await this.#trimmer.truncateTo(start, leader);
    else await this.#trimmer.truncateFullyAndStartAt(logStart, leader);
  }
}
