import type { Scheduler } from '#runtime';
import type { CoordinatorCalls } from '../cluster/coordinator-calls.js';
import type { GroupWatcher } from '../cluster/group-watcher.js';

export interface FollowedWatchParts {
  readonly calls: Pick<CoordinatorCalls, 'coordinatorOf'>;
  readonly watcher: Pick<GroupWatcher, 'watch'>;
  readonly scheduler: Scheduler;
}

/** A watch that follows the coordinator of its group. */
interface FollowedWatch {
  coordinator: number | null;
  end: () => void;
}

/** Time after which the coordinator of a group without one is looked up again, in ms. */
const RETRY_MS = 100;

/**
 * Calls back when a group may have changed, or its coordinator moved.
 * @returns a function that ends the watch
 */
export function followGroup(
  { calls, watcher, scheduler }: FollowedWatchParts,
  group: string,
  onChange: () => void,
): () => void {
  let isEnded = false;
  const watch: FollowedWatch = { coordinator: null, end: () => undefined };
  const follow = (): void => {
    if (isEnded) return;
    const coordinator = calls.coordinatorOf(group);
    if (coordinator === null) scheduler.after(RETRY_MS, changed);
    if (coordinator === watch.coordinator) return;
    watch.end();
    watch.coordinator = coordinator;
    watch.end = watcher.watch(group, changed);
  };
  const changed = (): void => {
    follow();
    if (!isEnded) onChange();
  };
  follow();
  return () => {
    isEnded = true;
    watch.end();
  };
}
