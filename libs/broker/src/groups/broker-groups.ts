/**
 * Consumer groups as clients of this broker see them: calls go to the group's coordinator, records
 * and lags come from the leaders of the partitions.
 *
 * Overlap: calls may overlap; requests of one group are ordered by its coordinator.
 */
import type {
  GroupConfigEntry,
  GroupSnapshot,
  MemberCommit,
  OffsetCommit,
  PartitionSnapshot,
  TopicDirectory,
} from '#groups';
import { ProtocolError, type TopicPartition, topicPartitionName } from '#protocol';
import type { Random, Scheduler } from '#runtime';
import type { ListedOffset, OffsetSpec } from '../broker.js';
import type { CoordinatorCalls } from '../cluster/coordinator-calls.js';
import type { GroupHeartbeats } from '../cluster/group-heartbeats.js';
import type { GroupWatcher } from '../cluster/group-watcher.js';
import type { LeaderStatus, StatusTarget } from '../leader-status.js';
import type { GroupOffsets } from '../log-broker.js';
import type { Requester } from '../requester.js';
import type { BrokerQueues } from './broker-queues.js';
import { ConnectedMembers } from './connected-members.js';
import { chosenPartitions, offsetMoves } from './group-offset-reset.js';
import type {
  GroupConfigsDescription,
  GroupDescription,
  GroupList,
  GroupListRequest,
  GroupPartitionDescription,
  Groups,
  JoinRequest,
  MemberHeartbeatState,
  MemberPollRequest,
  MemberRecords,
  MemberState,
  OffsetMove,
  OffsetResetRequest,
  QueueAck,
  QueueAckResult,
  QueueRecords,
} from './groups.js';
import { type MemberPolls, memberState } from './member-polls.js';
import { resetsOfNextPoll } from './position-resets.js';
import { acknowledge } from './queue-acks.js';
import type { QueueFeeds } from './queue-feeds.js';
import type { QueuePolls } from './queue-polls.js';
import type { Queues } from './queues.js';

interface BrokerGroupsOptions {
  readonly calls: CoordinatorCalls;
  readonly offsets: GroupOffsets;
  readonly polls: MemberPolls;
  readonly queuePolls: QueuePolls;
  readonly queues: BrokerQueues;
  readonly queueFeeds: QueueFeeds;
  readonly heartbeats: GroupHeartbeats;
  readonly watcher: GroupWatcher;
  readonly scheduler: Scheduler;
  readonly brokerEpoch: () => number;
  readonly topics: TopicDirectory;
  readonly statusesOf: (
    partitions: readonly StatusTarget[],
  ) => Promise<ReadonlyMap<string, LeaderStatus>>;
  readonly listOffset: (
    target: TopicPartition,
    at: OffsetSpec,
    requester: Requester | undefined,
  ) => Promise<ListedOffset>;
  readonly random: Random;
  /** See `assertCommitsAtLeaders`. */
  readonly assertCommits: (offsets: readonly OffsetCommit[]) => Promise<void>;
  /** Names of queue groups that are remembered; 10,000 by default. */
  readonly queueGroupsMax?: number | undefined;
  /** Requester of all requests; undefined while authentication is off. */
  readonly requester?: Requester;
}

export class BrokerGroups implements Groups {
  readonly members: ConnectedMembers;
  readonly queues: Queues;
  readonly #options: BrokerGroupsOptions;
  /** Groups that were in queue mode when they were last asked for. */
  readonly #queueGroups: Set<string>;

  /** @param queueGroups shared by the views of all requesters */
  constructor(options: BrokerGroupsOptions, queueGroups = new Set<string>()) {
    this.#options = options;
    this.#queueGroups = queueGroups;
    this.queues = options.queues;
    this.members = new ConnectedMembers({ ...options, groups: this });
  }

  /** Number of groups that are remembered to be in queue mode. */
  get queueGroupCount(): number {
    return this.#queueGroups.size;
  }

  as(requester: Requester): BrokerGroups {
    const { calls, queues } = this.#options;
    const own = { calls: calls.as(requester), queues: queues.as(requester), requester };
    return new BrokerGroups({ ...this.#options, ...own }, this.#queueGroups);
  }

  async join(group: string, request: JoinRequest): Promise<MemberState> {
    const { calls, random, topics } = this.#options;
    await topics.ensureOffsetsTopic();
    // A repeated call must not add another member.
    const memberId = request.memberId ?? random.uuid();
    return memberState(await calls.call('join', { group, request: { ...request, memberId } }));
  }

  async heartbeat(
    group: string,
    memberId: string,
    generation?: number,
  ): Promise<MemberHeartbeatState> {
    const { calls, statusesOf } = this.#options;
    const request = { group, memberId, generation: generation ?? null };
    const view = await calls.call('heartbeat', request);
    const resets = resetsOfNextPoll(view, await statusesOf(view.assignment));
    return { ...memberState(view), resets };
  }

  async poll(
    group: string,
    memberId: string,
    asked: MemberPollRequest,
  ): Promise<MemberRecords | QueueRecords> {
    const { polls, queuePolls, requester } = this.#options;
    const request = { ...asked, requester };
    if (this.#queueGroups.has(group)) {
      try {
        return await queuePolls.poll(group, memberId, request);
      } catch (error) {
        if (!isOfOtherMode(error)) throw error;
        this.#queueGroups.delete(group);
      }
    }
    try {
      return await polls.poll(group, memberId, request);
    } catch (error) {
      if (!isOfOtherMode(error)) throw error;
      this.#rememberQueue(group);
      return queuePolls.poll(group, memberId, request);
    }
  }

  acknowledge(
    group: string,
    memberId: string,
    acks: readonly QueueAck[],
  ): Promise<readonly QueueAckResult[]> {
    const { calls, topics } = this.#options;
    return acknowledge({ group, memberId, acks }, calls, topics);
  }

  /** The oldest name is forgotten first; a forgotten group costs one more call. */
  #rememberQueue(group: string): void {
    this.#queueGroups.add(group);
    const { queueGroupsMax = 10_000 } = this.#options;
    for (const oldest of this.#queueGroups) {
      if (this.#queueGroups.size <= queueGroupsMax) break;
      this.#queueGroups.delete(oldest);
    }
  }

  async commitAsMember(commit: MemberCommit): Promise<void> {
    const { calls, assertCommits } = this.#options;
    await assertCommits(commit.offsets);
    await calls.call('commitAsMember', commit);
  }

  async leave(group: string, memberId: string): Promise<void> {
    await this.#options.calls.call('leave', { group, memberId });
  }

  async list({ after = '', limit }: GroupListRequest): Promise<GroupList> {
    const groups = await this.#options.calls.list(after, limit + 1);
    const listed = groups.slice(0, limit);
    const nextAfter = groups.length > limit ? (listed.at(-1)?.group ?? null) : null;
    return { groups: listed, nextAfter };
  }

  async describe(group: string): Promise<GroupDescription> {
    const { calls, statusesOf } = this.#options;
    const snapshot = await calls.call('describe', { group });
    const statuses = await statusesOf(snapshot.partitions);
    return describe(snapshot, statuses, calls.coordinatorOf(group));
  }

  async delete(group: string): Promise<void> {
    await this.#options.calls.call('delete', { group });
  }

  async configs(group: string): Promise<GroupConfigsDescription> {
    return configsOf(await this.#options.calls.call('configs', { group }));
  }

  async alterConfigs(
    group: string,
    changes: Readonly<Record<string, unknown>>,
  ): Promise<GroupConfigsDescription> {
    const { calls, topics } = this.#options;
    await topics.ensureOffsetsTopic();
    const listed = Object.entries(changes).map(([name, value]) => ({ name, value }));
    return configsOf(await calls.call('alterConfigs', { group, changes: listed }));
  }

  async resetOffsets(group: string, request: OffsetResetRequest): Promise<OffsetMove[]> {
    const { offsets: kept, topics, statusesOf, requester } = this.#options;
    const { topic, dryRun } = request;
    const partitions = chosenPartitions(request, topics.topic(topic)?.partitionCount, 'reset');
    const committed = await kept.committed(group, topic, requester);
    const known = new Map(committed.map(({ partition, offset }) => [partition, offset]));
    const targets = partitions.map((partition) => ({ topic, partition }));
    const moves = await offsetMoves(request, targets, known, {
      statusesOf,
      listOffset: (target, at) => this.#options.listOffset(target, at, requester),
    });
    if (dryRun) {
      await this.#assertNoMembers(group);
      return moves;
    }
    const offsets = moves.map(({ partition, to }) => ({ topic, partition, offset: to }));
    try {
      await kept.commit(group, offsets, requester);
    } catch (error) {
      if (!isOfOtherMode(error)) throw error;
      const topicId = topics.topic(topic)?.id ?? '';
      const targets = offsets.map((one) => ({ ...one, topicId }));
      await this.#options.calls.call('resetQueue', { group, targets });
    }
    return moves;
  }

  /** @throws ProtocolError NON_EMPTY_GROUP */
  async #assertNoMembers(group: string): Promise<void> {
    try {
      const { members } = await this.#options.calls.call('describe', { group });
      if (members.length === 0) return;
    } catch (error) {
      if (error instanceof ProtocolError && error.code === 'GROUP_ID_NOT_FOUND') return;
      throw error;
    }
    throw new ProtocolError(
      'NON_EMPTY_GROUP',
      `Group "${group}" has members: its offsets can be reset when all of them have left.`,
    );
  }
}

/** True when a group is in the other mode than a call needs. */
function isOfOtherMode(error: unknown): boolean {
  return error instanceof ProtocolError && error.code === 'INCONSISTENT_GROUP_PROTOCOL';
}

function configsOf(entries: readonly GroupConfigEntry[]): GroupConfigsDescription {
  return {
    configs: Object.fromEntries(entries.map(({ name, value }) => [name, value])),
    configSources: Object.fromEntries(entries.map(({ name, source }) => [name, source])),
  };
}

/** Records that a group is not done with; null while that is not known. */
function lagOf(
  { offset, queue }: PartitionSnapshot,
  highWatermark: number | undefined,
): number | null {
  if (offset === null || highWatermark === undefined) return null;
  if (queue === null) return Math.max(0, highWatermark - offset);
  const { available, acquired, delayed, archiving, scanOffset } = queue;
  return available + acquired + delayed + archiving + Math.max(0, highWatermark - scanOffset);
}

/** Numbers of records of a queue; null for other groups, and while they are not known. */
function queueCounts(
  { queue }: PartitionSnapshot,
  highWatermark: number | undefined,
): Pick<GroupPartitionDescription, 'available' | 'acquired' | 'delayed'> {
  if (queue === null) return { available: null, acquired: null, delayed: null };
  const { available, acquired, delayed, scanOffset } = queue;
  // Records that the queue has not scanned yet wait for a member, too.
  const isKnown = highWatermark !== undefined;
  const behind = isKnown ? available + Math.max(0, highWatermark - scanOffset) : null;
  return { available: behind, acquired, delayed };
}

function describe(
  snapshot: GroupSnapshot,
  statuses: ReadonlyMap<string, LeaderStatus>,
  coordinator: number | null,
): GroupDescription {
  const lags = new Map<string, number | null>();
  const partitions = snapshot.partitions.map((one) => {
    const { topic, partition, offset, owner } = one;
    const name = topicPartitionName({ topic, partition });
    const highWatermark = statuses.get(name)?.highWatermark;
    const lag = lagOf(one, highWatermark);
    lags.set(name, lag);
    return { topic, partition, offset, lag, owner, ...queueCounts(one, highWatermark) };
  });
  const sumOf = (targets: readonly TopicPartition[]): number | null =>
    sum(targets.map((target) => lags.get(topicPartitionName(target)) ?? null));
  const { group, mode, state, generation } = snapshot;
  return {
    group,
    mode,
    state,
    coordinator,
    generation,
    members: snapshot.members.map((member) => ({ ...member, lag: sumOf(member.assignment) })),
    partitions,
    lag: sumOf(partitions),
    deadLetters: snapshot.deadLetters,
  };
}

/** Null when one of the numbers is not known. */
function sum(numbers: readonly (number | null)[]): number | null {
  let total = 0;
  for (const number of numbers) {
    if (number === null) return null;
    total += number;
  }
  return total;
}
