import { isUtf8 } from 'node:buffer';

/** A record whose keys and values are JSON, text, or bytes that are not text. */
interface GivenRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: unknown;
  readonly value: unknown;
  readonly headers: readonly { readonly key: string; readonly value: unknown }[];
}

/** Returns a record of the client library as the gateway answers it to a fetch. */
export function recordDocument(record: GivenRecord): Readonly<Record<string, unknown>> {
  const { topic, partition, offset, timestamp, key, value } = record;
  const headers = record.headers.map((header) => ({
    key: header.key,
    ...member('value', textIfPossible(header.value)),
  }));
  const place = { topic, partition, offset, timestamp };
  return { ...place, ...member('key', key), ...member('value', value), headers };
}

function member(name: string, field: unknown): Readonly<Record<string, unknown>> {
  if (!(field instanceof Uint8Array)) return { [name]: field };
  return { [`${name}Base64`]: Buffer.from(field).toString('base64') };
}

/** The library gives the values of headers as bytes, the gateway as text where they are. */
function textIfPossible(value: unknown): unknown {
  if (!(value instanceof Uint8Array) || !isUtf8(value)) return value;
  return Buffer.from(value).toString('utf8');
}
