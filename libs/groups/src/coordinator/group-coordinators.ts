/**
 * The coordinators of this broker: one for each partition of `__consumer_offsets` that it leads.
 * The hash of a group's name, computed as Kafka does, selects its partition.
 *
 * Changes of a group take effect when they are below the high watermark of that partition. Offsets
 * end with their topic: each carries the topic's id, and those of a deleted topic are neither
 * returned nor kept. A group without members is removed when it had neither members nor commits for
 * offsets.retention.minutes.
 *
 * Overlap: all calls may overlap. Partitions are loaded from the log when this broker becomes their
 * leader, once per leader epoch; each GroupCoordinator orders the changes of its groups.
 */
import { CONSUMER_OFFSETS_TOPIC, ProtocolError } from '#protocol';
import type { Partition } from '#replication';
import type { Clock, Logger, Random, Scheduler, SlicedWork } from '#runtime';
import { assertGroupName } from '../group-name.js';
import type { MemberOwner } from '../log/group-records.js';
import {
  assertCommits,
  type CommitBounds,
  type OffsetCommit,
  topicIsGone,
} from '../offsets/offset-commits.js';
import type { AckResult } from '../queue/acknowledge-records.js';
import type { CancelResult } from '../queue/cancel-record.js';
import { type CommitEntry, decideCommit } from '../state/decide-offsets.js';
import { decideConfigs, decideDeletion } from '../state/decide-removal.js';
import { type GroupLimits, unknownGroupError } from '../state/decision.js';
import type { Group } from '../state/group.js';
import { subscribedTopics } from '../state/subscription.js';
import { committedOffsets, type GroupOffset, groupOffset } from './committed-offsets.js';
import { type CommittedPosition, committedPositions } from './committed-positions.js';
import { type CoordinatorTotals, zeroTotals } from './coordinator-totals.js';
import type { DeadLetterTopics } from './dead-letter-writer.js';
import { decideHeartbeats, type SettleHeartbeat } from './decide-heartbeats.js';
import type {
  AlterConfigsCall,
  GroupCall,
  GroupCalls,
  HeartbeatCall,
  JoinCall,
  LeaveCall,
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
import { GroupExpiry } from './group-expiry.js';
import {
  GroupQueues,
  type QueueAcks,
  type QueueDelivery,
  type QueueDeliveryAnswer,
  type QueuePoll,
  type QueuePollAnswer,
} from './group-queues.js';
import { answerOf } from './group-rounds.js';
import type { GroupSettings } from './group-settings.js';
import { GroupWatches } from './group-watches.js';
import { assertNotLatest, joinCommand } from './join-request.js';
import { LoadedCoordinators } from './loaded-coordinators.js';
import type { MayKeepMember } from './lost-members.js';
import type { MemberView, PollView } from './member-view.js';
import { OffsetRoom } from './offset-room.js';
import { type QueueCounts, queueCounts } from './queue-counts.js';
import type { FindPositions, QueueLists } from './queue-listings.js';
import {
  type InFlightRecord,
  type QueueCancelCall,
  type QueueFloors,
  type QueueFloorsCall,
  QueueOperations,
  type QueuePurgeCall,
  type QueueRecordsCall,
  type QueueResetCall,
} from './queue-operations.js';
import { QueueTally } from './queue-tally.js';
import type { RedriveAnswer, RedriveCall, RedriveProgress, RedriveTopics } from './redriver.js';
import { SubscribableTopics } from './subscribable-topics.js';
import type { TopicDirectory } from './topic-directory.js';

interface GroupCoordinatorsOptions extends GroupSettings {
  readonly topics: TopicDirectory;
  /** Topics for the dead letters of queue groups. */
  readonly deadLetters: DeadLetterTopics;
  /** Topics from and to which dead letters are put back. */
  readonly redriveTopics: RedriveTopics;
  readonly findPositions: FindPositions;
  readonly queueLists: QueueLists;
  /** True when the process of a broker epoch has ended, or its lease has. */
  readonly hasProcessEnded: (brokerEpoch: number) => boolean;
  readonly mayKeep: MayKeepMember;
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
  readonly totals: Readonly<CoordinatorTotals>;
}

export class GroupCoordinators implements GroupCalls {
  readonly #queues: GroupQueues;
  readonly #queueOperations: QueueOperations;
  readonly #options: GroupCoordinatorsOptions;
  readonly #catalog: SubscribableTopics;
  readonly #room: OffsetRoom;
  readonly #expiry: GroupExpiry;
  readonly #configTable: ReturnType<typeof groupConfigTable>;
  /** Called back when a group may have changed, or its coordinator moved. */
  readonly watches = new GroupWatches();
  readonly #totals = zeroTotals();
  readonly #tally = new QueueTally();
  readonly #loaded: LoadedCoordinators;

  constructor(options: GroupCoordinatorsOptions) {
    this.#options = options;
    this.#catalog = new SubscribableTopics(options.topics);
    this.#room = new OffsetRoom(options, () => this);
    const { clock, redriveTopics, memberUnacknowledgedRecordsMax: unacknowledgedMax } = options;
    const coordinatorOf = (group: string, id: string) => this.#coordinatorOfMember(group, id);
    this.#queues = new GroupQueues({ coordinatorOf, clock, unacknowledgedMax });
    const load = (partition: Partition): Promise<GroupCoordinator> => this.#load(partition);
    this.#loaded = new LoadedCoordinators({ ...options, load });
    const coordinatorOfQueue = (group: string) => this.#coordinatorOfKnown(group);
    const { isCurrent } = this.#loaded;
    const queueOptions = { coordinatorOf: coordinatorOfQueue, isCurrent, redriveTopics, clock };
    this.#queueOperations = new QueueOperations(queueOptions);
    this.#configTable = groupConfigTable({
      sessionTimeoutMs: options.groupSessionTimeoutMs,
      sessionTimeoutMinMs: options.groupSessionTimeoutMinMs,
      sessionTimeoutMaxMs: options.groupSessionTimeoutMaxMs,
    });
    this.#expiry = new GroupExpiry({ ...options, loaded: this.#loaded });
  }

  /** Number of committed offsets in memory. */
  get offsetCount(): number {
    return this.#loaded.sum(({ table }) => table.offsetCount);
  }

  /** Bytes of memory that they take, as counted. */
  get offsetBytes(): number {
    return this.#loaded.sum(({ table }) => table.offsetBytes);
  }

  /** Number of commits refused because there was no room for their offsets. */
  get refusedTotal(): number {
    return this.#room.refusedTotal;
  }

  /** Number of offsets that were removed because their groups were not used for too long. */
  get expiredTotal(): number {
    return this.#expiry.expiredTotal;
  }

  get counts(): GroupCounts {
    return {
      groups: this.#loaded.sum(({ table }) => table.size),
      members: this.#loaded.sum(({ memberCount }) => memberCount),
      stateBytes: this.#loaded.sum(({ table }) => table.stateBytes),
      totals: this.#totals,
    };
  }

  /** Committed offsets of all groups here, without those of deleted topics. */
  committedPositions(): Iterable<CommittedPosition> {
    return committedPositions(this.#loaded);
  }

  /** Numbers of the records of queue groups. */
  queueCounts(): SlicedWork<QueueCounts> {
    return queueCounts(this.#loaded.all(), this.#tally);
  }

  /** Ends the background work. */
  async close(): Promise<void> {
    await this.#expiry.stop();
    this.#loaded.close();
  }

  /**
   * Commits all offsets or none, for a client that is not a member.
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
    const committed = await coordinator.read(group, (state) =>
      committedOffsets(state, this.#options.topics),
    );
    if (committed.size === 0) return [];
    if (topic === undefined) return [...committed.values()].toSorted(byTopicAndPartition);
    const view = this.#options.topics.topic(topic);
    return Array.from({ length: view?.partitionCount ?? 0 }, (_, number) => {
      const known = committed.get(`${topic} ${number}`);
      return known ?? groupOffset(view, { topic, partition: number }, null, null);
    });
  }

  /** Adds a member. @throws ProtocolError INVALID_REQUEST and as decideJoin */
  async join({ group, request, brokerEpoch, caller }: JoinCall): Promise<MemberView> {
    assertGroupName(group);
    const { random, groupSessionTimeoutMinMs, groupSessionTimeoutMaxMs } = this.#options;
    const limits = {
      sessionTimeoutMinMs: groupSessionTimeoutMinMs,
      sessionTimeoutMaxMs: groupSessionTimeoutMaxMs,
    };
    const command = joinCommand(request, limits, random);
    assertNotLatest(request, subscribedTopics(command, this.#catalog), this.#catalog);
    await this.#options.topics.ensureOffsetsTopic();
    const coordinator = await this.#loaded.ofOrThrow(group);
    return coordinator.join(group, {
      ...command,
      ...(brokerEpoch !== undefined && { brokerEpoch }),
      ...(caller !== undefined && { caller }),
    });
  }

  async heartbeat(call: HeartbeatCall): Promise<MemberView> {
    const coordinator = await this.#coordinatorOfMember(call.group, call.memberId);
    return answerOf((await coordinator.heartbeats([call]))[0]);
  }

  /** Takes heartbeats of many members. Resolves when all are settled; never rejects. */
  heartbeats(calls: readonly HeartbeatCall[], settle: SettleHeartbeat): Promise<void> {
    const coordinatorOf = (group: string, id: string) => this.#coordinatorOfMember(group, id);
    return decideHeartbeats({ loaded: this.#loaded, coordinatorOf }, calls, settle);
  }

  async poll({ group, ...poll }: MemberPoll): Promise<PollView> {
    const coordinator = await this.#coordinatorOfMember(group, poll.memberId);
    return coordinator.poll(group, poll);
  }

  queuePoll(call: QueuePoll): Promise<QueuePollAnswer> {
    return this.#queues.poll(call);
  }

  queueDelivery(call: QueueDelivery): Promise<QueueDeliveryAnswer> {
    return this.#queues.deliver(call);
  }

  acknowledge(call: QueueAcks): Promise<readonly AckResult[]> {
    return this.#queues.acknowledge(call);
  }

  queueRecords(call: QueueRecordsCall): Promise<readonly InFlightRecord[]> {
    return this.#queueOperations.records(call);
  }

  purgeQueue(call: QueuePurgeCall): Promise<void> {
    return this.#queueOperations.purge(call);
  }

  resetQueue(call: QueueResetCall): Promise<void> {
    return this.#queueOperations.reset(call);
  }

  queueFloors(call: QueueFloorsCall): Promise<QueueFloors> {
    return this.#queueOperations.floors(call);
  }

  redrive(call: RedriveCall): Promise<RedriveAnswer> {
    return this.#queueOperations.redrive(call);
  }

  redriveProgress({ group }: GroupCall): Promise<readonly RedriveProgress[]> {
    return this.#queueOperations.redriveProgress(group);
  }

  cancelRecord(call: QueueCancelCall): Promise<CancelResult | null> {
    return this.#queueOperations.cancel(call);
  }

  /** The view of a member whose poll waits; null when a newer poll of it has begun. */
  async waitingView({ group, pollId, ...member }: WaitingViewCall): Promise<MemberView | null> {
    const coordinator = await this.#coordinatorOfMember(group, member.memberId);
    return (await coordinator.waitingView(group, member, pollId)) ?? null;
  }

  async leave({ group, isBroken, ...member }: LeaveCall): Promise<void> {
    assertGroupName(group);
    const coordinator = await this.#loaded.of(group);
    await coordinator?.leave(group, member, isBroken);
  }

  /** @throws ProtocolError GROUP_ID_NOT_FOUND */
  async describe({ group }: GroupCall): Promise<GroupSnapshot> {
    assertGroupName(group);
    const coordinator = await this.#loaded.of(group);
    const monotonicMs = this.#options.clock.monotonicMs();
    const snapshot = await coordinator?.read(group, (state) =>
      state.isForgotten ? undefined : groupSnapshot(state, this.#loaded.isCurrent, monotonicMs),
    );
    if (snapshot === undefined) throw unknownGroupError(group);
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
    const coordinator = await this.#coordinatorOfKnown(group);
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
    const entries = await coordinator.run({
      group,
      decide: (state, context) => decideConfigs(state, checked, context),
      answer: ({ configs }) => effectiveGroupConfigs(group, configs, this.#configTable),
    });
    // A poll that waits while the group is paused looks for records again.
    this.watches.changed(group);
    return entries;
  }

  /** The permissions of the owners for which it is true may have changed. */
  accessChanged(isAffected: (owner: MemberOwner) => boolean): void {
    for (const one of this.#loaded.leading()) one.accessChanged(isAffected);
  }

  /** A process of this epoch has ended, or its lease has. */
  processEnded(brokerEpoch: number): void {
    for (const one of this.#loaded.leading()) one.processEnded(brokerEpoch);
  }

  /** A topic was created, grew or was deleted. */
  topicChanged(topic: string): void {
    this.#catalog.changed();
    if (topic === CONSUMER_OFFSETS_TOPIC) this.#loaded.loadLed();
    for (const coordinator of this.#loaded.leading()) {
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
      // A deleted topic matches no pattern any more: members that own it are affected.
      if (patterns.length > 0 || topics.includes(topic)) return true;
    }
    return false;
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

  /** @throws ProtocolError GROUP_ID_NOT_FOUND when there are no groups at all */
  async #coordinatorOfKnown(group: string): Promise<GroupCoordinator> {
    assertGroupName(group);
    const coordinator = await this.#loaded.of(group);
    if (coordinator === undefined) throw unknownGroupError(group);
    return coordinator;
  }

  #load(partition: Partition): Promise<GroupCoordinator> {
    return GroupCoordinator.load(partition, {
      ...this.#options,
      catalog: this.#catalog,
      limits: () => this.#limits(),
      assertRoom: (group, offsets) => this.#room.assertRoom(group, offsets),
      sessionTimeoutMs: this.#options.groupSessionTimeoutMs,
      watches: this.watches,
      totals: this.#totals,
      tally: this.#tally,
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
      redriveWaitingMax: this.#options.redriveWaitingMax,
    };
  }

  #ledHighWatermark(topic: string, number: number): ReturnType<CommitBounds> {
    const led = this.#options.topics.topic(topic)?.ledPartition(number);
    // Another broker may lead in a later epoch: the broker that sent the commit has asked it.
    if (led === undefined || led.mayEpochBeBehind) return undefined;
    return { logStartOffset: led.log.offsets.logStart, highWatermark: led.highWatermark };
  }
}
