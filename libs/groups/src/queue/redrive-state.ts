/**
 * The progress of putting dead letters of one partition of a group's dead-letter topic back.
 *
 * A dead letter is in one of three situations: at or above `position` it was not scanned; below it
 * and in `waiting` it was scanned and is a dead letter; below it and not in `waiting` it is
 * archived, or is of another group.
 */
import { type Offset, ProtocolError } from '#protocol';
import { type OffsetRanges, offsetCountOf, offsetsIn, rangesOf } from './offset-ranges.js';

/** Dead letters that are written back as one batch of a producer. */
export interface RedrivePlan {
  /** Offsets in the dead-letter partition, in the order of the batch. */
  readonly ranges: OffsetRanges;
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Sequence of the first record of the batch. */
  readonly sequence: number;
}

export interface RedriveState {
  /** Id of the dead-letter topic. */
  readonly topicId: string;
  readonly position: Offset;
  readonly waiting: OffsetRanges;
  /** The batch under way: it is in its topic, or not yet. */
  readonly plan: RedrivePlan | null;
  /** Number of records that were put back. */
  readonly redrivenCount: number;
}

/** A part of the dead-letter partition that was scanned. */
export interface ScannedDeadLetters {
  readonly logStartOffset: Offset;
  /** Offset after the last dead letter that was scanned. */
  readonly to: Offset;
  /** Dead letters of the group in that part. */
  readonly offsets: readonly Offset[];
}

export function newRedrive(topicId: string): RedriveState {
  return { topicId, position: 0, waiting: [], plan: null, redrivenCount: 0 };
}

/** True for a dead letter of the group that is not archived. */
export function isWaiting({ position, waiting }: RedriveState, offset: Offset): boolean {
  if (offset >= position) return true;
  for (let at = 0; at + 1 < waiting.length; at += 2) {
    if (offset <= (waiting[at + 1] as number)) return offset >= (waiting[at] as number);
  }
  return false;
}

/**
 * The state after a part was scanned.
 * @param waitingMax dead letters that may stay behind: the log has each of them as a number
 * @throws ProtocolError POLICY_VIOLATION
 */
export function afterScan(
  state: RedriveState,
  seen: ScannedDeadLetters,
  waitingMax: number,
): RedriveState {
  const known = [...offsetsIn(state.waiting)].filter((offset) => offset >= seen.logStartOffset);
  const added = seen.offsets.filter((offset) => offset >= state.position);
  const position = Math.max(state.position, seen.to);
  if (known.length + added.length > waitingMax) throw tooManyWaiting(waitingMax);
  return { ...state, position, waiting: rangesOf([...known, ...added]) };
}

/** The state after the batch of the plan is in its topic: its dead letters are archived. */
export function afterRedriven(state: RedriveState): RedriveState {
  const { plan, waiting, redrivenCount } = state;
  if (plan === null) return state;
  const archived = new Set(offsetsIn(plan.ranges));
  const left = [...offsetsIn(waiting)].filter((offset) => !archived.has(offset));
  const count = redrivenCount + offsetCountOf(plan.ranges);
  return { ...state, plan: null, waiting: rangesOf(left), redrivenCount: count };
}

function tooManyWaiting(waitingMax: number): ProtocolError {
  return new ProtocolError(
    'POLICY_VIOLATION',
    `At most ${waitingMax} dead letters of a partition may stay behind while later ones are put ` +
      'back (SLUICE_REDRIVE_WAITING_MAX). Put dead letters of all topics back, or create the ' +
      'topics of those that stay again.',
    { bound: 'SLUICE_REDRIVE_WAITING_MAX' },
  );
}
