/**
 * The cursor of a poll: the generation of its answer, the next offsets of the answer's partitions
 * with the leader epochs in which they were read, and the place at which the next poll begins. It
 * is opaque to clients: JSON as base64url, at most 4 KiB.
 */
import type { Acknowledgement } from '#groups';
import { type LeaderEpoch, type Offset, ProtocolError, type TopicPartition } from '#protocol';

const CURSOR_LENGTH_MAX = 4096;
/** Bytes of JSON of which base64url makes that many characters. */
const TEXT_BYTES_MAX = (CURSOR_LENGTH_MAX * 3) / 4;
const VERSION = 2;
/** Numbers of a position in each version: before 2 there was no epoch. */
const NUMBERS = new Map<unknown, number>([
  [1, 2],
  [VERSION, 3],
]);
const NO_EPOCH = -1;
const INT32_MAX = 2 ** 31 - 1;
/** Bytes of a cursor without positions. */
const EMPTY_BYTES_MAX = JSON.stringify([
  VERSION,
  Number.MAX_SAFE_INTEGER,
  Number.MAX_SAFE_INTEGER,
  [],
]).length;
/** Bytes of a position after the number of its partition. */
const POSITION_BYTES_MAX = `,${Number.MAX_SAFE_INTEGER},${INT32_MAX},`.length;

export interface PollCursor extends Acknowledgement {
  /** Index of the assigned partition at which the next poll begins to read. */
  readonly next: number;
}

/** A position in a cursor. */
export interface CursorPosition extends TopicPartition {
  readonly offset: Offset;
  /** Epoch of the leader from which the records before it were read; reveals a truncation. */
  readonly leaderEpoch?: LeaderEpoch;
}

/**
 * @param positions the most important ones first: those that do not fit are left out, which costs
 *   nothing where no records were answered
 */
export function encodeCursor(
  { generation, next }: Pick<PollCursor, 'generation' | 'next'>,
  positions: readonly CursorPosition[],
): string {
  const byTopic = new Map<string, number[]>();
  let bytes = JSON.stringify([VERSION, generation, next, []]).length;
  for (const { topic, partition, offset, leaderEpoch = NO_EPOCH } of positions) {
    const present = byTopic.get(topic);
    bytes +=
      `${partition},${offset},${leaderEpoch},`.length +
      (present === undefined ? topic.length + 8 : 0);
    if (bytes > TEXT_BYTES_MAX) break;
    if (present === undefined) byTopic.set(topic, [partition, offset, leaderEpoch]);
    else present.push(partition, offset, leaderEpoch);
  }
  return Buffer.from(JSON.stringify([VERSION, generation, next, [...byTopic]])).toString(
    'base64url',
  );
}

/** Number of positions with records that an answer may have so that all of them fit. */
export function positionsThatFit(positions: readonly TopicPartition[]): number {
  let bytes = EMPTY_BYTES_MAX;
  const topics = new Set<string>();
  let count = 0;
  for (const { topic, partition } of positions) {
    bytes += String(partition).length + POSITION_BYTES_MAX;
    if (!topics.has(topic)) bytes += topic.length + 8;
    topics.add(topic);
    // A name has at most 249 characters, so the first position always fits.
    if (bytes > TEXT_BYTES_MAX) break;
    count += 1;
  }
  return count;
}

/** @throws ProtocolError INVALID_REQUEST when this program did not issue it */
export function decodeCursor(text: string): PollCursor {
  if (text.length <= CURSOR_LENGTH_MAX && /^[\w-]+$/.test(text)) {
    const cursor = cursorOf(parsed(Buffer.from(text, 'base64url').toString('utf8')));
    if (cursor !== undefined) return cursor;
  }
  const detail = 'a cursor is the member "cursor" of an earlier answer, unchanged';
  throw new ProtocolError('INVALID_REQUEST', `${detail}.`, {
    faults: [{ pointer: '?cursor', detail }],
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Not JSON, so not a cursor.
    return undefined;
  }
}

function cursorOf(value: unknown): PollCursor | undefined {
  if (!Array.isArray(value) || value.length !== 4) return undefined;
  const count = NUMBERS.get(value[0]);
  if (count === undefined) return undefined;
  const [, generation, next, topics] = value as unknown[];
  if (!isCount(generation) || !isCount(next) || !Array.isArray(topics)) return undefined;
  const positions: CursorPosition[] = [];
  for (const entry of topics as unknown[]) {
    if (!Array.isArray(entry)) return undefined;
    const [topic, numbers] = entry as unknown[];
    if (typeof topic !== 'string' || !Array.isArray(numbers) || numbers.length % count > 0) {
      return undefined;
    }
    for (let at = 0; at < numbers.length; at += count) {
      const partition: unknown = numbers[at];
      const offset: unknown = numbers[at + 1];
      const epoch: unknown = count === 2 ? NO_EPOCH : numbers[at + 2];
      if (!isCount(partition) || !isCount(offset)) return undefined;
      if (epoch !== NO_EPOCH && !isCount(epoch)) return undefined;
      positions.push(cursorPosition(topic, partition, offset, epoch));
    }
  }
  return { generation, next, positions };
}

function cursorPosition(
  topic: string,
  partition: number,
  offset: Offset,
  epoch: LeaderEpoch,
): CursorPosition {
  if (epoch === NO_EPOCH) return { topic, partition, offset };
  return { topic, partition, offset, leaderEpoch: epoch };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
