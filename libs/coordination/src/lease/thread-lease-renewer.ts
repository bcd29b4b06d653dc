/**
 * Renews the lease from a thread that a busy event loop cannot stop.
 *
 * The loop writes a sign of life and the broker epoch to shared memory; the thread renews as long as the
 * sign is recent (guarded-renewals.ts). What the thread learned is believed here, in the loop, only
 * once the loop knows the metadata as they were when the renewal was taken: a loop that was busy for
 * longer than its lease finds that out before it counts on the lease again.
 *
 * The loop renews by itself, too, whenever the thread has not done so lately: at the start, while the
 * thread is being started again, and while the connection of the thread is broken.
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

/** Time between two signs of life: short against any bound on the loop's silence. */
const SIGN_INTERVAL_MS = 250;
/** The loop renews when the thread's last acknowledged renewal was sent more intervals ago than this. */
const COVERED_INTERVALS = 1.5;

interface ThreadLeaseRenewerParts {
  readonly thread: LeaseThread;
  readonly store: Pick<CoordinationStore, 'renewLease'>;
  /**
   * Takes over what an answer says of the metadata; resolves when this process knows them as they were.
   * @param sentMs on the monotonic clock
   */
  readonly takeOutcome: (outcome: LeaseThreadOutcome, sentMs: number) => Promise<void>;
}

export class ThreadLeaseRenewer implements LeaseRenewer {
  readonly #options: LeaseRenewerOptions & ThreadLeaseRenewerParts;
  readonly #loop: LoopLeaseRenewer;
  #lease: BrokerLease | undefined;
  #signs: Timer | undefined;
  /** When the thread's last acknowledged renewal of this lease was sent, on the monotonic clock. */
  #renewedMs = Number.NEGATIVE_INFINITY;

  constructor(options: LeaseRenewerOptions & ThreadLeaseRenewerParts) {
    const { thread, clock, intervalMs } = options;
    this.#options = options;
    this.#loop = new LoopLeaseRenewer({
      ...options,
      isCovered: () => clock.monotonicMs() - this.#renewedMs < COVERED_INTERVALS * intervalMs,
    });
    thread.listen((outcome) => void this.#take(outcome));
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

  async #take(outcome: LeaseThreadOutcome): Promise<void> {
    const { clock, thread, logger, onRenewed, takeOutcome } = this.#options;
    const lease = this.#lease;
    if (lease?.brokerEpoch !== outcome.brokerEpoch) return;
    // The loop's clock is read first, so that a pause between the two makes the renewal older.
    const nowMs = clock.monotonicMs();
    const sentMs = nowMs - (thread.clock.monotonicMs() - outcome.sentMs);
    if (outcome.kind === 'answered' && outcome.isRenewed) this.#renewedMs = sentMs;
    try {
      await takeOutcome(outcome, sentMs);
      if (this.#lease === lease) onRenewed(lease, sentMs);
    } catch (error) {
      logger.debug({ err: error }, 'the lease thread did not renew the lease');
    }
  }
}
