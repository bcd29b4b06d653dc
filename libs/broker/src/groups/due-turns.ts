/**
 * The turns of polls at this broker that wait for delayed records. When a record is due, each of
 * the polls of a group that read the same partitions would find it, and offer it to the
 * coordinator. So one of them has the turn: it looks for records, and the others go on waiting
 * until its look has been decided.
 */
import type { QueuePollAnswer } from '#groups';
import type { Clock, Scheduler, Timer } from '#runtime';
import { partitionsToRead } from './queue-reads.js';

/** Longest time between two looks at the clock, which may be set at any time, ms. */
const CLOCK_LOOK_MS_MAX = 10_000;

/** The part of a coordinator's answer from which a poll looks for records. */
export type QueueState = Pick<QueuePollAnswer, 'reads' | 'isKeyOrdered'>;

interface DueWait {
  readonly group: string;
  /** The last answer to the poll. */
  readonly state: QueueState;
  /** Time of the next delayed record, wall clock, ms. */
  readonly nextAtMs: number;
  /** Called at most once, with a turn that the poll has to end. */
  readonly onTurn: (turn: DueTurn) => void;
}

/** The right of one poll to look for delayed records. */
export interface DueTurn {
  /** The newest state that a poll of the same partitions was answered. */
  readonly state: QueueState;
  /** Notes the time of the next delayed record after a look; null when none is known. */
  looked(nextAtMs: number | null): void;
  /**
   * Ends the turn. Another poll looks at once when this one has not looked, or has failed.
   * @param state the coordinator's answer to what was found; undefined when the poll failed
   */
  end(state: QueueState | undefined): void;
}

export class DueTurns {
  readonly #places = new Map<string, PollsOfPlace>();
  readonly #ports: Ports;

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** Waits for a turn. @returns ends the wait, but not the turn */
  wait(wait: DueWait): () => void {
    const key = keyOf(wait);
    const onEmpty = (): boolean => this.#places.delete(key);
    const place = this.#places.get(key) ?? new PollsOfPlace(this.#ports, wait.state, onEmpty);
    this.#places.set(key, place);
    return place.add(wait);
  }
}

interface Ports {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
}

/** The polls that read the same partitions for one group. */
class PollsOfPlace {
  readonly #ports: Ports;
  readonly #onEmpty: () => void;
  #newest: QueueState;
  /** Time of the next delayed record, wall clock, ms; infinite while none is known. */
  #nextAtMs = Number.POSITIVE_INFINITY;
  /** Polls without the turn, the one that has waited longest first. */
  readonly #waits = new Set<DueWait>();
  /** True while a poll has the turn. */
  #isTaken = false;
  #timer: Timer | undefined;

  constructor(ports: Ports, state: QueueState, onEmpty: () => void) {
    this.#ports = ports;
    this.#newest = state;
    this.#onEmpty = onEmpty;
  }

  add(wait: DueWait): () => void {
    this.#newest = wait.state;
    this.#nextAtMs = Math.min(this.#nextAtMs, wait.nextAtMs);
    this.#waits.add(wait);
    this.#schedule();
    return () => {
      if (this.#waits.delete(wait)) this.#schedule();
    };
  }

  #schedule(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#isTaken) return;
    if (this.#waits.size === 0) {
      this.#onEmpty();
      return;
    }
    if (this.#nextAtMs === Number.POSITIVE_INFINITY) return;
    const { clock, scheduler } = this.#ports;
    const leftMs = Math.max(1, this.#nextAtMs - clock.nowMs());
    this.#timer = scheduler.after(Math.min(CLOCK_LOOK_MS_MAX, leftMs), () => {
      if (this.#nextAtMs > clock.nowMs()) this.#schedule();
      else this.#giveTurn();
    });
  }

  #giveTurn(): void {
    const [wait] = this.#waits;
    if (wait === undefined) return;
    this.#waits.delete(wait);
    this.#isTaken = true;
    this.#nextAtMs = Number.POSITIVE_INFINITY;
    const { group } = wait;
    let nextAtMs = this.#ports.clock.nowMs();
    wait.onTurn({
      state: this.#newest,
      looked: (atMs) => {
        nextAtMs = atMs ?? Number.POSITIVE_INFINITY;
      },
      end: (state) => {
        const isSame = state !== undefined && keyOf({ group, state }) === keyOf(wait);
        if (isSame) this.#newest = state;
        // Nobody has offered what a poll found that failed.
        const atMs = state === undefined ? this.#ports.clock.nowMs() : nextAtMs;
        this.#isTaken = false;
        this.#nextAtMs = Math.min(this.#nextAtMs, atMs);
        this.#schedule();
      },
    });
  }
}

/** Polls with the same key look for records in the same partitions. */
function keyOf({ group, state }: Pick<DueWait, 'group' | 'state'>): string {
  const places = partitionsToRead(state.reads).map(({ topicId, partition }) => {
    return `${topicId} ${partition}`;
  });
  return [group, ...places.toSorted()].join('\n');
}
