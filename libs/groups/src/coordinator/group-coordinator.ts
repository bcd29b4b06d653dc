/**
 * The coordinator of the groups of one led partition of `__consumer_offsets`: it keeps their state
 * in memory, writes its changes, ends sessions and finds positions.
 *
 * Overlap: all calls may overlap; GroupRounds decides them one after the other.
 */
import type { Offset } from '#protocol';
import type { Partition } from '#replication';
import type { Clock, Logger, Scheduler } from '#runtime';
import { type PendingPosition, pendingPositions, positionRecord } from '../state/assign.js';
import { decideJoin, decideRemoval, type JoinCommand } from '../state/decide-membership.js';
import {
  type Acknowledgement,
  acceptedPositions,
  type CommitEntry,
  decideHeartbeat,
  decideMemberCommit,
  decideOverdueRelease,
  decidePoll,
} from '../state/decide-offsets.js';
import { decideExpiredLocks, hasAvailable } from '../state/decide-queue.js';
import { decideStaleOffsets } from '../state/decide-removal.js';
import {
  assertMember,
  assertMode,
  type GroupLimits,
  type TopicCatalog,
} from '../state/decision.js';
import type { Group } from '../state/group.js';
import { type DeadLetterTopics, DeadLetterWriter } from './dead-letter-writer.js';
import { GroupLog } from './group-log.js';
import { type ChangedMembers, type GroupCommand, GroupRounds } from './group-rounds.js';
import type { GroupTable } from './group-table.js';
import type { GroupWatches } from './group-watches.js';
import { joinOffsets } from './join-offsets.js';
import { MemberActivity } from './member-activity.js';
import { type MemberDue, MemberSessions } from './member-sessions.js';
import { type MemberView, memberView } from './member-view.js';
import { type FoundPosition, PositionResolution } from './position-resolution.js';
import { QueueTimers } from './queue-timers.js';

export interface GroupCoordinatorOptions {
  readonly catalog: TopicCatalog;
  /** Limits as they are now, over all coordinators of this broker. */
  readonly limits: () => GroupLimits;
  /** Refuses commits that would need more memory than there is. */
  readonly assertRoom: (group: Group, offsets: readonly CommitEntry[]) => void;
  /** Session time-out of members and groups that name none, ms. */
  readonly sessionTimeoutMs: number;
  readonly findPositions: (
    pending: readonly PendingPosition[],
  ) => Promise<readonly FoundPosition[]>;
  readonly deadLetters: DeadLetterTopics;
  /** Told of changed groups; they outlive this coordinator. */
  readonly watches: GroupWatches;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

/** A heartbeat as the coordinator sees it. */
export interface HeartbeatCommand {
  readonly memberId: string;
  /**
   * Generation of an answer that the member received; partitions that this answer named as revoked
   * are released. Null releases nothing.
   */
  readonly generation: number | null;
  /** Epoch of the process that has the member's connection, if it has one. */
  readonly brokerEpoch?: number | undefined;
}

/** A poll as the coordinator sees it. */
export interface PollCommand {
  readonly memberId: string;
  /** Distinguishes the polls of a member: a newer one ends an older one. */
  readonly pollId: string;
  readonly acknowledged: Acknowledgement | null;
}

export class GroupCoordinator {
  readonly partition: Partition;
  readonly #options: GroupCoordinatorOptions;
  readonly #rounds: GroupRounds;
  readonly #sessions: MemberSessions;
  readonly #queueTimers: QueueTimers;
  readonly #deadLetters: DeadLetterWriter;
  readonly #positions: PositionResolution;
  readonly #activity = new MemberActivity();
  #sessionsOverTotal = 0;
  #rebalancesTotal = 0;

  private constructor(partition: Partition, options: GroupCoordinatorOptions) {
    const { clock, scheduler, logger, findPositions } = options;
    this.partition = partition;
    this.#options = options;
    this.#rounds = new GroupRounds(new GroupLog(partition, clock, scheduler), {
      monotonicMs: () => clock.monotonicMs(),
      context: () => this.#context(),
      onCommitted: (changed, table) => this.#committed(changed, table),
      onLoaded: (table) => this.#loaded(table),
    });
    this.#sessions = new MemberSessions({
      clock,
      scheduler,
      onDue: (due, group, memberId) => void this.#due(due, group, memberId),
    });
    this.#queueTimers = new QueueTimers({
      clock,
      scheduler,
      onDue: (group) => void this.#queueDue(group),
    });
    this.#deadLetters = new DeadLetterWriter({
      topics: options.deadLetters,
      run: (command) => this.#rounds.run(command),
      scheduler,
      logger,
    });
    this.#positions = new PositionResolution({
      find: findPositions,
      commit: (group, found) => this.#commitPositions(group, found),
      pendingOf: (group) => pendingPositions(this.table.get(group), this.#context()),
      scheduler,
      logger,
    });
  }

  /** Loads the groups of a partition that this broker leads. @throws as GroupLog.load */
  static async load(
    partition: Partition,
    options: GroupCoordinatorOptions,
  ): Promise<GroupCoordinator> {
    const coordinator = new GroupCoordinator(partition, options);
    await coordinator.#rounds.load();
    return coordinator;
  }

  /** The groups, with changes that may not be committed yet: for counts. */
  get table(): GroupTable {
    return this.#rounds.table;
  }

  /** Number of members. */
  get memberCount(): number {
    return this.#sessions.size;
  }

  /** Members removed because their session was over, since the start. */
  get sessionsOverTotal(): number {
    return this.#sessionsOverTotal;
  }

  /** Generations begun, since the start. */
  get rebalancesTotal(): number {
    return this.#rebalancesTotal;
  }

  /** Decides a request that no session or position depends on. */
  run<T>(command: GroupCommand<T>): Promise<T> {
    return this.#rounds.run(command);
  }

  /**
   * Decides a request of a member, which renews its session.
   * @throws ProtocolError UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH
   */
  runAsMember<T>(
    group: string,
    memberId: string,
    { decide, answer }: Pick<GroupCommand<T>, 'decide' | 'answer'>,
  ): Promise<T> {
    return this.#rounds.run({
      group,
      decide: (state, context) => {
        assertMember(state, memberId);
        const records = decide(state, context);
        this.#renewSession(state, memberId);
        return records;
      },
      answer,
    });
  }

  /** Reads the committed state of a group. */
  read<T>(group: string, answer: (group: Group) => T): Promise<T> {
    return this.#rounds.run({ group, decide: () => [], answer });
  }

  /**
   * Adds a member. Resolves with its assignment once the positions of all partitions that it can
   * have now are committed.
   */
  async join(group: string, join: JoinCommand, brokerEpoch?: number): Promise<MemberView> {
    const { memberId } = join;
    await this.#rounds.run({
      group,
      decide: (state, context) => {
        const records = decideJoin(state, join, context);
        this.#options.assertRoom(state, joinOffsets(state, join, context.topics));
        return records;
      },
      answer: () => undefined,
    });
    await this.#positions.settled(group);
    return this.heartbeat(group, { memberId, generation: null, brokerEpoch });
  }

  heartbeat(group: string, heartbeat: HeartbeatCommand): Promise<MemberView> {
    const { memberId, brokerEpoch } = heartbeat;
    return this.#rounds.run({
      group,
      decide: (state) => {
        const records = decideHeartbeat(state, heartbeat);
        this.#renewSession(state, memberId);
        if (brokerEpoch !== undefined) {
          this.#activity.connected(memberKey(group, memberId), brokerEpoch);
        }
        return records;
      },
      answer: (state) => this.#view(state, memberId),
    });
  }

  /** Takes a member's poll: what it acknowledges is committed when this resolves. */
  poll(group: string, poll: PollCommand): Promise<MemberView> {
    const { memberId, pollId, acknowledged } = poll;
    const key = memberKey(group, memberId);
    return this.#rounds.run({
      group,
      decide: (state, context) => {
        assertMode(state, 'stream');
        const records = decidePoll(state, { memberId, acknowledged }, context);
        this.#renewSession(state, memberId);
        if (this.#activity.beginPoll(key, pollId)) this.#options.watches.changed(group);
        if (acknowledged !== null && state.members.get(memberId)?.autoCommit === false) {
          for (const { offset, ...target } of acceptedPositions(state, memberId, acknowledged)) {
            this.#activity.acknowledge(key, target, offset);
          }
        }
        return records;
      },
      answer: (state) => this.#view(state, memberId),
    });
  }

  /** The view of a member whose poll waits; undefined when a newer poll of it has begun. */
  async waitingView(
    group: string,
    memberId: string,
    pollId: string,
  ): Promise<MemberView | undefined> {
    const view = await this.heartbeat(group, { memberId, generation: null });
    const isSuperseded = this.#activity.isSuperseded(memberKey(group, memberId), pollId);
    return isSuperseded ? undefined : view;
  }

  commitAsMember(
    group: string,
    commit: {
      readonly memberId: string;
      readonly generation: number;
      readonly offsets: readonly CommitEntry[];
    },
  ): Promise<void> {
    return this.#rounds.run({
      group,
      isAtomic: true,
      decide: (state, context) => {
        assertMode(state, 'stream');
        const records = decideMemberCommit(state, commit, context);
        this.#renewSession(state, commit.memberId);
        this.#options.assertRoom(state, commit.offsets);
        return records;
      },
      answer: () => undefined,
    });
  }

  /** Removes a member; nothing when it is gone. @throws ProtocolError FENCED_MEMBER_EPOCH */
  leave(group: string, memberId: string): Promise<void> {
    return this.#rounds.run({
      group,
      decide: (state, context) => {
        if (state.replacementOf(memberId) !== undefined) assertMember(state, memberId);
        return decideRemoval(state, memberId, { ...context, isDeliveryCounted: false });
      },
      answer: () => undefined,
    });
  }

  /** Removes the members whose connections ended with a process, but not static ones. */
  processEnded(brokerEpoch: number): void {
    for (const { name, members } of this.table.all()) {
      for (const [memberId, { instanceId }] of members) {
        if (instanceId !== null) continue;
        if (!this.#activity.isConnectedTo(memberKey(name, memberId), brokerEpoch)) continue;
        void this.#background(this.leave(name, memberId), name);
      }
    }
  }

  /** Applies a change of topics to the groups that are subscribed to them. */
  topicsChanged(isAffected: (group: Group) => boolean): void {
    for (const group of this.table.all()) {
      if (group.members.size > 0 && isAffected(group)) this.#retarget(group.name);
    }
  }

  /** Removes the offsets of topics that are gone. */
  async removeStale(isStale: (topic: string, topicId: string) => boolean): Promise<void> {
    const groups = [...this.table.all()].filter((group) => {
      return decideStaleOffsets(group, isStale).length > 0;
    });
    await Promise.all(
      groups.map(({ name }) =>
        this.#rounds.run({
          group: name,
          decide: (state) => decideStaleOffsets(state, isStale),
          answer: () => undefined,
          isRetargeted: true,
        }),
      ),
    );
  }

  /** Session time-out of a member, ms. */
  sessionTimeoutOf(group: Group, memberId: string): number {
    const own = group.members.get(memberId)?.sessionTimeoutMs ?? null;
    if (own !== null) return own;
    const ofGroup = group.configs.get('consumer.session.timeout.ms');
    return ofGroup === undefined ? this.#options.sessionTimeoutMs : Number(ofGroup);
  }

  /** Ends timers and watches; requests under way end with the leadership. */
  close(): void {
    this.#sessions.close();
    this.#queueTimers.close();
    this.#deadLetters.close();
    this.#positions.close();
    this.#allChanged();
  }

  #context() {
    const { clock, catalog, limits } = this.#options;
    return { nowMs: clock.nowMs(), topics: catalog, limits: limits() };
  }

  #view(group: Group, memberId: string): MemberView {
    return memberView(group, memberId, {
      sessionTimeoutMs: this.sessionTimeoutOf(group, memberId),
      acknowledgedOf: (target): Offset | undefined =>
        this.#activity.acknowledgedOf(memberKey(group.name, memberId), target),
    });
  }

  #renewSession(group: Group, memberId: string): void {
    this.#sessions.renew(group.name, memberId, this.sessionTimeoutOf(group, memberId));
  }

  #loaded(table: GroupTable): void {
    for (const group of table.all()) {
      this.#queueTimers.look(group);
      this.#deadLetters.look(group);
      if (group.members.size === 0) continue;
      this.#sync(group, group.members.keys());
      this.#retarget(group.name);
    }
    this.#allChanged();
  }

  /** Nothing is known of any group from now on. */
  #allChanged(): void {
    for (const { name } of this.table.all()) this.#options.watches.changed(name);
  }

  #committed(changed: ChangedMembers, table: GroupTable): void {
    for (const [name, memberIds] of changed) {
      const group = table.get(name);
      if (memberIds.size > 0) {
        this.#rebalancesTotal += 1;
        this.#sync(group, memberIds);
        this.#options.watches.changed(name);
      }
      this.#positions.look(name);
      if (group.mode === 'queue') this.#lookAtQueue(group);
    }
  }

  /** Wakes polls when records wait for members, and sets the timer of the next lock. */
  #lookAtQueue(group: Group): void {
    const { clock } = this.#options;
    const times = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
    if (hasAvailable(group, times)) this.#options.watches.changed(group.name);
    this.#queueTimers.look(group);
    this.#deadLetters.look(group);
  }

  async #queueDue(name: string): Promise<void> {
    const { clock } = this.#options;
    const times = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
    await this.#background(
      this.#rounds.run({
        group: name,
        decide: (state) => decideExpiredLocks(state, times),
        answer: () => undefined,
      }),
      name,
    );
    // The delay of a record may be over, which no record in the log says.
    this.#lookAtQueue(this.table.get(name));
  }

  /** Brings sessions and the like in line with members that changed. */
  #sync(group: Group, memberIds: Iterable<string>): void {
    for (const memberId of memberIds) {
      const member = group.members.get(memberId);
      const key = memberKey(group.name, memberId);
      if (member === undefined) {
        this.#sessions.end(group.name, memberId);
        this.#activity.forget(key);
        continue;
      }
      if (!this.#sessions.isAlive(group.name, memberId)) this.#renewSession(group, memberId);
      const assignment = group.assignmentOf(memberId);
      this.#activity.keepOnly(key, assignment.ownedPartitions());
      if (assignment.revokingPartitions().length === 0) {
        this.#sessions.released(group.name, memberId);
      } else {
        this.#sessions.allowRelease(group.name, memberId, member.maxPollIntervalMs);
      }
    }
  }

  #retarget(group: string): void {
    void this.#background(
      this.#rounds.run({ group, decide: () => [], answer: () => undefined, isRetargeted: true }),
      group,
    );
  }

  async #due(due: MemberDue, group: string, memberId: string): Promise<void> {
    const isSession = due === 'session';
    await this.#background(
      this.#rounds.run({
        group,
        decide: (state, context) => {
          if (!isSession) return decideOverdueRelease(state, memberId);
          // A request of the member that came before was decided first.
          if (this.#sessions.isAlive(group, memberId)) return [];
          const records = decideRemoval(state, memberId, { ...context, isDeliveryCounted: true });
          if (records.length > 0) this.#sessionsOverTotal += 1;
          return records;
        },
        answer: () => undefined,
      }),
      group,
    );
  }

  /** A failed change is made again when the log is loaded the next time. */
  async #background(change: Promise<void>, group: string): Promise<void> {
    try {
      await change;
    } catch (error) {
      this.#options.logger.warn({ err: error, group }, 'a change of a group could not be written');
    }
  }

  #commitPositions(group: string, found: readonly FoundPosition[]): Promise<void> {
    return this.#rounds.run({
      group,
      decide: (state, { nowMs, topics }) =>
        found
          .filter(({ topic, topicId, partition }) => {
            if (topics.topic(topic)?.id !== topicId) return false;
            return !state.offsets.has(topic, topicId, partition);
          })
          .map((position) => positionRecord(group, position, nowMs)),
      answer: () => undefined,
    });
  }
}

function memberKey(group: string, memberId: string): string {
  return `${group}\n${memberId}`;
}
