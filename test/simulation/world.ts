import type { ClusterBrokerSettings } from '#broker';
import type { ClusterState, PartitionMetadata } from '#coordination';
import { AssertionError } from '#runtime';
import { FakeClock, FakeScheduler, SeededRandom } from '#runtime/testing';
import { LogObservations } from './log-observations.js';
import { Machine } from './machine.js';
import { MetadataRules } from './metadata-rules.js';
import { ObservedStore } from './observed-store.js';
import { SimulatedLinks } from './simulated-links.js';
import { SimulatedNetwork } from './simulated-network.js';
import type { ProcessWorld } from './simulated-process.js';
import { SimulatedRedis } from './simulated-redis.js';
import { Trace } from './trace.js';

export interface WorldOptions {
  readonly seed: number;
  /** Default: 3. With 1 it is a broker without peers, on a store of its own. */
  readonly brokers?: number;
  readonly settings?: Partial<ClusterBrokerSettings>;
}

const DRIVEN_MS = 100;
/** Pause between checks of a condition, ms. */
const CHECK_MS = 10;

/** Errors that no fault may cause: each shows a bug. */
const BUGS = [AssertionError, TypeError, RangeError, ReferenceError, SyntaxError];

/**
 * A cluster and its environment in one process and on one clock: brokers on fake disks, a network,
 * a Redis. Its seed decides everything in it.
 */
export class World implements ProcessWorld {
  readonly clock = new FakeClock();
  readonly scheduler = new FakeScheduler(this.clock);
  readonly trace = new Trace(this.clock);
  readonly links: SimulatedLinks;
  readonly network: SimulatedNetwork;
  readonly redis: SimulatedRedis;
  /** The store of a broker without peers, which has no Redis; undefined in a larger cluster. */
  readonly soleStore: ObservedStore | undefined;
  readonly machines: readonly Machine[];
  readonly settings: Partial<ClusterBrokerSettings>;
  /** Violations of invariants found so far. */
  readonly violations: string[] = [];
  readonly metadata: MetadataRules;
  readonly logs: LogObservations;
  /** True when a broker may fail to start because its disk returns errors. */
  mayDisksFail = false;
  /** The one machine whose disk has flipped bits. */
  damaged: Machine | undefined;
  readonly #seed: number;
  readonly #onUnhandled = (error: unknown): void => this.unexpected('nobody', error);

  constructor({ seed, brokers = 3, settings = {} }: WorldOptions) {
    this.#seed = seed;
    this.settings = settings;
    this.links = new SimulatedLinks(this.scheduler, this.randomOf('links'));
    this.network = new SimulatedNetwork({
      links: this.links,
      random: this.randomOf('network'),
      unexpected: (who, error) => this.unexpected(who, error),
    });
    const violated = (what: string): void => this.violated(what);
    this.metadata = new MetadataRules(this.trace, violated);
    this.logs = new LogObservations(this.trace, this.metadata, violated);
    this.redis = new SimulatedRedis({
      scheduler: this.scheduler,
      links: this.links,
      random: this.randomOf('redis'),
      nowMs: () => this.nowMs,
      observer: this.metadata,
    });
    this.soleStore = brokers === 1 ? new ObservedStore(this.metadata) : undefined;
    this.machines = Array.from(
      { length: brokers },
      (_, id) => new Machine(id, this, this.logs.ofBroker(id)),
    );
    process.on('unhandledRejection', this.#onUnhandled);
  }

  /** Part of the name of the file in which a broker keeps the metadata. */
  get metadataFile(): string {
    return this.soleStore === undefined ? 'journal' : 'coordination';
  }

  /** Monotonic time, ms. */
  get nowMs(): number {
    return this.clock.monotonicMs();
  }

  /** The state in the registry, or its last one before a loss. */
  get state(): ClusterState {
    return this.metadata.state;
  }

  /** A stream of random numbers of its own: draws from other streams do not change it. */
  randomOf(name: string): SeededRandom {
    let hash = this.#seed | 0;
    for (const char of name) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
    return new SeededRandom(hash);
  }

  machine(id: number): Machine {
    const machine = this.machines[id];
    if (machine === undefined) throw new Error(`there is no machine ${id}`);
    return machine;
  }

  partition(topic: string, partition: number): PartitionMetadata | undefined {
    return this.state.topics.get(topic)?.partitions[partition];
  }

  /**
   * Lets time pass until a scenario has ended. Only this method advances time; everything in the
   * world waits with `sleep` and `until`.
   */
  async drive<T>(scenario: () => Promise<T>): Promise<T> {
    const run = { isOver: false };
    const result = scenario().finally(() => {
      run.isOver = true;
    });
    // The result is awaited below.
    result.catch(() => undefined);
    while (!run.isOver) await this.scheduler.advance(DRIVEN_MS);
    return result;
  }

  /**
   * @returns true when the condition became true within `msMax`; returns early after a violation
   */
  async until(condition: () => boolean, msMax: number): Promise<boolean> {
    const endMs = this.nowMs + msMax;
    while (!condition()) {
      if (this.nowMs >= endMs || this.violations.length > 0) return false;
      await this.sleep(CHECK_MS);
    }
    return true;
  }

  /**
   * Waits for a condition that must come true; it is a violation when the time runs out before.
   * @param what describes what is missing then
   * @returns false also after a violation of something else, which ends the wait early
   */
  async mustBecome(condition: () => boolean, msMax: number, what: () => string): Promise<boolean> {
    if (await this.until(condition, msMax)) return true;
    if (this.violations.length === 0) this.violated(what());
    return false;
  }

  /** Waits outside of any process of the world. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.scheduler.after(ms, resolve);
    });
  }

  violated(what: string): void {
    this.trace.add('checker', `VIOLATION: ${what}`);
    this.violations.push(what);
  }

  unexpected(who: string, error: unknown): void {
    this.violated(`${who}: an unexpected error: ${describe(error)}`);
  }

  /** Checks whether a logged error is one that shows a bug. */
  checkLogged(who: string, error: unknown): void {
    for (let one = error; one instanceof Error; one = one.cause) {
      if (BUGS.some((bug) => one instanceof bug)) this.unexpected(who, one);
    }
  }

  end(): void {
    process.off('unhandledRejection', this.#onUnhandled);
    for (const machine of this.machines) machine.kill();
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : String(error);
}
