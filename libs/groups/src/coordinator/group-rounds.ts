/**
 * The single writer of a coordinator's log. Requests gather while a round is under way. The next
 * round decides them one after the other, each on the state that the ones before it lead to,
 * computes one assignment per changed group, and writes all records with one append. Requests are
 * answered when the records are committed.
 *
 * The state in memory is ahead of the log only while an append is under way. After an append that
 * failed, or whose outcome is unknown, it is loaded again before anything else is decided, also
 * when no request waits for it: after the first failure at once for the next request, then after a
 * delay that grows while appends fail.
 *
 * Overlap: `run` calls may overlap; rounds do not.
 */

import { assert, type Logger, type Random, RetryBackoff, type Scheduler } from '#runtime';
import type { GroupRecord } from '../log/group-records.js';
import type { ShareTimes } from '../queue/share-context.js';
import { decideAssignment } from '../state/assign.js';
import type { Decision, DecisionContext } from '../state/decision.js';
import type { Group } from '../state/group.js';
import type { CoordinatorTotals } from './coordinator-totals.js';
import type { GroupLog } from './group-log.js';
import { GroupTable } from './group-table.js';
import type { QueueTally } from './queue-tally.js';

/** Requests decided in one turn of the event loop. */
const ROUND_REQUESTS_MAX = 500;

/** A request for one group. */
export interface GroupCommand<T> {
  readonly group: string;
  /** Called once, with the state that all earlier requests lead to. It changes nothing itself. */
  readonly decide: (group: Group, context: DecisionContext) => Decision;
  /** The answer, from the state at the end of the round. */
  readonly answer: (group: Group) => T;
  /** Refuses a change whose records do not fit into one batch. */
  readonly isAtomic?: boolean;
  /** Computes the group's assignment again, because topics may have changed. */
  readonly isRetargeted?: boolean;
}

/** Member ids whose records changed, by group; empty where only other records did. */
export type ChangedMembers = ReadonlyMap<string, ReadonlySet<string>>;

interface GroupRoundsOptions {
  readonly tally: QueueTally;
  /** Clocks that the locks and delays of queues run by. */
  readonly times: () => ShareTimes;
  readonly context: (table: GroupTable) => DecisionContext;
  /** Called with a round's changes when they are committed, before its requests are answered. */
  readonly onCommitted: (changed: ChangedMembers, table: GroupTable) => void;
  /** Called when the table has been loaded from the log, before anything is decided on it. */
  readonly onLoaded: (table: GroupTable) => void;
  readonly totals: CoordinatorTotals;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
}

/** The answer to a request that was decided, or its refusal. */
export type Outcome<T> = { readonly answer: T } | { readonly refusal: unknown };

/** The answer of a request. @throws its refusal */
export function answerOf<T>(outcome: Outcome<T> | undefined): T {
  assert(outcome !== undefined, 'each request has an outcome');
  if ('refusal' in outcome) throw outcome.refusal;
  return outcome.answer;
}

/** Requests of one call, which wait for their round. */
interface Queued {
  readonly commands: readonly GroupCommand<unknown>[];
  readonly resolve: (outcomes: readonly Outcome<unknown>[]) => void;
  readonly reject: (error: unknown) => void;
}

export class GroupRounds {
  readonly #log: GroupLog;
  readonly #options: GroupRoundsOptions;
  #table: GroupTable;
  #isLoaded = false;
  #queue: Queued[] = [];
  #isRunning = false;
  #isClosed = false;
  /** Delays of loads after failures; short again after an append that succeeded. */
  readonly #backoff: RetryBackoff;
  /** Ends the delay of the next load; undefined when there is none. */
  #endDelay: (() => void) | undefined;
  /** Failures since the last append that succeeded. */
  #failures = 0;

  constructor(log: GroupLog, options: GroupRoundsOptions) {
    this.#backoff = new RetryBackoff(options.random);
    this.#log = log;
    this.#options = options;
    this.#table = new GroupTable(options.times);
  }

  /** The groups, with changes that may not be committed yet. */
  get table(): GroupTable {
    return this.#table;
  }

  /** True when the table is what the log says. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /**
   * Decides a request and resolves with its answer when all it depends on is committed.
   * @throws what `decide` throws; what loading and appending throw, for all requests of a round
   */
  async run<T>(command: GroupCommand<T>): Promise<T> {
    return answerOf((await this.runAll([command]))[0]);
  }

  /**
   * Decides many requests in the same round, also of different groups. A request that is refused
   * stops none of the others.
   * @returns the outcome of each, in order
   * @throws what loading and appending throw, for all requests of a round
   */
  runAll<T>(commands: readonly GroupCommand<T>[]): Promise<readonly Outcome<T>[]> {
    return new Promise<readonly Outcome<T>[]>((resolve, reject) => {
      const settle = resolve as (outcomes: readonly Outcome<unknown>[]) => void;
      this.#queue.push({ commands, resolve: settle, reject });
      if (!this.#isRunning) void this.#runRounds();
      else if (this.#failures === 1) this.#endDelay?.();
    });
  }

  /** Loads the table from the log. @throws as GroupLog.load */
  async load(): Promise<void> {
    this.#isLoaded = false;
    const table = new GroupTable(this.#options.times);
    await this.#log.load((record) => table.apply(record));
    this.#table = table;
    this.#isLoaded = true;
    this.#options.onLoaded(table);
  }

  /** Loads nothing by itself any more. */
  close(): void {
    this.#isClosed = true;
    this.#endDelay?.();
  }

  async #runRounds(): Promise<void> {
    this.#isRunning = true;
    // Requests that are made in the same turn are decided in the same round, also the first.
    await Promise.resolve();
    let isLoadDue = false;
    while (this.#queue.length > 0 || isLoadDue) {
      if (isLoadDue) await this.#delay();
      const queued = this.#takeQueued();
      try {
        if (!this.#isLoaded) await this.load();
        isLoadDue = false;
        await this.#runRound(queued);
      } catch (error) {
        this.#isLoaded = false;
        this.#failures += 1;
        isLoadDue = !this.#isClosed && !this.#log.isFenced;
        for (const { reject } of queued) reject(error);
        const { logger } = this.#options;
        const requests = queued.reduce((total, { commands }) => total + commands.length, 0);
        const fields = { err: error, requests };
        if (isLoadDue) logger.warn(fields, 'changes of groups could not be written or loaded');
      }
    }
    this.#isRunning = false;
  }

  /** Takes the calls that waited longest, until they have as many requests as a round decides. */
  #takeQueued(): Queued[] {
    let requests = 0;
    let count = 0;
    for (const { commands } of this.#queue) {
      if (requests >= ROUND_REQUESTS_MAX) break;
      requests += commands.length;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  async #runRound(queued: readonly Queued[]): Promise<void> {
    const { tally } = this.#options;
    const context = this.#options.context(this.#table);
    const round = new Round(this.#table, this.#log, { context, tally });
    const outcomes = round.decideAll(queued.flatMap(({ commands }) => commands));
    if (round.batches.length > 0) {
      await this.#log.append(round.batches);
      this.#backoff.reset();
      this.#failures = 0;
      const { totals } = this.#options;
      totals.generations += round.generations;
      totals.offsetsCommitted += round.offsetsCommitted;
    }
    this.#options.onCommitted(round.changed, this.#table);
    let from = 0;
    for (const { commands, resolve } of queued) {
      resolve(outcomes.slice(from, from + commands.length));
      from += commands.length;
    }
  }

  #delay(): Promise<void> {
    const isAtOnce = this.#failures === 1 && this.#queue.length > 0;
    if (this.#isClosed || isAtOnce) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#options.scheduler.after(this.#backoff.nextDelayMs(), resolve);
      this.#endDelay = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

/** The decisions of one round. */
class Round {
  readonly batches: Buffer[] = [];
  readonly changed = new Map<string, Set<string>>();
  generations = 0;
  offsetsCommitted = 0;
  readonly #table: GroupTable;
  readonly #log: GroupLog;
  readonly #context: DecisionContext;
  readonly #tally: QueueTally;

  constructor(
    table: GroupTable,
    log: GroupLog,
    { context, tally }: { readonly context: DecisionContext; readonly tally: QueueTally },
  ) {
    this.#tally = tally;
    this.#table = table;
    this.#log = log;
    this.#context = context;
  }

  decideAll(commands: readonly GroupCommand<unknown>[]): Outcome<unknown>[] {
    const retargeted = new Set<string>();
    const refusals = new Map<number, { readonly refusal: unknown }>();
    for (const [at, command] of commands.entries()) {
      const { group, decide, isAtomic = false, isRetargeted = false } = command;
      if (isRetargeted) retargeted.add(group);
      try {
        this.#write(decide(this.#table.get(group), this.#context), isAtomic);
      } catch (refusal) {
        refusals.set(at, { refusal });
      }
    }
    for (const name of new Set([...this.changed.keys(), ...retargeted])) {
      this.#assign(name, retargeted.has(name));
    }
    return commands.map(({ group, answer }, at) => {
      return refusals.get(at) ?? { answer: answer(this.#table.get(group)) };
    });
  }

  #assign(name: string, isRetargeted: boolean): void {
    const group = this.#table.get(name);
    const isSettled = group.state === 'Stable' || group.state === 'Empty' || group.state === 'Dead';
    if (isSettled && !isRetargeted) return;
    const { generation } = group;
    this.#write(decideAssignment(group, { isRetargeted }, this.#context), false);
    if (group.generation > generation) this.generations += 1;
    assert(group.state !== 'Assigning', 'a round ends with an assignment');
  }

  #write(records: Decision, isAtomic: boolean): void {
    if (records.length === 0) return;
    // Encoded first: what does not fit is refused before it changes anything.
    this.batches.push(...this.#log.encode(records, isAtomic));
    for (const record of records) {
      this.#tally.count(this.#table.get(record.key.group), record);
      this.#table.apply(record);
      this.#noteChange(record);
    }
  }

  #noteChange({ kind, key, value }: GroupRecord): void {
    if (kind === 'offset' && value !== null) this.offsetsCommitted += 1;
    const members = this.changed.get(key.group) ?? new Set<string>();
    this.changed.set(key.group, members);
    if (kind === 'member' || kind === 'assignment') members.add(key.memberId);
  }
}
