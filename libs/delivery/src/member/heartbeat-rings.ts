import type { Scheduler, Timer } from '#runtime';

/** Parts of an interval: the members of a ring are spread over them. */
const SLOTS = 16;
/** Heartbeats within one session time-out. */
const HEARTBEATS_PER_SESSION = 3;
/** First digits of intervals in ms; others are rounded down, so that there are few timers. */
const STEPS = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8];
/** Members of a slot that may be there beyond one and a half times the average of all slots. */
const SLOT_EXCESS_MAX = 64;

/** Members whose heartbeats have the same interval. */
interface Ring<Member> {
  readonly intervalMs: number;
  readonly slots: readonly Set<Member>[];
  /** The slot that the last member of each part of the groups got. */
  readonly slotOfPart: Map<number, number>;
  at: number;
  size: number;
  timer: Timer | undefined;
}

/** Functions that are called with a member. */
interface HeartbeatRingsOptions<Member> {
  /** Called once per interval of a member, with that interval, ms. */
  readonly onDue: (member: Member, intervalMs: number) => void;
  /** The part of the groups that the member belongs to. */
  readonly partOf: (member: Member) => number;
}

/**
 * Calls back for each member at least three times within its session time-out. There are few
 * timers: at most ten intervals in each power of ten.
 *
 * Members are spread over the time, but those of one part of the groups are due together as long as
 * no slot gets much fuller than the others: their coordinator decides them in one round.
 */
export class HeartbeatRings<Member> {
  readonly #scheduler: Scheduler;
  readonly #options: HeartbeatRingsOptions<Member>;
  readonly #rings = new Map<number, Ring<Member>>();
  readonly #places = new Map<Member, { readonly ring: Ring<Member>; readonly slot: number }>();

  constructor(scheduler: Scheduler, options: HeartbeatRingsOptions<Member>) {
    this.#scheduler = scheduler;
    this.#options = options;
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
    const slot = slotFor(ring, this.#options.partOf(member));
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
    const slotOfPart = new Map<number, number>();
    const ring = { intervalMs, slots, slotOfPart, at: 0, size: 0, timer: undefined };
    this.#rings.set(intervalMs, ring);
    return ring;
  }

  #wait(ring: Ring<Member>): void {
    ring.timer = this.#scheduler.after(ring.intervalMs / SLOTS, () => {
      const due = ring.slots[ring.at] ?? [];
      ring.at = (ring.at + 1) % SLOTS;
      this.#wait(ring);
      for (const member of due) this.#options.onDue(member, ring.intervalMs);
    });
  }
}

function roundedDown(ms: number): number {
  const power = 10 ** Math.floor(Math.log10(ms));
  const step = STEPS.findLast((one) => one * power <= ms) ?? 1;
  return step * power;
}

/** Chooses the slot of a new member, which is the next one of its part. */
function slotFor({ slots, slotOfPart, size }: Ring<unknown>, part: number): number {
  const present = slotOfPart.get(part);
  const membersMax = (1.5 * size) / SLOTS + SLOT_EXCESS_MAX;
  if (present !== undefined && (slots[present]?.size ?? 0) < membersMax) return present;
  const slot = smallest(slots);
  slotOfPart.set(part, slot);
  return slot;
}

function smallest(slots: readonly Set<unknown>[]): number {
  let found = 0;
  for (const [index, { size }] of slots.entries()) {
    if (size < (slots[found]?.size ?? 0)) found = index;
  }
  return found;
}
