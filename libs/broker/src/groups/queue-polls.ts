/**
 * The polls of queue members at this broker. The coordinator decides who gets which record; this
 * broker finds new and due records for it, and reads those that the member gets.
 *
 * Overlap: calls may overlap. Brokers that find the same records all offer them, and the
 * coordinator takes the first offer.
 */
import type { PartitionOffer, QueueAcks, QueuePoll, QueuePollAnswer } from '#groups';
import { FaultList, ProtocolError, topicPartitionName } from '#protocol';
import type { Clock, Scheduler, Timer } from '#runtime';
import { type DueTurn, DueTurns, type QueueState } from './due-turns.js';
import type { PositionReset, QueueRecords, RequestedPoll } from './groups.js';
import { type MemberReads, WAIT_IS_OVER } from './member-reads.js';
import { type QueueReads, scanPosition } from './queue-reads.js';
import { WaitingPolls, type WaitingPollsOptions } from './waiting-polls.js';

/** Shortest interval of heartbeats while a poll waits, in ms. */
const HEARTBEAT_MIN_MS = 50;
/** Offers of one poll that brought no record for the member: then it waits. */
const OFFERS_MAX = 100;

interface QueuePollsOptions extends WaitingPollsOptions {
  readonly coordinator: {
    poll(call: QueuePoll): Promise<QueuePollAnswer>;
    acknowledge(call: QueueAcks): Promise<unknown>;
    /** Calls back when the group may have changed. @returns ends the watch */
    watch(group: string, onChange: () => void): () => void;
  };
  readonly reads: QueueReads;
  readonly waits: Pick<MemberReads, 'waitForRecords'>;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
}

export class QueuePolls {
  readonly waiting: WaitingPolls;
  readonly #options: QueuePollsOptions;
  readonly #turns: DueTurns;

  constructor(options: QueuePollsOptions) {
    this.#options = options;
    this.#turns = new DueTurns(options);
    this.waiting = new WaitingPolls('queue members', options);
  }

  /** See `Groups.poll`. */
  async poll(group: string, memberId: string, request: RequestedPoll): Promise<QueueRecords> {
    const { coordinator, clock } = this.#options;
    if (request.cursor !== undefined) throw cursorRefused();
    const { receiveId = null, requester } = request;
    const caller = requester === undefined ? undefined : { caller: requester };
    const call = { group, memberId, receiveId, ...caller };
    const options = { ...this.#options, turns: this.#turns };
    const wait = new PollWait(options, group, clock.monotonicMs() + request.waitMs, request);
    try {
      let offers: readonly PartitionOffer[] = [];
      const look = new Look(this.#options.reads, group, request);
      for (let tries = 0; ; tries += 1) {
        const waitMs = this.waiting.isEnding ? 0 : wait.leftMs;
        // Nobody would see what a client gets that has gone while it waited.
        const recordsMax = wait.isAbandoned ? 0 : request.limit;
        const answer = await coordinator.poll({ ...call, recordsMax, waitMs, offers });
        wait.endTurn(answer);
        if (answer.acquired.length > 0) {
          const records = await this.#read(call, answer, request);
          return { ...records, resets: look.resets };
        }
        const found = await look.find(answer);
        ({ offers } = found);
        if (offers.length > 0 && tries < OFFERS_MAX) continue;
        offers = [];
        if (wait.leftMs === 0 || this.waiting.isEnding) {
          return { ...recordsOf(answer, []), resets: look.resets };
        }
        if (!wait.isWatching) this.#begin(wait);
        else if ((await wait.forChange(answer, found.nextAtMs)) === 'records') {
          // The next call offers what came, so that one call is enough for it.
          const { turn } = wait;
          const came = await look.find(turn?.state ?? answer);
          ({ offers } = came);
          turn?.looked(came.nextAtMs);
        }
        tries = 0;
      }
    } finally {
      if (wait.ended !== undefined) this.waiting.delete(wait.ended);
      wait.end();
    }
  }

  #begin(wait: PollWait): void {
    this.waiting.assertRoom();
    // The next call to the coordinator sees changes from before the watch.
    this.waiting.add(wait.watch());
  }

  /** Reads what the member got. Records that cannot be answered return to the queue at once. */
  async #read(
    { group, memberId, caller }: Omit<QueueAcks, 'acks'>,
    answer: QueuePollAnswer,
    bounds: RequestedPoll,
  ): Promise<QueueRecords> {
    const { coordinator, reads } = this.#options;
    const { found, acks } = await reads.read(answer.acquired, bounds);
    if (acks.length > 0) await coordinator.acknowledge({ group, memberId, caller, acks });
    return recordsOf(answer, found);
  }
}

/** The looks of one poll for records, and the moves that they make. */
class Look {
  readonly #resets = new Map<string, PositionReset>();

  constructor(
    readonly reads: QueueReads,
    readonly group: string,
    readonly request: RequestedPoll,
  ) {}

  get resets(): PositionReset[] {
    return [...this.#resets.values()];
  }

  async find(answer: QueueState): Promise<Awaited<ReturnType<QueueReads['find']>>> {
    const found = await this.reads.find(this.group, answer, this.request);
    for (const reset of found.resets) this.#resets.set(topicPartitionName(reset), reset);
    return found;
  }
}

interface PollWaitOptions extends QueuePollsOptions {
  readonly turns: DueTurns;
}

/** The wait of one poll. */
class PollWait {
  readonly #options: PollWaitOptions;
  readonly #group: string;
  readonly #deadlineMs: number;
  readonly #beginWait: RequestedPoll['beginWait'];
  #ended: AbortController | undefined;
  /** Aborted when the client ends the wait. */
  #signal: AbortSignal | undefined;
  #stopWatching: (() => void) | undefined;
  #isChanged = false;
  #onChange: () => void = () => undefined;
  #turn: DueTurn | undefined;

  constructor(
    options: PollWaitOptions,
    group: string,
    deadlineMs: number,
    { beginWait }: RequestedPoll,
  ) {
    this.#options = options;
    this.#group = group;
    this.#deadlineMs = deadlineMs;
    this.#beginWait = beginWait;
  }

  /** Ends the wait; undefined before it begins. */
  get ended(): AbortController | undefined {
    return this.#ended;
  }

  get isWatching(): boolean {
    return this.#stopWatching !== undefined;
  }

  /** True if the client ended the wait. */
  get isAbandoned(): boolean {
    return this.#signal?.aborted === true;
  }

  /** The poll's turn to look for delayed records; undefined while it has none. */
  get turn(): DueTurn | undefined {
    return this.#turn;
  }

  /** Time for which the poll may wait, in whole ms. */
  get leftMs(): number {
    const { clock } = this.#options;
    if (this.#ended?.signal.aborted === true) return 0;
    return Math.ceil(Math.max(0, this.#deadlineMs - clock.monotonicMs()));
  }

  /**
   * Begins the wait.
   * @returns ends it
   */
  watch(): AbortController {
    const signal = this.#beginWait?.();
    const ended = new AbortController();
    this.#ended = ended;
    this.#signal = signal;
    this.#stopWatching = this.#options.coordinator.watch(this.#group, () => this.#change());
    ended.signal.addEventListener('abort', () => this.#change(), { once: true });
    signal?.addEventListener('abort', this.#abort, { once: true });
    if (signal?.aborted === true) this.#abort();
    return ended;
  }

  /**
   * Resolves with `changed` when the group may have changed, and with `records` when there may be
   * records, when the poll has the turn to look for delayed ones, or when the member's session has
   * to be renewed.
   */
  async forChange(
    answer: QueuePollAnswer,
    nextAtMs: number | null,
  ): Promise<'changed' | 'records'> {
    const { clock, scheduler, waits } = this.#options;
    const heartbeatMs = Math.max(HEARTBEAT_MIN_MS, answer.sessionTimeoutMs / 3);
    const leftMs = this.#deadlineMs - clock.monotonicMs();
    const waitMs = Math.ceil(Math.max(0, Math.min(leftMs, heartbeatMs)));
    const waited = new AbortController();
    const changed = new Promise<'changed'>((resolve) => {
      this.#onChange = () => resolve('changed');
      if (this.#isChanged) resolve('changed');
    });
    let timer: Timer | undefined;
    let endTurnWait: (() => void) | undefined;
    const timeIsOver = new Promise<'records'>((resolve) => {
      timer = scheduler.after(waitMs, () => resolve('records'));
      if (nextAtMs !== null) endTurnWait = this.#waitForTurn(answer, nextAtMs, resolve);
    });
    const positions = answer.reads.filter(({ room }) => room > 0).map(scanPosition);
    const records =
      positions.length === 0
        ? timeIsOver
        : waits.waitForRecords(positions, waitMs, waited.signal).then((): 'records' => 'records');
    try {
      return await Promise.race([changed, records, timeIsOver]);
    } finally {
      this.#isChanged = false;
      timer?.cancel();
      endTurnWait?.();
      waited.abort(WAIT_IS_OVER);
    }
  }

  /** Ends the poll's turn, if it has one. @param answer undefined when the poll failed */
  endTurn(answer?: QueuePollAnswer): void {
    this.#turn?.end(answer);
    this.#turn = undefined;
  }

  end(): void {
    this.endTurn();
    this.#stopWatching?.();
    this.#signal?.removeEventListener('abort', this.#abort);
  }

  /** @returns ends the wait for the turn */
  #waitForTurn(
    state: QueuePollAnswer,
    nextAtMs: number,
    resolve: (event: 'records') => void,
  ): () => void {
    const onTurn = (turn: DueTurn): void => {
      this.#turn = turn;
      resolve('records');
    };
    return this.#options.turns.wait({ group: this.#group, state, nextAtMs, onTurn });
  }

  readonly #abort = (): void => this.#ended?.abort(WAIT_IS_OVER);

  #change(): void {
    this.#isChanged = true;
    this.#onChange();
  }
}

/** A queue has no positions that a cursor could name. */
function cursorRefused(): ProtocolError {
  const faults = new FaultList();
  faults.add(
    '?cursor',
    'has no meaning in queue mode: acknowledge the records with POST .../acks, and name a poll ' +
      'that may be repeated with receiveId',
  );
  return new ProtocolError('INVALID_REQUEST', `${faults.sentence}.`, faults.asOptions);
}

function recordsOf(
  { generation, assignment }: QueuePollAnswer,
  reads: QueueRecords['reads'],
): QueueRecords {
  const partitions = assignment.map(({ topic, partition }) => ({ topic, partition }));
  return { generation, assignment: partitions, reads, resets: [] };
}
