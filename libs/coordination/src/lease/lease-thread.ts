import type { Clock } from '#runtime';
import type { LeaseReply } from '../registry/registry.js';
import type { LeaseBoard } from './lease-board.js';

/** A thread beside the event loop that renews the lease that its board names. */
export interface LeaseThread {
  readonly board: LeaseBoard;
  /** The clock of the board, which both threads read alike. */
  readonly clock: Clock;
  /** Calls back in the event loop for every renewal that was sent. One listener. */
  listen(listener: (outcome: LeaseThreadOutcome) => void): void;
  close(): Promise<void>;
}

/** The outcome of one renewal, as one thread tells the other. */
export type LeaseThreadOutcome = {
  readonly brokerEpoch: number;
  /** When it was sent, on the clock of the board. */
  readonly sentMs: number;
} & (
  | ({ readonly kind: 'answered' } & LeaseReply)
  | { readonly kind: 'refused' | 'away'; readonly message: string }
);

/** Opens the thread of this process. */
export type OpenLeaseThread = (options: { readonly intervalMs: number }) => LeaseThread;
