/**
 * Tells polls at this broker when the assignment of their group may have changed. Groups that are
 * coordinated here are watched directly; for each other coordinator one call waits for all its
 * groups.
 *
 * Overlap: calls may overlap; at most one call to each coordinator is under way.
 */
import type { GroupCoordinators, OnGroupChange } from '#groups';
import type { Peers } from '#replication';
import type { Scheduler, Timer } from '#runtime';

/** Time that a coordinator may hold a call, in ms. */
const WATCH_MS = 10_000;
/** Time in which further groups join one call, and after which a failed call is repeated, in ms. */
const GATHER_MS = 5;
const RETRY_MS = 200;
/** Groups in one call; the polls of others notice changes with their next heartbeat. */
const GROUPS_PER_CALL = 10_000;

interface GroupWatcherOptions {
  readonly coordinators: Pick<GroupCoordinators, 'watches'>;
  readonly coordinatorOf: (group: string) => number | null;
  readonly peers: Peers;
  readonly brokerId: number;
  readonly scheduler: Scheduler;
}

/** A call that waits for changes of groups at their coordinator. */
export interface GroupWatchCall {
  readonly groups: readonly string[];
  readonly waitMs: number;
  /** Number in the last answer; null when there is none, and any group may have changed. */
  readonly afterSequence: number | null;
}

/** Groups that changed, each with the members that the change concerns; null when any may be. */
interface GroupWatchAnswer {
  readonly changed: readonly {
    readonly group: string;
    readonly members: readonly string[] | null;
  }[];
  /** Number of the coordinator's last change. */
  readonly sequence: number;
}

/** The call to one coordinator. */
interface Watch {
  readonly groups: Map<string, Set<OnGroupChange>>;
  /** Number in the coordinator's last answer; null before the first one and after a failure. */
  sequence: number | null;
  call: AbortController | undefined;
  timer: Timer | undefined;
}

export class GroupWatcher {
  readonly #options: GroupWatcherOptions;
  readonly #watches = new Map<number, Watch>();
  #isClosed = false;

  constructor(options: GroupWatcherOptions) {
    this.#options = options;
  }

  /** @returns a function that ends the watch */
  watch(group: string, onChange: OnGroupChange): () => void {
    const { coordinators, coordinatorOf, brokerId } = this.#options;
    const coordinator = coordinatorOf(group);
    if (coordinator === null) return () => undefined;
    return coordinator === brokerId
      ? coordinators.watches.add(group, onChange)
      : this.#watchRemote(coordinator, group, onChange);
  }

  close(): void {
    this.#isClosed = true;
    for (const watch of this.#watches.values()) {
      watch.timer?.cancel();
      watch.call?.abort();
    }
  }

  #watchRemote(coordinator: number, group: string, onChange: OnGroupChange): () => void {
    const watch = this.#watches.get(coordinator) ?? {
      groups: new Map<string, Set<OnGroupChange>>(),
      sequence: null,
      call: undefined,
      timer: undefined,
    };
    this.#watches.set(coordinator, watch);
    const listeners = watch.groups.get(group) ?? new Set();
    listeners.add(onChange);
    if (!watch.groups.has(group)) {
      watch.groups.set(group, listeners);
      this.#callSoon(coordinator, watch, GATHER_MS);
    }
    return () => {
      listeners.delete(onChange);
      // The group stays in the call under way: the member's next poll is soon there.
      if (listeners.size === 0 && watch.call === undefined) watch.groups.delete(group);
    };
  }

  #callSoon(coordinator: number, watch: Watch, delayMs: number): void {
    if (watch.timer !== undefined || this.#isClosed) return;
    watch.timer = this.#options.scheduler.after(delayMs, () => {
      watch.timer = undefined;
      watch.call?.abort();
      void this.#call(coordinator, watch);
    });
  }

  /** Never rejects. */
  async #call(coordinator: number, watch: Watch): Promise<void> {
    for (const [group, listeners] of watch.groups) {
      if (listeners.size === 0) watch.groups.delete(group);
    }
    const groups = [...watch.groups.keys()].slice(0, GROUPS_PER_CALL);
    if (groups.length === 0) {
      watch.call = undefined;
      this.#watches.delete(coordinator);
      return;
    }
    const call = new AbortController();
    watch.call = call;
    let delayMs = 0;
    try {
      const body: GroupWatchCall = { groups, waitMs: WATCH_MS, afterSequence: watch.sequence };
      const message = { body, blobs: [] };
      const options = { timeoutMs: 2 * WATCH_MS, signal: call.signal };
      const answer = await this.#options.peers.call(coordinator, 'group-watch', message, options);
      // A later call, for more groups, asks for the same changes.
      if (watch.call !== call) return;
      const { changed, sequence } = answer.body as GroupWatchAnswer;
      watch.sequence = sequence;
      for (const { group, members } of changed) {
        tell(watch, group, members === null ? undefined : new Set(members));
      }
    } catch {
      if (watch.call !== call) return;
      // The coordinator is gone, or another one: the polls ask who it is now.
      watch.sequence = null;
      for (const group of groups) tell(watch, group, undefined);
      delayMs = RETRY_MS;
    }
    if (watch.call !== call || this.#isClosed) return;
    watch.call = undefined;
    this.#callSoon(coordinator, watch, delayMs);
  }
}

function tell({ groups }: Watch, group: string, members: ReadonlySet<string> | undefined): void {
  for (const onChange of groups.get(group) ?? []) onChange(members);
}
