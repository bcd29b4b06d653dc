/** Records as users of a producer see them, and the parts that users may bring. */
import type { Encoding, StoredHeader } from './produce-transport.js';

/** Headers as a list, or as an object when no name repeats. Strings are sent as UTF-8. */
export type HeadersInput =
  | readonly { readonly key: string; readonly value: Uint8Array | string | null }[]
  | Readonly<Record<string, Uint8Array | string | null>>;

/** A record to send. */
export interface ProducerRecord<K = unknown, V = unknown> {
  readonly topic: string;
  /** Records of one key are in one partition, in their order. Absent or null: no key. */
  readonly key?: K | null;
  /** null: a tombstone, which removes the key from a compacted topic. */
  readonly value: V | null;
  readonly headers?: HeadersInput;
  /** Default: chosen by the partitioner. */
  readonly partition?: number;
  /** Create time, ms since the epoch. Default: the broker's time when it writes the record. */
  readonly timestamp?: number;
  /** Time before which queue groups do not deliver the record, ms since the epoch. */
  readonly deliverAt?: number;
  /** Time from now, ms; a record has either `deliverAt` or this. */
  readonly delayMs?: number;
}

/** Position of a record that is written. */
export interface RecordMetadata {
  readonly topic: string;
  readonly partition: number;
  /** null with acks `0`, and for a record that is in the log at an offset nobody remembers. */
  readonly offset: number | null;
  /** Ms since the epoch; null where `offset` is null. */
  readonly timestamp: number | null;
}

/** Turns keys or values into bytes (Kafka's Serializer). It may be async. */
export interface Serializer<T = unknown> {
  /** Name in errors; default: the name of its class. */
  readonly name?: string;
  /** Content of the bytes; default `bytes`. Readers get `json` and `text` back as such. */
  readonly encoding?: Encoding;
  /** Content of the bytes of one key or value, where it differs. */
  encodingOf?(data: T): Encoding;
  serialize(
    topic: string,
    data: T,
    headers: readonly StoredHeader[],
  ): Uint8Array | null | Promise<Uint8Array | null>;
}

/** Turns bytes back into keys or values (Kafka's Deserializer). It may be async. */
export interface Deserializer<T = unknown> {
  deserialize(topic: string, bytes: Uint8Array, headers: readonly StoredHeader[]): T | Promise<T>;
}

/** Sees, and may change, every record of a producer (Kafka's ProducerInterceptor). */
export interface ProducerInterceptor<K = unknown, V = unknown> {
  /** Called before serialization. A returned record replaces the given one. */
  onSend?(record: ProducerRecord<K, V>): ProducerRecord<K, V> | void;
  /** Called once per record, before its promise settles. One of the arguments is undefined. */
  onAcknowledgement?(metadata: RecordMetadata | undefined, error: Error | undefined): void;
  /** Called when the producer is closed. */
  close?(): void | Promise<void>;
}

/** Chooses the partition of a record that names none. */
export type CustomPartitioner<K = unknown, V = unknown> = (
  record: ProducerRecord<K, V>,
  context: {
    readonly topic: string;
    readonly keyBytes: Uint8Array | null;
    readonly valueBytes: Uint8Array | null;
    /** Number of partitions of the topic. */
    readonly partitions: number;
  },
) => number;

const NUMBERS = ['partition', 'timestamp', 'deliverAt', 'delayMs'] as const;

/** The sentence about a record that is malformed; undefined for one that may be sent. */
export function recordFault(record: ProducerRecord): string | undefined {
  // Callers in JavaScript pass anything.
  const given = record as Partial<ProducerRecord> | null | undefined;
  if (typeof given !== 'object' || given === null) return 'A record must be an object.';
  const { topic, value, headers } = given;
  if (typeof topic !== 'string' || topic === '') return 'A record must have a topic, as a string.';
  if (value === undefined) return 'A record must have a value; null is a tombstone.';
  if (headers !== undefined && !areHeaders(headers)) {
    return "A record's headers must be texts, bytes or null, by texts.";
  }
  for (const name of NUMBERS) {
    const value = given[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
      return `A record's ${name} must be a whole number from 0, not ${String(value)}.`;
    }
  }
  if (given.deliverAt === undefined || given.delayMs === undefined) return undefined;
  return 'A record has either deliverAt or delayMs.';
}

function areHeaders(headers: unknown): boolean {
  if (typeof headers !== 'object' || headers === null) return false;
  if (!Array.isArray(headers)) return Object.values(headers).every(isHeaderValue);
  return headers.every((one) => typeof one?.key === 'string' && isHeaderValue(one.value));
}

function isHeaderValue(value: unknown): boolean {
  return typeof value === 'string' || value === null || value instanceof Uint8Array;
}
