import type { ClusterState, CoordinationStore } from '#coordination';
import type { FakeScheduler, SeededRandom } from '#runtime/testing';
import type { MetadataCommit } from '../../libs/coordination/src/cluster-state.js';
import { ClusterStore } from '../../libs/coordination/src/registry/cluster-store.js';
import { FakeRegistryData } from '../../libs/coordination/src/testing/fake-registry-data.js';
import { RedisClient } from './redis-client.js';
import type { SimulatedLinks } from './simulated-links.js';
import type { SimulatedProcess } from './simulated-process.js';

/** Called whenever the metadata has changed. */
export interface MetadataObserver {
  /**
   * @param isNext true when `after` is one commit after `before`; false when the registry was
   *   rolled back, emptied, founded or rebuilt
   */
  changed(before: ClusterState, after: ClusterState, isNext: boolean): void;
  /** Called when a broker has a state on its disk. */
  learned(brokerId: number, state: ClusterState): void;
}

interface RedisParts {
  readonly scheduler: FakeScheduler;
  readonly links: SimulatedLinks;
  readonly random: SeededRandom;
  readonly nowMs: () => number;
  readonly observer: MetadataObserver;
}

interface StoreParts {
  readonly brokerId: number;
  readonly process: SimulatedProcess;
  readonly fileSystem: Parameters<typeof ClusterStore.open>[0]['fileSystem'];
  readonly dataDir: string;
  readonly clusterId: string;
  readonly leaseMs: number;
}

/** A commit, or its reply, that has not arrived yet. */
export interface CommitInFlight {
  readonly brokerId: number;
  readonly commit: MetadataCommit;
}

/** A wait of a broker for commits. */
interface CommitWait {
  readonly brokerId: number;
  /** Newest version that it knows. */
  readonly version: number;
  readonly waitMs: number;
}

/** A pending wait for commits. */
interface Waiter {
  readonly version: number;
  readonly end: () => void;
}

/**
 * The Redis of a cluster, which runs one call at a time as it has one thread. FakeRegistryData runs
 * the scripts; this class adds the faults of a server: it dies, stops, loses data, is replaced by a
 * copy.
 */
export class SimulatedRedis {
  readonly #parts: RedisParts;
  readonly #data = new FakeRegistryData();
  readonly #clients = new Set<RedisClient>();
  readonly #waiters = new Set<Waiter>();
  /** Calls that arrived while it was stopped. */
  readonly #held: (() => void)[] = [];
  /** Versions with their times, since the last loss. */
  #versions: { readonly atMs: number; readonly version: number }[] = [];
  #known: ClusterState;
  #state: 'up' | 'stopped' | 'down' = 'up';
  #repliesToLose = 0;
  /** Brokers that do not get commits by themselves, with the held notifications. */
  readonly #heldCommits = new Map<number, (() => void)[]>();
  readonly commitsInFlight = new Set<CommitInFlight>();
  /** Longest delay of commits to other brokers, ms. */
  deliveryDelayMsMax = 0;

  constructor(parts: RedisParts) {
    this.#parts = parts;
    this.#known = this.#data.state;
  }

  get state(): ClusterState {
    return this.#data.state;
  }

  get isUp(): boolean {
    return this.#state === 'up';
  }

  /** True while commits are accepted, false until a rebuild. */
  get isConfirmed(): boolean {
    return this.#data.snapshot(0)?.isConfirmed === true;
  }

  /** Opens the coordination store of a broker's process. */
  async openStore(parts: StoreParts): Promise<CoordinationStore> {
    const { brokerId, process } = parts;
    const { links, random, observer } = this.#parts;
    const client = new RedisClient({ redis: this, links, random, process, brokerId });
    this.#clients.add(client);
    const ports = { ...process.ports, registry: client, place: 'simulated' };
    const store = await ClusterStore.open({ ...parts, ...ports });
    observer.learned(brokerId, store.state);
    let { version } = store.state;
    store.onChange((_, state) => {
      if (state.version === version) return;
      version = state.version;
      observer.learned(brokerId, state);
    });
    return store;
  }

  /** Removes a closed connection. */
  forget(client: RedisClient): void {
    this.#clients.delete(client);
  }

  /** Breaks all connections and refuses new ones. */
  kill(): void {
    if (this.#state === 'down') return;
    this.#state = 'down';
    this.#held.length = 0;
    this.#waiters.clear();
    for (const held of this.#heldCommits.values()) held.length = 0;
    for (const client of this.#clients) client.reset();
  }

  /**
   * Starts another process with the data of the last one.
   * @param lostMs commits of this time before now are lost; infinite: everything
   */
  start(lostMs = 0): void {
    if (this.#state !== 'down') return;
    this.#state = 'up';
    this.#restartData(lostMs);
  }

  /** Replaces the server with a copy that lacks the newest commits. */
  failOver(lagMs: number): void {
    this.kill();
    this.start(lagMs);
  }

  /** Stops the process (SIGSTOP): calls are executed when it continues. */
  stop(): void {
    if (this.#state === 'up') this.#state = 'stopped';
  }

  /** Continues the process (SIGCONT). */
  resume(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'up';
    for (const act of this.#held.splice(0)) act();
  }

  /** Removes all data (FLUSHALL). */
  flush(): void {
    if (this.#state === 'down') return;
    this.#data.empty();
    this.#versions = [];
    this.#changed();
  }

  /** Executes the next calls and loses their replies. */
  loseReplies(count: number): void {
    this.#repliesToLose = count;
  }

  /** Withholds commits of other brokers from a broker; all other calls reach it. */
  holdCommitsOf(brokerId: number): void {
    this.#heldCommits.set(brokerId, []);
  }

  releaseCommitsOf(brokerId: number): void {
    const held = this.#heldCommits.get(brokerId) ?? [];
    this.#heldCommits.delete(brokerId);
    for (const notify of held) notify();
  }

  /** Breaks the connections of a broker; it reconnects and reads everything. */
  breakConnectionsOf(brokerId: number): void {
    for (const client of this.#clients) if (client.brokerId === brokerId) client.reset();
  }

  /** Lets an operator exclude a broker from rebuilds. */
  exclude(brokerId: number): void {
    this.#data.givenUp.add(brokerId);
  }

  /** True when the reply of the current call is lost. */
  takesReply(): boolean {
    if (this.#repliesToLose === 0) return false;
    this.#repliesToLose -= 1;
    return true;
  }

  /**
   * Executes a call that arrived, when its turn has come.
   * @returns false when the server is down
   */
  execute(act: (data: FakeRegistryData) => void): boolean {
    if (this.#state === 'down') return false;
    const now = (): void => {
      act(this.#data);
      this.#changed();
    };
    if (this.#state === 'stopped') this.#held.push(now);
    else now();
    return true;
  }

  /** Calls back with the commits after a version: when there are some, or after `waitMs`. */
  waitForCommits(
    { brokerId, version, waitMs }: CommitWait,
    reply: (commits: readonly MetadataCommit[]) => void,
  ): void {
    const { scheduler, random } = this.#parts;
    const notify = (): void => {
      const held = this.#heldCommits.get(brokerId);
      if (held === undefined) reply(this.#data.commitsAfter(version));
      else held.push(notify);
    };
    if (this.#data.commitsAfter(version).length > 0) {
      notify();
      return;
    }
    const end = (): void => {
      if (!this.#waiters.delete(waiter)) return;
      timer.cancel();
      const delayMs = random.below(this.deliveryDelayMsMax + 1);
      if (delayMs === 0) notify();
      else scheduler.after(delayMs, notify);
    };
    const waiter = { version, end };
    const timer = scheduler.after(waitMs, end);
    this.#waiters.add(waiter);
  }

  #restartData(lostMs: number): void {
    const atMs = this.#parts.nowMs() - lostMs;
    const kept = this.#versions.filter((one) => one.atMs <= atMs);
    if (lostMs === 0) this.#data.restart();
    else this.#data.restart(kept.at(-1)?.version ?? -1);
    this.#versions = lostMs === 0 ? this.#versions : kept;
    this.#changed();
  }

  #changed(): void {
    const before = this.#known;
    const after = this.#data.state;
    if (before === after) return;
    this.#known = after;
    this.#versions.push({ atMs: this.#parts.nowMs(), version: after.version });
    const commit = this.#data.commitAt(after.version);
    const isNext =
      after.version === before.version + 1 && commit?.previousChangeId === before.changeId;
    this.#parts.observer.changed(before, after, isNext);
    for (const { version, end } of this.#waiters) if (after.version > version) end();
  }
}
