import type { Clock, Scheduler } from '#runtime';
import { acceptedPositions } from '../state/decide-offsets.js';
import type { Group } from '../state/group.js';
import { MemberActivity } from './member-activity.js';
import { type MemberDue, MemberSessions } from './member-sessions.js';
import { type MemberView, memberView, type PollView } from './member-view.js';
import type { PollCommand } from './poll-command.js';

interface LiveMembersOptions {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Session time-out of members and groups that name none, ms. */
  readonly sessionTimeoutMs: number;
  readonly onDue: (due: MemberDue, group: string, memberId: string) => void;
}

/** Views of members of one group, which are right until the group changes. */
interface GroupViews {
  readonly appliedCount: number;
  readonly byMember: Map<string, MemberView>;
}

/**
 * The state of one coordinator's members that is not in the log: their sessions, their polls, and
 * the generations that they were told.
 */
export class LiveMembers {
  /** Views of members with connections. */
  readonly #views = new WeakMap<Group, GroupViews>();
  readonly #sessions: MemberSessions;
  readonly #activity = new MemberActivity();
  readonly #sessionTimeoutMs: number;

  constructor({ sessionTimeoutMs, ...options }: LiveMembersOptions) {
    this.#sessions = new MemberSessions(options);
    this.#sessionTimeoutMs = sessionTimeoutMs;
  }

  /** Number of members. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Session time-out of a member, ms. */
  sessionTimeoutOf(group: Group, memberId: string): number {
    const own = group.members.get(memberId)?.sessionTimeoutMs ?? null;
    if (own !== null) return own;
    const ofGroup = group.configs.get('consumer.session.timeout.ms');
    return ofGroup === undefined ? this.#sessionTimeoutMs : Number(ofGroup);
  }

  /** True while a member's session lasts. */
  isAlive(group: string, memberId: string): boolean {
    return this.#sessions.isAlive(group, memberId);
  }

  /** Members whose sessions are over, and which could not be removed when they ended. */
  overdue({ name, members }: Group): string[] {
    const isOverdue = (memberId: string): boolean =>
      this.#sessions.isKnown(name, memberId) && !this.#sessions.isAlive(name, memberId);
    return [...members.keys()].filter(isOverdue);
  }

  /** Begins a member's session again, after any call but a heartbeat. */
  renew(group: Group, memberId: string): void {
    this.#sessions.renew(group.name, memberId, this.sessionTimeoutOf(group, memberId));
  }

  /** Lets a member's session last on after a heartbeat. */
  keep(group: Group, memberId: string): void {
    const { brokerEpoch, maxPollIntervalMs } = group.members.get(memberId) ?? {};
    const sessionMs = this.sessionTimeoutOf(group, memberId);
    // The broker of a connection sends the heartbeats of its members, which do not poll.
    const withinMs = brokerEpoch === undefined ? maxPollIntervalMs : undefined;
    this.#sessions.keep(group.name, memberId, { sessionMs, withinMs });
  }

  /**
   * Begins a member's poll, which renews its session.
   * @returns true when another poll was the newest one before
   */
  beginPoll(group: Group, { memberId, pollId, acknowledged }: PollCommand): boolean {
    this.renew(group, memberId);
    const key = keyOf(group.name, memberId);
    const isOlderEnded = this.#activity.beginPoll(key, pollId);
    if (acknowledged === null || group.members.get(memberId)?.autoCommit !== false) {
      return isOlderEnded;
    }
    for (const position of acceptedPositions(group, memberId, acknowledged)) {
      const { topic, topicId, partition, ...read } = position;
      this.#activity.acknowledge(key, { topic, topicId, partition }, read);
    }
    return isOlderEnded;
  }

  /** True when a newer poll of the member has begun. */
  isSuperseded(group: string, memberId: string, pollId: string): boolean {
    return this.#activity.isSuperseded(keyOf(group, memberId), pollId);
  }

  /** The view of a member, with which its call is answered. */
  tell(group: Group, memberId: string): MemberView {
    const key = keyOf(group.name, memberId);
    // Subscriptions over connections do not poll.
    const isPolling = group.members.get(memberId)?.brokerEpoch === undefined;
    if (isPolling) this.#activity.tell(key, group.generation);
    return memberView(group, memberId, {
      sessionTimeoutMs: this.sessionTimeoutOf(group, memberId),
      acknowledgedOf: (target) => this.#activity.acknowledgedOf(key, target),
    });
  }

  /**
   * The view of a member, with which a heartbeat of its connection is answered: the same object
   * until the group changes, so that members at rest cost little.
   */
  tellConnection(group: Group, memberId: string): MemberView {
    const { appliedCount } = group;
    let views = this.#views.get(group);
    if (views?.appliedCount !== appliedCount) {
      views = { appliedCount, byMember: new Map() };
      this.#views.set(group, views);
    }
    const present = views.byMember.get(memberId);
    if (present !== undefined) return present;
    const view = this.tell(group, memberId);
    views.byMember.set(memberId, view);
    return view;
  }

  /** The view of a member, with which its poll is answered. */
  tellPoll(group: Group, { memberId, acknowledged }: PollCommand): PollView {
    const told = this.#activity.toldGeneration(keyOf(group.name, memberId));
    const known = acknowledged?.generation ?? told;
    const isNewAssignment = !group.assignmentOf(memberId).isKnownIn(known);
    return { ...this.tell(group, memberId), isNewAssignment };
  }

  /** Brings sessions and the like in line with members that changed. */
  sync(group: Group, memberIds: Iterable<string>): void {
    for (const memberId of memberIds) {
      const member = group.members.get(memberId);
      if (member === undefined) {
        this.#sessions.end(group.name, memberId);
        this.#activity.forget(keyOf(group.name, memberId));
        continue;
      }
      // A change of a member is not a sign of life: a session that is over stays over.
      if (!this.#sessions.isKnown(group.name, memberId)) this.renew(group, memberId);
      const assignment = group.assignmentOf(memberId);
      this.#activity.keepOnly(keyOf(group.name, memberId), assignment.ownedPartitions());
      if (assignment.revokingPartitions().length === 0) {
        this.#sessions.released(group.name, memberId);
      } else {
        this.#sessions.allowRelease(group.name, memberId, member.maxPollIntervalMs);
      }
    }
  }

  /** Ends the timers. */
  close(): void {
    this.#sessions.close();
  }
}

function keyOf(group: string, memberId: string): string {
  return `${group}\n${memberId}`;
}
