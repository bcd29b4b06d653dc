import type { SeededRandom } from '#runtime/testing';
import { healAll } from './cluster-life.js';
import { type FaultKind, faultKindsOf } from './faults.js';
import type { World } from './world.js';

/** Mean pauses between two faults, ms; a run uses one of them. */
const PAUSES_MS = [150, 600, 1500, 3000];
/** Percentages of the kinds of faults in a run: some seeds have one kind, some most of them. */
const KIND_PERCENTS = [8, 25, 60];

/** The faults of one run and their times, drawn from the seed, kind by kind. */
export class FaultPlan {
  readonly random: SeededRandom;
  readonly kinds: readonly FaultKind[];
  readonly #world: World;
  readonly #ends = new Set<() => void>();
  readonly #rolling = new Set<Promise<void>>();
  readonly #pauseMs: number;
  #count = 0;
  #isOver = false;

  constructor(world: World) {
    const kinds = faultKindsOf(world.machines.length);
    this.#world = world;
    this.random = world.randomOf('faults');
    this.#pauseMs = this.pick(PAUSES_MS);
    const percent = this.pick(KIND_PERCENTS);
    const chosen = kinds.filter(() => this.random.below(100) < percent);
    this.kinds = chosen.length > 0 ? chosen : [this.pick(kinds)];
  }

  /** Number of faults so far. */
  get count(): number {
    return this.#count;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Injects faults for this time, ms. */
  async run(ms: number): Promise<void> {
    const endMs = this.#world.nowMs + ms;
    const kinds = this.kinds.map(({ name }) => name).join(', ');
    this.#world.trace.add('faults', `every ${this.#pauseMs} ms of: ${kinds}`);
    while (this.#world.nowMs < endMs && this.#world.violations.length === 0) {
      await this.#world.sleep(this.random.below(2 * this.#pauseMs));
      this.#begin(this.pick(this.kinds));
    }
    this.#isOver = true;
  }

  /** Ends all faults: no broker is dead, stopped, cut off or short of disk space. */
  async heal(): Promise<void> {
    const world = this.#world;
    for (const end of this.#ends) end();
    this.#ends.clear();
    await world.until(() => this.#rolling.size === 0, 120_000);
    healAll(world, { restarts: this.random.below(2) === 0 });
  }

  /** A random element. */
  pick<T>(from: readonly T[]): T {
    const one = from[this.random.below(from.length)];
    if (one === undefined) throw new Error('there is nothing to pick from');
    return one;
  }

  /** A random duration, ms: short ones are as likely as ones longer than a lease. */
  duration(msMax = 9000): number {
    return this.random.below(this.pick([msMax / 20, msMax / 4, msMax]));
  }

  /** Ends a fault after some time, or when all faults end. */
  endAfter(ms: number, end: () => void): void {
    let isEnded = false;
    const once = (): void => {
      if (isEnded) return;
      isEnded = true;
      this.#ends.delete(once);
      end();
    };
    this.#ends.add(once);
    this.#world.scheduler.after(ms, once);
  }

  /** Registers a fault that takes its own time. */
  addRunning(what: Promise<void>): void {
    this.#rolling.add(what);
    void what.finally(() => this.#rolling.delete(what));
  }

  #begin(kind: FaultKind): void {
    this.#world.mayDisksFail ||= kind.hurtsDisks === true;
    if (kind.begin(this.#world, this)) this.#count += 1;
  }
}
