/**
 * The records of `__consumer_offsets`, schema version 1 (docs/reference/consumer-offsets.md).
 *
 * Key and value are JSON texts with a fixed order of members: compaction compares keys as bytes, so
 * a key must always be written the same way.
 *
 * key    {"kind":"offset","version":1,"group":"g","topic":"t","partition":0}
 * value
 * {"version":1,"topicId":"<uuid>","offset":42,"leaderEpoch":3,"metadata":null,"committedAtMs":1}
 *
 * A record without a value removes the offset. Keys of an unknown kind or version are ignored: they
 * belong to a later version of this program.
 */
import type { RecordBatch } from '#log';
import { RecordCursor } from '#log';
import {
  FIELD_ATTRIBUTES,
  FIELD_HEADERS_END,
  FIELD_HEADERS_START,
  FIELD_KEY_END,
  FIELD_KEY_START,
  FIELD_PARTITION,
  FIELD_TIMESTAMP,
  FIELD_VALUE_END,
  FIELD_VALUE_START,
  type LeaderEpoch,
  type Offset,
  ProtocolError,
  RECORD_KEY_IS_JSON,
  RECORD_STRIDE,
  RECORD_VALUE_IS_JSON,
  type RecordSet,
} from '#protocol';

const KIND = 'offset';
const VERSION = 1;
const NO_BYTES = new Uint8Array(0);

export interface OffsetKey {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}

export interface OffsetValue {
  /**
   * Id of the topic. A committed offset ends with its topic: it counts only while the topic has
   * this id.
   */
  readonly topicId: string;
  readonly offset: Offset;
  readonly leaderEpoch: LeaderEpoch | null;
  readonly metadata: string | null;
  readonly committedAtMs: number;
}

/** One record: a commit, or its removal when the value is null. */
export interface OffsetRecord {
  readonly key: OffsetKey;
  readonly value: OffsetValue | null;
}

/** Encodes all records as one set for one record batch: they become visible together. */
export function offsetRecordSet(records: readonly OffsetRecord[]): RecordSet {
  const chunks: Buffer[] = [];
  const fields: number[] = [];
  let position = 0;
  for (const { key, value } of records) {
    const keyBytes = Buffer.from(keyText(key));
    const valueBytes = value === null ? undefined : Buffer.from(valueText(value));
    const at = fields.length;
    for (let field = 0; field < RECORD_STRIDE; field += 1) fields.push(0);
    fields[at + FIELD_KEY_START] = position;
    fields[at + FIELD_KEY_END] = position + keyBytes.length;
    position += keyBytes.length;
    chunks.push(keyBytes);
    fields[at + FIELD_VALUE_START] = valueBytes === undefined ? -1 : position;
    fields[at + FIELD_VALUE_END] = valueBytes === undefined ? -1 : position + valueBytes.length;
    if (valueBytes !== undefined) {
      position += valueBytes.length;
      chunks.push(valueBytes);
    }
    fields[at + FIELD_HEADERS_START] = -1;
    fields[at + FIELD_HEADERS_END] = -1;
    fields[at + FIELD_ATTRIBUTES] =
      RECORD_KEY_IS_JSON | (valueBytes === undefined ? 0 : RECORD_VALUE_IS_JSON);
    fields[at + FIELD_PARTITION] = -1;
    fields[at + FIELD_TIMESTAMP] = -1;
  }
  return { source: Buffer.concat(chunks), decoded: NO_BYTES, count: records.length, fields };
}

/**
 * The offset records of a batch, with their offsets in the log.
 * @throws ProtocolError CORRUPT_MESSAGE when one violates the schema
 */
export function* offsetRecordsOf(
  batch: RecordBatch,
): Iterable<{ readonly logOffset: Offset; readonly record: OffsetRecord }> {
  if (batch.isControl) return;
  const cursor = new RecordCursor(batch);
  while (cursor.next()) {
    const { bytes, keyStart, keyEnd, valueStart, valueEnd, offset } = cursor;
    const key = keyStart < 0 ? undefined : parseKey(bytes.toString('utf8', keyStart, keyEnd));
    if (key === undefined) continue;
    const value = valueStart < 0 ? null : parseValue(bytes.toString('utf8', valueStart, valueEnd));
    yield { logOffset: offset, record: { key, value } };
  }
}

function keyText({ group, topic, partition }: OffsetKey): string {
  return JSON.stringify({ kind: KIND, version: VERSION, group, topic, partition });
}

function valueText(value: OffsetValue): string {
  const { topicId, offset, leaderEpoch, metadata, committedAtMs } = value;
  return JSON.stringify({
    version: VERSION,
    topicId,
    offset,
    leaderEpoch,
    metadata,
    committedAtMs,
  });
}

function parseKey(text: string): OffsetKey | undefined {
  const key = parseObject(text);
  if (key['kind'] !== KIND || key['version'] !== VERSION) return undefined;
  const { group, topic, partition } = key;
  if (typeof group !== 'string' || typeof topic !== 'string' || typeof partition !== 'number') {
    throw corrupt('key');
  }
  return { group, topic, partition };
}

function parseValue(text: string): OffsetValue {
  const { topicId, offset, leaderEpoch, metadata, committedAtMs } = parseObject(text);
  if (
    typeof topicId !== 'string' ||
    typeof offset !== 'number' ||
    (typeof metadata !== 'string' && metadata !== null) ||
    typeof committedAtMs !== 'number' ||
    (typeof leaderEpoch !== 'number' && leaderEpoch !== null)
  ) {
    throw corrupt('value');
  }
  return { topicId, offset, leaderEpoch, metadata, committedAtMs };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>;
  } catch (error) {
    throw corrupt('text', error);
  }
  throw corrupt('text');
}

function corrupt(what: string, cause?: unknown): ProtocolError {
  return new ProtocolError(
    'CORRUPT_MESSAGE',
    `A record of the offsets topic has a ${what} that violates its schema.`,
    cause === undefined ? {} : { cause },
  );
}
