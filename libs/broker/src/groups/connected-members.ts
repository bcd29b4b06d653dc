import type { MemberCommit, MemberView, SettleHeartbeat, TopicDirectory } from '#groups';
import type { Scheduler } from '#runtime';
import type { CoordinatorCalls } from '../cluster/coordinator-calls.js';
import type { GroupHeartbeats } from '../cluster/group-heartbeats.js';
import type { GroupWatcher } from '../cluster/group-watcher.js';
import type { Requester } from '../requester.js';
import { followGroup } from './followed-watch.js';
import type { GroupMembers, MemberHeartbeat, MemberJoin } from './group-members.js';
import type { Groups } from './groups.js';
import type { QueueFeeds } from './queue-feeds.js';
import type { QueueDelivering, QueueReceiver } from './queue-receiver.js';

interface ConnectedMembersOptions {
  readonly calls: CoordinatorCalls;
  readonly heartbeats: GroupHeartbeats;
  readonly watcher: GroupWatcher;
  readonly groups: Pick<Groups, 'commitAsMember'>;
  readonly queueFeeds: QueueFeeds;
  readonly topics: TopicDirectory;
  /** Epoch of this process, whose end is the end of its connections. */
  readonly brokerEpoch: () => number;
  readonly scheduler: Scheduler;
  /** Undefined while authentication is off: members belong to everybody then. */
  readonly requester?: Requester;
}

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

  partOf(group: string): number {
    return this.#options.calls.partitionOf(group).partition;
  }

  async join(group: string, join: MemberJoin): Promise<MemberView> {
    const { calls, topics, brokerEpoch, requester } = this.#options;
    const { caller, ...request } = join;
    await topics.ensureOffsetsTopic();
    const call = { group, request, brokerEpoch: brokerEpoch() };
    const isOwned = caller !== undefined && requester !== undefined;
    return calls.call('join', isOwned ? { ...call, caller } : call);
  }

  heartbeats(heartbeats: readonly MemberHeartbeat[], settle: SettleHeartbeat): void {
    const brokerEpoch = this.#options.brokerEpoch();
    this.#options.heartbeats.send(
      heartbeats.map(({ group, memberId, generation }) => {
        return { group, memberId, generation, brokerEpoch, caller: 'broker' };
      }),
      settle,
    );
  }

  commitAsMember(commit: MemberCommit): Promise<void> {
    return this.#options.groups.commitAsMember(commit);
  }

  async leave(group: string, memberId: string, isBroken = false): Promise<void> {
    await this.#options.calls.call('leave', { group, memberId, isBroken });
  }

  watch(group: string, onChange: () => void): () => void {
    return followGroup(this.#options, group, onChange);
  }

  receiveQueue(group: string, receiver: QueueReceiver): QueueDelivering {
    return this.#options.queueFeeds.open(group, receiver);
  }
}
