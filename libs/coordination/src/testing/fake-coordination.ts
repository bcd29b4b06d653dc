import {
  type Clock,
  type FileSystem,
  type Logger,
  type Random,
  type Scheduler,
  silentLogger,
} from '#runtime';
import type { ClusterState } from '../cluster-state.js';
import type { CoordinationStore } from '../coordination-store.js';
import { RegistryStore } from '../registry/registry-store.js';
import { FakeRegistry } from './fake-registry.js';
import { FakeRegistryData } from './fake-registry-data.js';

export interface FakeCoordinationOptions {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger?: Logger;
  readonly clusterId?: string;
  readonly leaseMs?: number;
  /** How long each way of a call takes; 0 when not given. */
  readonly delayMs?: (brokerId: number) => number;
}

export interface FakeStoreOptions {
  readonly brokerId: number;
  readonly fileSystem: FileSystem;
  readonly dataDir: string;
}

/**
 * The registry of a cluster in memory, with the faults that Redis has. Stores on it are the real
 * ones, with journal and rebuild: only what Redis does is a fake.
 *
 * A broker that was opened again (a crash, a restart) has a new connection; faults of the old one
 * are over, save those of the whole registry.
 */
export class FakeCoordination {
  readonly #options: FakeCoordinationOptions;
  readonly #data = new FakeRegistryData();
  /** Connections by broker id: the newest of each. */
  readonly #connections = new Map<number, FakeRegistry>();
  readonly #cutOff = new Set<number>();
  #isAway = false;
  #isPaused = false;

  constructor(options: FakeCoordinationOptions) {
    this.#options = options;
  }

  /** What the registry has. */
  get state(): ClusterState {
    return this.#data.state;
  }

  /** Opens the store of a broker's data directory, as `RedisStore.open`. */
  open({ brokerId, fileSystem, dataDir }: FakeStoreOptions): Promise<CoordinationStore> {
    const { clock, scheduler, random, delayMs } = this.#options;
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
    return RegistryStore.open({
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
    });
  }

  /** All connections break, and none can be made. */
  goAway(): void {
    this.#isAway = true;
    for (const registry of this.#connections.values()) registry.disconnect();
  }

  comeBack(): void {
    this.#isAway = false;
    for (const registry of this.#connections.values()) registry.connect();
  }

  /** One broker alone does not reach the registry. */
  cutOff(brokerId: number): void {
    this.#cutOff.add(brokerId);
    this.#connections.get(brokerId)?.disconnect();
  }

  reach(brokerId: number): void {
    this.#cutOff.delete(brokerId);
    this.#connections.get(brokerId)?.connect();
  }

  /** Nothing is answered; what was sent is done when it goes on. */
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

  /** A broker is not told of commits, until it is; what it asks for itself it is answered. */
  holdNotifications(brokerId: number): void {
    this.#connections.get(brokerId)?.hold(true);
  }

  releaseNotifications(brokerId: number): void {
    this.#connections.get(brokerId)?.hold(false);
  }

  /** The next commit of a broker is made, and the reply does not arrive. */
  loseNextReply(brokerId: number): void {
    this.#connections.get(brokerId)?.loseNextReply();
  }

  /** Another process keeps the registry from now on, with all of it. */
  restart(): void {
    this.#restart(() => this.#data.restart());
  }

  /** Another process keeps it from now on, with the state of an earlier version. */
  rollBackTo(version: number): void {
    this.#restart(() => this.#data.restart(version));
  }

  /** As `rollBackTo`, behind a proxy: no connection breaks. */
  failOverSilentlyTo(version: number): void {
    this.#data.restart(version);
  }

  /** Another process keeps it from now on, and nothing is in it. */
  restartEmpty(): void {
    this.#restart(() => this.#data.restart(-1));
  }

  /** Everything is removed; connections stay (FLUSHALL). */
  empty(): void {
    this.#data.empty();
  }

  /** An operator says that a rebuild need not wait for a broker. */
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
