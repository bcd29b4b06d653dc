import type { MemberCommit, MemberView, TopicDirectory } from '#groups';
import type { Scheduler } from '#runtime';
import type { CoordinatorCalls } from '../cluster/coordinator-calls.js';
import type { GroupHeartbeats } from '../cluster/group-heartbeats.js';
import type { GroupWatcher } from '../cluster/group-watcher.js';
import type { GroupMembers, MemberHeartbeat, MemberJoin } from './group-members.js';
import type { Groups } from './groups.js';

interface ConnectedMembersOptions {
  readonly calls: CoordinatorCalls;
  readonly heartbeats: GroupHeartbeats;
  readonly watcher: GroupWatcher;
  readonly groups: Pick<Groups, 'commitAsMember' | 'leave'>;
  readonly topics: TopicDirectory;
  /** Epoch of this process, whose end is the end of its connections. */
  readonly brokerEpoch: () => number;
  readonly scheduler: Scheduler;
}

/** A watch that follows the coordinator of its group. */
interface FollowedWatch {
  readonly group: string;
  readonly onChange: () => void;
  coordinator: number | null;
  end: () => void;
}

/** Time after which a group without a coordinator is looked at again, in ms. */
const RETRY_MS = 100;

/**
 * The members whose connections this broker has, at whichever broker their groups are coordinated.
 *
 * Overlap: calls may overlap; requests of one group are ordered by its coordinator.
 */
export class ConnectedMembers implements GroupMembers {
  readonly #options: ConnectedMembersOptions;

  constructor(options: ConnectedMembersOptions) {
    this.#options = options;
  }

  async join(group: string, request: MemberJoin): Promise<MemberView> {
    const { calls, topics, brokerEpoch } = this.#options;
    await topics.ensureOffsetsTopic();
    return calls.call('join', { group, request, brokerEpoch: brokerEpoch() });
  }

  heartbeats(heartbeats: readonly MemberHeartbeat[]): readonly Promise<MemberView>[] {
    const brokerEpoch = this.#options.brokerEpoch();
    return this.#options.heartbeats.send(
      heartbeats.map((heartbeat) => ({ ...heartbeat, brokerEpoch })),
    );
  }

  commitAsMember(commit: MemberCommit): Promise<void> {
    return this.#options.groups.commitAsMember(commit);
  }

  leave(group: string, memberId: string): Promise<void> {
    return this.#options.groups.leave(group, memberId);
  }

  watch(group: string, onChange: () => void): () => void {
    let isEnded = false;
    const watch: FollowedWatch = { group, onChange, coordinator: null, end: () => undefined };
    const follow = (): void => {
      if (isEnded) return;
      const coordinator = this.#options.calls.coordinatorOf(group);
      if (coordinator === null) this.#options.scheduler.after(RETRY_MS, changed);
      if (coordinator === watch.coordinator) return;
      watch.end();
      watch.coordinator = coordinator;
      watch.end = this.#options.watcher.watch(group, changed);
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
}
