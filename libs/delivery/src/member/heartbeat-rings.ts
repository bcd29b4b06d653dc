import type { Scheduler, Timer } from '#runtime';

/** Parts of an interval: the members of a ring are spread over them. */
const SLOTS = 16;
/** Heartbeats within one session time-out. */
const HEARTBEATS_PER_SESSION = 3;
/** First digits of intervals in ms; others are rounded down, so that there are few timers. */
const STEPS = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8];

/** Members whose heartbeats have the same interval. */
interface Ring<Member> {
  readonly intervalMs: number;
  readonly slots: readonly Set<Member>[];
  at: number;
  size: number;
  timer: Timer | undefined;
}

/**
 * Calls back for each member at least three times within its session time-out. Members are spread
 * evenly over the time, and there are few timers: at most ten intervals in each power of ten.
 */
export class HeartbeatRings<Member> {
  readonly #scheduler: Scheduler;
  readonly #onDue: (member: Member, intervalMs: number) => void;
  readonly #rings = new Map<number, Ring<Member>>();
  readonly #places = new Map<Member, { readonly ring: Ring<Member>; readonly slot: number }>();

  /** @param onDue called once per interval of a member, with that interval, ms */
  constructor(scheduler: Scheduler, onDue: (member: Member, intervalMs: number) => void) {
    this.#scheduler = scheduler;
    this.#onDue = onDue;
  }

  /** Number of members. */
  get size(): number {
    return this.#places.size;
  }

  has(member: Member): boolean {
    return this.#places.has(member);
  }

  /** Adds a member, or changes its session time-out. */
  set(member: Member, sessionTimeoutMs: number): void {
    const intervalMs = roundedDown(Math.max(1, sessionTimeoutMs / HEARTBEATS_PER_SESSION));
    const present = this.#places.get(member);
    if (present?.ring.intervalMs === intervalMs) return;
    this.remove(member);
    const ring = this.#ringOf(intervalMs);
    const slot = smallest(ring.slots);
    ring.slots[slot]?.add(member);
    ring.size += 1;
    this.#places.set(member, { ring, slot });
    if (ring.timer === undefined) this.#wait(ring);
  }

  remove(member: Member): void {
    const place = this.#places.get(member);
    if (place === undefined) return;
    const { ring, slot } = place;
    this.#places.delete(member);
    ring.slots[slot]?.delete(member);
    ring.size -= 1;
    if (ring.size > 0) return;
    ring.timer?.cancel();
    this.#rings.delete(ring.intervalMs);
  }

  close(): void {
    for (const { timer } of this.#rings.values()) timer?.cancel();
    this.#rings.clear();
    this.#places.clear();
  }

  #ringOf(intervalMs: number): Ring<Member> {
    const present = this.#rings.get(intervalMs);
    if (present !== undefined) return present;
    const slots = Array.from({ length: SLOTS }, () => new Set<Member>());
    const ring = { intervalMs, slots, at: 0, size: 0, timer: undefined };
    this.#rings.set(intervalMs, ring);
    return ring;
  }

  #wait(ring: Ring<Member>): void {
    ring.timer = this.#scheduler.after(ring.intervalMs / SLOTS, () => {
      const due = ring.slots[ring.at] ?? [];
      ring.at = (ring.at + 1) % SLOTS;
      this.#wait(ring);
      for (const member of due) this.#onDue(member, ring.intervalMs);
    });
  }
}

function roundedDown(ms: number): number {
  const power = 10 ** Math.floor(Math.log10(ms));
  const step = STEPS.findLast((one) => one * power <= ms) ?? 1;
  return step * power;
}

function smallest(slots: readonly Set<unknown>[]): number {
  let found = 0;
  for (const [index, { size }] of slots.entries()) {
    if (size < (slots[found]?.size ?? 0)) found = index;
  }
  return found;
}
