import type { Clock, Scheduler, Timer } from '#runtime';
import { DueTimes } from './due-times.js';

/** Members that are checked in one turn of the event loop, at most. */
const LOOKS_PER_TURN = 500;
/**
 * A timer that is later than this, in ms, means that the process stood still. Heartbeats may wait
 * in its sockets, so every member gets a whole session.
 */
const STALL_MS = 1000;

/** A member's session is over, or its time to release partitions. */
export type MemberDue = 'session' | 'release';

interface Session {
  readonly lengthMs: number;
  /** Monotonic time of the last call of the member that was not a heartbeat, ms. */
  readonly progressMs: number;
}

interface MemberSessionsOptions {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly onDue: (due: MemberDue, group: string, memberId: string) => void;
}

/**
 * The sessions of the members of one coordinator, and the times until which they may keep
 * partitions that they should release. They are in memory only: a new coordinator begins all of
 * them again.
 */
export class MemberSessions {
  readonly #options: MemberSessionsOptions;
  readonly #due: Readonly<Record<MemberDue, DueTimes>> = {
    session: new DueTimes(),
    release: new DueTimes(),
  };
  readonly #sessions = new Map<string, Session>();
  #timer: Timer | undefined;
  #timerMs = Number.POSITIVE_INFINITY;
  #isClosed = false;

  constructor(options: MemberSessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Begins a member's session again, after any call but a heartbeat. */
  renew(group: string, memberId: string, sessionMs: number): void {
    const key = keyOf(group, memberId);
    const nowMs = this.#nowMs();
    this.#sessions.set(key, { lengthMs: sessionMs, progressMs: nowMs });
    this.#due.session.set(key, nowMs + sessionMs);
    this.#schedule();
  }

  /**
   * Lets a member's session last on after a heartbeat.
   * @param withinMs time since the last `renew` after which it is over all the same; no limit by
   * default
   */
  keep(
    group: string,
    memberId: string,
    {
      sessionMs,
      withinMs = Infinity,
    }: { readonly sessionMs: number; readonly withinMs?: number | undefined },
  ): void {
    const key = keyOf(group, memberId);
    const nowMs = this.#nowMs();
    const progressMs = this.#sessions.get(key)?.progressMs ?? nowMs;
    this.#sessions.set(key, { lengthMs: sessionMs, progressMs });
    this.#due.session.set(key, Math.min(nowMs + sessionMs, progressMs + withinMs));
    this.#schedule();
  }

  /** True from the first call of a member until `end`, also when its session is over. */
  isKnown(group: string, memberId: string): boolean {
    return this.#sessions.has(keyOf(group, memberId));
  }

  /** True while a member's session lasts. */
  isAlive(group: string, memberId: string): boolean {
    return this.#due.session.dueOf(keyOf(group, memberId)) !== undefined;
  }

  /** Lets a member keep partitions that it should release for this time from the first call on. */
  allowRelease(group: string, memberId: string, withinMs: number): void {
    const key = keyOf(group, memberId);
    if (this.#due.release.dueOf(key) !== undefined) return;
    this.#due.release.set(key, this.#nowMs() + withinMs);
    this.#schedule();
  }

  /** The member has nothing to release. */
  released(group: string, memberId: string): void {
    this.#due.release.delete(keyOf(group, memberId));
  }

  end(group: string, memberId: string): void {
    const key = keyOf(group, memberId);
    this.#sessions.delete(key);
    this.#due.session.delete(key);
    this.#due.release.delete(key);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    const { session, release } = this.#due;
    const nextMs = Math.min(session.nextMs ?? Infinity, release.nextMs ?? Infinity);
    if (this.#isClosed || nextMs >= this.#timerMs) return;
    this.#timer?.cancel();
    this.#timerMs = nextMs;
    this.#timer = this.#options.scheduler.after(nextMs - this.#nowMs(), () => this.#look());
  }

  #look(): void {
    const nowMs = this.#nowMs();
    if (nowMs - this.#timerMs > STALL_MS) this.#renewAll(nowMs);
    this.#timerMs = Number.POSITIVE_INFINITY;
    for (const due of ['release', 'session'] as const) {
      for (const key of this.#due[due].takeDue(nowMs, LOOKS_PER_TURN)) {
        const [group = '', memberId = ''] = key.split(SEPARATOR);
        this.#options.onDue(due, group, memberId);
      }
    }
    this.#schedule();
  }

  #renewAll(nowMs: number): void {
    for (const [key, { lengthMs }] of this.#sessions) this.#due.session.set(key, nowMs + lengthMs);
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}

/** Names of groups and members have no control characters. */
const SEPARATOR = '\n';

function keyOf(group: string, memberId: string): string {
  return group + SEPARATOR + memberId;
}
