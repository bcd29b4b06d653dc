import type { ClusterSecurity } from '#coordination';
import { exampleKey } from '../../../libs/security/src/testing/examples.js';
import { SecurityFaults } from './security-faults.js';
import { SecurityWorld } from './security-world.js';

/** Duration of the faults, ms. */
const FAULTS_MS = 30_000;
/** Longest pause of an operator between two changes, ms. */
const PAUSE_MS_MAX = 400;
/** Pause between two looks at all brokers, ms. */
const WATCH_MS = 10;
/** Time in which the brokers agree once all faults are healed, ms. */
const AGREEMENT_MS_MAX = 60_000;
/** Time in which every connected broker obeys a revocation, ms. */
const OBEYED_MS_MAX = 1000;

/** Time in which a commit reaches a broker that is cut off from Redis, ms. */
const SPREAD_MS_MAX = 5000;

export interface SecurityRun {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly trace: string;
  readonly counts: Readonly<Record<'added' | 'revoked' | 'faults', number>>;
}

/**
 * Runs three brokers whose operators add and revoke keys, while brokers and Redis crash, lose data
 * and are cut off. These hold all the time:
 *
 * - A broker that obeyed a revocation obeys it for ever, also after a crash.
 * - A key that is revoked is not accepted again when it is added again.
 *
 * These hold once the faults are healed: every confirmed revocation is obeyed by every broker, and
 * every confirmed key that nobody tried to revoke is valid, unless somebody rewrote Redis. Then a
 * commit reaches a broker that is cut off from Redis alone.
 */
export async function simulateSecurity(seed: number): Promise<SecurityRun> {
  const world = new SecurityWorld(seed);
  const run = new Run(world);
  try {
    await world.drive(() => run.all());
  } finally {
    world.end();
  }
  const { violations } = world;
  return { seed, violations, trace: world.trace.text(), counts: run.counts };
}

class Run {
  readonly #world: SecurityWorld;
  readonly #faults: SecurityFaults;
  /** Keys whose addition was confirmed. */
  readonly #added = new Set<string>();
  /** Keys that somebody has tried to revoke. */
  readonly #doomed = new Set<string>();
  /** Keys whose revocation was confirmed. */
  readonly #revoked = new Set<string>();
  /** Keys that a broker may not accept again, by broker. */
  readonly #obeyed: readonly Set<string>[];
  #keys = 0;
  #isOver = false;

  constructor(world: SecurityWorld) {
    this.#world = world;
    this.#faults = new SecurityFaults(world);
    this.#obeyed = world.ids.map(() => new Set<string>());
  }

  get counts(): SecurityRun['counts'] {
    return {
      added: this.#added.size,
      revoked: this.#revoked.size,
      faults: this.#faults.count,
    };
  }

  async all(): Promise<void> {
    const world = this.#world;
    await Promise.all(world.brokers.map((broker) => broker.start()));
    if (!(await world.until(() => this.#areAvailable(), AGREEMENT_MS_MAX))) {
      world.violated('the brokers did not make the metadata');
      return;
    }
    const running = [...world.ids.map((id) => this.#operate(id)), this.#watch()];
    await this.#faults.run(FAULTS_MS);
    await this.#faults.heal();
    if (world.violations.length === 0) await this.#agreement();
    if (world.violations.length === 0) await this.#obedience();
    if (world.violations.length === 0) await this.#spreading();
    this.#isOver = true;
    // A process that died answers nothing any more.
    await Promise.race([Promise.all(running), world.sleep(10_000)]);
  }

  /** Adds and revokes keys at one broker, until the faults are over. */
  async #operate(id: number): Promise<void> {
    const random = this.#world.randomOf(`operator ${id}`);
    while (!this.#isOver && this.#world.violations.length === 0) {
      await this.#world.sleep(random.below(PAUSE_MS_MAX));
      const { security } = this.#world.broker(id);
      if (security === undefined || this.#isOver) continue;
      const known = [...this.#added];
      const any = known[random.below(Math.max(1, known.length))];
      // A process may die meanwhile: nobody waits for it for longer than this.
      const change =
        any !== undefined && random.below(3) === 0
          ? this.#revoke(id, any)
          : this.#add(id, random.below(4) === 0);
      await Promise.race([change, this.#world.sleep(5000)]);
    }
  }

  async #add(id: number, isAgain: boolean): Promise<void> {
    const again = isAgain ? [...this.#revoked].at(-1) : undefined;
    this.#keys += 1;
    const key = again ?? `k${this.#keys}`;
    this.#world.trace.add(`broker ${id}`, `is asked to add ${key}`);
    try {
      await this.#world.broker(id).security?.update(() => [{ kind: 'key', key: exampleKey(key) }]);
      if (again === undefined) this.#added.add(key);
    } catch (error) {
      this.#world.trace.add(`broker ${id}`, `did not add ${key}: ${String(error)}`);
    }
  }

  async #revoke(id: number, key: string): Promise<void> {
    this.#doomed.add(key);
    this.#world.trace.add(`broker ${id}`, `is asked to revoke ${key}`);
    try {
      const revocation = { subject: `key:${key}`, keptUntilMs: null } as const;
      const result = await this.#world.broker(id).security?.revoke([revocation]);
      if (result === undefined) return;
      this.#revoked.add(key);
      this.#world.trace.add('operator', `${key} is revoked at ${result.appliedBy.join()}`);
      for (const obeying of result.appliedBy) this.#obeyed[obeying]?.add(key);
    } catch (error) {
      this.#world.trace.add(`broker ${id}`, `did not revoke ${key}: ${String(error)}`);
    }
  }

  /** Looks at every broker all the time. */
  async #watch(): Promise<void> {
    while (!this.#isOver && this.#world.violations.length === 0) {
      for (const { id, security } of this.#world.brokers) {
        if (security === undefined) continue;
        const obeyed = this.#obeyed[id] as Set<string>;
        for (const key of this.#doomed) {
          if (security.view.isRevoked(`key:${key}`)) obeyed.add(key);
        }
        for (const key of obeyed) {
          if (accepts(security, key)) this.#world.violated(`broker ${id} accepts ${key} again`);
        }
      }
      await this.#world.sleep(WATCH_MS);
    }
  }

  /** Checks what the brokers know once nothing is broken. */
  async #agreement(): Promise<void> {
    const world = this.#world;
    const isAgreed = (): boolean => this.#areAvailable() && this.#disagreement() === undefined;
    if (await world.until(isAgreed, AGREEMENT_MS_MAX)) return;
    world.violated(this.#disagreement() ?? 'not every broker is available');
  }

  #disagreement(): string | undefined {
    for (const { id, security } of this.#world.brokers) {
      if (security === undefined) return `broker ${id} does not run`;
      for (const key of this.#revoked) {
        if (accepts(security, key)) return `broker ${id} accepts ${key}, which was revoked`;
      }
      for (const key of this.#added) {
        const isKept = !this.#doomed.has(key) && !this.#faults.isRewritten;
        if (isKept && !accepts(security, key)) return `broker ${id} has lost ${key}`;
      }
    }
    return undefined;
  }

  /** A revocation is obeyed by all brokers within a second while all are connected. */
  async #obedience(): Promise<void> {
    const world = this.#world;
    await world.until(() => [...this.#added].some((key) => !this.#doomed.has(key)), 10_000);
    const key = [...this.#added].find((each) => !this.#doomed.has(each));
    if (key === undefined) return;
    void this.#revoke(0, key);
    const areObeying = (): boolean =>
      world.brokers.every(({ security }) => security !== undefined && !accepts(security, key));
    if (await world.until(areObeying, OBEYED_MS_MAX)) return;
    world.violated(`${key} was not revoked everywhere within a second`);
  }

  /** A commit reaches a broker that alone is cut off from Redis, by the other brokers. */
  async #spreading(): Promise<void> {
    const world = this.#world;
    world.links.cut(2, 'redis');
    await world.until(() => world.broker(2).security?.isAvailable === false, OBEYED_MS_MAX * 2);
    const key = 'of-a-broker-with-redis';
    void world.broker(0).security?.update(() => [{ kind: 'key', key: exampleKey(key) }]);
    const isKnown = (): boolean => world.broker(2).security?.view.key(key) !== undefined;
    if (await world.until(isKnown, SPREAD_MS_MAX)) return;
    world.violated('a commit did not reach a broker without Redis');
  }

  #areAvailable(): boolean {
    return this.#world.brokers.every(({ security }) => security?.isAvailable === true);
  }
}

function accepts({ view }: ClusterSecurity, key: string): boolean {
  return view.key(key) !== undefined && !view.isRevoked(`key:${key}`);
}
