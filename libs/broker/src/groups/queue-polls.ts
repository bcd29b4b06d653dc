/**
 * The polls of queue members at this broker. The coordinator decides who gets which record; this
 * broker finds new and due records for it, and reads those that the member gets.
 *
 * Overlap: calls may overlap. Brokers that find the same records all offer them, and the
 * coordinator takes the first offer.
 */
import type { PartitionOffer, QueueAcks, QueuePoll, QueuePollAnswer } from '#groups';
import { ProtocolError } from '#protocol';
import type { Clock, Scheduler } from '#runtime';
import type { MemberPollRequest, QueueRecords } from './groups.js';
import type { MemberReads } from './member-reads.js';
import type { QueueReads } from './queue-reads.js';

/** Shortest interval of heartbeats while a poll waits, in ms. */
const HEARTBEAT_MIN_MS = 50;
/** Offers of one poll that brought no record for the member: then it waits. */
const OFFERS_MAX = 100;

interface QueuePollsOptions {
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
  /** Polls that may wait at the same time. */
  readonly longPollsMax: number;
}

export class QueuePolls {
  readonly #options: QueuePollsOptions;
  readonly #waiting = new Set<AbortController>();
  #refusedTotal = 0;

  constructor(options: QueuePollsOptions) {
    this.#options = options;
  }

  /** Number of polls that wait for records. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Number of polls refused because too many waited, since the start. */
  get refusedTotal(): number {
    return this.#refusedTotal;
  }

  /** Answers all polls that wait with what is there: the start of a stop. */
  endWaits(): void {
    for (const ended of this.#waiting) ended.abort();
  }

  /** See `Groups.poll`. */
  async poll(group: string, memberId: string, request: MemberPollRequest): Promise<QueueRecords> {
    const { coordinator, clock, reads } = this.#options;
    const { receiveId = null, limit: recordsMax } = request;
    const call = { group, memberId, receiveId, recordsMax };
    const wait = new PollWait(this.#options, group, clock.monotonicMs() + request.waitMs, request);
    try {
      let offers: readonly PartitionOffer[] = [];
      for (let tries = 0; ; tries += 1) {
        const answer = await coordinator.poll({ ...call, offers });
        if (answer.acquired.length > 0) return await this.#read(call, answer, request);
        const found = await reads.find(group, answer, request);
        ({ offers } = found);
        if (offers.length > 0 && tries < OFFERS_MAX) continue;
        offers = [];
        if (!wait.mayWait) return recordsOf(answer, []);
        if (!wait.isWatching) this.#begin(wait);
        else await wait.forChange(answer, found.nextAtMs);
        tries = 0;
      }
    } finally {
      this.#waiting.delete(wait.ended);
      wait.end();
    }
  }

  #begin(wait: PollWait): void {
    const { longPollsMax } = this.#options;
    if (this.#waiting.size >= longPollsMax) {
      this.#refusedTotal += 1;
      throw new ProtocolError(
        'THROTTLING_QUOTA_EXCEEDED',
        `${longPollsMax} polls of queue members wait already, which is the limit of this broker ` +
          '(SLUICE_LONG_POLLS_MAX).',
        { retryAfterMs: 1000 },
      );
    }
    this.#waiting.add(wait.ended);
    // The next call to the coordinator sees changes from before the watch.
    wait.watch();
  }

  /** Reads what the member got. Records that cannot be answered go back at once. */
  async #read(
    { group, memberId }: { readonly group: string; readonly memberId: string },
    answer: QueuePollAnswer,
    { maxBytes }: MemberPollRequest,
  ): Promise<QueueRecords> {
    const { coordinator, reads } = this.#options;
    const { found, acks } = await reads.read(answer.acquired, maxBytes);
    if (acks.length > 0) await coordinator.acknowledge({ group, memberId, acks });
    return recordsOf(answer, found);
  }
}

/** The wait of one poll. */
class PollWait {
  readonly ended = new AbortController();
  readonly #options: QueuePollsOptions;
  readonly #group: string;
  readonly #deadlineMs: number;
  readonly #signal: AbortSignal | undefined;
  #stopWatching: (() => void) | undefined;
  #isChanged = false;
  #onChange: () => void = () => undefined;

  constructor(
    options: QueuePollsOptions,
    group: string,
    deadlineMs: number,
    { signal }: MemberPollRequest,
  ) {
    this.#options = options;
    this.#group = group;
    this.#deadlineMs = deadlineMs;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#abort, { once: true });
    if (signal?.aborted === true) this.#abort();
  }

  get isWatching(): boolean {
    return this.#stopWatching !== undefined;
  }

  get mayWait(): boolean {
    const { clock } = this.#options;
    return !this.ended.signal.aborted && clock.monotonicMs() < this.#deadlineMs;
  }

  watch(): void {
    this.#stopWatching = this.#options.coordinator.watch(this.#group, () => this.#change());
    this.ended.signal.addEventListener('abort', () => this.#change(), { once: true });
  }

  /** Resolves when there may be records, or when the member's session has to be renewed. */
  async forChange(answer: QueuePollAnswer, nextAtMs: number | null): Promise<void> {
    const { clock, scheduler, waits } = this.#options;
    const heartbeatMs = Math.max(HEARTBEAT_MIN_MS, answer.sessionTimeoutMs / 3);
    const dueMs = nextAtMs === null ? Infinity : Math.max(1, nextAtMs - clock.nowMs());
    const leftMs = this.#deadlineMs - clock.monotonicMs();
    const waitMs = Math.ceil(Math.max(0, Math.min(leftMs, heartbeatMs, dueMs)));
    const waited = new AbortController();
    const changed = new Promise<void>((resolve) => {
      this.#onChange = resolve;
      if (this.#isChanged) resolve();
    });
    const timer = scheduler.after(waitMs, () => this.#onChange());
    const positions = answer.reads
      .filter(({ room }) => room > 0)
      .map(({ topic, partition, scanOffset: offset }) => ({ topic, partition, offset }));
    const records =
      positions.length === 0 ? changed : waits.waitForRecords(positions, waitMs, waited.signal);
    try {
      await Promise.race([changed, records]);
    } finally {
      this.#isChanged = false;
      timer.cancel();
      waited.abort();
    }
  }

  end(): void {
    this.#stopWatching?.();
    this.#signal?.removeEventListener('abort', this.#abort);
  }

  readonly #abort = (): void => this.ended.abort();

  #change(): void {
    this.#isChanged = true;
    this.#onChange();
  }
}

function recordsOf(
  { generation, assignment }: QueuePollAnswer,
  reads: QueueRecords['reads'],
): QueueRecords {
  const partitions = assignment.map(({ topic, partition }) => ({ topic, partition }));
  return { generation, assignment: partitions, reads };
}
