import type { Timer } from '#runtime';
import type { CoordinationStore } from '../coordination-store.js';
import type {
  BrokerLease,
  LeaseRenewalCounts,
  LeaseRenewer,
  LeaseRenewerOptions,
} from './lease-renewer.js';

interface LoopLeaseRenewerParts {
  readonly store: Pick<CoordinationStore, 'renewLease'>;
  /**
   * Returns true while the lease is renewed elsewhere, so that the loop need not; default: never.
   */
  readonly isCovered?: () => boolean;
}

/**
 * Renews the lease from the event loop. A loop that is busy for a whole lease loses the lease.
 *
 * Overlap: all methods may overlap; a slow answer may overlap later renewals, each of which is
 * independent.
 */
export class LoopLeaseRenewer implements LeaseRenewer {
  readonly #options: LeaseRenewerOptions & LoopLeaseRenewerParts;
  #lease: BrokerLease | undefined;
  #timer: Timer | undefined;
  #sent = 0;
  #failed = 0;

  constructor(options: LeaseRenewerOptions & LoopLeaseRenewerParts) {
    this.#options = options;
  }

  get counts(): LeaseRenewalCounts {
    return { sent: this.#sent, failed: this.#failed, withheld: 0 };
  }

  renew(lease: BrokerLease): void {
    this.stop();
    this.#lease = lease;
    void this.#send(lease);
    this.#wait();
  }

  stop(): void {
    this.#lease = undefined;
    this.#timer?.cancel();
  }

  /** Waits by the clock, not for the answer: a slow store does not slow renewals down. */
  #wait(): void {
    const { scheduler, intervalMs, isCovered } = this.#options;
    this.#timer = scheduler.after(intervalMs, () => {
      if (this.#lease === undefined) return;
      if (isCovered?.() !== true) void this.#send(this.#lease);
      this.#wait();
    });
  }

  async #send(lease: BrokerLease): Promise<void> {
    const { store, clock, intervalMs, logger, onRenewed } = this.#options;
    const sentMs = clock.monotonicMs();
    this.#sent += 1;
    try {
      await store.renewLease(lease, intervalMs);
      if (this.#lease === lease) onRenewed(lease, sentMs);
    } catch (error) {
      this.#failed += 1;
      logger.debug({ err: error }, 'the lease was not renewed');
    }
  }
}
