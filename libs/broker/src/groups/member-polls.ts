/**
 * The polls of group members at this broker. The coordinator takes what a poll acknowledges and
 * says which partitions the member has; this broker reads their records meanwhile.
 *
 * Overlap: calls may overlap. A newer poll of a member ends an older one that waits.
 */
import type { MemberView, OnGroupChange, PollView } from '#groups';
import type { TopicPartition } from '#protocol';
import type { Clock, Random, Scheduler } from '#runtime';
import type { Requester } from '../requester.js';
import type { MemberRecords, MemberState, RequestedPoll } from './groups.js';
import { type MemberReads, type ReadRecords, WAIT_IS_OVER } from './member-reads.js';
import { decodeCursor, type PollCursor } from './poll-cursor.js';
import { cursorAfter, isStillRight, type PollPlan, planAfter, planOf } from './poll-plan.js';
import { WaitingPolls, type WaitingPollsOptions } from './waiting-polls.js';

/** Shortest interval of heartbeats while a poll waits, in ms. */
const HEARTBEAT_MIN_MS = 50;

/** The calls to the coordinator that polls need. */
interface PollCoordinator {
  poll(request: {
    readonly group: string;
    readonly memberId: string;
    readonly pollId: string;
    readonly acknowledged: PollCursor | null;
    readonly caller?: Requester;
  }): Promise<PollView>;
  /** Null when a newer poll of the member has begun. */
  waitingView(request: {
    readonly group: string;
    readonly memberId: string;
    readonly pollId: string;
    readonly caller?: Requester;
  }): Promise<MemberView | null>;
  /** Calls back when the assignment of a group may have changed. @returns ends the watch */
  watch(group: string, onChange: OnGroupChange): () => void;
}

interface MemberPollsOptions extends WaitingPollsOptions {
  readonly coordinator: PollCoordinator;
  readonly reads: MemberReads;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
}

/** Records that a poll found, and the plan that found them. */
interface Found {
  readonly plan: PollPlan;
  readonly found: ReadRecords;
}

export class MemberPolls {
  readonly waiting: WaitingPolls;
  readonly #options: MemberPollsOptions;
  /** Ends the poll that waits, by member. */
  readonly #endOf = new Map<string, AbortController>();

  constructor(options: MemberPollsOptions) {
    this.#options = options;
    this.waiting = new WaitingPolls('members', options);
  }

  /** See `Groups.poll`. */
  async poll(group: string, memberId: string, request: RequestedPoll): Promise<MemberRecords> {
    const cursor = request.cursor === undefined ? null : decodeCursor(request.cursor);
    const pollId = this.#options.random.uuid();
    this.#endOf.get(keyOf(group, memberId))?.abort(WAIT_IS_OVER);
    const { requester } = request;
    const caller = requester === undefined ? undefined : { caller: requester };
    const call = { group, memberId, pollId, acknowledged: cursor, ...caller };
    const { coordinator, reads } = this.#options;
    // The cursor names positions, so the records are read while its commit is written.
    const ahead = reads.read(cursor?.positions ?? [], request, 'none').catch(() => undefined);
    const [view, readAhead] = await Promise.all([coordinator.poll(call), ahead]);
    const planned = planOf(view, cursor);
    const isUsable = isStillRight(planned, cursor, readAhead);
    const { plan, found } = await this.#read(planned, request, isUsable ? readAhead : undefined);
    const mayWait = request.waitMs > 0 && !this.waiting.isEnding && view.isNewAssignment !== true;
    if (hasSomething(found) || !mayWait) return answerOf(plan, found);
    return this.#wait({ group, memberId, pollId, ...caller }, plan, request);
  }

  /**
   * Reads the plan and, until something is found, the partitions that follow it.
   * @param readAhead records of the plan that were read already
   */
  async #read(plan: PollPlan, request: RequestedPoll, readAhead?: ReadRecords): Promise<Found> {
    const { assigned, view } = plan;
    const read = ({ positions }: PollPlan): Promise<ReadRecords> =>
      this.#options.reads.read(positions, request, view.autoOffsetReset);
    let current = plan;
    let found = readAhead ?? (await read(current));
    let covered = current.positions.length;
    while (!hasSomething(found) && covered < assigned.length) {
      current = planAfter(current);
      found = await read(current);
      covered += current.positions.length;
    }
    return { plan: current, found };
  }

  /** Waits for records, for a change of the assignment, or for the end of the time. */
  async #wait(poll: WaitingPoll, plan: PollPlan, request: RequestedPoll): Promise<MemberRecords> {
    this.waiting.assertRoom();
    const { coordinator, clock } = this.#options;
    const signal = request.beginWait?.();
    const ended = new AbortController();
    const end = (): void => ended.abort(WAIT_IS_OVER);
    const key = keyOf(poll.group, poll.memberId);
    this.#replace(key, ended);
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted === true) end();
    const woken = new Signal();
    const stopWatching = coordinator.watch(poll.group, (members) => {
      if (members?.has(poll.memberId) !== false) woken.raise();
    });
    ended.signal.addEventListener('abort', () => woken.raise(), { once: true });
    try {
      const deadlineMs = clock.monotonicMs() + request.waitMs;
      return await this.#waitUntil(deadlineMs, { poll, plan, request, ended, woken });
    } finally {
      stopWatching();
      signal?.removeEventListener('abort', end);
      if (this.#endOf.get(key) === ended) this.#endOf.delete(key);
      this.waiting.delete(ended);
      end();
    }
  }

  /** Ends the older poll of a member: from now on only the newer one counts as waiting. */
  #replace(key: string, ended: AbortController): void {
    const older = this.#endOf.get(key);
    if (older !== undefined) {
      older.abort(WAIT_IS_OVER);
      this.waiting.delete(older);
    }
    this.#endOf.set(key, ended);
    this.waiting.add(ended);
  }

  async #waitUntil(deadlineMs: number, wait: Wait): Promise<MemberRecords> {
    const { poll, request, ended, woken } = wait;
    const { coordinator, clock } = this.#options;
    const { plan } = wait;
    const heartbeatMs = Math.max(HEARTBEAT_MIN_MS, plan.view.sessionTimeoutMs / 3);
    let arrived: Promise<'records'> | undefined;
    // The assignment may have changed between its view and the watch.
    for (let isLooked = false; ; isLooked = true) {
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0 || ended.signal.aborted) return answerOf(plan, NOTHING);
      if (isLooked) arrived ??= this.#records(plan, leftMs, ended.signal);
      const waitMs = Math.min(leftMs, heartbeatMs);
      const wake = arrived === undefined ? 'other' : await this.#wake(arrived, waitMs, woken);
      if (ended.signal.aborted) return answerOf(plan, NOTHING);
      if (wake === 'records') {
        const read = await this.#read(plan, request);
        if (hasSomething(read.found)) return answerOf(read.plan, read.found);
        arrived = undefined;
      }
      woken.lower();
      const view = await coordinator.waitingView(poll);
      if (view === null) return answerOf(plan, NOTHING);
      if (isSameAssignment(view, plan.view)) continue;
      const changed = await this.#read(planOf(view, null), request);
      return answerOf(changed.plan, changed.found);
    }
  }

  /** Resolves when records may have arrived; one such wait lasts through many wakes. */
  #records(plan: PollPlan, waitMs: number, ended: AbortSignal): Promise<'records'> {
    if (plan.assigned.length === 0) return new Promise(() => undefined);
    const { reads } = this.#options;
    return reads.waitForRecords(plan.assigned, waitMs, ended).then((): 'records' => 'records');
  }

  async #wake(
    arrived: Promise<'records'>,
    waitMs: number,
    woken: Signal,
  ): Promise<'records' | 'other'> {
    const timer = this.#options.scheduler.after(waitMs, () => woken.raise());
    const other = woken.raised.then((): 'other' => 'other');
    const wake = await Promise.race([arrived, other]);
    timer.cancel();
    return wake;
  }
}

/** A poll that waits, as the coordinator knows it. */
interface WaitingPoll {
  readonly group: string;
  readonly memberId: string;
  readonly pollId: string;
  readonly caller?: Requester;
}

/** The state of a poll that waits. */
interface Wait {
  readonly poll: WaitingPoll;
  readonly plan: PollPlan;
  readonly request: RequestedPoll;
  readonly ended: AbortController;
  readonly woken: Signal;
}

/** A promise that can be made again. */
class Signal {
  raise: () => void = () => undefined;
  raised: Promise<void> = Promise.resolve();

  constructor() {
    this.lower();
  }

  lower(): void {
    this.raised = new Promise((resolve) => {
      this.raise = resolve;
    });
  }
}

const NOTHING: ReadRecords = { reads: [], resets: [] };

function hasSomething({ reads, resets }: ReadRecords): boolean {
  return reads.length > 0 || resets.length > 0;
}

function answerOf(plan: PollPlan, found: ReadRecords): MemberRecords {
  const { reads, resets } = found;
  return {
    ...memberState(plan.view),
    reads,
    resets,
    cursorAfter: (nextOffsets) => cursorAfter(plan, found, nextOffsets),
  };
}

function isSameAssignment(one: MemberView, other: MemberView): boolean {
  return isSameList(one.assignment, other.assignment) && isSameList(one.revoking, other.revoking);
}

function isSameList(one: readonly TopicPartition[], other: readonly TopicPartition[]): boolean {
  if (one.length !== other.length) return false;
  return one.every(({ topic, partition }, at) => {
    return other[at]?.topic === topic && other[at]?.partition === partition;
  });
}

/** A view as clients see it. */
export function memberState(view: MemberView): MemberState {
  const { memberId, generation, assignment, revoking } = view;
  const partitions = assignment.map(({ topic, partition }) => ({ topic, partition }));
  return { memberId, generation, assignment: partitions, revoking };
}

function keyOf(group: string, memberId: string): string {
  return `${group}\n${memberId}`;
}
