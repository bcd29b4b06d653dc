import type { FakeScheduler, SeededRandom } from '#runtime/testing';

/** A location: a broker's machine by its id, or the machine of the registry. */
export type Place = number | 'redis';

/** Range of the latency of a message, ms. */
export interface LinkSpeed {
  readonly latencyMsMin: number;
  readonly latencyMsMax: number;
}

const FAST_LINK: LinkSpeed = { latencyMsMin: 0.1, latencyMsMax: 1.5 };

/** Longest delay of resent messages after a link is open again, ms. */
const RESENT_MS_MAX = 300;

/**
 * The links between machines, one per direction. A message on a cut link arrives when the link is
 * open again, as with TCP. Messages overtake each other: each stands for a connection.
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

  /** Cuts this direction. */
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

  /** Number of messages that wait on a cut link. */
  waiting(from: Place, to: Place): number {
    return this.#parked.get(keyOf(from, to))?.length ?? 0;
  }

  /**
   * Delivers one waiting message of a cut link now; the link stays cut.
   * @param which the newest one overtakes the others
   */
  letOneThrough(from: Place, to: Place, which: 'oldest' | 'newest' = 'oldest'): void {
    const parked = this.#parked.get(keyOf(from, to));
    const arrive = which === 'oldest' ? parked?.shift() : parked?.pop();
    arrive?.();
  }

  healAll(): void {
    for (const key of this.#cuts) {
      const [from = '', to = ''] = key.split('>');
      this.heal(placeOf(from), placeOf(to));
    }
    this.#speeds.clear();
  }

  /** @param speed undefined: the usual speed */
  setSpeed(from: Place, to: Place, speed: LinkSpeed | undefined): void {
    if (speed === undefined) this.#speeds.delete(keyOf(from, to));
    else this.#speeds.set(keyOf(from, to), speed);
  }

  /** @param arrive called when the message arrives: later, or never */
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
