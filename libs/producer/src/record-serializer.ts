import type { CreateError, Encoding, SerializedRecord, StoredHeader } from './produce-transport.js';
import type { HeadersInput, ProducerRecord, Serializer } from './producer-record.js';
import type { ProducerOptions } from './producer-settings.js';
import { isPromise } from './promises.js';
import { defaultSerializer, serializedText } from './serdes.js';
import { bytesOfText } from './text-bytes.js';

/**
 * Turns records into bytes. It answers at once unless one of the serializers is async.
 *
 * Overlap: calls may overlap.
 */
export class RecordSerializer {
  readonly #key: Serializer;
  readonly #value: Serializer;
  readonly #createError: CreateError;

  /** @param options the serializers of users; those that are absent have defaults */
  constructor(
    {
      keySerializer = defaultSerializer,
      valueSerializer = defaultSerializer,
    }: Pick<ProducerOptions, 'keySerializer' | 'valueSerializer'>,
    createError: CreateError,
  ) {
    this.#key = keySerializer;
    this.#value = valueSerializer;
    this.#createError = createError;
  }

  /**
   * Throws, or rejects, with INVALID_RECORD. The error names the topic, the key, the field and the
   * serializer, and has them as members `record`, `field` and `serializer`.
   */
  serialize(record: ProducerRecord): SerializedRecord | Promise<SerializedRecord> {
    const headers = storedHeaders(record.headers);
    const key = this.#field(record, 'key', headers);
    const value = this.#field(record, 'value', headers);
    if (!(key instanceof Promise) && !(value instanceof Promise)) {
      return this.#serialized(record, headers, key, value);
    }
    return Promise.all([key, value]).then(([keyBytes, valueBytes]) =>
      this.#serialized(record, headers, keyBytes, valueBytes),
    );
  }

  #serialized(
    record: ProducerRecord,
    headers: readonly StoredHeader[],
    key: Uint8Array | null,
    value: Uint8Array | null,
  ): SerializedRecord {
    const { timestamp, deliverAt, delayMs } = record;
    return {
      key,
      keyEncoding: this.#encodingOf(record, 'key'),
      value,
      valueEncoding: this.#encodingOf(record, 'value'),
      headers,
      timestamp,
      deliverAt,
      delayMs,
    };
  }

  #field(
    record: ProducerRecord,
    field: 'key' | 'value',
    headers: readonly StoredHeader[],
  ): Uint8Array | null | Promise<Uint8Array | null> {
    const data = record[field] ?? null;
    if (data === null) return null;
    try {
      const serializer = this.#serializerOf(field);
      const text = serializedText(serializer, data);
      if (text !== undefined) return bytesOfText(text);
      const bytes = serializer.serialize(record.topic, data, headers);
      if (!isPromise(bytes)) return checkedBytes(bytes);
      const checked = Promise.resolve(bytes).then(checkedBytes);
      const serialized = checked.catch((cause) => this.#fail(record, field, cause));
      // Nobody awaits it when the other field fails first.
      serialized.catch(() => undefined);
      return serialized;
    } catch (error) {
      return this.#fail(record, field, error);
    }
  }

  /** Returns the content of a key's or a value's bytes. */
  #encodingOf(record: ProducerRecord, field: 'key' | 'value'): Encoding {
    const data = record[field] ?? null;
    if (data === null) return 'bytes';
    const serializer = this.#serializerOf(field);
    try {
      return serializer.encodingOf?.(data) ?? serializer.encoding ?? 'bytes';
    } catch (error) {
      return this.#fail(record, field, error);
    }
  }

  #serializerOf(field: 'key' | 'value'): Serializer {
    return field === 'key' ? this.#key : this.#value;
  }

  #fail(record: ProducerRecord, field: 'key' | 'value', cause: unknown): never {
    const { topic, key } = record;
    const serializer = nameOf(this.#serializerOf(field));
    const reason = cause instanceof Error ? cause.message : String(cause);
    const keyed = field === 'value' && key !== undefined && key !== null;
    const which = `a record of topic "${topic}"${keyed ? ` with key ${shown(key)}` : ''}`;
    const error = this.#createError(
      'INVALID_RECORD',
      `The ${field} of ${which} cannot be serialized by "${serializer}": ${reason}.`,
      { retriable: false, outcome: 'failed', cause },
    );
    throw Object.assign(error, { record, field, serializer });
  }
}

function checkedBytes(bytes: unknown): Uint8Array | null {
  if (bytes === null || bytes instanceof Uint8Array) return bytes;
  throw new TypeError(`it returned a ${typeof bytes} in place of a Uint8Array or null`);
}

function storedHeaders(headers: HeadersInput | undefined): readonly StoredHeader[] {
  if (headers === undefined) return NO_HEADERS;
  const list = Array.isArray(headers)
    ? (headers as readonly { key: string; value: Uint8Array | string | null }[])
    : Object.entries(headers).map(([key, value]) => ({ key, value }));
  return list.map(({ key, value }) => ({
    key,
    value: typeof value === 'string' ? bytesOfText(value) : (value as Uint8Array | null),
  }));
}

const NO_HEADERS: readonly StoredHeader[] = [];

function nameOf(serializer: Serializer): string {
  return serializer.name ?? serializer.constructor.name;
}

function shown(key: unknown): string {
  const text = typeof key === 'string' ? JSON.stringify(key) : String(key);
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}
