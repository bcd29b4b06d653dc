/**
 * Members of queues at this coordinator that have asked for records and wait for some, at whichever
 * brokers. Records that are there are divided among them and the members that ask now; what is
 * kept for a member that waits is kept for a short time only, because it may wait no longer.
 *
 * Nothing of this is in the log: a new coordinator learns it from the calls that follow.
 */
import type { Clock, Scheduler } from '#runtime';
import type { MemberDemand } from '../state/decide-delivery.js';

/** Time for which records are kept for a member that waits, ms. */
const KEPT_MS = 250;

interface WaitingMembersOptions {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Called when records that were kept for members of a group are for anybody again. */
  readonly onKeptTimeOver: (group: string) => void;
}

/** A member that waits. Times are those of `Clock.monotonicMs`. */
interface Waiting {
  readonly recordsMax: number;
  /** It waits no longer from then on. */
  readonly untilMs: number;
  /** Records are kept for it up to then; undefined while none are. */
  keptUntilMs: number | undefined;
}

export class WaitingMembers {
  readonly #options: WaitingMembersOptions;
  readonly #groups = new Map<string, Map<string, Waiting>>();
  /** Groups for which a timer runs. */
  readonly #timed = new Set<string>();

  constructor(options: WaitingMembersOptions) {
    this.#options = options;
  }

  /**
   * Records that a member waits for so many records.
   * @param waitMs time for which it waits; without records or time it does not wait
   */
  set(group: string, { memberId, recordsMax }: MemberDemand, waitMs: number): void {
    if (recordsMax <= 0 || waitMs <= 0) {
      this.forget(group, memberId);
      return;
    }
    const members = this.#groups.get(group) ?? new Map<string, Waiting>();
    this.#groups.set(group, members);
    const untilMs = this.#options.clock.monotonicMs() + waitMs;
    members.set(memberId, { recordsMax, untilMs, keptUntilMs: undefined });
  }

  /** The member waits no longer. */
  forget(group: string, memberId: string): void {
    const members = this.#groups.get(group);
    if (members?.delete(memberId) === true && members.size === 0) this.#groups.delete(group);
  }

  /** Members that wait, without those that ask now. */
  others(group: string, asking: readonly MemberDemand[]): MemberDemand[] {
    const members = this.#groups.get(group);
    if (members === undefined) return [];
    const nowMs = this.#options.clock.monotonicMs();
    const ids = new Set(asking.map(({ memberId }) => memberId));
    const others: MemberDemand[] = [];
    for (const [memberId, { recordsMax, untilMs, keptUntilMs = untilMs }] of members) {
      if (Math.min(untilMs, keptUntilMs) <= nowMs) this.forget(group, memberId);
      else if (!ids.has(memberId)) others.push({ memberId, recordsMax });
    }
    return others;
  }

  /** Records are kept for these members from now on. */
  keep(group: string, memberIds: readonly string[]): void {
    if (memberIds.length === 0) return;
    const { clock, scheduler, onKeptTimeOver } = this.#options;
    const keptUntilMs = clock.monotonicMs() + KEPT_MS;
    for (const memberId of memberIds) {
      const waiting = this.#groups.get(group)?.get(memberId);
      if (waiting !== undefined) waiting.keptUntilMs ??= keptUntilMs;
    }
    if (this.#timed.has(group)) return;
    this.#timed.add(group);
    scheduler.after(KEPT_MS, () => {
      this.#timed.delete(group);
      onKeptTimeOver(group);
    });
  }
}
