import type { Clock } from '#runtime';
import type { LeaseBoard } from './lease-board.js';
import type { LeaseReply } from './lease-renewer.js';

/** A thread beside the event loop that renews the lease on its board. */
export interface LeaseThread {
  readonly board: LeaseBoard;
  /** The clock of the board, which is the same in both threads. */
  readonly clock: Clock;
  /** Calls back in the event loop for every sent renewal. There is one listener. */
  listen(listener: (outcome: LeaseThreadOutcome) => void): void;
  close(): Promise<void>;
}

/** The outcome of one renewal, as the thread reports it to the event loop. */
export type LeaseThreadOutcome = {
  readonly brokerEpoch: number;
  /** Time at which it was sent, on the clock of the board. */
  readonly sentMs: number;
} & (
  | ({ readonly kind: 'answered' } & LeaseReply)
  | { readonly kind: 'refused' | 'away'; readonly message: string }
);

/** Opens the thread of this process. */
export type OpenLeaseThread = (options: { readonly intervalMs: number }) => LeaseThread;
