import { type Deserializer, isPromise, type StoredHeader } from '../../producer/src/index.js';
import type { components } from './admin/generated/openapi.js';
import { bytesOf } from './base64.js';
import { SluiceError } from './sluice-error.js';
import { observed } from './waiting.js';

/** A header of a record. */
export type RecordHeader = StoredHeader;

/** A record that arrived. */
export interface ReceivedRecord<K = unknown, V = unknown> {
  /** Name of the topic. */
  readonly topic: string;
  /** Number of the partition, from 0. */
  readonly partition: number;
  /** Offset of the record in its partition. */
  readonly offset: number;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  /** Key, as the deserializer returned it; null if the record has none. */
  readonly key: K;
  /** Value, as the deserializer returned it; null for a tombstone. */
  readonly value: V;
  /** Headers, in their order; keys may repeat. */
  readonly headers: readonly RecordHeader[];
}

/** A partition of a topic. */
export interface TopicPartition {
  /** Name of the topic. */
  readonly topic: string;
  /** Number of the partition, from 0. */
  readonly partition: number;
}

/** The next offset to be read of a partition. */
export interface Position extends TopicPartition {
  /** Offset of the next record to be read. */
  readonly offset: number;
  /** Leader epoch of the last record read; detects that a failover truncated the log. */
  readonly leaderEpoch?: number;
}

export interface Deserializers<K, V> {
  /** Kafka's `key.deserializer`. Default: JSON stays JSON, text is a string, else `Uint8Array`. */
  readonly keyDeserializer?: Deserializer<K> | undefined;
  /** Kafka's `value.deserializer`. Its default is the same. */
  readonly valueDeserializer?: Deserializer<V> | undefined;
}

/** Format of keys and values in answers; the gateway's default one is absent. */
export type RecordFormat = 'base64' | 'base64-key' | 'base64-value';

/** A record in the JSON of a fetch. */
export type RecordJson = components['schemas']['FetchedRecord'];

const encoder = new TextEncoder();

/** Turns the JSON of records into records. */
export class RecordReader<K, V> {
  readonly #key: Deserializer<K> | undefined;
  readonly #value: Deserializer<V> | undefined;

  constructor({ keyDeserializer, valueDeserializer }: Deserializers<K, V>) {
    this.#key = keyDeserializer;
    this.#value = valueDeserializer;
  }

  /** Format of keys and values to ask the gateway for; undefined: its default. */
  get format(): RecordFormat | undefined {
    // Only base64 is exact: text and JSON text of the same characters are the same otherwise.
    if (this.#value === undefined) return this.#key && 'base64-key';
    return this.#key === undefined ? 'base64-value' : 'base64';
  }

  /**
   * Returns a record, or a promise of it when a deserializer is async or fails. The promise rejects
   * with SERIALIZATION_ERROR, which names the record and the field.
   */
  read(json: RecordJson): ReceivedRecord<K, V> | Promise<ReceivedRecord<K, V>> {
    const { topic, partition, offset, timestamp } = json;
    const headers = json.headers?.length ? json.headers.map(headerOf) : [];
    const key = this.#field(this.#key, 'key', json, headers);
    const value = this.#field(this.#value, 'value', json, headers);
    if (isPromise(key) || isPromise(value)) {
      const fields = Promise.all([key, value]);
      return observed(
        fields.then(([readKey, readValue]) => {
          return { topic, partition, offset, timestamp, key: readKey, value: readValue, headers };
        }),
      );
    }
    return { topic, partition, offset, timestamp, key, value, headers };
  }

  #field<T>(
    deserializer: Deserializer<T> | undefined,
    field: 'key' | 'value',
    json: RecordJson,
    headers: readonly RecordHeader[],
  ): T | Promise<T> {
    const base64 = json[`${field}Base64`];
    // A field with a deserializer comes as base64, unless it is null.
    if (base64 === undefined) return (json[field] ?? null) as T;
    const bytes = bytesOf(base64);
    if (deserializer === undefined) return bytes as T;
    const refuse = (cause: unknown): never => {
      const { topic, partition, offset } = json;
      throw new SluiceError(
        'SERIALIZATION_ERROR',
        `The deserializer cannot read the ${field} of record ${topic}-${partition}@${offset}: ` +
          String(cause),
        { cause, problem: { topic, partition, offset, field } },
      );
    };
    try {
      const read = deserializer.deserialize(json.topic, bytes, headers);
      return isPromise(read) ? Promise.resolve(read).catch(refuse) : read;
    } catch (cause) {
      return Promise.reject(cause).catch(refuse);
    }
  }
}

function headerOf(header: NonNullable<RecordJson['headers']>[number]): RecordHeader {
  const { key, value, valueBase64 } = header;
  if (valueBase64 !== undefined) return { key, value: bytesOf(valueBase64) };
  return { key, value: typeof value === 'string' ? encoder.encode(value) : null };
}
