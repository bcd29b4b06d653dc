/**
 * Consumer groups as clients of this broker see them: calls go to the group's coordinator, records
 * and lags come from the leaders of the partitions.
 *
 * Overlap: calls may overlap; requests of one group are ordered by its coordinator.
 */
import type { GroupConfigEntry, GroupSnapshot, MemberCommit } from '#groups';
import { assertCommits, type TopicDirectory } from '#groups';
import { ProtocolError, type TopicPartition, topicPartitionName } from '#protocol';
import type { Random, Scheduler } from '#runtime';
import type { ListedOffset, OffsetSpec } from '../broker.js';
import type { CoordinatorCalls } from '../cluster/coordinator-calls.js';
import type { GroupHeartbeats } from '../cluster/group-heartbeats.js';
import type { GroupWatcher } from '../cluster/group-watcher.js';
import type { LeaderStatus } from '../leader-status.js';
import type { GroupOffsets } from '../log-broker.js';
import { ConnectedMembers } from './connected-members.js';
import { offsetMove, resetPartitions } from './group-offset-reset.js';
import type {
  GroupConfigsDescription,
  GroupDescription,
  GroupList,
  GroupListRequest,
  Groups,
  JoinRequest,
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
import { acknowledge } from './queue-acks.js';
import type { QueuePolls } from './queue-polls.js';

/** Names of queue groups that are remembered. */
const QUEUE_GROUPS_MAX = 10_000;

interface BrokerGroupsOptions {
  readonly calls: CoordinatorCalls;
  readonly offsets: GroupOffsets;
  readonly polls: MemberPolls;
  readonly queuePolls: QueuePolls;
  readonly heartbeats: GroupHeartbeats;
  readonly watcher: GroupWatcher;
  readonly scheduler: Scheduler;
  readonly brokerEpoch: () => number;
  readonly topics: TopicDirectory;
  readonly statusesOf: (
    partitions: readonly TopicPartition[],
  ) => Promise<ReadonlyMap<string, LeaderStatus>>;
  readonly listOffset: (target: TopicPartition, at: OffsetSpec) => Promise<ListedOffset>;
  readonly random: Random;
  /** UTF-8 bytes of one offset's metadata. */
  readonly offsetMetadataBytesMax: number;
}

export class BrokerGroups implements Groups {
  readonly members: ConnectedMembers;
  readonly #options: BrokerGroupsOptions;
  /** Groups that were in queue mode when they were last asked for. */
  readonly #queueGroups = new Set<string>();

  constructor(options: BrokerGroupsOptions) {
    this.#options = options;
    this.members = new ConnectedMembers({ ...options, groups: this });
  }

  async join(group: string, request: JoinRequest): Promise<MemberState> {
    const { calls, random, topics } = this.#options;
    await topics.ensureOffsetsTopic();
    // A repeated call must not add another member.
    const memberId = request.memberId ?? random.uuid();
    return memberState(await calls.call('join', { group, request: { ...request, memberId } }));
  }

  async heartbeat(group: string, memberId: string, generation?: number): Promise<MemberState> {
    const request = { group, memberId, generation: generation ?? null };
    return memberState(await this.#options.calls.call('heartbeat', request));
  }

  async poll(
    group: string,
    memberId: string,
    request: MemberPollRequest,
  ): Promise<MemberRecords | QueueRecords> {
    const { polls, queuePolls } = this.#options;
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

  /** The oldest name is forgotten first; a forgotten group costs one call more. */
  #rememberQueue(group: string): void {
    this.#queueGroups.add(group);
    for (const oldest of this.#queueGroups) {
      if (this.#queueGroups.size <= QUEUE_GROUPS_MAX) break;
      this.#queueGroups.delete(oldest);
    }
  }

  async commitAsMember(commit: MemberCommit): Promise<void> {
    const { calls, topics, statusesOf, offsetMetadataBytesMax } = this.#options;
    const known = await statusesOf(commit.offsets);
    assertCommits(commit.offsets, {
      topics,
      boundsOf: (target) => known.get(topicPartitionName(target)),
      offsetMetadataBytesMax,
    });
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
    const { offsets: kept, topics } = this.#options;
    const { topic, dryRun } = request;
    const partitions = resetPartitions(request, topics.topic(topic)?.partitionCount);
    const committed = await kept.committed(group, topic);
    const known = new Map(committed.map(({ partition, offset }) => [partition, offset]));
    const targets = partitions.map((partition) => ({ topic, partition }));
    const moves = await this.#moves(request, targets, known);
    if (dryRun) {
      await this.#assertNoMembers(group);
      return moves;
    }
    const offsets = moves.map(({ partition, to }) => ({ topic, partition, offset: to }));
    await kept.commit(group, offsets);
    return moves;
  }

  async #moves(
    { topic, to }: OffsetResetRequest,
    targets: readonly TopicPartition[],
    committed: ReadonlyMap<number, number | null>,
  ): Promise<OffsetMove[]> {
    const { statusesOf, listOffset } = this.#options;
    const statuses = await statusesOf(targets);
    return Promise.all(
      targets.map(async (target) => {
        const status = statuses.get(topicPartitionName(target));
        if (status === undefined) throw noLeader(target);
        const { logStartOffset, highWatermark } = status;
        const isByTime = typeof to === 'object' && 'timestampMs' in to;
        const listed = isByTime ? await listOffset(target, to) : undefined;
        return offsetMove(topic, to, {
          partition: target.partition,
          committed: committed.get(target.partition) ?? null,
          logStartOffset,
          highWatermark,
          ...(listed === undefined ? {} : { atTimestamp: listed.offset }),
        });
      }),
    );
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

function describe(
  snapshot: GroupSnapshot,
  statuses: ReadonlyMap<string, LeaderStatus>,
  coordinator: number | null,
): GroupDescription {
  const lags = new Map<string, number | null>();
  const partitions = snapshot.partitions.map(({ topic, partition, offset, owner }) => {
    const name = topicPartitionName({ topic, partition });
    const highWatermark = statuses.get(name)?.highWatermark;
    const isKnown = offset !== null && highWatermark !== undefined;
    const lag = isKnown ? Math.max(0, highWatermark - offset) : null;
    lags.set(name, lag);
    return { topic, partition, offset, lag, owner };
  });
  const lagOf = (targets: readonly TopicPartition[]): number | null =>
    sum(targets.map((target) => lags.get(topicPartitionName(target)) ?? null));
  const { group, mode, state, generation } = snapshot;
  return {
    group,
    mode,
    state,
    coordinator,
    generation,
    members: snapshot.members.map((member) => ({ ...member, lag: lagOf(member.assignment) })),
    partitions,
    lag: lagOf(partitions),
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

function noLeader({ topic, partition }: TopicPartition): ProtocolError {
  return new ProtocolError(
    'LEADER_NOT_AVAILABLE',
    `Nothing was reset: partition ${partition} of topic "${topic}" has no leader at present.`,
    { retryAfterMs: 1000 },
  );
}
