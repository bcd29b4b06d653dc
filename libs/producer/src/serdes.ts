/** Serializers and deserializers of the types that Kafka's clients have, and of JSON. */
import type { Encoding, StoredHeader } from './produce-transport.js';
import type { Deserializer, Serializer } from './producer-record.js';

/** Both directions of one type. Every serializer turns null and undefined into null. */
export interface Serde<T> extends Serializer<T>, Deserializer<T> {
  readonly encoding: Encoding;
  serialize(topic: string, data: T, headers?: readonly StoredHeader[]): Uint8Array | null;
  deserialize(topic: string, bytes: Uint8Array, headers?: readonly StoredHeader[]): T;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;

const encoder = new TextEncoder();
/** This decoder keeps a byte order mark, and refuses bytes that are not UTF-8. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const string = serde<string>(
  'string',
  'text',
  (data) => encoder.encode(checkedText(data)),
  (bytes) => decoder.decode(bytes),
);

/** JSON has no type of its own: the reader names the one that it expects, as with `JSON.parse`. */
export interface JsonSerde extends Serde<unknown> {
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- any type is accepted
  deserialize<T = unknown>(topic: string, bytes: Uint8Array, headers?: readonly StoredHeader[]): T;
}

const json = serde<unknown>(
  'json',
  'json',
  (data) => encoder.encode(jsonText(data)),
  (bytes) => JSON.parse(decoder.decode(bytes)) as unknown,
) as JsonSerde;

const bytes = serde<Uint8Array>(
  'bytes',
  'bytes',
  (data) => {
    if (data instanceof Uint8Array) return data;
    throw new TypeError(`a ${typeof data} is not a Uint8Array`);
  },
  (data) => data,
);

/** Signed 32 bits, big-endian, as Kafka's IntegerSerializer. */
const int32 = serde<number>(
  'int32',
  'bytes',
  (data) => {
    if (Number.isInteger(data) && data >= INT32_MIN && data <= INT32_MAX) {
      return written(4, (view) => view.setInt32(0, data));
    }
    throw new RangeError(`${data} is not a whole number of 32 bits`);
  },
  (data) => read(data, 4).getInt32(0),
);

/** Signed 64 bits, big-endian, as Kafka's LongSerializer. Numbers are accepted while exact. */
const int64 = serde<bigint>(
  'int64',
  'bytes',
  (data: bigint | number) => {
    const isExact = typeof data === 'bigint' || Number.isSafeInteger(data);
    if (isExact && BigInt.asIntN(64, BigInt(data)) === BigInt(data)) {
      return written(8, (view) => view.setBigInt64(0, BigInt(data)));
    }
    throw new RangeError(`${data} is not a whole number of 64 bits`);
  },
  (data) => read(data, 8).getBigInt64(0),
);

/** IEEE 754 with 64 bits, big-endian, as Kafka's DoubleSerializer. */
const double = serde<number>(
  'double',
  'bytes',
  (data) => {
    if (typeof data === 'number') return written(8, (view) => view.setFloat64(0, data));
    throw new TypeError(`a ${typeof data} is not a number`);
  },
  (data) => read(data, 8).getFloat64(0),
);

/** The text of a UUID as UTF-8, as Kafka's UUIDSerializer. */
const uuid = serde<string>(
  'uuid',
  'text',
  (data) => encoder.encode(checkedUuid(data)),
  (data) => checkedUuid(decoder.decode(data)),
);

/** The serializers and deserializers of this library. */
export const serdes = { string, json, bytes, int32, int64, double, uuid } as const;

/**
 * The serializer of a producer that was given none: a string becomes text, a `Uint8Array` stays as
 * it is, anything else becomes JSON.
 */
export const defaultSerializer: Serializer = {
  name: 'default',
  encodingOf: (data) => serdeFor(data).encoding,
  serialize: (topic, data) => serdeFor(data).serialize(topic, data),
};

function serdeFor(data: unknown): Serde<unknown> {
  if (typeof data === 'string') return string;
  return data instanceof Uint8Array ? bytes : json;
}

function serde<T>(
  name: string,
  encoding: Encoding,
  encode: (data: T) => Uint8Array,
  decode: (data: Uint8Array) => T,
): Serde<T> {
  return {
    name,
    encoding,
    serialize: (_topic, data) => (data === null || data === undefined ? null : encode(data)),
    deserialize: (_topic, data) => decode(data),
  };
}

/**
 * Returns the text that a serializer of this file encodes as UTF-8; undefined for a serializer of
 * other bytes, and for serializers of users.
 * @throws TypeError for data that the serializer does not accept
 */
export function serializedText(serializer: Serializer, data: unknown): string | undefined {
  const serde = serializer === defaultSerializer ? serdeFor(data) : serializer;
  if (serde === string) return checkedText(data);
  return serde === json ? jsonText(data) : undefined;
}

function checkedText(data: unknown): string {
  if (typeof data === 'string') return data;
  throw new TypeError(`a ${typeof data} is not a string`);
}

function jsonText(data: unknown): string {
  const text = JSON.stringify(data) as string | undefined;
  if (text === undefined) throw new TypeError(`a ${typeof data} has no JSON text`);
  return text;
}

function checkedUuid(text: string): string {
  if (UUID.test(text)) return text;
  throw new TypeError(`${JSON.stringify(text)} is not a UUID`);
}

function written(size: number, write: (view: DataView) => void): Uint8Array {
  const data = new Uint8Array(size);
  write(new DataView(data.buffer));
  return data;
}

function read(data: Uint8Array, size: number): DataView {
  if (data.length !== size) throw new RangeError(`needs ${size} bytes, got ${data.length}`);
  return new DataView(data.buffer, data.byteOffset, size);
}
