/**
 * Calls the leader of a partition, wherever it is: this broker, or another one over the private
 * listener. When leadership moves, or the leader does not answer, the call is made again to whoever
 * leads then, until its time is over.
 *
 * A call may therefore be made more than once, the first of them having had its effect: what is
 * called this way must do no harm the second time. What a broker is asked to do for another is
 * never sent on again (replication-safety 3.7): only the broker that a client talks to calls
 * leaders.
 */
import type { CoordinationStore } from '#coordination';
import { ProtocolError, type TopicPartition } from '#protocol';
import { NotLeaderError, PeerUnreachableError } from '#replication';
import { type Clock, type Random, RetryBackoff, type Scheduler, type Timer } from '#runtime';

/**
 * How long a call may still be answered by a broker that leads no more: one that is cut off would
 * leave its callers without an answer until their time is over.
 */
const MOVED_GRACE_MS = 500;
/** What a caller that was told to come back later should wait. */
const RETRY_AFTER_MS = 1000;

/**
 * One thing to be done by a leader. Both reject with NotLeaderError where nothing was done, and
 * with LEADER_NOT_AVAILABLE where leadership was lost meanwhile, its outcome `unknown` if it had
 * begun.
 */
export interface LeaderCall<T> {
  readonly here: (how: LocalCall) => Promise<T>;
  /** @param timeoutMs until which an answer is of use */
  readonly there: (brokerId: number, timeoutMs: number) => Promise<T>;
}

/** How a leader that is this broker is called. */
interface LocalCall {
  /** Whether an earlier try was made, here or there. */
  readonly isRepeated: boolean;
  /** Until which an answer is of use. */
  readonly timeoutMs: number;
}

export interface LeaderCallLimits {
  /** On the monotonic clock. */
  readonly deadlineMs: number;
  /** Ends the retries: nobody waits for the answer any more. */
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

  /** Calls that were made again since the start. */
  get retriesTotal(): number {
    return this.#retriesTotal;
  }

  /** Id of the broker that leads, as far as this one knows; null: nobody does. */
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
    for (;;) {
      const leader = this.leaderOf(target);
      const timeoutMs = deadlineMs - clock.monotonicMs();
      try {
        if (leader === brokerId) return await call.here({ isRepeated, timeoutMs });
        if (leader !== null && timeoutMs > 0) {
          return await this.#whileLeading(target, leader, call.there(leader, timeoutMs));
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

  /** Ends the listening; calls under way end with their time. */
  close(): void {
    this.#stopListening();
    this.#wakeAll();
  }

  /** What a call to a leader ends with; without an answer soon after another one leads. */
  #whileLeading<T>(target: TopicPartition, leader: number, answer: Promise<T>): Promise<T> {
    const { store, scheduler } = this.#options;
    return new Promise((resolve, reject) => {
      let grace: Timer | undefined;
      const end = (): void => {
        grace?.cancel();
        this.#waiters.delete(look);
      };
      const look = (): void => {
        const metadata = store.state.topics.get(target.topic)?.partitions[target.partition];
        if (grace !== undefined || metadata?.leader === leader) return;
        grace = scheduler.after(MOVED_GRACE_MS, () => {
          end();
          reject(new PeerUnreachableError(leader, true, new Error('another broker leads by now')));
        });
      };
      this.#waiters.add(look);
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

/** Whether a call that ended so, and is made again, may have had its effect already. */
function hadEffect(error: unknown): boolean {
  if (error instanceof PeerUnreachableError) return error.wasSent;
  return error instanceof ProtocolError && error.outcome === 'unknown';
}

/** That the last call failed says nothing about those before it. */
function outcomeUnknown(error: unknown): unknown {
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
  const place = `partition ${partition} of topic "${topic}"`;
  return mayHaveHadEffect
    ? new ProtocolError('REQUEST_TIMED_OUT', `The leader of ${place} did not answer in time.`)
    : new ProtocolError('LEADER_NOT_AVAILABLE', `There is no leader of ${place} at present.`, {
        retryAfterMs: RETRY_AFTER_MS,
      });
}
