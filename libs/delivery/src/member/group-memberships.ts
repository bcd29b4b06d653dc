import type { GroupMembers, MemberCommit, MemberJoin, MemberView } from '#broker';
import { ProtocolError } from '#protocol';
import { type Logger, type Random, RetryBackoff } from '#runtime';
import type { Delivery } from '../delivery.js';
import { type HeartbeatMember, MemberHeartbeats } from './member-heartbeats.js';

export interface GroupMembershipsParts {
  readonly delivery: Delivery;
  readonly logger: Logger;
}

export interface GroupMembershipsOptions {
  /** Limit of the records of a member that it did not acknowledge. */
  readonly memberUnacknowledgedRecordsMax: number;
}

/** Current numbers for metrics; totals count from the start. */
export interface MembershipStatus {
  readonly members: number;
  /** Members whose session was over although their connection was open: they joined again. */
  readonly rejoinsTotal: number;
  /** Members that ended because another process took over their instanceId. */
  readonly fencedTotal: number;
  /** Members that left because their client showed no sign of life for their session time-out. */
  readonly silentTotal: number;
  /** Members that left because their client did nothing for maxPollIntervalMs. */
  readonly overdueTotal: number;
  readonly heartbeatsFailedTotal: number;
  /** Records of queues that members have under lock. */
  readonly queueRecords: number;
}

/** The members of one group on this broker, and the watch of the group. */
interface WatchedGroup {
  readonly members: Set<HeartbeatMember>;
  readonly endWatch: () => void;
}

interface LeaveOptions {
  /** True when the member's connection broke. */
  readonly isBroken?: boolean;
  /** Work of the member that is finished first. */
  readonly after?: Promise<void>;
}

/** Time for what a member has acknowledged before it leaves, in ms. */
const SETTLE_MS = 5000;
/** Attempts to leave a group; afterwards the member's session ends by itself. */
const LEAVE_ATTEMPTS_MAX = 10;

/**
 * The members of consumer groups whose connections this broker has. A connection that is open keeps
 * its members in their groups: this class sends their heartbeats, and watches their groups.
 *
 * Overlap: all calls may overlap. `close` is called once, after all members were removed.
 */
export class GroupMemberships {
  readonly delivery: Delivery;
  readonly options: GroupMembershipsOptions;
  readonly #groups: GroupMembers;
  readonly #logger: Logger;
  readonly #heartbeats: MemberHeartbeats;
  readonly #watched = new Map<string, WatchedGroup>();
  readonly #leaving = new Set<Promise<void>>();
  #isClosed = false;
  #rejoinsTotal = 0;
  #fencedTotal = 0;
  #silentTotal = 0;
  #overdueTotal = 0;
  #queueRecords = 0;

  constructor(parts: GroupMembershipsParts, options: GroupMembershipsOptions) {
    const { delivery, logger } = parts;
    const { scheduler, random } = delivery;
    const groups = delivery.broker.groups.members;
    this.delivery = delivery;
    this.options = options;
    this.#groups = groups;
    this.#logger = logger;
    this.#heartbeats = new MemberHeartbeats({ groups, scheduler, random, logger });
  }

  get random(): Random {
    return this.delivery.random;
  }

  status(): MembershipStatus {
    return {
      members: this.#heartbeats.size,
      rejoinsTotal: this.#rejoinsTotal,
      fencedTotal: this.#fencedTotal,
      silentTotal: this.#silentTotal,
      overdueTotal: this.#overdueTotal,
      heartbeatsFailedTotal: this.#heartbeats.failedTotal,
      queueRecords: this.#queueRecords,
    };
  }

  /** @throws ProtocolError of the group */
  join(group: string, join: MemberJoin): Promise<MemberView> {
    return this.#groups.join(group, join);
  }

  /** Joins again, until the group accepts or refuses it. @throws ProtocolError of the group */
  async rejoin(group: string, join: MemberJoin, isWanted: () => boolean): Promise<MemberView> {
    this.#rejoinsTotal += 1;
    const backoff = new RetryBackoff(this.random);
    for (;;) {
      try {
        return await this.join(group, join);
      } catch (error) {
        const isFinal = error instanceof ProtocolError && !error.retriable;
        if (isFinal || !isWanted()) throw error;
        await this.#wait(backoff.nextDelayMs());
      }
    }
  }

  /** @throws ProtocolError of the group */
  commit(commit: MemberCommit): Promise<void> {
    return this.#groups.commitAsMember(commit);
  }

  /** Begins the heartbeats of a member that has joined with this view. */
  add(group: string, member: HeartbeatMember, view: MemberView): void {
    const watched = this.#watched.get(group) ?? this.#watch(group);
    watched.members.add(member);
    this.#heartbeats.add(member, view);
    // The assignment may have changed between the join and the watch.
    this.#heartbeats.request(member);
  }

  /** Begins the heartbeats of a member whose group is watched by others. */
  keep(member: HeartbeatMember, view: MemberView): void {
    this.#heartbeats.add(member, view);
  }

  /** Ends the heartbeats of a member. */
  remove(group: string, member: HeartbeatMember): void {
    this.#heartbeats.remove(member);
    const watched = this.#watched.get(group);
    if (watched?.members.delete(member) !== true || watched.members.size > 0) return;
    this.#watched.delete(group);
    watched.endWatch();
  }

  /** Sends a heartbeat of a member soon. */
  heartbeat(member: HeartbeatMember): void {
    this.#heartbeats.request(member);
  }

  /**
   * Leaves a group. Resolves when the group has accepted that, or does not answer: then the
   * member's session ends by itself. Never rejects.
   */
  leave(group: string, memberId: string, options: LeaveOptions = {}): Promise<void> {
    const left = this.#leave(group, memberId, options).finally(() => {
      this.#leaving.delete(left);
    });
    this.#leaving.add(left);
    return left;
  }

  /** Resolves when the last work of a member is finished, or after SETTLE_MS. Never rejects. */
  finish(work: Promise<void>): Promise<void> {
    const finished = new Promise<void>((resolve) => {
      const timer = this.delivery.scheduler.after(SETTLE_MS, resolve);
      void work.finally(() => {
        timer.cancel();
        resolve();
      });
    }).finally(() => {
      this.#leaving.delete(finished);
    });
    this.#leaving.add(finished);
    return finished;
  }

  /** Counts records of queues that members got, or do not have any more. */
  countQueueRecords(change: number): void {
    this.#queueRecords += change;
  }

  /** Counts a member that was fenced. */
  fenced(): void {
    this.#fencedTotal += 1;
  }

  /** Counts a member whose client showed no sign of life for its session time-out. */
  silent(): void {
    this.#silentTotal += 1;
  }

  /** Counts a member whose client did nothing for maxPollIntervalMs. */
  overdue(): void {
    this.#overdueTotal += 1;
  }

  /** Resolves when the members of all closed connections have left their groups. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#heartbeats.close();
    await Promise.all(this.#leaving);
  }

  #watch(group: string): WatchedGroup {
    const members = new Set<HeartbeatMember>();
    const endWatch = this.#groups.watch(group, () => {
      for (const member of members) this.#heartbeats.request(member);
    });
    const watched = { members, endWatch };
    this.#watched.set(group, watched);
    return watched;
  }

  async #leave(group: string, memberId: string, { isBroken, after }: LeaveOptions): Promise<void> {
    await after;
    const backoff = new RetryBackoff(this.random);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#groups.leave(group, memberId, isBroken);
        return;
      } catch (error) {
        // A fenced member has nothing that it could leave.
        if (error instanceof ProtocolError && !error.retriable) return;
        if (attempt === LEAVE_ATTEMPTS_MAX || this.#isClosed) {
          this.#logger.warn(
            { err: error, group, memberId },
            'a member could not leave its group; its partitions move when its session is over',
          );
          return;
        }
        await this.#wait(backoff.nextDelayMs());
      }
    }
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.delivery.scheduler.after(delayMs, resolve);
    });
  }
}
