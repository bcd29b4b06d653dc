import { type LeaderEpoch, type Outcome, ProtocolError } from '#protocol';
import { isDiskFull, isOutOfDescriptors, isShortage } from '#runtime';
import type { LogFailure } from './log-state.js';

/** A write that is not in the log because the disk did not take it; it may take the next one. */
export function writeFailed(cause: unknown): ProtocolError {
  const detail = `${reasonOf(cause)}: nothing was written.`;
  return new ProtocolError('KAFKA_STORAGE_ERROR', detail, {
    cause,
    outcome: 'failed',
    retriable: true,
  });
}

/**
 * What a write is answered when the partition takes none until somebody has seen to it.
 * @param outcome `unknown` for one that was under way when it happened
 */
export function writesOffline(failure: LogFailure, outcome: Outcome): ProtocolError {
  const end =
    failure.lost === undefined
      ? 'the broker is restarted'
      : 'its log is restored or the lost records are given up';
  const detail = `The partition takes no writes until ${end}: ${failure.what}.`;
  return new ProtocolError('KAFKA_STORAGE_ERROR', detail, {
    cause: failure.cause,
    outcome,
    retriable: false,
  });
}

/** An append of a leader to a log that follows another broker's by now. */
export function notLeading(outcome: Outcome = 'failed'): ProtocolError {
  const detail = 'Another broker leads the partition by now.';
  return new ProtocolError('LEADER_NOT_AVAILABLE', detail, { outcome });
}

/** What a leader wants done to a follower's log that follows another one by now. */
export function fenced(epoch: LeaderEpoch): ProtocolError {
  const detail = `The log does not follow the leader of epoch ${epoch} any more.`;
  return new ProtocolError('LEADER_NOT_AVAILABLE', detail);
}

/** An append that came after the log was closed. */
export function brokerStops(): ProtocolError {
  return new ProtocolError('LEADER_NOT_AVAILABLE', 'The broker is stopping.');
}

/** A read that the disk did not answer. */
export function readFailed(cause: unknown): ProtocolError {
  const detail = isShortage(cause)
    ? `${reasonOf(cause)}: nothing was read.`
    : 'The disk did not give the data.';
  return new ProtocolError('KAFKA_STORAGE_ERROR', detail, {
    cause,
    outcome: 'failed',
    retriable: true,
  });
}

/** What kept a call from being done, as the first part of a sentence. */
function reasonOf(cause: unknown): string {
  if (isDiskFull(cause)) return 'The disk is full';
  if (isOutOfDescriptors(cause)) return 'The broker has no file descriptor free (ulimit -n)';
  if (isShortage(cause)) return 'The operating system is short of memory or interrupted the call';
  return 'The disk refused the write';
}
