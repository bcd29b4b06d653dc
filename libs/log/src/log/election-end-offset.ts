import type { LeaderEpoch } from '#protocol';
import type { EpochEndOffset } from '../leader-epoch/leader-epoch-cache.js';
import type { LogState } from './log-state.js';

/** End of an epoch in a log, and the election that began it. */
export interface ElectionEndOffset extends EpochEndOffset {
  readonly electionId: string | undefined;
}

/** Determines the answer of `Log.endOffsetForElection`. */
export function endOffsetForElection(
  { epochs, elections, offsets }: Pick<LogState, 'epochs' | 'elections' | 'offsets'>,
  epoch: LeaderEpoch,
  electionId: string | undefined,
): ElectionEndOffset | undefined {
  const ownId = elections.idOf(epoch);
  const isOther = ownId !== undefined && electionId !== undefined && ownId !== electionId;
  const latest = epochs.latestEpoch ?? -1;
  const asked = Math.min(isOther ? epoch - 1 : epoch, latest);
  const end = epochs.endOffsetFor(asked, offsets.logEnd);
  return end === undefined ? undefined : { ...end, electionId: elections.idOf(end.epoch) };
}
