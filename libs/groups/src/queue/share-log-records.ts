/**
 * The records that keep share partitions in the compacted log of a group (KIP-932): snapshots, and
 * deltas since the last one.
 *
 * A compacted log keeps the newest record of each key. So that a delta does not overwrite another
 * one, each has a slot in its key; slots begin again with every snapshot. A delta counts only
 * after a whole snapshot of its epoch. The chunks of two consecutive snapshots have different keys
 * (`half`), so a snapshot that a coordinator did not finish takes nothing from the one before it.
 */
import {
  anyOf,
  choice,
  flag,
  list,
  type MessageShape,
  nullable,
  object,
  text,
  wholeNumber,
} from '#replication';
import type { ShareChange } from './share-change.js';
import type { SnapshotPart } from './share-snapshot.js';

/** Deltas after a snapshot; then the next snapshot follows. */
export const DELTA_SLOTS = 500;

export interface SharePartitionKey {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}

export interface SnapshotChunkRecord {
  readonly kind: 'share-snapshot';
  /** `half` is the epoch modulo 2. */
  readonly key: SharePartitionKey & { readonly half: number; readonly chunk: number };
  /** Null removes the chunk. */
  readonly value: {
    readonly topicId: string;
    readonly epoch: number;
    /** Number of chunks of the snapshot. */
    readonly chunks: number;
    readonly parts: readonly SnapshotPart[];
  } | null;
}

export interface DeltaRecord {
  readonly kind: 'share-delta';
  readonly key: SharePartitionKey & { readonly slot: number };
  /** Null removes the delta. */
  readonly value: {
    readonly topicId: string;
    /** Epoch of the snapshot that the changes follow. */
    readonly epoch: number;
    readonly changes: readonly ShareChange[];
  } | null;
}

export type ShareRecord = SnapshotChunkRecord | DeltaRecord;

const anyText = text(0, Number.MAX_SAFE_INTEGER);
const count = wholeNumber(0, Number.MAX_SAFE_INTEGER);
const timeMs = wholeNumber(-1, Number.MAX_SAFE_INTEGER);
const int = wholeNumber(-(2 ** 31), 2 ** 32);
const ranges = list(count);
const keys = list(nullable(int));
const cursor = object({ atMs: timeMs, offset: wholeNumber(-1, Number.MAX_SAFE_INTEGER) });
const producer = {
  producerId: count,
  producerEpoch: count,
  sequence: count,
  topic: anyText,
  topicId: anyText,
  partition: count,
};
const plan = object({ ranges, ...producer });

/** Shape of each kind of change, without its member `kind`. */
const CHANGES: Readonly<Record<ShareChange['kind'], readonly [Members, Members?]>> = {
  scanned: [
    { to: count, ranges },
    {
      keys,
      delayed: list(count),
      pending: count,
      leaderEpoch: count,
      uncancelled: list(count),
    },
  ],
  due: [
    { cursor, ranges },
    { keys, isLast: flag },
  ],
  postponed: [{ ranges }],
  trimmed: [{ to: count }],
  truncated: [{ to: count, leaderEpoch: count }],
  acquired: [{ member: anyText, receiveId: nullable(anyText), lockMs: count, ranges }],
  extended: [{ lockMs: count, ranges }],
  acknowledged: [{ ranges }],
  released: [{ isCounted: flag, notBeforeMs: count, ranges }, { delayMs: count }],
  condemned: [{ reason: anyText, ranges }],
  archived: [{ ranges }],
  deadLettersPlanned: [{ plan }],
  deadLettersWritten: [{}],
  deadLettersAbandoned: [{}],
  reset: [{ offset: count }],
  purged: [{ to: count }],
  cancelled: [{ offset: count, deliverAtMs: nullable(count) }, { leaderEpoch: count }],
};

/** Shape of each kind of part, without its member `kind`. */
const PARTS: Readonly<Record<SnapshotPart['kind'], readonly [Members, Members?]>> = {
  progress: [
    {
      startOffset: count,
      scanOffset: count,
      delayedFrom: count,
      pendingCount: count,
      due: cursor,
      plan: nullable(plan),
      deadLetterProducer: nullable(object(producer)),
      deadLetterCount: count,
    },
    { scanEpoch: count },
  ],
  cancelled: [{ entries: list(nullable(count)) }, { epochs: list(nullable(count)) }],
  finished: [{ member: anyText, deliveryCount: count, first: count, last: count }],
  records: [
    {
      state: choice('delayed', 'available', 'acquired', 'archiving'),
      deliveries: count,
      notBeforeMs: count,
      ranges,
    },
    { keys, member: anyText, receiveId: anyText, lockMs: count, delayMs: count, reason: anyText },
  ],
};

type Members = Readonly<Record<string, MessageShape>>;

/** Members of the keys and values, in the order in which they are written. */
export const SHARE_RECORD_FORMS = {
  'share-snapshot': {
    key: { topic: anyText, partition: count, half: wholeNumber(0, 1), chunk: count },
    value: { topicId: anyText, epoch: count, chunks: count, parts: list(oneOf(PARTS)) },
  },
  'share-delta': {
    key: { topic: anyText, partition: count, slot: wholeNumber(0, DELTA_SLOTS - 1) },
    value: { topicId: anyText, epoch: count, changes: list(oneOf(CHANGES)) },
  },
} as const satisfies Record<ShareRecord['kind'], { key: Members; value: Members }>;

function oneOf(kinds: Readonly<Record<string, readonly [Members, Members?]>>): MessageShape {
  return anyOf(
    ...Object.entries(kinds).map(([kind, [required, optional]]) =>
      object({ kind: choice(kind), ...required }, optional),
    ),
  );
}
