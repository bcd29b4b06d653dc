/**
 * This process as a member of its cluster: it registers, has its lease renewed, registers again
 * when it was declared dead but lives, and withdraws before it stops.
 *
 * The lease is valid from the moment a renewal was *sent*, on the monotonic clock, less a margin,
 * and only once this process knows the metadata of that moment. A process that was stalled for
 * longer than its lease has therefore no valid lease until it knows the commits of that time. The
 * store's renewer sends the renewals, possibly from another thread, and reports each one only then.
 * Safety never depends on the lease alone (replication-safety 4.1 and 4.4): the lease only decides
 * whether a leader must ask its followers if it still leads.
 *
 * Overlap: one registration is in progress at a time; changes of the metadata that arrive meanwhile
 * are checked after it. `withdraw` and `close` may come at any time and end the rest.
 */
import {
  BrokerIdTakenError,
  type BrokerLease,
  type CoordinationStore,
  controlledShutdown,
  decideInSequence,
  electController,
  ForeignBrokerError,
  type LeaseRenewalCounts,
  type LeaseRenewer,
  type Registrant,
  registerBroker,
} from '#coordination';
import { ProtocolError } from '#protocol';
import { type Clock, type Logger, type Random, RetryBackoff, type Scheduler } from '#runtime';
import { LeaseWatch } from './lease-watch.js';

/** Renewals per lease time; three of four may be lost. */
const RENEWALS_A_LEASE = 4;
/** Part of a lease time that its holder does not rely on, because clocks run at different rates. */
const LEASE_MARGIN = 0.1;

interface MembershipOptions {
  readonly store: CoordinationStore;
  readonly brokerId: number;
  /**
   * The registration as it should be now; `expiredBrokerEpoch` is determined by watching the lease.
   */
  readonly registrant: () => Registrant;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  /** Called once when another process has this broker id: this one must end. */
  readonly onFenced: () => void;
}

export class Membership {
  readonly #options: MembershipOptions;
  readonly #renewer: LeaseRenewer;
  readonly #stopListening: () => void;
  #brokerEpoch = 0;
  #leaseEndMs = Number.NEGATIVE_INFINITY;
  #isRegistering = false;
  #isEnding = false;

  private constructor(options: MembershipOptions) {
    this.#options = options;
    this.#renewer = options.store.leaseRenewer({
      ...options,
      intervalMs: options.leaseMs / RENEWALS_A_LEASE,
      onRenewed: (lease, sentMs) => this.#renewed(lease, sentMs),
    });
    this.#stopListening = options.store.onChange((change) => {
      const isOwn =
        (change.kind === 'broker' && change.broker.id === options.brokerId) ||
        (change.kind === 'broker-removed' && change.id === options.brokerId);
      if (isOwn) this.#look();
    });
  }

  /**
   * Registers, waiting for the store as long as it is away or cannot write its journal, and has the
   * lease renewed from then on.
   * @throws BrokerIdTakenError when a live process with another data directory has the broker id;
   *   ForeignBrokerError when a live broker has another secret or other settings of security
   */
  static async join(options: MembershipOptions): Promise<Membership> {
    const membership = new Membership(options);
    try {
      await membership.#register();
    } catch (error) {
      membership.#end();
      throw error;
    }
    // Changes that arrived before the answer to the registration were ignored.
    membership.#look();
    return membership;
  }

  get brokerId(): number {
    return this.#options.brokerId;
  }

  /** Broker epoch of this process, as last registered. */
  get brokerEpoch(): number {
    return this.#brokerEpoch;
  }

  /** True when no controller can have declared this broker dead yet. */
  get isLeaseValid(): boolean {
    return this.#options.clock.monotonicMs() < this.#leaseEndMs;
  }

  get leaseRenewals(): LeaseRenewalCounts {
    return this.#renewer.counts;
  }

  /**
   * Publishes the URL of this broker for clients, when it became known only after the registration.
   */
  async announce(url: string): Promise<void> {
    const { store, brokerId } = this.#options;
    if (!store.isShared) return;
    await store.update(({ brokers }) => {
      const broker = brokers.get(brokerId);
      if (broker?.brokerEpoch !== this.#brokerEpoch || broker.url === url) return [];
      return [{ kind: 'broker', broker: { ...broker, url } }];
    });
  }

  /**
   * Hands leaderships over and leaves the ISRs, in one commit. A failure does not prevent the stop.
   */
  async withdraw(): Promise<void> {
    this.#end();
    const { store, random, logger } = this.#options;
    // Nobody can take over from the only broker that there is.
    if (!store.isShared) return;
    const process = { id: this.brokerId, brokerEpoch: this.#brokerEpoch };
    try {
      await store.update((state) => controlledShutdown(state, process, random));
    } catch (error) {
      logger.warn({ err: error }, 'leaderships were not handed over: others wait for the lease');
    }
  }

  /** Stops renewing, without a word to the others. */
  close(): void {
    this.#end();
  }

  #end(): void {
    this.#isEnding = true;
    this.#renewer.stop();
    this.#stopListening();
  }

  async #register(): Promise<void> {
    this.#isRegistering = true;
    const backoff = new RetryBackoff(this.#options.random);
    try {
      for (;;) {
        try {
          await this.#registerOnce();
          return;
        } catch (error) {
          if (!isRetriable(error) || this.#isEnding) throw error;
          this.#options.logger.warn({ err: error }, 'not registered yet: tried again');
        }
        await this.#delay(backoff.nextDelayMs());
      }
    } finally {
      this.#isRegistering = false;
    }
  }

  /** Registers again, and checks at once whether the registration is still valid. */
  async #registerAgain(): Promise<void> {
    await this.#register();
    this.#look();
  }

  async #registerOnce(): Promise<void> {
    const { store, brokerId, registrant, random, logger } = this.#options;
    let expired: number | undefined;
    const silent = new Set<number>();
    for (;;) {
      try {
        const claim = { ...registrant(), silentBrokerEpochs: silent };
        const registered =
          expired === undefined ? claim : { ...claim, expiredBrokerEpoch: expired };
        const state = await store.update(
          decideInSequence(
            (before) => registerBroker(before, registered, random),
            // The first broker of a cluster need not wait until it sees that there is no
            // controller.
            (before) => (before.controller === null ? electController(before, brokerId, null) : []),
          ),
        );
        const brokerEpoch = state.brokers.get(brokerId)?.brokerEpoch ?? 0;
        this.#brokerEpoch = brokerEpoch;
        if (!this.#isEnding) this.#renewer.renew({ brokerId, brokerEpoch });
        logger.info({ brokerId, brokerEpoch: this.#brokerEpoch }, 'registered');
        return;
      } catch (error) {
        const { brokerEpoch } = await this.#silentObstacle(error, [expired, ...silent]);
        if (error instanceof ForeignBrokerError) silent.add(brokerEpoch);
        else expired = brokerEpoch;
      }
    }
  }

  /**
   * Watches the broker that prevents the registration.
   * @param watched broker epochs that were watched before
   * @returns the broker if it is silent; otherwise the error is thrown again
   */
  async #silentObstacle(
    error: unknown,
    watched: readonly (number | undefined)[],
  ): Promise<BrokerIdTakenError | ForeignBrokerError> {
    if (!(error instanceof BrokerIdTakenError || error instanceof ForeignBrokerError)) throw error;
    if (watched.includes(error.brokerEpoch)) throw error;
    const { logger } = this.#options;
    logger.info({ reason: error.message }, 'not registered yet: is the other broker alive?');
    if (!(await this.#isSilent(error))) throw error;
    return error;
  }

  /** Watches a process for a whole lease time. */
  async #isSilent({
    brokerId,
    brokerEpoch,
  }: BrokerIdTakenError | ForeignBrokerError): Promise<boolean> {
    const { store, leaseMs, clock } = this.#options;
    const watch = new LeaseWatch(leaseMs);
    const startMs = clock.monotonicMs();
    while (watch.silentMs(brokerId) < leaseMs) {
      const leases = await store.leases(leaseMs);
      const nowMs = clock.monotonicMs();
      watch.look(leases, [{ id: brokerId, brokerEpoch }], nowMs);
      // Renewed since the first look: it lives.
      if (nowMs - startMs > 2 * leaseMs) return false;
      if (watch.silentMs(brokerId) === 0 && nowMs - startMs > leaseMs) return false;
      await this.#delay(leaseMs / RENEWALS_A_LEASE / 2);
    }
    return true;
  }

  /** Checks the registration after a change of the metadata. */
  #look(): void {
    if (this.#isEnding || this.#isRegistering) return;
    const { store, brokerId, logger, onFenced } = this.#options;
    const registered = store.state.brokers.get(brokerId);
    if (registered !== undefined && registered.brokerEpoch > this.#brokerEpoch) {
      logger.error({ brokerId }, 'another process has this broker id');
      this.#end();
      onFenced();
    } else if (registered?.alive !== true) {
      // After a loss of Redis a rebuild without this broker may lack its registration.
      const reason = registered === undefined ? 'not registered any more' : 'declared dead';
      logger.warn({}, `${reason} while alive: registering again`);
      this.#renewer.stop();
      this.#registerAgain().catch((error: unknown) => {
        if (this.#isEnding) return;
        logger.error({ err: error }, 'the broker could not be registered again');
        this.#end();
        onFenced();
      });
    }
  }

  #renewed({ brokerEpoch }: BrokerLease, sentMs: number): void {
    const { store, brokerId, leaseMs } = this.#options;
    const registered = store.state.brokers.get(brokerId);
    const isAlive = registered?.alive === true && registered.brokerEpoch === brokerEpoch;
    const endMs = sentMs + leaseMs * (1 - LEASE_MARGIN);
    if (isAlive) this.#leaseEndMs = Math.max(this.#leaseEndMs, endMs);
  }

  #delay(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.scheduler.after(delayMs, resolve);
    });
  }
}

/**
 * True when an error may be temporary: the store is unreachable, or the journal's disk is slow or
 * full.
 */
function isRetriable(error: unknown): boolean {
  if (!(error instanceof ProtocolError)) return false;
  return error.code === 'BROKER_NOT_AVAILABLE' || error.code === 'KAFKA_STORAGE_ERROR';
}
