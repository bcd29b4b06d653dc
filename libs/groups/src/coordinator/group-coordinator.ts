/**
 * The coordinator of the groups of one led partition of `__consumer_offsets`: it keeps their state
 * in memory, writes its changes, ends sessions and finds positions.
 *
 * Overlap: all calls may overlap; GroupRounds decides them one after the other.
 */
import type { Partition } from '#replication';
import type { MemberOwner } from '../log/group-records.js';
import type { ShareTimes } from '../queue/share-context.js';
import { pendingPositions, positionRecord } from '../state/assign.js';
import { decideJoin, decideRemoval, type JoinCommand } from '../state/decide-membership.js';
import {
  type CommitEntry,
  decideHeartbeat,
  decideMemberCommit,
  decideOverdueRelease,
  decidePoll,
  type HeartbeatCommand,
} from '../state/decide-offsets.js';
import { decideExpiredLocks, hasAvailable } from '../state/decide-queue.js';
import { decideExpiredCredential, decideStaleOffsets } from '../state/decide-removal.js';
import { assertMember, assertMode } from '../state/decision.js';
import type { Group } from '../state/group.js';
import { withCredential } from '../state/member-credential.js';
import type { MemberCaller } from '../state/member-owner.js';
import { subscribedTopics } from '../state/subscription.js';
import type { CoordinatorTotals } from './coordinator-totals.js';
import { DeadLetterWriter } from './dead-letter-writer.js';
import { ExpiringMembers } from './expiring-members.js';
import type { GroupCoordinatorOptions } from './group-coordinator-options.js';
import { GroupLog } from './group-log.js';
import {
  type ChangedMembers,
  type GroupCommand,
  GroupRounds,
  type Outcome,
} from './group-rounds.js';
import type { GroupTable } from './group-table.js';
import { joinOffsets } from './join-offsets.js';
import { assertConfigNotLatest } from './join-request.js';
import { LiveMembers } from './live-members.js';
import { disconnectedMembers, type MayKeepMember, refusedMembers } from './lost-members.js';
import type { MemberDue } from './member-sessions.js';
import type { MemberView, PollView } from './member-view.js';
import type { PollCommand } from './poll-command.js';
import { type FoundPosition, PositionResolution } from './position-resolution.js';
import { QueueListings } from './queue-listings.js';
import { QueueTimers } from './queue-timers.js';
import { WaitingMembers } from './waiting-members.js';

/** A member that makes a request, and its caller. */
interface MemberIdentity {
  readonly memberId: string;
  readonly caller?: MemberCaller;
}

/** A heartbeat of a member of any group. */
interface GroupHeartbeat extends HeartbeatCommand {
  readonly group: string;
}

export class GroupCoordinator {
  readonly partition: Partition;
  /** Members of queues that wait for records. */
  readonly waiting: WaitingMembers;
  /** Counters of the broker, shared by its coordinators. */
  readonly #totals: CoordinatorTotals;
  readonly #options: GroupCoordinatorOptions;
  readonly #rounds: GroupRounds;
  readonly #members: LiveMembers;
  readonly #expiring: ExpiringMembers;
  readonly #queueTimers: QueueTimers;
  readonly #deadLetters: DeadLetterWriter;
  readonly #listings: QueueListings;
  readonly #positions: PositionResolution;

  private constructor(partition: Partition, options: GroupCoordinatorOptions) {
    const { clock, scheduler, logger, findPositions } = options;
    this.partition = partition;
    this.#options = options;
    this.#totals = options.totals;
    this.#rounds = new GroupRounds(new GroupLog(partition, clock, scheduler), {
      ...options,
      times: () => this.#times(),
      context: () => this.#context(),
      onCommitted: (changed, table) => this.#committed(changed, table),
      onLoaded: (table) => this.#loaded(table),
    });
    this.#members = new LiveMembers({
      ...options,
      onDue: (due, group, memberId) => void this.#due(due, group, memberId),
    });
    this.#expiring = new ExpiringMembers({
      clock,
      scheduler,
      groupOf: (name) => this.table.get(name),
      onExpired: (group, memberId) => this.#credentialExpired(group, memberId),
    });
    this.waiting = new WaitingMembers({
      clock,
      scheduler,
      onKeptTimeOver: (group) => this.#lookAtQueue(this.table.get(group)),
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
    this.#listings = new QueueListings({
      lists: options.queueLists,
      find: findPositions,
      partition,
      isQueue: (group) => this.table.get(group).mode === 'queue',
      isForgotten: (group) => this.read(group, ({ isForgotten }) => isForgotten),
      logger,
    });
    this.#positions = new PositionResolution({
      find: (group, pending) => this.#listings.find(group, pending),
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
    return this.#members.size;
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
    { memberId, caller }: MemberIdentity,
    { decide, answer }: Pick<GroupCommand<T>, 'decide' | 'answer'>,
  ): Promise<T> {
    return this.#rounds.run({
      group,
      decide: (state, context) => {
        assertMember(state, memberId, caller);
        const records = decide(state, context);
        this.#members.renew(state, memberId);
        return withCredential(state, { memberId, caller }, records);
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
  async join(group: string, join: JoinCommand): Promise<MemberView> {
    const { memberId, brokerEpoch, caller } = join;
    await this.#rounds.run({
      group,
      decide: (state, context) => {
        assertConfigNotLatest(state, join, subscribedTopics(join, context.topics), context.topics);
        const records = decideJoin(state, join, context);
        this.#options.assertRoom(state, joinOffsets(state, join, context.topics));
        return records;
      },
      answer: () => undefined,
    });
    await this.#positions.settled(group);
    const heartbeat = { memberId, generation: null, brokerEpoch, caller };
    return this.runAsMember(group, heartbeat, {
      decide: (state) => decideHeartbeat(state, heartbeat),
      answer: (state) => this.#members.tell(state, memberId),
    });
  }

  /**
   * Keeps members; those that do not poll, commit or acknowledge at most for `maxPollIntervalMs`.
   * @returns the view of each member, in order, or its refusal
   */
  heartbeats(heartbeats: readonly GroupHeartbeat[]): Promise<readonly Outcome<MemberView>[]> {
    return this.#rounds.runAll(
      heartbeats.map((heartbeat) => ({
        group: heartbeat.group,
        decide: (state) => {
          const records = decideHeartbeat(state, heartbeat);
          this.#members.keep(state, heartbeat.memberId);
          return withCredential(state, heartbeat, records);
        },
        answer: (state) =>
          heartbeat.brokerEpoch === undefined
            ? this.#members.tell(state, heartbeat.memberId)
            : this.#members.tellConnection(state, heartbeat.memberId),
      })),
    );
  }

  /** Takes a member's poll: what it acknowledges is committed when this resolves. */
  poll(group: string, poll: PollCommand): Promise<PollView> {
    return this.#rounds.run({
      group,
      decide: (state, context) => {
        assertMode(state, 'stream');
        const records = decidePoll(state, poll, context);
        const isOlderEnded = this.#members.beginPoll(state, poll);
        if (isOlderEnded) this.#options.watches.changed(group, new Set([poll.memberId]));
        return withCredential(state, poll, records);
      },
      answer: (state) => this.#members.tellPoll(state, poll),
    });
  }

  /** The view of a member whose poll waits; undefined when a newer poll of it has begun. */
  waitingView(
    group: string,
    member: MemberIdentity,
    pollId: string,
  ): Promise<MemberView | undefined> {
    const { memberId } = member;
    return this.runAsMember(group, member, {
      decide: () => [],
      answer: (state) => {
        const isSuperseded = this.#members.isSuperseded(group, memberId, pollId);
        return isSuperseded ? undefined : this.#members.tell(state, memberId);
      },
    });
  }

  commitAsMember(
    group: string,
    commit: {
      readonly memberId: string;
      readonly generation: number;
      readonly offsets: readonly CommitEntry[];
      readonly caller?: MemberCaller;
    },
  ): Promise<void> {
    return this.#rounds.run({
      group,
      isAtomic: true,
      decide: (state, context) => {
        assertMode(state, 'stream');
        const records = decideMemberCommit(state, commit, context);
        this.#members.renew(state, commit.memberId);
        this.#options.assertRoom(state, commit.offsets);
        return withCredential(state, commit, records);
      },
      answer: () => undefined,
    });
  }

  /**
   * Removes a member; nothing when it is gone.
   * @param isBroken true when its connection broke: deliveries to it count
   * @throws ProtocolError FENCED_MEMBER_EPOCH, GROUP_AUTHORIZATION_FAILED
   */
  leave(group: string, { memberId, caller }: MemberIdentity, isBroken = false): Promise<void> {
    return this.#rounds.run({
      group,
      decide: (state, context) => {
        const isKnown = state.members.has(memberId) || state.replacementOf(memberId) !== undefined;
        if (isKnown) assertMember(state, memberId, caller);
        return decideRemoval(state, memberId, { ...context, isDeliveryCounted: isBroken });
      },
      answer: () => undefined,
    });
  }

  /** Removes the members whose connections ended with a process, but not static ones. */
  processEnded(brokerEpoch: number): void {
    for (const group of this.table.all()) {
      const lost = disconnectedMembers(group, (of) => of === brokerEpoch);
      this.#remove(group, lost, true);
    }
  }

  /** Removes the members whose owners may no longer read what they read, of those affected. */
  accessChanged(isAffected: (owner: MemberOwner) => boolean): void {
    const mayKeep: MayKeepMember = (owner, reads) =>
      !isAffected(owner) || this.#options.mayKeep(owner, reads);
    for (const group of this.table.all()) this.#remove(group, refusedMembers(group, mayKeep));
  }

  #remove({ name }: Group, memberIds: Iterable<string>, isBroken = false): void {
    for (const memberId of memberIds) {
      void this.#background(this.leave(name, { memberId, caller: 'broker' }, isBroken), name);
    }
  }

  #credentialExpired(group: string, memberId: string): void {
    void this.#background(
      this.#rounds.run({
        group,
        decide: (state, context) => decideExpiredCredential(state, memberId, context),
        answer: () => undefined,
      }),
      group,
    );
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

  /** Nothing of a group is left: its topics do not wait for it any more. */
  forgotten(group: string): void {
    void this.#listings.forget(group);
  }

  /** Session time-out of a member, ms. */
  sessionTimeoutOf(group: Group, memberId: string): number {
    return this.#members.sessionTimeoutOf(group, memberId);
  }

  /** Ends timers and watches; requests under way end with the leadership. */
  close(): void {
    this.#rounds.close();
    this.#members.close();
    this.#expiring.close();
    this.#queueTimers.close();
    this.#deadLetters.close();
    this.#positions.close();
    this.#allChanged();
  }

  #context() {
    const { clock, catalog, limits } = this.#options;
    return { nowMs: clock.nowMs(), topics: catalog, limits: limits() };
  }

  #loaded(table: GroupTable): void {
    for (const group of table.all()) {
      this.#queueTimers.look(group);
      this.#deadLetters.look(group);
      this.#expiring.look(group);
      if (group.members.size === 0) continue;
      this.#members.sync(group, group.members.keys());
      for (const id of this.#members.overdue(group)) void this.#due('session', group.name, id);
      this.#remove(group, disconnectedMembers(group, this.#options.hasProcessEnded), true);
      this.#remove(group, refusedMembers(group, this.#options.mayKeep));
      this.#retarget(group.name);
      this.#positions.look(group.name);
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
      if (group.isForgotten) this.forgotten(name);
      if (memberIds.size > 0) {
        this.#totals.rebalances += 1;
        this.#members.sync(group, memberIds);
        for (const memberId of memberIds) {
          if (!group.members.has(memberId)) this.waiting.forget(name, memberId);
        }
        this.#options.watches.changed(name, memberIds);
      }
      this.#positions.look(name);
      this.#expiring.look(group);
      if (group.mode === 'queue') this.#lookAtQueue(group);
    }
  }

  #times(): ShareTimes {
    const { clock } = this.#options;
    return { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
  }

  /** Wakes polls when records wait for members, and sets the timer of the next lock. */
  #lookAtQueue(group: Group): void {
    if (hasAvailable(group, this.#times())) this.#options.watches.changed(group.name);
    this.#queueTimers.look(group);
    this.#deadLetters.look(group);
  }

  async #queueDue(name: string): Promise<void> {
    const times = this.#times();
    const isMade = await this.#background(
      this.#rounds.run({
        group: name,
        decide: (state) => {
          const records = decideExpiredLocks(state, times);
          this.#options.tally.countExpired(records);
          return records;
        },
        answer: () => undefined,
      }),
      name,
    );
    // A delay may be over, which no record in the log says. A failed change would be due at once.
    if (isMade) this.#lookAtQueue(this.table.get(name));
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
          if (this.#members.isAlive(group, memberId)) return [];
          const records = decideRemoval(state, memberId, { ...context, isDeliveryCounted: true });
          if (records.length > 0) this.#totals.sessionsOver += 1;
          return records;
        },
        answer: () => undefined,
      }),
      group,
    );
  }

  /** Returns true when the change was made; a failed one is made again once the log is loaded. */
  async #background(change: Promise<void>, group: string): Promise<boolean> {
    try {
      await change;
      return true;
    } catch (error) {
      this.#options.logger.debug({ err: error, group }, 'a change of a group failed');
      return false;
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
