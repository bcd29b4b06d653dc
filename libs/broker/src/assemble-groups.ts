import type { CoordinationStore } from '#coordination';
import type {
  GroupCoordinators,
  OffsetCommit,
  QueueAcks,
  QueueDelivery,
  QueuePoll,
  TopicDirectory,
} from '#groups';
import type { Offset } from '#protocol';
import type { Peers, ReplicaManager } from '#replication';
import type { Clock, Logger, Random, Scheduler } from '#runtime';
import type { FetchRequest, FetchResult } from './broker.js';
import { ClusterGroups } from './cluster/cluster-groups.js';
import { CoordinatorCalls } from './cluster/coordinator-calls.js';
import { GroupHeartbeats } from './cluster/group-heartbeats.js';
import { GroupWatcher } from './cluster/group-watcher.js';
import type { LeaderCalls } from './cluster/leader-calls.js';
import type { LeaderStatuses } from './cluster/leader-statuses.js';
import type { LeadershipCheck } from './cluster/leadership-check.js';
import type { PartitionAccess } from './cluster/partition-access.js';
import { BrokerGroups } from './groups/broker-groups.js';
import { BrokerQueues } from './groups/broker-queues.js';
import { assertCommitsAtLeaders } from './groups/commit-check.js';
import { followGroup } from './groups/followed-watch.js';
import type { Groups } from './groups/groups.js';
import { MemberPolls } from './groups/member-polls.js';
import { MemberReads } from './groups/member-reads.js';
import { QueueFeeds } from './groups/queue-feeds.js';
import { QueuePolls } from './groups/queue-polls.js';
import { QueueReads } from './groups/queue-reads.js';
import type { WaitingPolls } from './groups/waiting-polls.js';
import type { StatusTarget } from './leader-status.js';
import type { GroupOffsets } from './log-broker.js';
import type { Requester } from './requester.js';

/** Settings of the parts of a broker that serve clients of groups. */
export interface GroupPartsSettings {
  readonly brokerId: number;
  readonly leaderWaitMs: number;
  readonly longPollsMax: number;
  readonly queueGroupsMax: number | undefined;
  /** UTF-8 bytes of one offset's metadata. */
  readonly offsetMetadataBytesMax: number;
}

export interface GroupPartsOptions extends GroupPartsSettings {
  readonly store: Pick<CoordinationStore, 'state'>;
  readonly replicas: ReplicaManager;
  readonly leaders: LeaderCalls;
  readonly leadership: LeadershipCheck;
  readonly statuses: LeaderStatuses;
  readonly partitions: PartitionAccess;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  readonly brokerEpoch: () => number;
}

/** Polls of members that wait for records, in both modes. */
interface PollWaits {
  readonly waiting: number;
  readonly refusedTotal: number;
  /** Groups that are remembered to be in queue mode. */
  readonly queueGroups: number;
  /** Answers all waiting polls with the records that were found. */
  endWaits(): void;
}

/** The parts of a broker that serve clients of groups. */
export interface GroupParts {
  readonly offsets: GroupOffsets;
  readonly groups: Groups;
  readonly polls: PollWaits;
  readonly watcher: GroupWatcher;
  /** Offsets by partition below which a queue group is done with the records of a topic. */
  readonly floorsOf: (group: string, topic: TopicId) => Promise<ReadonlyMap<number, Offset>>;
}

/** A topic with its id. */
interface TopicId {
  readonly name: string;
  readonly id: string;
}

export function assembleGroups(
  coordinators: GroupCoordinators,
  topics: TopicDirectory,
  options: GroupPartsOptions,
): GroupParts {
  const { statuses, partitions } = options;
  const assertCommits = (commits: readonly OffsetCommit[]): Promise<void> =>
    assertCommitsAtLeaders(commits, {
      ...options,
      topics,
      statusesOf: (targets, how) => statuses.of(targets, how),
      refresh: () => options.leadership.refresh(),
    });
  const offsets = new ClusterGroups({ ...options, offsets: coordinators, topics, assertCommits });
  const calls = new CoordinatorCalls({ ...options, coordinators, topics });
  const watcher = new GroupWatcher({
    ...options,
    coordinators,
    coordinatorOf: (group) => calls.coordinatorOf(group),
  });
  const fetch = (request: FetchRequest, requester: Requester | undefined): Promise<FetchResult> =>
    partitions.fetch(request, requester);
  const reads = new MemberReads({ ...options, fetch });
  const queue = {
    coordinator: {
      poll: (call: QueuePoll) => calls.call('queuePoll', call),
      deliver: (call: QueueDelivery) => calls.call('queueDelivery', call),
      acknowledge: (call: QueueAcks) => calls.call('acknowledge', call),
      watch: (group: string, onChange: () => void) =>
        followGroup({ ...options, calls, watcher }, group, onChange),
    },
    reads: new QueueReads({
      ...options,
      fetch,
      listDelayed: (target, question) => partitions.listDelayed(target, question),
    }),
    waits: reads,
  };
  const queuePolls = new QueuePolls({ ...options, ...queue });
  const queueFeeds = new QueueFeeds({ ...queue, logger: options.logger, ports: options });
  const polls = new MemberPolls({
    ...options,
    coordinator: {
      poll: (call) => calls.call('poll', call),
      waitingView: (call) => calls.call('waitingView', call),
      watch: (group, onChange) => watcher.watch(group, onChange),
    },
    reads,
  });
  const statusesOf = (targets: readonly StatusTarget[]) => statuses.of(targets);
  const groups = new BrokerGroups({
    ...options,
    calls,
    queues: new BrokerQueues({ calls, topics, statusesOf, fetch }),
    offsets,
    polls,
    queuePolls,
    queueFeeds,
    heartbeats: new GroupHeartbeats({ ...options, calls, coordinators }),
    assertCommits,
    watcher,
    topics,
    statusesOf,
    listOffset: (target, at, requester) => partitions.listOffset(target, at, requester),
  });
  const waits = pollWaits([polls.waiting, queuePolls.waiting], groups);
  return { offsets, groups, polls: waits, watcher, floorsOf: floorsAt(calls) };
}

function pollWaits(kinds: readonly WaitingPolls[], groups: BrokerGroups): PollWaits {
  return {
    get waiting() {
      return kinds.reduce((sum, { count }) => sum + count, 0);
    },
    get queueGroups() {
      return groups.queueGroupCount;
    },
    get refusedTotal() {
      return kinds.reduce((sum, { refusedTotal }) => sum + refusedTotal, 0);
    },
    endWaits: () => {
      for (const kind of kinds) kind.end();
    },
  };
}

function floorsAt(calls: CoordinatorCalls): GroupParts['floorsOf'] {
  return async (group, { name: topic, id: topicId }) => {
    const { floors } = await calls.call('queueFloors', { group, topic, topicId });
    return new Map(floors.map(({ partition, offset }) => [partition, offset]));
  };
}
