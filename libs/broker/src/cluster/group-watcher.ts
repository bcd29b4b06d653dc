/**
 * Tells polls at this broker when the assignment of their group may have changed. Groups that are
 * coordinated here are watched directly; for each other coordinator one call waits for all its
 * groups.
 *
 * Overlap: calls may overlap; at most one call to each coordinator is under way.
 */
import type { GroupCoordinators } from '#groups';
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
  readonly coordinators: GroupCoordinators;
  readonly coordinatorOf: (group: string) => number | null;
  readonly peers: Peers;
  readonly brokerId: number;
  readonly scheduler: Scheduler;
}

/** The call to one coordinator. */
interface Watch {
  readonly groups: Map<string, Set<() => void>>;
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
  watch(group: string, onChange: () => void): () => void {
    const { coordinators, coordinatorOf, brokerId } = this.#options;
    const coordinator = coordinatorOf(group);
    if (coordinator === null) return () => undefined;
    return coordinator === brokerId
      ? coordinators.watch(group, onChange)
      : this.#watchRemote(coordinator, group, onChange);
  }

  close(): void {
    this.#isClosed = true;
    for (const watch of this.#watches.values()) {
      watch.timer?.cancel();
      watch.call?.abort();
    }
  }

  #watchRemote(coordinator: number, group: string, onChange: () => void): () => void {
    const watch = this.#watches.get(coordinator) ?? {
      groups: new Map<string, Set<() => void>>(),
      call: undefined,
      timer: undefined,
    };
    this.#watches.set(coordinator, watch);
    const listeners = watch.groups.get(group) ?? new Set();
    listeners.add(onChange);
    if (!watch.groups.has(group)) {
      watch.groups.set(group, listeners);
      this.#callSoon(coordinator, watch, GATHER_MS);
      // A change that came before the call did is noticed by asking once more.
      this.#options.scheduler.after(RETRY_MS, () => tell(watch, group));
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
      const message = { body: { groups, waitMs: WATCH_MS }, blobs: [] };
      const options = { timeoutMs: 2 * WATCH_MS, signal: call.signal };
      const answer = await this.#options.peers.call(coordinator, 'group-watch', message, options);
      const { changed } = answer.body as { readonly changed: readonly string[] };
      for (const group of changed) tell(watch, group);
    } catch {
      if (watch.call !== call) return;
      // The coordinator is gone, or another one: the polls ask who it is now.
      for (const group of groups) tell(watch, group);
      delayMs = RETRY_MS;
    }
    if (watch.call !== call || this.#isClosed) return;
    watch.call = undefined;
    this.#callSoon(coordinator, watch, delayMs);
  }
}

function tell({ groups }: Watch, group: string): void {
  for (const onChange of groups.get(group) ?? []) onChange();
}
