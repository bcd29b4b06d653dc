import { ProtocolError } from '#protocol';
import type { Scheduler, Timer } from '#runtime';
import type { Partition } from './partition.js';

/** Longest wait of a reader until a new leader knows which records are committed, in ms. */
const COMMITTED_END_WAIT_MS = 2000;

/**
 * Waits until a leader knows which records are committed, which it learns from its followers' first
 * fetches.
 * @throws ProtocolError LEADER_NOT_AVAILABLE when it does not learn it in time; NotLeaderError
 */
export async function waitForCommittedEnd(
  partition: Partition,
  scheduler: Scheduler,
): Promise<void> {
  let timer: Timer | undefined;
  const timeIsOver = new Promise<void>((resolve) => {
    timer = scheduler.after(COMMITTED_END_WAIT_MS, resolve);
  });
  await Promise.race([partition.whenCommittedEndKnown(), timeIsOver]);
  timer?.cancel();
  if (partition.isCommittedEndKnown) return;
  if (!partition.isLeader) throw partition.notLeader();
  throw new ProtocolError(
    'LEADER_NOT_AVAILABLE',
    'The leader does not know yet which records are committed.',
  );
}
