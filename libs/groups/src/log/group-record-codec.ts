/**
 * The JSON form of the records of `__consumer_offsets` (docs/reference/consumer-offsets.md).
 *
 * Keys and values are JSON texts with a fixed order of members: compaction compares keys as bytes,
 * so a key must always be written the same way.
 *
 * key    {"kind":"offset","version":1,"group":"g","topic":"t","partition":0}
 * value
 * {"version":1,"topicId":"<uuid>","offset":42,"leaderEpoch":3,"metadata":null,"committedAtMs":1}
 *
 * A record without a value removes its key. Keys of an unknown kind or version are ignored: they
 * belong to a later version of this program, and so do members that a shape does not name.
 */
import { type RecordBatch, RecordCursor } from '#log';
import { ProtocolError, type RecordSet } from '#protocol';
import {
  choice,
  flag,
  list,
  type MessageShape,
  nullable,
  object,
  shapeFault,
  text,
  wholeNumber,
} from '#replication';
import { SHARE_RECORD_FORMS } from '../queue/share-log-records.js';
import type { GroupRecord, GroupRecordKind } from './group-records.js';
import { jsonRecordSet } from './record-set-writer.js';

const VERSION = 1;

/** Keys and values of one kind. */
interface RecordForm {
  /** Members of the key after `kind`, `version` and `group`, in their order. */
  readonly key: Readonly<Record<string, MessageShape>>;
  /** Members of the value after `version`, in their order. */
  readonly value: Readonly<Record<string, MessageShape>>;
  /** Members after those that records of an earlier version lack. */
  readonly added?: Readonly<Record<string, MessageShape>>;
}

const anyText = text(0, Number.MAX_SAFE_INTEGER);
const count = wholeNumber(0, Number.MAX_SAFE_INTEGER);
const int = wholeNumber(-(2 ** 31), 2 ** 31 - 1);
const timeMs = wholeNumber(-(10 ** 16), 10 ** 16);
const partitions = { topic: anyText, topicId: anyText, partitions: list(count) };
const reset = choice('latest', 'earliest', 'none');

const FORMS: Readonly<Record<GroupRecordKind, RecordForm>> = {
  offset: {
    key: { topic: anyText, partition: count },
    value: {
      topicId: anyText,
      offset: count,
      leaderEpoch: nullable(int),
      metadata: nullable(anyText),
      committedAtMs: timeMs,
    },
  },
  group: {
    key: {},
    value: {
      mode: nullable(choice('stream', 'queue')),
      generation: count,
      emptySinceMs: nullable(timeMs),
    },
  },
  configs: { key: {}, value: { configs: list(object({ name: anyText, value: anyText })) } },
  topic: {
    key: { topic: anyText },
    value: { topicId: nullable(anyText), partitions: count, reset },
    added: { leaderEpochs: list(int) },
  },
  pattern: { key: { pattern: anyText }, value: { generation: count } },
  member: {
    key: { memberId: anyText },
    value: {
      instanceId: nullable(anyText),
      clientId: nullable(anyText),
      topics: list(anyText),
      patterns: list(anyText),
      assignor: choice('sticky', 'range', 'roundrobin'),
      sessionTimeoutMs: nullable(count),
      maxPollIntervalMs: count,
      autoOffsetReset: reset,
      autoCommit: flag,
      replaced: list(anyText),
    },
    added: {
      brokerEpoch: count,
      owner: object({ principal: anyText, groups: list(anyText), isSuperUser: flag }),
    },
  },
  credential: { key: { memberId: anyText }, value: { expiresAtMs: timeMs } },
  ...SHARE_RECORD_FORMS,
  redrive: {
    key: { topic: anyText, partition: count },
    value: {
      topicId: anyText,
      position: count,
      waiting: list(count),
      plan: nullable(
        object({
          ranges: list(count),
          topic: anyText,
          topicId: anyText,
          partition: count,
          producerId: count,
          producerEpoch: count,
          sequence: count,
        }),
      ),
      redrivenCount: count,
    },
  },
  assignment: {
    key: { memberId: anyText },
    value: {
      generation: count,
      owned: list(object({ ...partitions, since: list(count) })),
      target: list(object(partitions)),
    },
  },
};

const GROUP_NAME = text(1, 255);

/** Shapes of whole keys and values, made once. */
const SHAPES = Object.fromEntries(
  Object.entries(FORMS).map(([kind, { key, value, added }]) => [
    kind,
    { key: object({ group: GROUP_NAME, ...key }), value: object(value, added) },
  ]),
) as Readonly<Record<GroupRecordKind, { key: MessageShape; value: MessageShape }>>;

/** Names of the members of keys and values after `group` and `version`, in their order. */
const NAMES = Object.fromEntries(
  Object.entries(FORMS).map(([kind, { key, value, added = {} }]) => [
    kind,
    { key: Object.keys(key), value: [...Object.keys(value), ...Object.keys(added)] },
  ]),
) as unknown as Readonly<
  Record<GroupRecordKind, { key: readonly string[]; value: readonly string[] }>
>;

/** Encodes records as one set, for one record batch that becomes visible as a whole. */
export function groupRecordSet(records: readonly GroupRecord[]): RecordSet {
  return jsonRecordSet(
    records.map((record) => ({ keyText: keyText(record), valueText: valueText(record) })),
  );
}

/**
 * The records of a batch of the offsets topic.
 * @throws ProtocolError CORRUPT_MESSAGE when one violates the schema
 */
export function* groupRecordsOf(batch: RecordBatch): Iterable<GroupRecord> {
  if (batch.isControl) return;
  const cursor = new RecordCursor(batch);
  while (cursor.next()) {
    const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
    if (keyStart < 0) continue;
    const record = recordOf(
      bytes.toString('utf8', keyStart, keyEnd),
      valueStart < 0 ? null : bytes.toString('utf8', valueStart, valueEnd),
    );
    if (record !== undefined) yield record;
  }
}

function keyText({ kind, key }: GroupRecord): string {
  const ordered: Record<string, unknown> = { kind, version: VERSION, group: key.group };
  const members = key as unknown as Readonly<Record<string, unknown>>;
  for (const name of NAMES[kind].key) ordered[name] = members[name];
  return JSON.stringify(ordered);
}

function valueText({ kind, value }: GroupRecord): string | null {
  if (value === null) return null;
  const members = value as unknown as Readonly<Record<string, unknown>>;
  const ordered: Record<string, unknown> = { version: VERSION };
  for (const name of NAMES[kind].value) ordered[name] = members[name];
  return JSON.stringify(ordered);
}

function recordOf(keyText: string, valueText: string | null): GroupRecord | undefined {
  const { kind, version, ...key } = parseObject(keyText);
  if (typeof kind !== 'string' || !Object.hasOwn(FORMS, kind) || version !== VERSION) {
    return undefined;
  }
  const known = kind as GroupRecordKind;
  assertShape(key, SHAPES[known].key, 'key');
  if (valueText === null) return { kind: known, key, value: null } as unknown as GroupRecord;
  const { version: _, ...value } = parseObject(valueText);
  assertShape(value, SHAPES[known].value, 'value');
  return { kind: known, key, value } as unknown as GroupRecord;
}

function assertShape(value: unknown, shape: MessageShape, what: 'key' | 'value'): void {
  const fault = shapeFault(value, shape);
  if (fault !== undefined) throw corrupt(`${what}, at "${fault.pointer}",`);
}

function parseObject(json: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(json);
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
