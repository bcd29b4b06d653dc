/**
 * Renews the lease from a thread that a busy event loop cannot stop.
 *
 * The loop writes a sign of life and the broker epoch to shared memory; the thread renews as long
 * as the sign is recent (guarded-renewals.ts). The loop relies on a renewal of the thread only once
 * it knows the metadata at the time of the renewal: a loop that was busy for longer than its lease
 * reads the newest commits before it relies on the lease again.
 *
 * The loop renews too whenever the thread has not done so recently: at the start, during a restart
 * of the thread, and while the thread's connection is broken.
 *
 * Overlap: all methods may overlap. Outcomes of the thread are handled in parallel; one for another
 * broker epoch than the present lease's is ignored.
 */
import type { Timer } from '#runtime';
import type { CoordinationStore } from '../coordination-store.js';
import type {
  BrokerLease,
  LeaseRenewalCounts,
  LeaseRenewer,
  LeaseRenewerOptions,
} from './lease-renewer.js';
import type { LeaseThread, LeaseThreadOutcome } from './lease-thread.js';
import { LoopLeaseRenewer } from './loop-lease-renewer.js';

/** Time between two signs of life, ms: short compared with any limit of the loop's silence. */
const SIGN_INTERVAL_MS = 250;
/**
 * Age of the thread's last acknowledged renewal, in intervals, from which on the loop renews too.
 */
const COVERED_INTERVALS = 1.5;

interface ThreadLeaseRenewerParts {
  readonly thread: LeaseThread;
  readonly store: Pick<CoordinationStore, 'renewLease'>;
  /**
   * Applies the metadata version of an answer; resolves when this process knows that version.
   * @param sentMs time on the monotonic clock
   */
  readonly handleOutcome: (outcome: LeaseThreadOutcome, sentMs: number) => Promise<void>;
}

export class ThreadLeaseRenewer implements LeaseRenewer {
  readonly #options: LeaseRenewerOptions & ThreadLeaseRenewerParts;
  readonly #loop: LoopLeaseRenewer;
  #lease: BrokerLease | undefined;
  #signs: Timer | undefined;
  /**
   * Time at which the thread's last acknowledged renewal of this lease was sent, on the monotonic
   * clock.
   */
  #renewedMs = Number.NEGATIVE_INFINITY;

  constructor(options: LeaseRenewerOptions & ThreadLeaseRenewerParts) {
    const { thread, clock, intervalMs } = options;
    this.#options = options;
    this.#loop = new LoopLeaseRenewer({
      ...options,
      isCovered: () => clock.monotonicMs() - this.#renewedMs < COVERED_INTERVALS * intervalMs,
    });
    thread.listen((outcome) => void this.#handle(outcome));
  }

  get counts(): LeaseRenewalCounts {
    const ofThread = this.#options.thread.board.counts;
    const { sent, failed } = this.#loop.counts;
    return { ...ofThread, sent: ofThread.sent + sent, failed: ofThread.failed + failed };
  }

  renew(lease: BrokerLease): void {
    this.stop();
    this.#lease = lease;
    this.#renewedMs = Number.NEGATIVE_INFINITY;
    this.#giveSigns();
    this.#options.thread.board.brokerEpoch = lease.brokerEpoch;
    this.#loop.renew(lease);
  }

  stop(): void {
    this.#options.thread.board.brokerEpoch = undefined;
    this.#lease = undefined;
    this.#signs?.cancel();
    this.#loop.stop();
  }

  #giveSigns(): void {
    const { board, clock } = this.#options.thread;
    board.aliveMs = clock.monotonicMs();
    this.#signs = this.#options.scheduler.after(SIGN_INTERVAL_MS, () => this.#giveSigns());
  }

  async #handle(outcome: LeaseThreadOutcome): Promise<void> {
    const { clock, thread, logger, onRenewed, handleOutcome } = this.#options;
    const lease = this.#lease;
    if (lease?.brokerEpoch !== outcome.brokerEpoch) return;
    // The loop's clock is read first, so that a pause between the two reads makes the renewal
    // older.
    const nowMs = clock.monotonicMs();
    const sentMs = nowMs - (thread.clock.monotonicMs() - outcome.sentMs);
    if (outcome.kind === 'answered' && outcome.isRenewed) this.#renewedMs = sentMs;
    try {
      await handleOutcome(outcome, sentMs);
      if (this.#lease === lease) onRenewed(lease, sentMs);
    } catch (error) {
      logger.debug({ err: error }, 'the lease thread did not renew the lease');
    }
  }
}
