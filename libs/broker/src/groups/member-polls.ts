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
import {
  type CursorPosition,
  decodeCursor,
  encodeCursor,
  type PollCursor,
  positionsThatFit,
} from './poll-cursor.js';
import { WaitingPolls, type WaitingPollsOptions } from './waiting-polls.js';

/** Partitions of one poll; further ones come in the next polls. */
const PARTITIONS_PER_POLL = 64;
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

/** The partitions that a poll reads at once, in the order in which it reads them. */
interface PollPlan {
  readonly view: MemberView;
  /** Positions that are read at once: at most as many as fit into a cursor. */
  readonly positions: readonly CursorPosition[];
  /** Positions of all partitions of the assignment, beginning with `positions`. */
  readonly assigned: readonly CursorPosition[];
  /** Index of the first position in the assignment. */
  readonly start: number;
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
    const ended = new AbortController();
    const end = (): void => ended.abort(WAIT_IS_OVER);
    const key = keyOf(poll.group, poll.memberId);
    this.#replace(key, ended);
    request.signal?.addEventListener('abort', end, { once: true });
    if (request.signal?.aborted === true) end();
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
      request.signal?.removeEventListener('abort', end);
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

/** Plans a read of at most 64 partitions, from the one where the last poll stopped. */
function planOf(view: MemberView, cursor: PollCursor | null): PollPlan {
  const { assignment } = view;
  const start = assignment.length === 0 ? 0 : (cursor?.next ?? 0) % assignment.length;
  const inOrder = [...assignment.slice(start), ...assignment.slice(0, start)];
  const known = new Map(
    cursor?.positions.map((position) => [`${position.topic} ${position.partition}`, position]),
  );
  const assigned = inOrder.map(({ since, ...position }): CursorPosition => {
    const isKnown = cursor !== null && since <= cursor.generation;
    const own = isKnown ? known.get(`${position.topic} ${position.partition}`) : undefined;
    return own ?? position;
  });
  return { view, assigned, positions: positionsOf(assigned), start };
}

/** Plans a read of the partitions that follow those of a plan. */
function planAfter({ view, assigned, positions, start }: PollPlan): PollPlan {
  const count = positions.length;
  const next = [...assigned.slice(count), ...assigned.slice(0, count)];
  return {
    view,
    assigned: next,
    positions: positionsOf(next),
    start: (start + count) % assigned.length,
  };
}

/** The positions of one read: as many of the first ones as fit into a cursor. */
function positionsOf(assigned: readonly CursorPosition[]): readonly CursorPosition[] {
  const first = assigned.slice(0, PARTITIONS_PER_POLL);
  return first.slice(0, positionsThatFit(first));
}

/** True when the records read ahead are those that the member gets now. */
function isStillRight(
  { view, positions }: PollPlan,
  cursor: PollCursor | null,
  readAhead: ReadRecords | undefined,
): readAhead is ReadRecords {
  if (cursor === null || readAhead === undefined) return false;
  const known = new Set(cursor.positions.map(positionText));
  if (!positions.every((position) => known.has(positionText(position)))) return false;
  const planned = new Set(positions.map(positionText));
  return (
    view.assignment.length > 0 && readAhead.reads.every((one) => planned.has(positionText(one)))
  );
}

function positionText({ topic, partition, offset }: CursorPosition): string {
  return `${topic} ${partition} ${offset}`;
}

function hasSomething({ reads, resets }: ReadRecords): boolean {
  return reads.length > 0 || resets.length > 0;
}

function answerOf({ view, positions, start }: PollPlan, found: ReadRecords): MemberRecords {
  const { reads, resets } = found;
  const { generation, assignment } = view;
  return {
    ...memberState(view),
    reads,
    resets,
    cursorAfter: (nextOffsets) => {
      const after = new Map<string, CursorPosition>(
        positions.map((one) => [`${one.topic} ${one.partition}`, one]),
      );
      let last: TopicPartition | undefined;
      for (const { topic, partition, to } of resets) {
        after.set(`${topic} ${partition}`, { topic, partition, offset: to });
      }
      for (const [at, { topic, partition, offset, leaderEpoch }] of reads.entries()) {
        const nextOffset = nextOffsets[at] ?? offset;
        const position = { topic, partition, offset: nextOffset, leaderEpoch };
        if (nextOffset > offset) after.set(`${topic} ${partition}`, position);
        if (nextOffset > offset) last = { topic, partition };
      }
      const lastAt = assignment.findIndex(
        ({ topic, partition }) => topic === last?.topic && partition === last.partition,
      );
      const next = last === undefined ? start + positions.length : lastAt + 1;
      const cursor = { generation, next: assignment.length === 0 ? 0 : next % assignment.length };
      return encodeCursor(cursor, rotated([...after.values()], assignment, cursor.next));
    },
  };
}

/** Positions in the order in which the next poll reads them. */
function rotated(
  positions: readonly CursorPosition[],
  assignment: readonly TopicPartition[],
  next: number,
): CursorPosition[] {
  const places = new Map(
    assignment.map(({ topic, partition }, at) => [
      `${topic} ${partition}`,
      (at - next + assignment.length) % assignment.length,
    ]),
  );
  const placeOf = ({ topic, partition }: TopicPartition): number =>
    places.get(`${topic} ${partition}`) ?? assignment.length;
  return positions.toSorted((one, other) => placeOf(one) - placeOf(other));
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
