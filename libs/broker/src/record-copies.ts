/** Copies of records with other headers, as one batch of a producer. */
import { type RecordCursor, writeVarint } from '#log';
import { ProtocolError, type RecordSet } from '#protocol';
import type { ProduceRequest, ProduceResult } from './broker.js';
import type { Topic } from './topic.js';

const VARINT_BYTES_MAX = 5;
const WRITE_TIMEOUT_MS = 30_000;

/** The producer of one batch. */
type BatchProducer = NonNullable<ProduceRequest['producer']>;

/** A record that is copied; undefined parts are null. */
export interface SourceRecord {
  readonly key: Buffer | undefined;
  readonly value: Buffer | undefined;
  readonly attributes: number;
  readonly headers: Buffer;
  readonly headerCount: number;
}

export const NO_RECORD: SourceRecord = {
  key: undefined,
  value: undefined,
  attributes: 0,
  headers: Buffer.alloc(0),
  headerCount: 0,
};

/** The record at a cursor. Its parts are views of the batch. */
export function sourceRecord(cursor: RecordCursor): SourceRecord {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
  return {
    key: keyStart < 0 ? undefined : bytes.subarray(keyStart, keyEnd),
    value: valueStart < 0 ? undefined : bytes.subarray(valueStart, valueEnd),
    attributes: cursor.attributes,
    headers: bytes.subarray(cursor.headersStart, cursor.headersEnd),
    headerCount: cursor.headerCount,
  };
}

/** Builds the record set of one batch of copies. */
export class RecordCopies {
  readonly #chunks: Buffer[] = [];
  readonly #fields: number[] = [];
  readonly #partition: number;
  #length = 0;
  #count = 0;

  constructor(partition: number) {
    this.#partition = partition;
  }

  /** Adds a copy with further headers. */
  add(record: SourceRecord, headers: readonly (readonly [string, string])[]): void {
    const added = headers.map(([name, value]) => [sized(name), sized(value)]);
    const all = Buffer.concat([record.headers, ...added.flat()]);
    this.#fields.push(
      ...this.#span(record.value),
      ...this.#span(record.key),
      ...this.#span(all),
      record.headerCount + headers.length,
      record.attributes,
      this.#partition,
      -1,
    );
    this.#count += 1;
  }

  recordSet(): RecordSet {
    const source = Buffer.concat(this.#chunks);
    return { source, decoded: new Uint8Array(0), count: this.#count, fields: this.#fields };
  }

  #span(bytes: Buffer | undefined): [start: number, end: number] {
    if (bytes === undefined) return [-1, -1];
    this.#chunks.push(bytes);
    this.#length += bytes.length;
    return [this.#length - bytes.length, this.#length];
  }
}

/** Writes a batch of a producer; one that is in the log already is done. */
export async function produceOnce(
  produce: (topic: Topic, request: ProduceRequest) => Promise<ProduceResult>,
  topic: Topic,
  { records, producer }: { readonly records: RecordSet; readonly producer: BatchProducer },
): Promise<void> {
  try {
    const { parts } = await produce(topic, {
      topic: topic.name,
      records,
      acks: 'all',
      timeoutMs: WRITE_TIMEOUT_MS,
      partitioner: 'sticky',
      producer,
    });
    const error = parts.find((part) => part.error !== undefined)?.error;
    if (error !== undefined) throw error;
  } catch (error) {
    const isWritten = error instanceof ProtocolError && error.code === 'DUPLICATE_SEQUENCE_NUMBER';
    if (!isWritten) throw error;
  }
}

/** A text after its length, as in the headers of Kafka's records. */
function sized(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(VARINT_BYTES_MAX);
  const end = writeVarint(length, 0, bytes.length);
  return Buffer.concat([length.subarray(0, end), bytes]);
}
