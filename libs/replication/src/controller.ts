/**
 * The part of every broker that watches the others, and decides on leaders while the broker is the
 * controller.
 *
 * All brokers check all leases regularly. When the controller's lease is silent for a whole lease
 * time, the broker that notices it takes over. The controller declares brokers dead whose leases
 * are silent, elects leaders where there are none, moves partitions to other replicas step by step,
 * and returns partitions to their preferred leaders. Every decision is made on the state that it is
 * committed on, and is valid only while this broker is the controller in its epoch.
 *
 * Overlap: checks run one after the other. Work that waits for journals runs concurrently, at most
 * once at a time.
 */
import {
  advanceReassignments,
  asController,
  brokerDied,
  type ControllerMetadata,
  type CoordinationStore,
  decideInSequence,
  electController,
  electLeaders,
  electPreferredLeaders,
  releaseMinInsyncHolds,
  versionToBeJournaled,
} from '#coordination';
import { RepeatedTask } from '#log';
import type { Clock, Logger, Random, Scheduler } from '#runtime';
import { LeaseWatch } from './lease-watch.js';

/** Checks per lease time; the interval adds to the time until a death is noticed. */
const LOOKS_A_LEASE = 12;
const LOOK_TIMEOUT_MS = 2000;
/** Longest wait for a majority of the journals, in ms; the next check waits again. */
const JOURNALED_WAIT_MS = 200;
/** Checks that are further apart than this part of a lease prove no silence. */
const GAP_OF_A_LEASE = 0.5;

interface ControllerOptions {
  readonly store: Pick<CoordinationStore, 'state' | 'update' | 'whenJournaled' | 'leases'>;
  readonly brokerId: number;
  readonly leaseMs: number;
  /** Interval in which partitions return to their preferred leaders; 0: never. */
  readonly preferredLeaderIntervalMs: number;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
}

export class Controller {
  readonly #options: ControllerOptions;
  readonly #watch: LeaseWatch;
  readonly #looks: RepeatedTask;
  /** Version of the last state that needed no election. */
  #electedVersion = -1;
  /** Version of the state in which nothing that waits for journals could continue. */
  #proceededVersion = -1;
  #proceeding: Promise<void> | undefined;
  #balancedMs: number;

  constructor(options: ControllerOptions) {
    const { leaseMs, scheduler, logger, clock } = options;
    this.#options = options;
    this.#watch = new LeaseWatch(leaseMs * GAP_OF_A_LEASE);
    this.#balancedMs = clock.monotonicMs();
    this.#looks = new RepeatedTask(scheduler, logger, {
      name: 'controller',
      intervalMs: leaseMs / LOOKS_A_LEASE,
      run: () => this.#look(),
    });
  }

  /** True when this broker is the controller, as far as it knows. */
  get isActive(): boolean {
    return this.#options.store.state.controller?.id === this.#options.brokerId;
  }

  /** Stops checking. */
  async stop(): Promise<void> {
    await this.#looks.stop();
    await this.#proceeding;
  }

  async #look(): Promise<void> {
    const { store, clock } = this.#options;
    try {
      const leases = await store.leases(LOOK_TIMEOUT_MS);
      this.#watch.look(leases, store.state.brokers.values(), clock.monotonicMs());
    } catch (error) {
      this.#watch.lookFailed();
      throw error;
    }
    if (!this.isActive) await this.#maybeTakeOver();
    const { controller } = store.state;
    if (controller?.id === this.#options.brokerId) await this.#decide(controller);
  }

  async #maybeTakeOver(): Promise<void> {
    const { store, brokerId, leaseMs, logger } = this.#options;
    const { controller, brokers } = store.state;
    const isGone =
      controller === null ||
      brokers.get(controller.id)?.alive !== true ||
      this.#watch.silentMs(controller.id) >= leaseMs;
    if (!isGone) return;
    await store.update((state) => electController(state, brokerId, controller));
    if (this.isActive) logger.info({ controller: store.state.controller }, 'controller now');
  }

  async #decide(controller: ControllerMetadata): Promise<void> {
    await this.#declareDead(controller);
    await this.#electMissing(controller);
    this.#maybeProceed(controller);
    await this.#balance(controller);
  }

  async #declareDead(controller: ControllerMetadata): Promise<void> {
    const { store, brokerId, leaseMs, random, logger } = this.#options;
    for (const { id, brokerEpoch, alive } of store.state.brokers.values()) {
      if (!alive || id === brokerId || this.#watch.silentMs(id) < leaseMs) continue;
      logger.warn({ brokerId: id, brokerEpoch }, 'the lease expired: the broker counts as dead');
      await store.update(
        asController(controller, (state) => brokerDied(state, { id, brokerEpoch }, random)),
      );
    }
  }

  async #electMissing(controller: ControllerMetadata): Promise<void> {
    const { store, random } = this.#options;
    if (store.state.version === this.#electedVersion) return;
    const { version } = await store.update(
      asController(controller, (state) => electLeaders(state, random)),
    );
    this.#electedVersion = version;
  }

  /**
   * Continues the work that waits for a majority of the journals: partitions that move, a lower
   * min.insync.replicas. It runs concurrently with the checks, which must not wait: it may wait for
   * a broker that has just died.
   */
  #maybeProceed(controller: ControllerMetadata): void {
    const { state } = this.#options.store;
    if (this.#proceeding !== undefined || state.version === this.#proceededVersion) return;
    const awaited = versionToBeJournaled(state);
    if (awaited === undefined) this.#proceededVersion = state.version;
    else {
      this.#proceeding = this.#proceed(controller, awaited).finally(() => {
        this.#proceeding = undefined;
      });
    }
  }

  /** Never rejects. */
  async #proceed(controller: ControllerMetadata, awaited: number): Promise<void> {
    const { store, random, logger } = this.#options;
    const proceed = decideInSequence(
      (state) => releaseMinInsyncHolds(state, awaited),
      (state) => advanceReassignments(state, awaited, random),
    );
    const { version } = store.state;
    try {
      await store.whenJournaled(awaited, JOURNALED_WAIT_MS);
      const after = await store.update(asController(controller, proceed));
      if (after.version === version) this.#proceededVersion = version;
    } catch (error) {
      logger.debug(
        { err: error, version: awaited },
        'the work that waits for journals cannot continue yet',
      );
    }
  }

  async #balance(controller: ControllerMetadata): Promise<void> {
    const { store, clock, random, preferredLeaderIntervalMs: intervalMs } = this.#options;
    const nowMs = clock.monotonicMs();
    if (intervalMs === 0 || nowMs - this.#balancedMs < intervalMs) return;
    this.#balancedMs = nowMs;
    await store.update(
      asController(controller, (state) => electPreferredLeaders(state, undefined, random)),
    );
  }
}
