import type { Offset } from '#protocol';
import type { World } from './world.js';

/** A record as a member of a queue group got it. */
export interface Delivered {
  readonly memberId: string;
  readonly name: string;
  readonly offset: Offset;
  readonly deliveryCount: number;
  readonly value: string;
  /** Time at which the member asked, and at which the record was with it. */
  readonly askedMs: number;
  readonly answeredMs: number;
}

/** An answer to a delivery, as its member knows it. */
export interface Answered {
  readonly delivered: Delivered;
  readonly type: 'ack' | 'nack' | 'extend' | 'reject';
  /** True when it names the delivery count; else it is of the member's last delivery. */
  readonly isNamed: boolean;
  outcome: 'sent' | 'done' | 'refused' | 'unknown';
  doneMs: number;
}

/** The deliveries of one queue group and their acks, with what can be checked at once (I17). */
export class QueueLedger {
  readonly answers: Answered[] = [];
  /** Deliveries by record. */
  readonly deliveries = new Map<string, Delivered[]>();
  /** Members that left in order: their deliveries under way do not count. */
  readonly left = new Set<string>();
  readonly #world: World;
  /** The ack or reject that ended a record, by record. */
  readonly #ends = new Map<string, Answered>();

  constructor(
    world: World,
    readonly group: string,
  ) {
    this.#world = world;
  }

  /** The ack or reject that ended a record; undefined while it is not known to be done. */
  endOf(name: string, offset: Offset): Answered | undefined {
    return this.#ends.get(keyOf(name, offset));
  }

  took(delivered: Delivered): void {
    const key = keyOf(delivered.name, delivered.offset);
    const before = this.deliveries.get(key) ?? [];
    this.deliveries.set(key, before);
    for (const other of before) this.#compare(other, delivered);
    const end = this.#ends.get(key);
    if (end !== undefined) this.#checkEnd(end, delivered);
    before.push(delivered);
  }

  sent(delivered: Delivered, type: Answered['type'], isNamed: boolean): Answered {
    const answer: Answered = { delivered, type, isNamed, outcome: 'sent', doneMs: Infinity };
    this.answers.push(answer);
    return answer;
  }

  /** Records that an ack was taken: the record ends once, and is delivered to nobody after it. */
  done(answer: Answered): void {
    answer.outcome = 'done';
    answer.doneMs = this.#world.nowMs;
    const { delivered, type } = answer;
    if (type !== 'ack' && type !== 'reject') return;
    const key = keyOf(delivered.name, delivered.offset);
    const end = this.#ends.get(key);
    if (end !== undefined) {
      const isRepeated = end.delivered.memberId === delivered.memberId && end.type === type;
      if (!isRepeated) this.#violated(`${textOf(delivered)} is ended twice`);
      return;
    }
    this.#ends.set(key, answer);
    for (const other of this.deliveries.get(key) ?? []) this.#checkEnd(answer, other);
  }

  /** Two deliveries of one record: the later one has the higher count. */
  #compare(one: Delivered, other: Delivered): void {
    if (other.askedMs > one.answeredMs && other.deliveryCount < one.deliveryCount) {
      this.#violated(`the count of ${textOf(other)} was ${one.deliveryCount} before`);
    }
    const isShared =
      one.deliveryCount === other.deliveryCount &&
      one.memberId !== other.memberId &&
      !this.left.has(one.memberId) &&
      !this.left.has(other.memberId);
    if (isShared) this.#violated(`${textOf(other)} is with ${one.memberId}, too`);
  }

  #checkEnd(end: Answered, delivered: Delivered): void {
    const isNext = end.isNamed && delivered.deliveryCount > end.delivered.deliveryCount;
    if (isNext || delivered.askedMs > end.doneMs)
      this.#violated(`${textOf(delivered)} after ${end.type} of ${textOf(end.delivered)}`);
  }

  #violated(what: string): void {
    if (this.#world.metadata.lost.size > 0) return;
    this.#world.violated(`I17: ${what}`);
  }
}

export function textOf({ memberId, name, offset, deliveryCount }: Delivered): string {
  return `delivery ${deliveryCount} of ${name}@${offset} to ${memberId}`;
}

function keyOf(name: string, offset: Offset): string {
  return `${name}@${offset}`;
}
