import type { Clock, Logger, Scheduler } from '#runtime';
import type { CommitName } from '../cluster-state.js';

/** The lease of one process of a broker. */
export interface BrokerLease {
  readonly brokerId: number;
  readonly brokerEpoch: number;
}

/** The answer of the registry to a renewal. */
export interface LeaseReply {
  /** False when the process was declared dead, or a later process has the broker id. */
  readonly isRenewed: boolean;
  /** The newest commit; undefined when there is none, or the registry is not confirmed. */
  readonly newest: CommitName | undefined;
}

/** Renews the lease of this process regularly until it is stopped. */
export interface LeaseRenewer {
  /** Renews this lease in place of an earlier one; the first time at once. */
  renew(lease: BrokerLease): void;
  /** Sends no further renewal; one that was sent may still arrive. */
  stop(): void;
  readonly counts: LeaseRenewalCounts;
}

export interface LeaseRenewerOptions {
  /** Time from one renewal to the next. */
  readonly intervalMs: number;
  /**
   * Called when a renewal was acknowledged and this process knows the metadata at that time.
   * @param sentMs time at which the renewal was sent, on the monotonic clock of these options
   */
  readonly onRenewed: (lease: BrokerLease, sentMs: number) => void;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

/** Renewals since the process started. */
export interface LeaseRenewalCounts {
  readonly sent: number;
  /** Renewals that were sent and not acknowledged: refused, or not answered in time. */
  readonly failed: number;
  /**
   * Renewals that were due and not sent, because the event loop gave no sign of life for too long.
   */
  readonly withheld: number;
}
