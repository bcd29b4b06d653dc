import type { ClusterState, CoordinationStore } from '#coordination';
import type { FakeScheduler, SeededRandom } from '#runtime/testing';
import type { MetadataCommit } from '../../libs/coordination/src/cluster-state.js';
import { RegistryStore } from '../../libs/coordination/src/registry/registry-store.js';
import { FakeRegistryData } from '../../libs/coordination/src/testing/fake-registry-data.js';
import { RedisClient } from './redis-client.js';
import type { SimulatedLinks } from './simulated-links.js';
import type { SimulatedProcess } from './simulated-process.js';

/** Told of the metadata whenever they are other ones than before. */
export interface MetadataObserver {
  /**
   * @param isNext whether `after` is one commit behind `before`: else the registry was rolled back,
   *   emptied, founded or rebuilt
   */
  changed(before: ClusterState, after: ClusterState, isNext: boolean): void;
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
  readonly fileSystem: Parameters<typeof RegistryStore.open>[0]['fileSystem'];
  readonly dataDir: string;
  readonly clusterId: string;
  readonly leaseMs: number;
}

/** A commit on its way, or one whose reply is. */
export interface CommitUnderWay {
  readonly brokerId: number;
  readonly commit: MetadataCommit;
}

/** Who wants to hear of which commits. */
interface CommitWait {
  readonly brokerId: number;
  /** Of the newest that it knows. */
  readonly version: number;
  readonly waitMs: number;
}

/** One that waits for commits. */
interface Waiter {
  readonly version: number;
  readonly end: () => void;
}

/**
 * The Redis of a cluster: one at a time, for it is one thread. What its scripts do is the fake
 * registry's; here is what may happen to a server: it dies, stops, forgets, is replaced by a copy.
 */
export class SimulatedRedis {
  readonly #parts: RedisParts;
  readonly #data = new FakeRegistryData();
  readonly #clients = new Set<RedisClient>();
  readonly #waiters = new Set<Waiter>();
  /** What came while it was stopped. */
  readonly #held: (() => void)[] = [];
  /** When which version was there, as long as nothing was lost since. */
  #versions: { readonly atMs: number; readonly version: number }[] = [];
  #known: ClusterState;
  #state: 'up' | 'stopped' | 'down' = 'up';
  #repliesToLose = 0;
  /** Brokers that do not hear of commits by themselves, and what they would have been told. */
  readonly #heldNews = new Map<number, (() => void)[]>();
  readonly commitsUnderWay = new Set<CommitUnderWay>();
  /** How much later than the commit others hear of it, at most. */
  newsDelayMsMax = 0;

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

  /** Whether commits are taken: not while a rebuild is to come. */
  get isConfirmed(): boolean {
    return this.#data.snapshot(0)?.isConfirmed === true;
  }

  /** Opens the coordination store of a broker's process. */
  openStore(parts: StoreParts): Promise<CoordinationStore> {
    const { brokerId, process } = parts;
    const { links, random } = this.#parts;
    const client = new RedisClient({ redis: this, links, random, process, brokerId });
    this.#clients.add(client);
    return RegistryStore.open({ ...parts, ...process.ports, registry: client, place: 'simulated' });
  }

  /** A connection is not used any more. */
  forget(client: RedisClient): void {
    this.#clients.delete(client);
  }

  /** All connections break, and none can be made. */
  kill(): void {
    if (this.#state === 'down') return;
    this.#state = 'down';
    this.#held.length = 0;
    this.#waiters.clear();
    for (const held of this.#heldNews.values()) held.length = 0;
    for (const client of this.#clients) client.reset();
  }

  /**
   * Another process goes on with what the last one had.
   * @param lostMs what was committed in this time before now is lost; infinite: everything
   */
  start(lostMs = 0): void {
    if (this.#state !== 'down') return;
    this.#state = 'up';
    this.#restartData(lostMs);
  }

  /** A copy takes over that has everything but what came last. */
  failOver(lagMs: number): void {
    this.kill();
    this.start(lagMs);
  }

  /** SIGSTOP: what is sent is done when it goes on. */
  stop(): void {
    if (this.#state === 'up') this.#state = 'stopped';
  }

  /** SIGCONT */
  goOn(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'up';
    for (const act of this.#held.splice(0)) act();
  }

  /** FLUSHALL */
  flush(): void {
    if (this.#state === 'down') return;
    this.#data.empty();
    this.#versions = [];
    this.#changed();
  }

  /** The next replies are lost, what they say is done. */
  loseReplies(count: number): void {
    this.#repliesToLose = count;
  }

  /**
   * A broker hears of no commit any more that it did not make itself: all else of Redis reaches it.
   */
  holdNewsOf(brokerId: number): void {
    this.#heldNews.set(brokerId, []);
  }

  releaseNewsOf(brokerId: number): void {
    const held = this.#heldNews.get(brokerId) ?? [];
    this.#heldNews.delete(brokerId);
    for (const tell of held) tell();
  }

  /** The connections of a broker break; it makes others, and reads everything. */
  breakConnectionsOf(brokerId: number): void {
    for (const client of this.#clients) if (client.brokerId === brokerId) client.reset();
  }

  /** An operator says that nobody waits for a broker any more. */
  giveUp(brokerId: number): void {
    this.#data.givenUp.add(brokerId);
  }

  /** Whether the reply at hand is lost. */
  takesReply(): boolean {
    if (this.#repliesToLose === 0) return false;
    this.#repliesToLose -= 1;
    return true;
  }

  /**
   * Does something that arrived, when its time has come.
   * @returns false when nobody is there
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

  /** Calls back with the commits behind a version: as soon as there are some, or after `waitMs`. */
  waitForCommits(
    { brokerId, version, waitMs }: CommitWait,
    reply: (commits: readonly MetadataCommit[]) => void,
  ): void {
    const { scheduler, random } = this.#parts;
    const tell = (): void => {
      const held = this.#heldNews.get(brokerId);
      if (held === undefined) reply(this.#data.commitsAfter(version));
      else held.push(tell);
    };
    if (this.#data.commitsAfter(version).length > 0) {
      tell();
      return;
    }
    const end = (): void => {
      if (!this.#waiters.delete(waiter)) return;
      timer.cancel();
      const delayMs = random.below(this.newsDelayMsMax + 1);
      if (delayMs === 0) tell();
      else scheduler.after(delayMs, tell);
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
