import type { GroupMembers, MemberHeartbeat, MemberView } from '#broker';
import { ProtocolError } from '#protocol';
import { type Logger, type Random, RetryBackoff, type Scheduler } from '#runtime';
import { HeartbeatRings } from './heartbeat-rings.js';

/** A member whose heartbeats this broker sends. */
export interface HeartbeatMember {
  readonly group: string;
  /** Time within which a client with records to acknowledge or without credit must act, ms. */
  readonly maxPollIntervalMs: number;
  /**
   * Looks at the client of the member, once per interval between heartbeats.
   * @param elapsedMs the interval
   * @returns false when the member has left because its client does nothing
   */
  isServed(elapsedMs: number): boolean;
  heartbeat(): MemberHeartbeat;
  answered(view: MemberView): void;
  /** The group does not have the member any more, or refuses it. */
  refused(error: ProtocolError): void;
}

/** Shortest interval between two checks of a client, ms. */
const LOOK_MS_MIN = 300;

export interface MemberHeartbeatsParts {
  readonly groups: Pick<GroupMembers, 'heartbeats' | 'partOf'>;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Heartbeats of the members on this broker. Those that are due in one turn of the event loop are
 * sent together. A member has one heartbeat under way; one that is requested meanwhile follows it.
 *
 * Overlap: all calls may come while heartbeats are under way. The answer to a member that was
 * removed is ignored.
 */
export class MemberHeartbeats {
  readonly #parts: MemberHeartbeatsParts;
  readonly #rings: HeartbeatRings<HeartbeatMember>;
  readonly #due = new Set<HeartbeatMember>();
  readonly #underWay = new Set<HeartbeatMember>();
  readonly #failing = new Set<HeartbeatMember>();
  readonly #backoff: RetryBackoff;
  #isSending = false;
  #isClosed = false;
  #failedTotal = 0;

  constructor(parts: MemberHeartbeatsParts) {
    this.#parts = parts;
    this.#backoff = new RetryBackoff(parts.random);
    this.#rings = new HeartbeatRings(parts.scheduler, {
      onDue: (member, intervalMs) => {
        if (member.isServed(intervalMs)) this.request(member);
      },
      partOf: ({ group }) => parts.groups.partOf(group),
    });
  }

  /** Number of members. */
  get size(): number {
    return this.#rings.size;
  }

  /** Heartbeats since the start that no coordinator answered; each is sent again. */
  get failedTotal(): number {
    return this.#failedTotal;
  }

  add(member: HeartbeatMember, view: MemberView): void {
    if (!this.#isClosed) this.#rings.set(member, withinMs(member, view));
  }

  remove(member: HeartbeatMember): void {
    this.#rings.remove(member);
    this.#due.delete(member);
    this.#failing.delete(member);
  }

  /** Sends a heartbeat of a member at the end of this turn, or after the one under way. */
  request(member: HeartbeatMember): void {
    if (!this.#rings.has(member)) return;
    this.#due.add(member);
    this.#sendSoon();
  }

  close(): void {
    this.#isClosed = true;
    this.#rings.close();
    this.#due.clear();
    this.#failing.clear();
  }

  #sendSoon(): void {
    if (this.#isSending) return;
    this.#isSending = true;
    this.#parts.scheduler.soon(() => {
      this.#isSending = false;
      this.#send();
    });
  }

  #send(): void {
    const members = [...this.#due].filter((member) => !this.#underWay.has(member));
    if (members.length === 0) return;
    for (const member of members) {
      this.#due.delete(member);
      this.#underWay.add(member);
    }
    const heartbeats = members.map((member) => member.heartbeat());
    this.#parts.groups.heartbeats(heartbeats, (at, outcome) => {
      const member = members[at];
      if (member === undefined) return;
      this.#underWay.delete(member);
      if ('answer' in outcome) this.#answered(member, outcome.answer);
      else this.#failed(member, outcome.refusal);
      if (this.#due.has(member)) this.#sendSoon();
    });
  }

  #answered(member: HeartbeatMember, view: MemberView): void {
    if (!this.#rings.has(member)) return;
    this.#backoff.reset();
    this.#rings.set(member, withinMs(member, view));
    member.answered(view);
  }

  #failed(member: HeartbeatMember, error: unknown): void {
    if (!this.#rings.has(member)) return;
    if (error instanceof ProtocolError && !error.retriable) {
      member.refused(error);
      return;
    }
    this.#failedTotal += 1;
    if (!(error instanceof ProtocolError)) {
      this.#parts.logger.warn({ err: error }, 'the heartbeat of a member failed and is repeated');
    }
    this.#failing.add(member);
    if (this.#failing.size > 1) return;
    this.#parts.scheduler.after(this.#backoff.nextDelayMs(), () => {
      const failing = [...this.#failing];
      this.#failing.clear();
      for (const each of failing) this.request(each);
    });
  }
}

/** Time in which a member is checked three times, ms. */
function withinMs(
  { maxPollIntervalMs }: HeartbeatMember,
  { sessionTimeoutMs }: MemberView,
): number {
  return Math.min(sessionTimeoutMs, Math.max(LOOK_MS_MIN, maxPollIntervalMs));
}
