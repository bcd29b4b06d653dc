import type { Acks } from '#broker';
import { type Offset, ProtocolError, topicPartitionName } from '#protocol';
import { isPutBack } from './batches.js';
import { UnreachableError } from './client-connection.js';
import type { World } from './world.js';

/**
 * The outcome of a record as its client knows it: `unknown` may be in the log, once; `applied` is
 * in the log at an unknown offset; `failed` is not in the log and never will be.
 */
export type Fate = 'sent' | 'acknowledged' | 'failed' | 'unknown' | 'applied';

export interface Place {
  readonly partition: number;
  readonly offset: Offset;
}

/** One record as its client sent it. Every record has a value of its own. */
export interface SentRecord {
  readonly value: string;
  readonly topic: string;
  readonly acks: Acks;
  /** Name of its producer, which sends one request after the other. */
  readonly producer: string;
  readonly sentMs: number;
  fate: Fate;
  /** Its location; undefined when no answer named it. */
  place: Place | undefined;
  acknowledgedMs: number;
  error: string | undefined;
}

/** All answers that clients got, with the invariants that can be checked at once. */
export class History {
  readonly records = new Map<string, SentRecord>();
  /** Values that readers got, by partition name and offset. */
  readonly shown = new Map<string, Map<Offset, string>>();
  /** Ends of partitions that leaders reported. */
  readonly ends: ReportedEnd[] = [];
  readonly #world: World;
  /** Last acknowledged record, by producer and partition. */
  readonly #lastPlaces = new Map<string, { readonly offset: Offset; readonly value: string }>();

  constructor(world: World) {
    this.#world = world;
  }

  count(fate: Fate): number {
    let count = 0;
    for (const record of this.records.values()) if (record.fate === fate) count += 1;
    return count;
  }

  send(sent: Pick<SentRecord, 'value' | 'topic' | 'acks' | 'producer'>): SentRecord {
    const record: SentRecord = {
      ...sent,
      sentMs: this.#world.nowMs,
      fate: 'sent',
      place: undefined,
      acknowledgedMs: Number.POSITIVE_INFINITY,
      error: undefined,
    };
    this.records.set(sent.value, record);
    return record;
  }

  acknowledged(record: SentRecord, place: Place): void {
    const { value, topic, producer } = record;
    const name = topicPartitionName({ topic, partition: place.partition });
    this.#world.trace.add('client', `${value} is acknowledged at ${name}@${place.offset}`);
    if (!Number.isSafeInteger(place.offset) || place.offset < 0) {
      this.#world.violated(`I9: ${value} was acknowledged at offset ${place.offset}`);
    }
    record.fate = 'acknowledged';
    record.place = place;
    record.acknowledgedMs = this.#world.nowMs;
    // Records with other acks are lost with their leader, and their offsets are used again.
    if (record.acks !== 'all') return;
    const last = this.#lastPlaces.get(`${producer} ${name}`);
    if (last !== undefined && last.offset >= place.offset && !this.#world.metadata.lost.has(name)) {
      this.#world.violated(
        `I6: ${value} is at ${name}@${place.offset}, ${last.value} before it at ${last.offset}`,
      );
    }
    this.#lastPlaces.set(`${producer} ${name}`, { offset: place.offset, value });
  }

  /**
   * Records that a try ended without an acknowledgement.
   * @returns the known outcome of the record: a failed try does not settle earlier ones
   */
  failed(record: SentRecord, error: unknown): Fate {
    const outcome = outcomeOf(error);
    if (outcome === undefined) this.#world.unexpected(record.producer, error);
    const isFirst = record.fate === 'sent';
    if (outcome === 'applied') record.fate = 'applied';
    else if (outcome === 'failed' && (isFirst || record.fate === 'failed')) record.fate = 'failed';
    else if (record.fate !== 'applied') record.fate = 'unknown';
    record.error = error instanceof ProtocolError ? error.code : String(error);
    this.#world.trace.add('client', `${record.value} is ${record.fate}: ${record.error}`);
    return record.fate;
  }

  /** Records that a record is sent again: its outcome is open. */
  retried(record: SentRecord): void {
    if (record.fate === 'failed') record.fate = 'sent';
  }

  /** Records the end of a partition that a client got: it is not below an earlier one (I13). */
  endReported(end: ReportedEnd): void {
    const { topic, partition, askedMs, offset, leaderEpoch } = end;
    const name = topicPartitionName(end);
    const before = this.ends.find(
      (one) =>
        one.topic === topic &&
        one.partition === partition &&
        one.answeredMs < askedMs &&
        one.leaderEpoch <= leaderEpoch &&
        one.offset > offset,
    );
    this.ends.push(end);
    if (before === undefined || this.#world.metadata.lost.has(name)) return;
    this.#world.violated(
      `I13: ${name} ends at ${offset} in epoch ${leaderEpoch}, ` +
        `and ended at ${before.offset} in epoch ${before.leaderEpoch}`,
    );
  }

  /** Records that a reader got a record. */
  read(reader: string, name: string, offset: Offset, value: string): void {
    const places = this.shown.get(name) ?? new Map<Offset, string>();
    this.shown.set(name, places);
    const known = places.get(offset);
    if (known === undefined) places.set(offset, value);
    else if (known !== value && !this.#world.metadata.lost.has(name)) {
      this.#world.violated(
        `I3: ${reader} reads ${value} at ${name}@${offset}, where ${known} was read before`,
      );
    }
    // GroupCheck looks at records that were put back.
    if (isPutBack(value)) return;
    const record = this.records.get(value);
    if (record === undefined)
      this.#world.violated(`${reader} reads ${value}, which no client sent`);
    else if (record.fate === 'failed') {
      this.#world.violated(`I5: ${reader} reads ${value} at ${name}@${offset}: it had failed`);
    }
  }
}

/** An answer to a request for the end of a partition. */
export interface ReportedEnd {
  readonly topic: string;
  readonly partition: number;
  readonly askedMs: number;
  readonly answeredMs: number;
  readonly offset: Offset;
  readonly leaderEpoch: number;
}

/**
 * The outcome of a write according to its error; undefined when the error is not part of the
 * contract.
 */
export function outcomeOf(error: unknown): 'failed' | 'unknown' | 'applied' | undefined {
  if (error instanceof ProtocolError) return error.outcome;
  if (error instanceof UnreachableError) return error.wasSent ? 'unknown' : 'failed';
  return undefined;
}
