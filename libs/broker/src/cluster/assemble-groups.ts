import type { GroupCoordinators, TopicDirectory } from '#groups';
import type { Peers, ReplicaManager } from '#replication';
import type { Clock, Random, Scheduler } from '#runtime';
import type { FetchRequest, FetchResult } from '../broker.js';
import { BrokerGroups } from '../groups/broker-groups.js';
import type { Groups } from '../groups/groups.js';
import { MemberPolls } from '../groups/member-polls.js';
import { MemberReads } from '../groups/member-reads.js';
import { QueuePolls } from '../groups/queue-polls.js';
import { QueueReads } from '../groups/queue-reads.js';
import type { GroupOffsets } from '../log-broker.js';
import { ClusterGroups } from './cluster-groups.js';
import { CoordinatorCalls } from './coordinator-calls.js';
import { GroupHeartbeats } from './group-heartbeats.js';
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
  readonly brokerEpoch: () => number;
  readonly leaderWaitMs: number;
  readonly longPollsMax: number;
  /** UTF-8 bytes of one offset's metadata. */
  readonly offsetMetadataBytesMax: number;
}

/** Polls of members that wait for records, in both modes. */
interface PollWaits {
  readonly waiting: number;
  readonly refusedTotal: number;
  /** Answers all of them with what is there. */
  endWaits(): void;
}

/** The parts of a broker that serve clients of groups. */
export interface GroupParts {
  readonly offsets: GroupOffsets;
  readonly groups: Groups;
  readonly polls: PollWaits;
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
  const fetch = (request: FetchRequest): Promise<FetchResult> => partitions.fetch(request);
  const reads = new MemberReads({ ...options, fetch });
  const queuePolls = new QueuePolls({
    ...options,
    coordinator: {
      poll: (call) => calls.call('queuePoll', call),
      acknowledge: (call) => calls.call('acknowledge', call),
      watch: (group, onChange) => watcher.watch(group, onChange),
    },
    reads: new QueueReads({ ...options, fetch }),
    waits: reads,
  });
  const polls = new MemberPolls({
    ...options,
    coordinator: {
      poll: (call) => calls.call('poll', call),
      waitingView: (call) => calls.call('waitingView', call),
      watch: (group, onChange) => watcher.watch(group, onChange),
    },
    reads,
  });
  const groups = new BrokerGroups({
    ...options,
    calls,
    offsets,
    polls,
    queuePolls,
    heartbeats: new GroupHeartbeats({ ...options, calls }),
    watcher,
    topics,
    statusesOf: (targets) => statuses.of(targets),
    listOffset: (target, at) => partitions.listOffset(target, at),
  });
  const waits: PollWaits = {
    get waiting() {
      return polls.waiting + queuePolls.waiting;
    },
    get refusedTotal() {
      return polls.refusedTotal + queuePolls.refusedTotal;
    },
    endWaits: () => {
      polls.endWaits();
      queuePolls.endWaits();
    },
  };
  return { offsets, groups, polls: waits, watcher };
}
