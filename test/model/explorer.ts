/**
 * A small explicit-state explorer. It searches breadth first through all possible steps, so that
 * the first violation found has a shortest trace.
 *
 * States are distinguished by a hash of 53 bits that the model computes (equal for states that
 * differ only in names). Two different states with the same hash would hide one another: among a
 * million states the chance of that is 1 in 18,000.
 */

/** One possible step, and the state after it. */
export interface Step<State> {
  readonly label: string;
  readonly state: State;
}

export interface Model<State> {
  readonly initial: State;
  /** All possible steps from a state. */
  readonly steps: (state: State) => Step<State>[];
  /** The violation in a state; null: none. */
  readonly violation: (state: State) => string | null;
  /** The hash of a state: an integer below 2^53, never 0. */
  readonly hash: (state: State) => number;
}

export interface Exploration<State> {
  readonly states: number;
  readonly transitions: number;
  /** Number of steps to the farthest state, or to the violation. */
  readonly depth: number;
  /** False when the exploration stopped at `statesMax`. */
  readonly isComplete: boolean;
  readonly violation: Violation<State> | null;
}

interface Violation<State> {
  readonly what: string;
  /** Steps from the initial state. */
  readonly trace: readonly Step<State>[];
}

/** The states to explore next, all reached in the same number of steps. */
type Level<State> = { readonly index: number; readonly state: State }[];

/** @param statesMax number of states at which the exploration stops */
export function explore<State>(model: Model<State>, statesMax: number): Exploration<State> {
  const seen = new HashSet();
  const reached = new Reached();
  let transitions = 0;
  let depth = 0;
  const ended = (what: string | null, isComplete: boolean): Exploration<State> => {
    const violation = what === null ? null : { what, trace: traceTo(model, reached) };
    const steps = violation?.trace.length ?? depth;
    return { states: reached.size, transitions, depth: steps, isComplete, violation };
  };
  seen.add(model.hash(model.initial));
  reached.add(-1, -1);
  const atOnce = model.violation(model.initial);
  if (atOnce !== null) return ended(atOnce, false);
  let level: Level<State> = [{ index: 0, state: model.initial }];
  while (level.length > 0) {
    const next: Level<State> = [];
    for (const { index, state } of level) {
      for (const [step, { state: after }] of model.steps(state).entries()) {
        transitions += 1;
        if (!seen.add(model.hash(after))) continue;
        reached.add(index, step);
        const what = model.violation(after);
        if (what !== null) return ended(what, false);
        next.push({ index: reached.size - 1, state: after });
      }
      if (reached.size >= statesMax) return ended(null, false);
    }
    if (next.length > 0) depth += 1;
    level = next;
  }
  return ended(null, true);
}

/** The model from a later state, reached by steps whose labels begin with these texts. */
export function after<State>(model: Model<State>, labels: readonly string[]): Model<State> {
  let initial = model.initial;
  for (const label of labels) {
    const step = model.steps(initial).find((one) => one.label.startsWith(label));
    if (step === undefined) throw new Error(`there is no step "${label}"`);
    initial = step.state;
  }
  return { ...model, initial };
}

/** The first path to each state: its predecessor, and the index of the step. */
class Reached {
  readonly #parents: number[] = [];
  readonly #steps: number[] = [];

  get size(): number {
    return this.#parents.length;
  }

  add(parent: number, step: number): void {
    this.#parents.push(parent);
    this.#steps.push(step);
  }

  /** Indexes of the steps that lead to the newest state. */
  choices(): number[] {
    const choices: number[] = [];
    let at = this.size - 1;
    for (let parent = this.#parents[at]; parent !== undefined && parent >= 0; ) {
      choices.unshift(this.#steps[at] ?? 0);
      at = parent;
      parent = this.#parents[at];
    }
    return choices;
  }
}

/** Repeats the path to the newest state: states are not kept. */
function traceTo<State>(model: Model<State>, reached: Reached): Step<State>[] {
  const trace: Step<State>[] = [];
  let state = model.initial;
  for (const choice of reached.choices()) {
    const step = model.steps(state)[choice];
    if (step === undefined) throw new Error('the steps of a state are not always the same');
    trace.push(step);
    state = step.state;
  }
  return trace;
}

/** A set of numbers with open addressing, at most 16 bytes each. */
class HashSet {
  #slots = new Float64Array(1 << 16);
  #size = 0;

  /** @returns true when the number is new */
  add(hash: number): boolean {
    if (this.#size * 2 > this.#slots.length) this.#grow();
    const isNew = insert(this.#slots, hash);
    if (isNew) this.#size += 1;
    return isNew;
  }

  #grow(): void {
    const larger = new Float64Array(this.#slots.length * 2);
    for (const hash of this.#slots) if (hash !== 0) insert(larger, hash);
    this.#slots = larger;
  }
}

function insert(slots: Float64Array, hash: number): boolean {
  let slot = hash % slots.length;
  for (let found = slots[slot]; found !== 0; found = slots[slot]) {
    if (found === hash) return false;
    slot = (slot + 1) % slots.length;
  }
  slots[slot] = hash;
  return true;
}
