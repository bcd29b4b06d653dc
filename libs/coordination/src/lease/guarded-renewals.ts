/**
 * The work of the lease thread: renews the lease on the board every `intervalMs`, as long as the
 * event loop gives signs of life.
 *
 * The registry is the fence for a process that was stopped as a whole and continues: it refuses
 * renewals for a broker epoch that was declared dead or replaced.
 *
 * Overlap: renewals may overlap when an answer takes longer than the interval; the registry orders
 * them, and each is reported by itself.
 */

import type { Clock, Scheduler } from '#runtime';
import { RegistryRefusedError } from '../registry-errors.js';
import type { LeaseBoard } from './lease-board.js';
import type { BrokerLease, LeaseReply } from './lease-renewer.js';
import type { LeaseThreadOutcome } from './lease-thread.js';

export interface GuardedRenewalsOptions {
  readonly board: LeaseBoard;
  readonly brokerId: number;
  readonly intervalMs: number;
  /** Longest silence of the event loop during which renewals continue, ms. */
  readonly loopSilenceMaxMs: number;
  /** The clock of the board. */
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** @param renewal a value that differs from that of the previous renewal */
  readonly send: (lease: BrokerLease, renewal: string) => Promise<LeaseReply>;
  readonly report: (outcome: LeaseThreadOutcome) => void;
}

export class GuardedRenewals {
  readonly #options: GuardedRenewalsOptions;

  constructor(options: GuardedRenewalsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#maybeRenew();
    this.#options.scheduler.after(this.#options.intervalMs, () => this.start());
  }

  #maybeRenew(): void {
    const { board, clock, loopSilenceMaxMs } = this.#options;
    const { brokerEpoch } = board;
    if (brokerEpoch === undefined) return;
    const nowMs = clock.monotonicMs();
    if (nowMs - board.aliveMs > loopSilenceMaxMs) board.count('withheld');
    else void this.#renew(brokerEpoch, nowMs);
  }

  async #renew(brokerEpoch: number, sentMs: number): Promise<void> {
    const { board, brokerId, send, report } = this.#options;
    board.count('sent');
    try {
      // The event loop numbers its renewals: a time after a letter differs from all of them.
      const answer = await send({ brokerId, brokerEpoch }, `t${sentMs}`);
      if (!answer.isRenewed) board.count('failed');
      report({ kind: 'answered', brokerEpoch, sentMs, ...answer });
    } catch (error) {
      board.count('failed');
      const kind = error instanceof RegistryRefusedError ? 'refused' : 'away';
      report({ kind, brokerEpoch, sentMs, message: String(error) });
    }
  }
}
