/**
 * Calls the leader of a partition: this broker, or another one over the private listener. When the
 * leadership moves or the leader does not answer, the call is repeated at the new leader until its
 * deadline.
 *
 * A repeated call may follow one that took effect, so calls must be safe to repeat. A request that
 * another broker forwarded is never forwarded again (replication-safety 3.7): only the broker that
 * a client talks to calls leaders.
 *
 * Overlap: calls may overlap freely; each has its own attempts, one at a time.
 */
import type { CoordinationStore } from '#coordination';
import { ProtocolError, type TopicPartition } from '#protocol';
import { NotLeaderError, PeerUnreachableError } from '#replication';
import { type Clock, type Random, RetryBackoff, type Scheduler, type Timer } from '#runtime';

/**
 * Longest time that a call still waits for a broker that leads no more, in ms. Without it a broker
 * that is cut off would keep its callers waiting until their deadline.
 */
const MOVED_GRACE_MS = 500;

/**
 * A request for a leader. Both functions reject with NotLeaderError when nothing was done, and with
 * LEADER_NOT_AVAILABLE when the leadership was lost meanwhile, with the outcome `unknown` if the
 * request had begun.
 */
export interface LeaderCall<T> {
  readonly here: (how: LocalCall) => Promise<T>;
  /** @param timeoutMs time within which an answer is useful, in ms */
  readonly there: (brokerId: number, timeoutMs: number) => Promise<T>;
  /**
   * Changes an answer that came after an attempt which may have had its effect: refusals in it say
   * nothing about that attempt.
   */
  readonly inDoubt?: (answer: T) => T;
}

/** Details of a call to this broker as the leader. */
interface LocalCall {
  /** True when an earlier attempt was made, at this broker or another one. */
  readonly isRepeated: boolean;
  /** Time within which an answer is useful, in ms. */
  readonly timeoutMs: number;
}

export interface LeaderCallLimits {
  /** Deadline on the monotonic clock, in ms. */
  readonly deadlineMs: number;
  /** Ends the retries when the answer is no longer needed. */
  readonly isAbandoned?: () => boolean;
}

interface LeaderCallsOptions {
  readonly store: Pick<CoordinationStore, 'state' | 'onChange'>;
  readonly brokerId: number;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
}

export class LeaderCalls {
  readonly #options: LeaderCallsOptions;
  readonly #waiters = new Set<() => void>();
  readonly #stopListening: () => void;
  #retriesTotal = 0;

  constructor(options: LeaderCallsOptions) {
    this.#options = options;
    this.#stopListening = options.store.onChange(() => this.#wakeAll());
  }

  /** Number of calls repeated since the start. */
  get retriesTotal(): number {
    return this.#retriesTotal;
  }

  /** Id of the leader that this broker knows; null when there is none. */
  leaderOf({ topic, partition }: TopicPartition): number | null {
    const metadata = this.#options.store.state.topics.get(topic)?.partitions[partition];
    if (metadata === undefined) throw unknownPartition({ topic, partition });
    return metadata.leader;
  }

  /**
   * @throws ProtocolError as the leader refused; LEADER_NOT_AVAILABLE when there was none in time,
   *   REQUEST_TIMED_OUT (unknown) when one was called and did not answer in time;
   *   UNKNOWN_TOPIC_OR_PARTITION
   */
  async call<T>(
    target: TopicPartition,
    call: LeaderCall<T>,
    { deadlineMs, isAbandoned }: LeaderCallLimits,
  ): Promise<T> {
    const { brokerId, clock, random } = this.#options;
    let backoff: RetryBackoff | undefined;
    let mayHaveHadEffect = false;
    let isRepeated = false;
    const answered = (answer: T): T =>
      mayHaveHadEffect && call.inDoubt !== undefined ? call.inDoubt(answer) : answer;
    for (;;) {
      const leader = this.leaderOf(target);
      const timeoutMs = deadlineMs - clock.monotonicMs();
      try {
        if (leader === brokerId) return answered(await call.here({ isRepeated, timeoutMs }));
        if (leader !== null && timeoutMs > 0) {
          const answer = call.there(leader, timeoutMs);
          return answered(await this.#whileLeading(target, leader, answer));
        }
      } catch (error) {
        isRepeated = true;
        if (!isRetried(error)) throw mayHaveHadEffect ? outcomeUnknown(error) : error;
        mayHaveHadEffect ||= hadEffect(error);
      }
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0 || isAbandoned?.() === true) throw noAnswer(target, mayHaveHadEffect);
      this.#retriesTotal += 1;
      backoff ??= new RetryBackoff(random);
      await this.#changeOrDelay(Math.min(leftMs, backoff.nextDelayMs()));
    }
  }

  /** Ends the listening; calls in progress end with their time. */
  close(): void {
    this.#stopListening();
    this.#wakeAll();
  }

  /**
   * Settles as the call to a leader does. Rejects soon after another broker leads if there is no
   * answer.
   */
  #whileLeading<T>(target: TopicPartition, leader: number, answer: Promise<T>): Promise<T> {
    const { store, scheduler } = this.#options;
    return new Promise((resolve, reject) => {
      let grace: Timer | undefined;
      const end = (): void => {
        grace?.cancel();
        this.#waiters.delete(check);
      };
      const check = (): void => {
        const metadata = store.state.topics.get(target.topic)?.partitions[target.partition];
        if (grace !== undefined || metadata?.leader === leader) return;
        grace = scheduler.after(MOVED_GRACE_MS, () => {
          end();
          reject(new PeerUnreachableError(leader, true, new Error('another broker leads now')));
        });
      };
      this.#waiters.add(check);
      void answer.then(resolve, reject).finally(end);
    });
  }

  #changeOrDelay(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        if (!this.#waiters.delete(wake)) return;
        timer.cancel();
        resolve();
      };
      this.#waiters.add(wake);
      const timer = this.#options.scheduler.after(delayMs, wake);
    });
  }

  #wakeAll(): void {
    for (const wake of this.#waiters) wake();
  }
}

function isRetried(error: unknown): boolean {
  return (
    error instanceof NotLeaderError ||
    error instanceof PeerUnreachableError ||
    (error instanceof ProtocolError && error.code === 'LEADER_NOT_AVAILABLE')
  );
}

/** True when a call that failed with this error and is repeated may already have had its effect. */
function hadEffect(error: unknown): boolean {
  if (error instanceof PeerUnreachableError) return error.wasSent;
  return error instanceof ProtocolError && error.outcome === 'unknown';
}

/**
 * Marks the outcome of a refusal as unknown, because an earlier attempt may have had its effect.
 */
export function outcomeUnknown<T>(error: T): T | ProtocolError {
  if (!(error instanceof ProtocolError) || error.outcome !== 'failed') return error;
  const { code, message, faults, members, retriable, retryAfterMs } = error;
  const options = { cause: error, outcome: 'unknown', faults, members, retriable } as const;
  return new ProtocolError(
    code,
    message,
    retryAfterMs === undefined ? options : { ...options, retryAfterMs },
  );
}

function unknownPartition({ topic, partition }: TopicPartition): ProtocolError {
  return new ProtocolError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    `There is no partition ${partition} of topic "${topic}".`,
  );
}

function noAnswer({ topic, partition }: TopicPartition, mayHaveHadEffect: boolean): ProtocolError {
  const name = `partition ${partition} of topic "${topic}"`;
  return mayHaveHadEffect
    ? new ProtocolError('REQUEST_TIMED_OUT', `The leader of ${name} did not answer in time.`)
    : new ProtocolError('LEADER_NOT_AVAILABLE', `There is no leader of ${name} at present.`);
}
