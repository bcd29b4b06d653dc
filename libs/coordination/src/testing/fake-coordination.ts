import {
  type Clock,
  type FileSystem,
  type Logger,
  type Random,
  type Scheduler,
  silentLogger,
} from '#runtime';
import type { FakeEventLoop } from '#runtime/testing';
import type { ClusterState } from '../cluster-state.js';
import type { CoordinationStore } from '../coordination-store.js';
import type { BrokerLease, LeaseReply } from '../lease/lease-renewer.js';
import { ClusterStore } from '../registry/cluster-store.js';
import type { ClusterStoreOptions } from '../registry/cluster-store-options.js';
import { RegistryAwayError } from '../registry-errors.js';
import { FakeLeaseThread } from './fake-lease-thread.js';
import { FakeRegistry } from './fake-registry.js';
import { FakeRegistryData } from './fake-registry-data.js';

export interface FakeCoordinationOptions {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger?: Logger;
  readonly clusterId?: string;
  readonly leaseMs?: number;
  /** Duration of each direction of a call, ms; default 0. */
  readonly delayMs?: (brokerId: number) => number;
}

export interface FakeStoreOptions {
  readonly brokerId: number;
  readonly fileSystem: FileSystem;
  readonly dataDir: string;
  /** Opens the thread that renews the lease; default: the event loop renews it. */
  readonly leaseThread?: {
    /** The event loop beside the thread. */
    readonly loop: FakeEventLoop;
    readonly loopSilenceMaxMs: number;
    /** Returns true while only the thread is cut off from the registry; default: never. */
    readonly isCutOff?: () => boolean;
  };
}

/**
 * The registry of a cluster in memory, with the faults of Redis. Stores on it are real, with
 * journal and rebuild: only Redis is replaced.
 *
 * A broker that was opened again (after a crash or a restart) has a new connection; faults of the
 * old one end, except those of the whole registry.
 */
export class FakeCoordination {
  readonly #options: FakeCoordinationOptions;
  readonly #data = new FakeRegistryData();
  /** The newest connection of each broker, by id. */
  readonly #connections = new Map<number, FakeRegistry>();
  readonly #cutOff = new Set<number>();
  #isAway = false;
  #isPaused = false;

  constructor(options: FakeCoordinationOptions) {
    this.#options = options;
  }

  /** The state in the registry. */
  get state(): ClusterState {
    return this.#data.state;
  }

  /** Opens the store of a broker's data directory, as `RedisStore.open` does. */
  open(options: FakeStoreOptions): Promise<CoordinationStore> {
    const { brokerId, fileSystem, dataDir } = options;
    const { clock, random, delayMs } = this.#options;
    const scheduler = options.leaseThread?.loop ?? this.#options.scheduler;
    this.#connections.get(brokerId)?.close();
    const registry = new FakeRegistry({
      data: this.#data,
      scheduler,
      isReachable: () => !this.#isAway && !this.#isPaused && !this.#cutOff.has(brokerId),
      delayMs: () => delayMs?.(brokerId) ?? 0,
      onChanged: () => this.#notify(),
    });
    this.#connections.set(brokerId, registry);
    if (this.#isPaused) registry.pause();
    registry.connect();
    return ClusterStore.open({
      registry,
      place: 'fake',
      clusterId: this.#options.clusterId ?? 'sluice',
      brokerId,
      dataDir,
      leaseMs: this.#options.leaseMs ?? 3000,
      fileSystem,
      random,
      scheduler,
      clock,
      logger: this.#options.logger ?? silentLogger,
      ...this.#leaseThread(options),
    });
  }

  #leaseThread({
    brokerId,
    leaseThread,
  }: FakeStoreOptions): Pick<ClusterStoreOptions, 'openLeaseThread'> {
    if (leaseThread === undefined) return {};
    const { clock, scheduler } = this.#options;
    const { loop, loopSilenceMaxMs, isCutOff = () => false } = leaseThread;
    const send = async (lease: BrokerLease, renewal: string): Promise<LeaseReply> => {
      if (this.#isAway || this.#isPaused || this.#cutOff.has(brokerId) || isCutOff()) {
        throw new RegistryAwayError(false, undefined);
      }
      return this.#data.answerRenewal(lease, renewal);
    };
    const deliver = (task: () => void): void => loop.run(task);
    return {
      openLeaseThread: ({ intervalMs }) =>
        new FakeLeaseThread({
          brokerId,
          intervalMs,
          loopSilenceMaxMs,
          clock,
          scheduler,
          send,
          deliver,
        }),
    };
  }

  /** Breaks all connections and refuses new ones. */
  goAway(): void {
    this.#isAway = true;
    for (const registry of this.#connections.values()) registry.disconnect();
  }

  comeBack(): void {
    this.#isAway = false;
    for (const registry of this.#connections.values()) registry.connect();
  }

  /** Cuts one broker off from the registry. */
  cutOff(brokerId: number): void {
    this.#cutOff.add(brokerId);
    this.#connections.get(brokerId)?.disconnect();
  }

  reach(brokerId: number): void {
    this.#cutOff.delete(brokerId);
    this.#connections.get(brokerId)?.connect();
  }

  /** Answers nothing; calls that were sent are executed on `resume`. */
  pause(): void {
    this.#isPaused = true;
    for (const registry of this.#connections.values()) registry.pause();
  }

  resume(): void {
    this.#isPaused = false;
    for (const registry of this.#connections.values()) {
      registry.resume();
      registry.connect();
    }
  }

  /** Withholds commits from a broker until `releaseNotifications`; its own calls are answered. */
  holdNotifications(brokerId: number): void {
    this.#connections.get(brokerId)?.hold(true);
  }

  releaseNotifications(brokerId: number): void {
    this.#connections.get(brokerId)?.hold(false);
  }

  /** Executes the next commit of a broker and loses the reply. */
  loseNextReply(brokerId: number): void {
    this.#connections.get(brokerId)?.loseNextReply();
  }

  /** Restarts the registry as another process, with all its data. */
  restart(): void {
    this.#restart(() => this.#data.restart());
  }

  /** Restarts the registry as another process, with the state of an earlier version. */
  rollBackTo(version: number): void {
    this.#restart(() => this.#data.restart(version));
  }

  /** Does the same as `rollBackTo`, but as behind a proxy: no connection breaks. */
  failOverSilentlyTo(version: number): void {
    this.#data.restart(version);
  }

  /** Restarts the registry as another process, without data. */
  restartEmpty(): void {
    this.#restart(() => this.#data.restart(-1));
  }

  /** Removes everything and keeps the connections (FLUSHALL). */
  empty(): void {
    this.#data.empty();
  }

  /** Removes a topic and keeps everything else, as when somebody deletes its keys. */
  loseTopic(name: string): void {
    this.#data.loseTopic(name);
  }

  /** Answers every write with this error; undefined: writes are accepted again. */
  refuseWrites(error: string | undefined): void {
    this.#data.refusal = error;
  }

  /** Lets an operator exclude a broker from rebuilds. */
  giveUp(brokerId: number): void {
    this.#data.givenUp.add(brokerId);
  }

  #restart(change: () => void): void {
    const wasAway = this.#isAway;
    this.goAway();
    change();
    if (!wasAway) this.comeBack();
  }

  #notify(): void {
    for (const registry of this.#connections.values()) registry.notify();
  }
}
