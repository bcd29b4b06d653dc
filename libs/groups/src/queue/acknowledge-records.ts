import type { Offset } from '#protocol';
import { rangesOf } from './offset-ranges.js';
import { Releases } from './release-records.js';
import type { ShareChange } from './share-change.js';
import type { ShareContext } from './share-context.js';
import type { SharePartition } from './share-partition.js';
import type { WindowRecord } from './window-record.js';

/** The statement of a member about one record that it has. */
export interface RecordAck {
  readonly offset: Offset;
  /** `giveBack` is a broker's: the member never saw the record, and the delivery does not count. */
  readonly type: 'ack' | 'nack' | 'extend' | 'reject' | 'giveBack';
  /** The delivery that the ack is for; undefined for the current one. */
  readonly deliveryCount?: number;
  /** Time until a nacked record is delivered again, ms; undefined for the group's back-off. */
  readonly delayMs?: number;
  /** Text for the dead letter of a record that is rejected, or nacked for the last time. */
  readonly reason?: string;
}

/**
 * Result of one ack:
 * - `done`: the ack has taken effect, now or when it was sent before
 * - `finished`: the group is done with the record already
 * - `notAcquired`: the member does not have the record: its lock is over, or another member has it
 * - `staleDelivery`: the member has the record again, and the ack names an earlier delivery
 */
export type AckResult = 'done' | 'finished' | 'notAcquired' | 'staleDelivery';

export interface AckDecision {
  readonly changes: readonly ShareChange[];
  /** One result per ack, in their order. */
  readonly results: readonly AckResult[];
}

/** Takes the acks of one member, in their order. A refused one has no effect on the others. */
export function acknowledgeRecords(
  state: SharePartition,
  member: string,
  acks: readonly RecordAck[],
  context: ShareContext,
): AckDecision {
  const round = new AckRound(state, member, context);
  const results = acks.map((ack) => round.take(ack));
  return { changes: round.changes(), results };
}

class AckRound {
  readonly #acknowledged: Offset[] = [];
  readonly #extended: Offset[] = [];
  readonly #releases: Releases;
  /** Acks of this round that ended the delivery of their record. */
  readonly #ended = new Map<Offset, RecordAck['type']>();

  constructor(
    readonly state: SharePartition,
    readonly member: string,
    readonly context: ShareContext,
  ) {
    this.#releases = new Releases(context);
  }

  take(ack: RecordAck): AckResult {
    const { offset, type, deliveryCount } = ack;
    const ended = this.#ended.get(offset);
    if (ended !== undefined) return resultOfRepeat(ended, type);
    const record = this.state.window.get(offset);
    if (record === undefined) return this.#resultOfFinished(ack);
    const { delivery, state } = record;
    if (type === 'reject' && state === 'archiving') return 'finished';
    const isHeld =
      delivery?.member === this.member && delivery.lockUntilMs > this.context.monotonicMs;
    if (!isHeld) return 'notAcquired';
    if (deliveryCount !== undefined && deliveryCount !== record.deliveryCount) {
      return 'staleDelivery';
    }
    this.#collect(ack, record);
    return 'done';
  }

  changes(): ShareChange[] {
    const changes: ShareChange[] = [];
    const extended = this.#extended.filter((offset) => !this.#ended.has(offset));
    if (extended.length > 0) {
      const { lockMs } = this.context.config;
      changes.push({ kind: 'extended', lockMs, ranges: rangesOf(extended) });
    }
    if (this.#acknowledged.length > 0) {
      changes.push({ kind: 'acknowledged', ranges: rangesOf(this.#acknowledged) });
    }
    changes.push(...this.#releases.changes());
    return changes;
  }

  #resultOfFinished({ offset, type, deliveryCount }: RecordAck): AckResult {
    const { finished, scanOffset } = this.state;
    if (type === 'ack' && finished.has(offset, this.member, deliveryCount)) return 'done';
    return offset < scanOffset ? 'finished' : 'notAcquired';
  }

  #collect({ type, delayMs, reason }: RecordAck, record: WindowRecord): void {
    if (type === 'extend') {
      this.#extended.push(record.offset);
      return;
    }
    this.#ended.set(record.offset, type);
    if (type === 'ack') this.#acknowledged.push(record.offset);
    else if (type === 'nack') this.#releases.fail(record, delayMs, reason);
    else if (type === 'giveBack') this.#releases.giveBack(record);
    else this.#releases.giveUp(record, reason ?? 'A member rejected the record.');
  }
}

/** Result of an ack of a record whose delivery an earlier ack of the same request has ended. */
function resultOfRepeat(ended: RecordAck['type'], type: RecordAck['type']): AckResult {
  if (type !== ended) return 'notAcquired';
  if (type === 'ack') return 'done';
  return type === 'reject' ? 'finished' : 'notAcquired';
}
