import type { Clock, Scheduler, Timer } from '#runtime';
import type { Group } from '../state/group.js';

/** Pause between looks for expired credentials, ms. The clock may be set at any time. */
const LOOK_MS = 500;

interface ExpiringMembersOptions {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** The newest state of a group. */
  readonly groupOf: (name: string) => Group;
  /** Called again until the member is gone, or has a newer credential. */
  readonly onExpired: (group: string, memberId: string) => void;
}

/** Looks for members of one coordinator whose latest credential has expired. */
export class ExpiringMembers {
  readonly #options: ExpiringMembersOptions;
  /** Groups that have members whose credentials expire. */
  readonly #groups = new Set<string>();
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: ExpiringMembersOptions) {
    this.#options = options;
  }

  /** The group has changed, or was loaded. */
  look({ name, credentials }: Group): void {
    if (credentials.size === 0) return;
    this.#groups.add(name);
    this.#schedule();
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
      this.#lookAtAll();
    });
  }

  #lookAtAll(): void {
    const { clock, groupOf, onExpired } = this.#options;
    const nowMs = clock.nowMs();
    for (const name of this.#groups) {
      const { credentials } = groupOf(name);
      if (credentials.size === 0) this.#groups.delete(name);
      for (const [memberId, expiresAtMs] of credentials) {
        if (expiresAtMs <= nowMs) onExpired(name, memberId);
      }
    }
    if (this.#groups.size > 0) this.#schedule();
  }
}
