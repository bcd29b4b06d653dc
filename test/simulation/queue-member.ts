import type { QueueAck, QueueRecords } from '#broker';
import { topicPartitionName } from '#protocol';
import { recordsIn } from './batches.js';
import type { ClientParts } from './client.js';
import { GroupWorker, type GroupWorkerOptions } from './group-worker.js';
import type { Answered, Delivered, QueueLedger } from './queue-ledger.js';

interface QueueMemberOptions extends GroupWorkerOptions {
  readonly topics: readonly string[];
}

/** A record that this member has, and how to name it in an ack. */
interface Held {
  readonly delivered: Delivered;
  readonly topic: string;
  readonly partition: number;
}

const PAUSE_MS_MAX = 300;
const POLL_WAIT_MS = 400;
const LIMIT_MAX = 8;
const POLL_BYTES = 1_000_000;
/** Longest delay of a nack, ms. */
const DELAY_MS_MAX = 600;

/**
 * A member of a queue group, as a worker with a REST client is one: it acknowledges, gives back,
 * rejects and keeps records, repeats polls whose answers were lost, leaves, crashes, and freezes
 * for longer than its session and its locks.
 */
export class QueueMember extends GroupWorker {
  readonly #ledger: QueueLedger;
  readonly #options: QueueMemberOptions;
  readonly #isFaulty: () => boolean;
  #receives = 0;
  /** Id of a poll whose answer was lost. */
  #repeatedReceiveId: string | undefined;
  #held: Held[] = [];

  /** @param isFaulty once it returns false the member acknowledges all that it gets */
  constructor(
    parts: ClientParts,
    ledger: QueueLedger,
    options: QueueMemberOptions,
    isFaulty: () => boolean,
  ) {
    super(parts, options, ledger.group, PAUSE_MS_MAX);
    this.#ledger = ledger;
    this.#options = options;
    this.#isFaulty = isFaulty;
  }

  protected override async act(memberId: string): Promise<void> {
    const draw = this.#isFaulty() ? this.random.below(100) : this.random.below(80);
    if (draw < 40) await this.#poll(memberId);
    else if (draw < 85) await this.#acknowledge(memberId);
    else if (draw < 90) await this.#leave(memberId);
    else if (draw < 94) this.crash();
    else await this.freeze();
  }

  protected override async join(): Promise<void> {
    const { topics, sessionTimeoutMs } = this.#options;
    const request = {
      topics,
      sessionTimeoutMs,
      mode: 'queue',
      autoOffsetReset: 'earliest',
    } as const;
    await this.joinAgain((broker, memberId) =>
      broker.groups.join(this.#ledger.group, { ...request, memberId }),
    );
  }

  protected override ended(): void {
    this.#repeatedReceiveId = undefined;
    this.#held = [];
  }

  protected override failed(): void {
    // Its ledger hears of the outcome of each ack; no other error matters to it.
  }

  async #poll(memberId: string): Promise<void> {
    const limit = 1 + this.random.below(LIMIT_MAX);
    const receiveId = this.#repeatedReceiveId ?? this.#newReceiveId();
    const request = {
      limit,
      maxBytes: POLL_BYTES,
      waitMs: POLL_WAIT_MS,
      ...(receiveId === undefined ? {} : { receiveId }),
    };
    const askedMs = this.parts.world.nowMs;
    const answer = await this.asked((broker) =>
      broker.groups.poll(this.#ledger.group, memberId, request),
    );
    if (answer === 'gone') return;
    // Without an answer, or with a lost one, the same poll follows.
    this.#repeatedReceiveId = receiveId;
    if (answer === undefined || (this.#isFaulty() && this.random.below(8) === 0)) return;
    this.#repeatedReceiveId = undefined;
    if ('cursorAfter' in answer) throw new Error('a queue group was polled as a stream');
    this.#take(memberId, answer, askedMs);
  }

  #newReceiveId(): string | undefined {
    this.#receives += 1;
    return this.random.below(2) === 0 ? undefined : `receive-${this.#receives}`;
  }

  #take(memberId: string, { reads }: QueueRecords, askedMs: number): void {
    const answeredMs = this.parts.world.nowMs;
    for (const { topic, partition, batches, records } of reads) {
      const name = topicPartitionName({ topic, partition });
      const values = new Map(
        batches.flatMap(recordsIn).map(({ offset, value }) => [offset, value ?? '']),
      );
      for (const { offset, deliveryCount } of records) {
        const value = values.get(offset) ?? '';
        const delivered = { memberId, name, offset, deliveryCount, value, askedMs, answeredMs };
        this.parts.world.trace.add(
          'member',
          `${memberId} gets ${name}@${offset}, ${deliveryCount}`,
        );
        this.#ledger.took(delivered);
        this.#forget(delivered);
        this.#held.push({ delivered, topic, partition });
      }
    }
  }

  /** Answers some of its deliveries, the oldest first. */
  async #acknowledge(memberId: string): Promise<void> {
    const { group } = this.#ledger;
    const isFaulty = this.#isFaulty();
    const held = this.#held.splice(0, isFaulty ? 1 + this.random.below(4) : this.#held.length);
    if (held.length === 0) return;
    const answers: Answered[] = [];
    const acks = held.map(({ delivered, topic, partition }): QueueAck => {
      const type = isFaulty ? this.#type() : 'ack';
      const { offset, deliveryCount } = delivered;
      const isNamed = this.random.below(2) === 0;
      answers.push(this.#ledger.sent(delivered, type, isNamed));
      const count = isNamed ? { deliveryCount } : {};
      const delayMs = type === 'nack' ? { delayMs: this.random.below(DELAY_MS_MAX) } : {};
      return { topic, partition, offset, type, ...count, ...delayMs };
    });
    const results = await this.asked(
      (broker) => broker.groups.acknowledge(group, memberId, acks),
      (outcome) => {
        for (const answer of answers) answer.outcome = outcome === 'failed' ? 'refused' : 'unknown';
      },
    );
    if (results === undefined || results === 'gone') return;
    for (const [at, answer] of answers.entries()) {
      const error = results[at]?.error;
      if (error === undefined) this.#ledger.done(answer);
      else answer.outcome = error.outcome === 'failed' ? 'refused' : 'unknown';
      const result = error === undefined ? 'done' : error.code;
      const { name, offset } = answer.delivered;
      this.parts.world.trace.add(
        'member',
        `${memberId} ${answer.type} ${name}@${offset}: ${result}`,
      );
    }
    // A client that lost the answer sends the same acks again.
    for (const [at, answer] of answers.entries()) {
      const one = held[at];
      const isAgain = answer.type === 'extend' || (isFaulty && this.random.below(10) === 0);
      if (one !== undefined && isAgain) this.#held.push(one);
    }
  }

  #forget({ name, offset }: Delivered): void {
    this.#held = this.#held.filter(
      ({ delivered: one }) => one.name !== name || one.offset !== offset,
    );
  }

  #type(): QueueAck['type'] {
    const draw = this.random.below(20);
    if (draw < 13) return 'ack';
    if (draw < 16) return 'nack';
    return draw < 18 ? 'extend' : 'reject';
  }

  #leave(memberId: string): Promise<void> {
    this.#ledger.left.add(memberId);
    return this.leave(memberId, 1);
  }
}
