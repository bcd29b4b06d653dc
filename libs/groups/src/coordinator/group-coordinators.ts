/**
 * The coordinators of this broker: one for each partition of `__consumer_offsets` that it leads.
 * The hash of a group's name, computed as Kafka does, selects its partition.
 *
 * Changes of a group take effect when they are below the high watermark of that partition. Offsets
 * end with their topic: each carries the topic's id, and those of a deleted topic are neither
 * returned nor kept. A group without members is removed when it had neither members nor commits for
 * offsets.retention.minutes.
 *
 * Overlap: all calls may overlap. Partitions are loaded from the log when they are first needed,
 * once per leader epoch; each GroupCoordinator orders the changes of its groups.
 */
import { RepeatedTask } from '#log';
import { FaultList, type Offset, ProtocolError, type TopicPartition } from '#protocol';
import type { Partition } from '#replication';
import type { Clock, Logger, Random, Scheduler } from '#runtime';
import { assertGroupName } from '../group-name.js';
import {
  assertCommits,
  type CommitBounds,
  noSuchPartition,
  type OffsetCommit,
  unknownPartition,
} from '../offsets/offset-commits.js';
import type { AckResult } from '../queue/acknowledge-records.js';
import type { PendingPosition } from '../state/assign.js';
import { type CommitEntry, decideCommit } from '../state/decide-offsets.js';
import { decideConfigs, decideDeletion, decideExpiry } from '../state/decide-removal.js';
import type { GroupLimits } from '../state/decision.js';
import type { Group } from '../state/group.js';
import type { DeadLetterTopics } from './dead-letter-writer.js';
import type {
  AlterConfigsCall,
  GroupCall,
  GroupCalls,
  HeartbeatCall,
  JoinCall,
  MemberCall,
  MemberCommit,
  MemberPoll,
  WaitingViewCall,
} from './group-calls.js';
import {
  checkedGroupConfigs,
  effectiveGroupConfigs,
  type GroupConfigEntry,
  groupConfigTable,
} from './group-configs.js';
import { GroupCoordinator } from './group-coordinator.js';
import {
  byTopicAndPartition,
  type GroupListing,
  type GroupSnapshot,
  groupListing,
  groupSnapshot,
} from './group-description.js';
import {
  GroupQueues,
  type QueueAcks,
  type QueuePoll,
  type QueuePollAnswer,
} from './group-queues.js';
import type { GroupSettings } from './group-settings.js';
import { GroupWatches } from './group-watches.js';
import { joinCommand } from './join-request.js';
import { LoadedCoordinators } from './loaded-coordinators.js';
import type { MemberView } from './member-view.js';
import { OffsetRoom } from './offset-room.js';
import type { FoundPosition } from './position-resolution.js';
import { SubscribableTopics } from './subscribable-topics.js';
import type { TopicDirectory, TopicView } from './topic-directory.js';

/** Kafka's offsets.retention.check.interval.ms. */
const EXPIRY_CHECK_INTERVAL_MS = 600_000;
const MINUTE_MS = 60_000;

export interface GroupOffset extends TopicPartition {
  readonly offset: Offset | null;
  readonly highWatermark: Offset | null;
  readonly lag: number | null;
  readonly metadata: string | null;
}

interface GroupCoordinatorsOptions extends GroupSettings {
  readonly topics: TopicDirectory;
  /** Topics for the dead letters of queue groups. */
  readonly deadLetters: DeadLetterTopics;
  readonly findPositions: (
    pending: readonly PendingPosition[],
  ) => Promise<readonly FoundPosition[]>;
  readonly clock: Clock;
  /** The time by which offsets expire. */
  readonly expiryClock: Pick<Clock, 'nowMs'>;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
}

/** Numbers for metrics; totals count from the start. */
export interface GroupCounts {
  readonly groups: number;
  readonly members: number;
  readonly stateBytes: number;
  readonly rebalancesTotal: number;
  readonly sessionsOverTotal: number;
}

export class GroupCoordinators implements GroupCalls {
  readonly #queues: GroupQueues;
  readonly #options: GroupCoordinatorsOptions;
  readonly #catalog: SubscribableTopics;
  readonly #room: OffsetRoom;
  readonly #expiry: RepeatedTask;
  readonly #configTable: ReturnType<typeof groupConfigTable>;
  readonly #watches = new GroupWatches();
  #expiredTotal = 0;
  readonly #loaded: LoadedCoordinators;

  constructor(options: GroupCoordinatorsOptions) {
    this.#options = options;
    this.#catalog = new SubscribableTopics(options.topics);
    this.#room = new OffsetRoom(options, () => this);
    const { topics, logger, clock } = options;
    const coordinatorOf = (group: string, id: string) => this.#coordinatorOfMember(group, id);
    this.#queues = new GroupQueues({ coordinatorOf, clock });
    const load = (partition: Partition): Promise<GroupCoordinator> => this.#load(partition);
    this.#loaded = new LoadedCoordinators({ topics, load, logger });
    this.#configTable = groupConfigTable({
      sessionTimeoutMs: options.groupSessionTimeoutMs,
      sessionTimeoutMinMs: options.groupSessionTimeoutMinMs,
      sessionTimeoutMaxMs: options.groupSessionTimeoutMaxMs,
    });
    this.#expiry = new RepeatedTask(options.scheduler, options.logger, {
      name: 'offset-expiry',
      intervalMs: EXPIRY_CHECK_INTERVAL_MS,
      run: () => this.#expire(),
    });
  }

  /** Number of committed offsets in memory. */
  get offsetCount(): number {
    return this.#loaded.sum(({ table }) => table.offsetCount);
  }

  /** Bytes of memory that they take, as counted. */
  get offsetBytes(): number {
    return this.#loaded.sum(({ table }) => table.offsetBytes);
  }

  /**
   * Number of commits refused because the broker keeps too many offsets, or too many bytes of them.
   */
  get refusedTotal(): number {
    return this.#room.refusedTotal;
  }

  /** Number of offsets that were removed because their groups were not used for too long. */
  get expiredTotal(): number {
    return this.#expiredTotal;
  }

  get counts(): GroupCounts {
    return {
      groups: this.#loaded.sum(({ table }) => table.size),
      members: this.#loaded.sum(({ memberCount }) => memberCount),
      stateBytes: this.#loaded.sum(({ table }) => table.stateBytes),
      rebalancesTotal: this.#loaded.total('rebalancesTotal'),
      sessionsOverTotal: this.#loaded.total('sessionsOverTotal'),
    };
  }

  /** Ends the background work. */
  async close(): Promise<void> {
    await this.#expiry.stop();
    this.#loaded.close();
  }

  /**
   * Commits all offsets or none, for a client that is no member.
   * @throws ProtocolError INVALID_REQUEST, UNKNOWN_TOPIC_OR_PARTITION, OFFSET_OUT_OF_RANGE with
   *   faults; POLICY_VIOLATION when too many offsets are kept; NON_EMPTY_GROUP; what appending
   *   throws
   */
  async commit(group: string, offsets: readonly OffsetCommit[]): Promise<void> {
    this.#assertCommits(group, offsets);
    if (offsets.length === 0) return;
    await this.#options.topics.ensureOffsetsTopic();
    const coordinator = await this.#loaded.ofOrThrow(group);
    await coordinator.run({
      group,
      isAtomic: true,
      decide: (state, context) => {
        const entries = this.#entries(offsets);
        this.#room.assertRoom(state, entries);
        return decideCommit(state, entries, context);
      },
      answer: () => undefined,
    });
  }

  /** Commits offsets of a member, all or none. @throws as commit; ILLEGAL_GENERATION */
  async commitAsMember(commit: MemberCommit): Promise<void> {
    this.#assertCommits(commit.group, commit.offsets);
    const coordinator = await this.#loaded.ofOrThrow(commit.group);
    const offsets = this.#entries(commit.offsets);
    await coordinator.commitAsMember(commit.group, { ...commit, offsets });
  }

  /**
   * The committed offsets of a group, by topic and partition. With `topic`, all partitions of that
   * topic, with `offset` null where nothing is committed. Empty when the group is not known.
   */
  async committed(group: string, topic?: string): Promise<GroupOffset[]> {
    assertGroupName(group);
    const coordinator = await this.#loaded.of(group);
    if (coordinator === undefined) return [];
    const committed = await coordinator.read(group, (state) => this.#currentOffsets(state));
    if (committed.size === 0) return [];
    if (topic === undefined) return [...committed.values()].toSorted(byTopicAndPartition);
    const view = this.#options.topics.topic(topic);
    return Array.from({ length: view?.partitionCount ?? 0 }, (_, number) => {
      const known = committed.get(`${topic} ${number}`);
      return known ?? groupOffset(view, { topic, partition: number }, null, null);
    });
  }

  /** Adds a member. @throws ProtocolError INVALID_REQUEST and as decideJoin */
  async join({ group, request, brokerEpoch }: JoinCall): Promise<MemberView> {
    assertGroupName(group);
    const { random, groupSessionTimeoutMinMs, groupSessionTimeoutMaxMs } = this.#options;
    const limits = {
      sessionTimeoutMinMs: groupSessionTimeoutMinMs,
      sessionTimeoutMaxMs: groupSessionTimeoutMaxMs,
    };
    const command = joinCommand(request, limits, random);
    await this.#options.topics.ensureOffsetsTopic();
    const coordinator = await this.#loaded.ofOrThrow(group);
    return coordinator.join(group, command, brokerEpoch);
  }

  async heartbeat({ group, ...heartbeat }: HeartbeatCall): Promise<MemberView> {
    const coordinator = await this.#coordinatorOfMember(group, heartbeat.memberId);
    return coordinator.heartbeat(group, heartbeat);
  }

  async poll({ group, ...poll }: MemberPoll): Promise<MemberView> {
    const coordinator = await this.#coordinatorOfMember(group, poll.memberId);
    return coordinator.poll(group, poll);
  }

  queuePoll(call: QueuePoll): Promise<QueuePollAnswer> {
    return this.#queues.poll(call);
  }

  acknowledge(call: QueueAcks): Promise<readonly AckResult[]> {
    return this.#queues.acknowledge(call);
  }

  /** The view of a member whose poll waits; null when a newer poll of it has begun. */
  async waitingView({ group, memberId, pollId }: WaitingViewCall): Promise<MemberView | null> {
    const coordinator = await this.#coordinatorOfMember(group, memberId);
    return (await coordinator.waitingView(group, memberId, pollId)) ?? null;
  }

  async leave({ group, memberId }: MemberCall): Promise<void> {
    assertGroupName(group);
    const coordinator = await this.#loaded.of(group);
    await coordinator?.leave(group, memberId);
  }

  /** @throws ProtocolError GROUP_ID_NOT_FOUND */
  async describe({ group }: GroupCall): Promise<GroupSnapshot> {
    assertGroupName(group);
    const coordinator = await this.#loaded.of(group);
    const snapshot = await coordinator?.read(group, (state) =>
      state.isForgotten ? undefined : groupSnapshot(state, this.#loaded.isCurrent),
    );
    if (snapshot === undefined) throw noSuchGroup(group);
    return snapshot;
  }

  /** Groups of all coordinators of this broker whose names follow `after`, by name. */
  async list(after: string, limit: number): Promise<GroupListing[]> {
    const coordinators = await this.#loaded.led();
    return coordinators
      .flatMap(({ table }) => [...table.all()].filter(({ name }) => name > after))
      .toSorted((one, other) => (one.name < other.name ? -1 : 1))
      .slice(0, limit)
      .map(groupListing);
  }

  /** Removes a group without members. @throws ProtocolError NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND */
  async delete({ group }: GroupCall): Promise<void> {
    assertGroupName(group);
    const coordinator = await this.#loaded.of(group);
    if (coordinator === undefined) throw noSuchGroup(group);
    await coordinator.run({ group, decide: decideDeletion, answer: () => undefined });
  }

  async configs({ group }: GroupCall): Promise<GroupConfigEntry[]> {
    assertGroupName(group);
    const coordinator = await this.#loaded.of(group);
    const own = await coordinator?.read(group, ({ configs }) => configs);
    return effectiveGroupConfigs(group, own ?? new Map<string, string>(), this.#configTable);
  }

  /**
   * Sets configs of a group that may not exist yet.
   * @throws ProtocolError INVALID_CONFIG, NON_EMPTY_GROUP
   */
  async alterConfigs({ group, changes }: AlterConfigsCall): Promise<GroupConfigEntry[]> {
    assertGroupName(group);
    const checked = checkedGroupConfigs(changes, this.#configTable);
    await this.#options.topics.ensureOffsetsTopic();
    const coordinator = await this.#loaded.ofOrThrow(group);
    return coordinator.run({
      group,
      decide: (state, context) => decideConfigs(state, checked, context),
      answer: ({ configs }) => effectiveGroupConfigs(group, configs, this.#configTable),
    });
  }

  /**
   * Calls back when the assignment of a group may have changed, or its coordinator moved.
   * @returns a function that ends the watch
   */
  watch(group: string, onChange: () => void): () => void {
    return this.#watches.add(group, onChange);
  }

  /** A process of this epoch has ended, or its lease has. */
  processEnded(brokerEpoch: number): void {
    for (const one of this.#loaded.all()) if (one.partition.isLeader) one.processEnded(brokerEpoch);
  }

  /** A topic was created, grew or was deleted. */
  topicChanged(topic: string): void {
    this.#catalog.changed();
    for (const coordinator of this.#loaded.all()) {
      if (!coordinator.partition.isLeader) continue;
      coordinator.topicsChanged((group) => this.#isSubscribed(group, topic));
    }
  }

  /**
   * Removes the offsets of deleted topics, from the log too. The caller runs this after a topic was
   * deleted and before a topic of the same name can be created.
   */
  removeStaleOffsets(): Promise<void> {
    return this.#loaded.removeStale();
  }

  #isSubscribed(group: Group, topic: string): boolean {
    for (const { topics, patterns } of group.members.values()) {
      if (topics.includes(topic)) return true;
      // A deleted topic matches no pattern any more: members that own it are affected.
      if (patterns.length > 0) return true;
    }
    return false;
  }

  #currentOffsets(group: Group): Map<string, GroupOffset> {
    const committed = new Map<string, GroupOffset>();
    for (const { topic, partition, value } of group.offsets.entries()) {
      const view = this.#options.topics.topic(topic);
      if (view?.id !== value.topicId) continue;
      const entry = groupOffset(view, { topic, partition }, value.offset, value.metadata);
      committed.set(`${topic} ${partition}`, entry);
    }
    return committed;
  }

  #assertCommits(group: string, offsets: readonly OffsetCommit[]): void {
    assertGroupName(group);
    const { topics, offsetMetadataBytesMax } = this.#options;
    assertCommits(offsets, {
      topics,
      boundsOf: ({ topic, partition }) => this.#ledHighWatermark(topic, partition),
      offsetMetadataBytesMax,
    });
  }

  /** Looked up when they are decided: a topic may have been deleted since the check. */
  #entries(offsets: readonly OffsetCommit[]): CommitEntry[] {
    return offsets.map((commit) => {
      const { topic, partition, offset, leaderEpoch = null, metadata = null } = commit;
      const view = this.#options.topics.topic(topic);
      if (view === undefined) throw topicIsGone(commit);
      return { topic, topicId: view.id, partition, offset, leaderEpoch, metadata };
    });
  }

  async #coordinatorOfMember(group: string, memberId: string): Promise<GroupCoordinator> {
    assertGroupName(group);
    const coordinator = await this.#loaded.of(group);
    if (coordinator !== undefined) return coordinator;
    throw new ProtocolError(
      'UNKNOWN_MEMBER_ID',
      `Group "${group}" has no member "${memberId}". Join first.`,
    );
  }

  #load(partition: Partition): Promise<GroupCoordinator> {
    const { findPositions, clock, scheduler, logger, groupSessionTimeoutMs } = this.#options;
    return GroupCoordinator.load(partition, {
      deadLetters: this.#options.deadLetters,
      catalog: this.#catalog,
      limits: () => this.#limits(),
      assertRoom: (group, offsets) => this.#room.assertRoom(group, offsets),
      sessionTimeoutMs: groupSessionTimeoutMs,
      findPositions,
      watches: this.#watches,
      clock,
      scheduler,
      logger,
    });
  }

  #limits(): GroupLimits {
    const { groupsMax, groupMembersMax, groupMemberTopicsMax, groupStateBytes } = this.#options;
    const { groups, stateBytes } = this.counts;
    return {
      groupsFree: groupsMax - groups,
      groupsMax,
      membersMax: groupMembersMax,
      memberTopicsMax: groupMemberTopicsMax,
      stateBytesFree: groupStateBytes - stateBytes,
      groupStateBytesMax: groupStateBytes,
    };
  }

  /**
   * Expires unused groups in all partitions; a failing partition (a full disk, for example) does
   * not stop the others.
   */
  async #expire(): Promise<void> {
    const { expiryClock, offsetsRetentionMinutes } = this.#options;
    const sinceMs = expiryClock.nowMs() - offsetsRetentionMinutes * MINUTE_MS;
    const failures: unknown[] = [];
    for (const number of this.#loaded.ledNumbers()) {
      try {
        await this.#expireGroups(await this.#loaded.get(number), sinceMs);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  async #expireGroups(coordinator: GroupCoordinator, sinceMs: number): Promise<void> {
    for (const { name, offsets } of coordinator.table.all()) {
      const { count } = offsets;
      const isExpired = await coordinator.run({
        group: name,
        decide: (group) => decideExpiry(group, sinceMs),
        answer: ({ isForgotten }) => isForgotten,
      });
      if (isExpired) this.#expiredTotal += count;
    }
  }

  #ledHighWatermark(topic: string, number: number): ReturnType<CommitBounds> {
    const led = this.#options.topics.topic(topic)?.ledPartition(number);
    if (led === undefined) return undefined;
    return { logStartOffset: led.log.offsets.logStart, highWatermark: led.highWatermark };
  }
}

function noSuchGroup(group: string): ProtocolError {
  return new ProtocolError('GROUP_ID_NOT_FOUND', `There is no group "${group}".`);
}

function groupOffset(
  topic: TopicView | undefined,
  { topic: name, partition }: TopicPartition,
  offset: Offset | null,
  metadata: string | null,
): GroupOffset {
  const highWatermark = topic?.ledPartition(partition)?.highWatermark ?? null;
  const lag =
    offset === null || highWatermark === null ? null : Math.max(0, highWatermark - offset);
  return { topic: name, partition, offset, highWatermark, lag, metadata };
}

function topicIsGone(target: TopicPartition): ProtocolError {
  const faults = new FaultList();
  faults.add('/offsets', noSuchPartition(target));
  return unknownPartition(faults);
}
