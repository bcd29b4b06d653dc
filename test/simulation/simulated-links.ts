import type { FakeScheduler, SeededRandom } from '#runtime/testing';

/** Where something is: a broker's machine by its id, or the one that the registry is on. */
export type Place = number | 'redis';

/** How long a message is on its way, in ms. */
export interface LinkSpeed {
  readonly latencyMsMin: number;
  readonly latencyMsMax: number;
}

const FAST_LINK: LinkSpeed = { latencyMsMin: 0.1, latencyMsMax: 1.5 };

/** What is lost on the way is sent again until it arrives; so long after the way is open again. */
const RESENT_MS_MAX = 300;

/**
 * The ways between machines, each direction by itself. What is sent on a way that is cut arrives
 * when it is not any more, as TCP has it. Messages overtake each other: each stands for a
 * connection.
 */
export class SimulatedLinks {
  readonly #scheduler: FakeScheduler;
  readonly #random: SeededRandom;
  readonly #cuts = new Set<string>();
  readonly #speeds = new Map<string, LinkSpeed>();
  readonly #parked = new Map<string, (() => void)[]>();

  constructor(scheduler: FakeScheduler, random: SeededRandom) {
    this.#scheduler = scheduler;
    this.#random = random;
  }

  isOpen(from: Place, to: Place): boolean {
    return !this.#cuts.has(keyOf(from, to));
  }

  /** Nothing arrives in this direction any more. */
  cut(from: Place, to: Place): void {
    this.#cuts.add(keyOf(from, to));
  }

  heal(from: Place, to: Place): void {
    const key = keyOf(from, to);
    if (!this.#cuts.delete(key)) return;
    const parked = this.#parked.get(key) ?? [];
    this.#parked.delete(key);
    for (const arrive of parked) {
      this.#scheduler.after(this.#random.below(RESENT_MS_MAX), () => this.#arrive(key, arrive));
    }
  }

  /** How much waits on a way that is cut. */
  waiting(from: Place, to: Place): number {
    return this.#parked.get(keyOf(from, to))?.length ?? 0;
  }

  /** Lets what waits longest on a way that is cut arrive, now; the way stays cut. */
  letOneThrough(from: Place, to: Place): void {
    this.#parked.get(keyOf(from, to))?.shift()?.();
  }

  healAll(): void {
    for (const key of this.#cuts) {
      const [from = '', to = ''] = key.split('>');
      this.heal(placeOf(from), placeOf(to));
    }
    this.#speeds.clear();
  }

  /** @param speed undefined: as usual */
  setSpeed(from: Place, to: Place, speed: LinkSpeed | undefined): void {
    if (speed === undefined) this.#speeds.delete(keyOf(from, to));
    else this.#speeds.set(keyOf(from, to), speed);
  }

  /** @param arrive called when the message is there: later, or never */
  send(from: Place, to: Place, arrive: () => void): void {
    const key = keyOf(from, to);
    const { latencyMsMin, latencyMsMax } = this.#speeds.get(key) ?? FAST_LINK;
    const share = this.#random.below(1000) / 1000;
    const latencyMs = latencyMsMin + share * (latencyMsMax - latencyMsMin);
    this.#scheduler.after(latencyMs, () => this.#arrive(key, arrive));
  }

  #arrive(key: string, arrive: () => void): void {
    if (!this.#cuts.has(key)) {
      arrive();
      return;
    }
    const parked = this.#parked.get(key);
    if (parked === undefined) this.#parked.set(key, [arrive]);
    else parked.push(arrive);
  }
}

function keyOf(from: Place, to: Place): string {
  return `${from}>${to}`;
}

function placeOf(text: string): Place {
  return text === 'redis' ? 'redis' : Number(text);
}
