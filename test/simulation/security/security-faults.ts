import type { SeededRandom } from '#runtime/testing';
import type { Place } from '../simulated-links.js';
import type { SecurityWorld } from './security-world.js';

/** Longest pause before the next fault, ms. */
const PAUSE_MS_MAX = 1500;
/** Longest duration of a fault, ms. */
const FAULT_MS_MAX = 3000;

/** Breaks brokers, links and Redis at random, and heals them. */
export class SecurityFaults {
  readonly #world: SecurityWorld;
  readonly #random: SeededRandom;
  readonly #faults: readonly (() => Promise<void>)[] = [
    () => this.#crashBroker(),
    () => this.#cut(this.#anyBroker(), 'redis'),
    () => this.#cut(this.#anyBroker(), this.#anyBroker()),
    () => this.#restartRedis(undefined),
    () => this.#restartRedis(this.#random.below(5)),
    () => this.#restartRedis('empty'),
    () => this.#atOnce('is flushed', () => this.#world.redis.flush()),
    () => this.#rollBack(),
    () => this.#atOnce('loses replies', () => this.#world.redis.loseReplies(3)),
    () => this.#atOnce('is copied', () => this.#world.redis.copy()),
  ];
  readonly #mayRewrite: boolean;
  #count = 0;
  #isRewritten = false;

  constructor(world: SecurityWorld) {
    this.#world = world;
    this.#random = world.randomOf('faults');
    this.#mayRewrite = this.#random.below(2) === 0;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * True if the process of Redis got an older content while it ran: only somebody who writes to it
   * does that, and can undo confirmed additions, but no revocation.
   */
  get isRewritten(): boolean {
    return this.#isRewritten;
  }

  /** Lets faults begin for a time; some of them last longer. */
  async run(durationMs: number): Promise<void> {
    const endMs = this.#world.nowMs + durationMs;
    while (this.#world.nowMs < endMs && this.#world.violations.length === 0) {
      this.#world.redis.copy();
      await this.#world.sleep(this.#random.below(PAUSE_MS_MAX));
      this.#count += 1;
      const fault = this.#faults[this.#random.below(this.#faults.length)];
      fault?.().catch((error: unknown) => this.#world.unexpected('faults', error));
    }
  }

  /** Ends all faults. */
  async heal(): Promise<void> {
    await this.#world.sleep(FAULT_MS_MAX);
    this.#world.trace.add('faults', 'all are healed');
    this.#world.redis.start();
    this.#world.redis.loseReplies(0);
    this.#world.links.healAll();
    await Promise.all(this.#world.brokers.map((broker) => broker.start()));
  }

  async #crashBroker(): Promise<void> {
    const broker = this.#world.broker(this.#anyBroker());
    this.#world.trace.add('faults', `broker ${broker.id} crashes`);
    broker.crash();
    await this.#last();
    await broker.start();
  }

  async #cut(left: Place, right: Place): Promise<void> {
    if (left === right) return;
    const { links, trace } = this.#world;
    trace.add('faults', `${left} and ${right} are cut off`);
    links.cut(left, right);
    if (this.#random.below(2) === 0) links.cut(right, left);
    await this.#last();
    links.heal(left, right);
    links.heal(right, left);
  }

  async #restartRedis(from: number | 'empty' | undefined): Promise<void> {
    const { redis, trace } = this.#world;
    if (!redis.isUp) return;
    trace.add('redis', `stops; its data later: ${from ?? 'the same'}`);
    redis.kill();
    await this.#last();
    if (from === 'empty') redis.flush();
    redis.start(from === 'empty' ? undefined : from);
  }

  async #rollBack(): Promise<void> {
    if (!this.#mayRewrite) return;
    this.#isRewritten = true;
    this.#world.trace.add('redis', 'is rolled back');
    this.#world.redis.rollBack(this.#random.below(5));
  }

  async #atOnce(what: string, act: () => void): Promise<void> {
    this.#world.trace.add('redis', what);
    act();
  }

  #last(): Promise<void> {
    return this.#world.sleep(this.#random.below(FAULT_MS_MAX));
  }

  #anyBroker(): number {
    return this.#random.below(this.#world.ids.length);
  }
}
