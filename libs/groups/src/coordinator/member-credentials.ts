import type { Clock, Scheduler, Timer } from '#runtime';
import type { MemberCaller } from '../state/member-owner.js';

/** Pause between looks for expired credentials, ms. The clock may be set at any time. */
const LOOK_MS = 500;

interface MemberCredentialsOptions {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly onExpired: (group: string, memberId: string) => void;
}

/**
 * The times until which the callers of one coordinator's members have a valid credential, for
 * members without a connection that would end. The latest credential of a member counts, so that a
 * member with tokens stays while it sends a newer one before the earlier one expires.
 *
 * They are in memory only: a new coordinator learns them with the next call of each member.
 */
export class MemberCredentials {
  readonly #options: MemberCredentialsOptions;
  /** Latest expiry, ms since the epoch, by key; Infinity for a credential that does not expire. */
  readonly #expiresAtMs = new Map<string, number>();
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: MemberCredentialsOptions) {
    this.#options = options;
  }

  /** Takes note of the credential of a call that named a member. */
  calledBy(group: string, memberId: string, caller: MemberCaller): void {
    if (caller === undefined || caller === 'broker' || caller.expiresAtMs === undefined) return;
    const key = keyOf(group, memberId);
    const expiresAtMs = caller.expiresAtMs ?? Number.POSITIVE_INFINITY;
    if (expiresAtMs <= (this.#expiresAtMs.get(key) ?? Number.NEGATIVE_INFINITY)) return;
    this.#expiresAtMs.set(key, expiresAtMs);
    this.#schedule();
  }

  /** True once the latest credential of a member has expired. */
  isExpired(group: string, memberId: string): boolean {
    const expiresAtMs = this.#expiresAtMs.get(keyOf(group, memberId));
    return expiresAtMs !== undefined && expiresAtMs <= this.#options.clock.nowMs();
  }

  /** The member is gone. */
  forget(group: string, memberId: string): void {
    this.#expiresAtMs.delete(keyOf(group, memberId));
  }

  /** Ends the timer. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    if (this.#isClosed || this.#timer !== undefined) return;
    this.#timer = this.#options.scheduler.after(LOOK_MS, () => {
      this.#timer = undefined;
      this.#look();
    });
  }

  #look(): void {
    const nowMs = this.#options.clock.nowMs();
    let mayExpire = false;
    for (const [key, expiresAtMs] of this.#expiresAtMs) {
      if (expiresAtMs < Number.POSITIVE_INFINITY) mayExpire = true;
      if (expiresAtMs > nowMs) continue;
      const [group = '', memberId = ''] = key.split(SEPARATOR);
      this.#options.onExpired(group, memberId);
    }
    if (mayExpire) this.#schedule();
  }
}

/** Names of groups and members have no control characters. */
const SEPARATOR = '\n';

function keyOf(group: string, memberId: string): string {
  return group + SEPARATOR + memberId;
}
