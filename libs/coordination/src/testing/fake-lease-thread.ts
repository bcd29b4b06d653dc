import type { Clock } from '#runtime';
import { GuardedRenewals, type GuardedRenewalsOptions } from '../lease/guarded-renewals.js';
import { LeaseBoard } from '../lease/lease-board.js';
import type { LeaseThread, LeaseThreadOutcome } from '../lease/lease-thread.js';

export interface FakeLeaseThreadOptions extends Omit<GuardedRenewalsOptions, 'board' | 'report'> {
  /** Passes an event to the event loop. */
  readonly deliver: (task: () => void) => void;
}

/** The work of the lease thread on fake time, with a fake connection to the registry. */
export class FakeLeaseThread implements LeaseThread {
  readonly board = new LeaseBoard();
  readonly clock: Clock;
  #listener: ((outcome: LeaseThreadOutcome) => void) | undefined;

  constructor(options: FakeLeaseThreadOptions) {
    const { deliver } = options;
    this.clock = options.clock;
    const report = (outcome: LeaseThreadOutcome): void => deliver(() => this.#listener?.(outcome));
    new GuardedRenewals({ ...options, board: this.board, report }).start();
  }

  listen(listener: (outcome: LeaseThreadOutcome) => void): void {
    this.#listener = listener;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
