import type { GroupCoordinators, TopicDirectory } from '#groups';
import type { Peers, ReplicaManager } from '#replication';
import type { Clock, Random, Scheduler } from '#runtime';
import { BrokerGroups } from '../groups/broker-groups.js';
import type { Groups } from '../groups/groups.js';
import { MemberPolls } from '../groups/member-polls.js';
import { MemberReads } from '../groups/member-reads.js';
import type { GroupOffsets } from '../log-broker.js';
import { ClusterGroups } from './cluster-groups.js';
import { CoordinatorCalls } from './coordinator-calls.js';
import { GroupWatcher } from './group-watcher.js';
import type { LeaderCalls } from './leader-calls.js';
import type { LeaderStatuses } from './leader-statuses.js';
import type { PartitionAccess } from './partition-access.js';

export interface GroupPartsOptions {
  readonly replicas: ReplicaManager;
  readonly leaders: LeaderCalls;
  readonly statuses: LeaderStatuses;
  readonly partitions: PartitionAccess;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly brokerId: number;
  readonly leaderWaitMs: number;
  readonly longPollsMax: number;
  /** UTF-8 bytes of one offset's metadata. */
  readonly offsetMetadataBytesMax: number;
}

/** The parts of a broker that serve clients of groups. */
export interface GroupParts {
  readonly offsets: GroupOffsets;
  readonly groups: Groups;
  readonly polls: MemberPolls;
  readonly watcher: GroupWatcher;
}

export function assembleGroups(
  coordinators: GroupCoordinators,
  topics: TopicDirectory,
  options: GroupPartsOptions,
): GroupParts {
  const { statuses, partitions } = options;
  const offsets = new ClusterGroups({ ...options, offsets: coordinators, topics });
  const calls = new CoordinatorCalls({ ...options, coordinators, topics });
  const watcher = new GroupWatcher({
    ...options,
    coordinators,
    coordinatorOf: (group) => calls.coordinatorOf(group),
  });
  const polls = new MemberPolls({
    ...options,
    coordinator: {
      poll: (call) => calls.call('poll', call),
      waitingView: (call) => calls.call('waitingView', call),
      watch: (group, onChange) => watcher.watch(group, onChange),
    },
    reads: new MemberReads({ ...options, fetch: (request) => partitions.fetch(request) }),
  });
  const groups = new BrokerGroups({
    ...options,
    calls,
    offsets,
    polls,
    topics,
    statusesOf: (targets) => statuses.of(targets),
    listOffset: (target, at) => partitions.listOffset(target, at),
  });
  return { offsets, groups, polls, watcher };
}
