import { type LeaderEpoch, type Outcome, ProtocolError } from '#protocol';
import { isDiskFull, isOutOfDescriptors, isShortage } from '#runtime';
import type { LogFailure } from './log-state.js';

/** Error of a write that the disk rejected and that is not in the log; the next one may succeed. */
export function failedWriteError(cause: unknown): ProtocolError {
  const detail = `${reasonOf(cause)}: nothing was written.`;
  return new ProtocolError('KAFKA_STORAGE_ERROR', detail, {
    cause,
    outcome: 'failed',
    retriable: true,
  });
}

/**
 * Error of writes to an offline partition, which needs an operator.
 * @param outcome `unknown` for a write that was under way
 */
export function writesOfflineError(failure: LogFailure, outcome: Outcome): ProtocolError {
  const end =
    failure.lost === undefined
      ? 'the broker is restarted'
      : 'its log is restored or the loss is accepted';
  const detail = `The partition takes no writes until ${end}: ${failure.what}.`;
  return new ProtocolError('KAFKA_STORAGE_ERROR', detail, {
    cause: failure.cause,
    outcome,
    retriable: false,
  });
}

/** Error of a leader's append to a log that follows another broker now. */
export function notLeadingError(outcome: Outcome = 'failed'): ProtocolError {
  const detail = 'Another broker leads the partition now.';
  return new ProtocolError('LEADER_NOT_AVAILABLE', detail, { outcome });
}

/** Error of a leader's change to a follower's log that follows another leader now. */
export function fencedLeaderError(epoch: LeaderEpoch): ProtocolError {
  const detail = `The log does not follow the leader of epoch ${epoch} any more.`;
  return new ProtocolError('LEADER_NOT_AVAILABLE', detail);
}

/** Error of a write to a closed log. The broker stops, or no longer keeps the partition. */
export function closedLogError(outcome: Outcome = 'failed'): ProtocolError {
  const detail = 'This broker has closed the log of the partition.';
  return new ProtocolError('LEADER_NOT_AVAILABLE', detail, { outcome });
}

/** Error of a failed read of the disk. */
export function failedReadError(cause: unknown): ProtocolError {
  const detail = isShortage(cause)
    ? `${reasonOf(cause)}: nothing was read.`
    : 'The disk could not read the data.';
  return new ProtocolError('KAFKA_STORAGE_ERROR', detail, {
    cause,
    outcome: 'failed',
    retriable: true,
  });
}

/** Reason of a failed call, as the beginning of a sentence. */
function reasonOf(cause: unknown): string {
  if (isDiskFull(cause)) return 'The disk is full';
  if (isOutOfDescriptors(cause)) return 'The broker has no file descriptor free (ulimit -n)';
  if (isShortage(cause)) return 'The operating system is short of memory or interrupted the call';
  return 'The disk refused the write';
}
