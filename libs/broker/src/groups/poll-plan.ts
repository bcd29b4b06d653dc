/** The partitions that a poll reads, their positions, and the cursor that its answer gets. */
import type { AssignedPosition, MemberView } from '#groups';
import type { Offset, TopicPartition } from '#protocol';
import type { PartitionRead, PositionReset } from './groups.js';
import type { ReadRecords } from './member-reads.js';
import {
  type CursorPosition,
  encodeCursor,
  type PollCursor,
  positionsThatFit,
} from './poll-cursor.js';

/** Partitions of one poll; further ones come in the next polls. */
const PARTITIONS_PER_POLL = 64;

/** The partitions that a poll reads at once, in the order in which it reads them. */
export interface PollPlan {
  readonly view: MemberView;
  /** Positions that are read at once: at most as many as fit into a cursor. */
  readonly positions: readonly CursorPosition[];
  /** Positions of all partitions of the assignment, beginning with `positions`. */
  readonly assigned: readonly CursorPosition[];
  /** Index of the first position in the assignment. */
  readonly start: number;
}

/** Plans a read of at most 64 partitions, from the one where the last poll stopped. */
export function planOf(view: MemberView, cursor: PollCursor | null): PollPlan {
  const { assignment } = view;
  const start = assignment.length === 0 ? 0 : (cursor?.next ?? 0) % assignment.length;
  const assigned = rotated(assignment, start).map((own) => positionOf(own, cursor));
  return { view, assigned, positions: positionsOf(assigned), start };
}

/** Plans a read of the partitions that follow those of a plan. */
export function planAfter({ view, assigned, positions, start }: PollPlan): PollPlan {
  const count = positions.length;
  const next = rotated(assigned, count);
  return {
    view,
    assigned: next,
    positions: positionsOf(next),
    start: (start + count) % assigned.length,
  };
}

/** True when the records read ahead are those that the member gets now. */
export function isStillRight(
  { view, positions }: PollPlan,
  cursor: PollCursor | null,
  readAhead: ReadRecords | undefined,
): readAhead is ReadRecords {
  if (cursor === null || readAhead === undefined || view.assignment.length === 0) return false;
  const isIn = (list: readonly CursorPosition[], one: CursorPosition): boolean =>
    positionIn(list, one)?.offset === one.offset;
  return (
    positions.every((position) => isIn(cursor.positions, position)) &&
    readAhead.reads.every((read) => isIn(positions, read))
  );
}

/**
 * The cursor of an answer. The next poll begins behind the last partition with records.
 * @param nextOffsets offset after the last answered record of each read
 */
export function cursorAfter(
  { view, positions, start }: PollPlan,
  { reads, resets }: ReadRecords,
  nextOffsets: readonly Offset[],
): string {
  const count = view.assignment.length;
  let after = start + positions.length;
  for (const [at, read] of reads.entries()) {
    if ((nextOffsets[at] ?? 0) > read.offset) after = start + indexIn(positions, read) + 1;
  }
  const cursor = { generation: view.generation, next: count === 0 ? 0 : after % count };
  const moved = positions.map((position) => movedBy(position, { reads, resets }, nextOffsets));
  // The next poll reads them in this order.
  return encodeCursor(cursor, rotated(moved, (after - start) % Math.max(1, count)));
}

/** A position after an answer. */
function movedBy(
  position: CursorPosition,
  { reads, resets }: ReadRecords,
  nextOffsets: readonly Offset[],
): CursorPosition {
  const { topic, partition } = position;
  const at = indexIn(reads, position);
  const read: PartitionRead | undefined = reads[at];
  const offset = nextOffsets[at];
  if (read !== undefined && offset !== undefined && offset > read.offset) {
    return { topic, partition, offset, leaderEpoch: read.leaderEpoch };
  }
  const reset: PositionReset | undefined = positionIn(resets, position);
  return reset === undefined ? position : { topic, partition, offset: reset.to };
}

/** The position of the cursor, if the member owned the partition then; else the committed one. */
function positionOf(
  { topic, partition, offset, leaderEpoch, since }: AssignedPosition,
  cursor: PollCursor | null,
): CursorPosition {
  const isKnown = cursor !== null && since <= cursor.generation;
  const known = isKnown ? positionIn(cursor.positions, { topic, partition }) : undefined;
  if (known !== undefined) return known;
  const position = { topic, partition, offset };
  return leaderEpoch === undefined ? position : { ...position, leaderEpoch };
}

/** The positions of one read: as many of the first ones as fit into a cursor. */
function positionsOf(assigned: readonly CursorPosition[]): readonly CursorPosition[] {
  const first = assigned.slice(0, PARTITIONS_PER_POLL);
  return first.slice(0, positionsThatFit(first));
}

/** The entries of a list from an index on, and then those before it. */
function rotated<T>(list: readonly T[], from: number): T[] {
  return [...list.slice(from), ...list.slice(0, from)];
}

/** The entry of a partition. The lists of a poll are so short that no map is faster. */
function positionIn<T extends TopicPartition>(
  list: readonly T[],
  target: TopicPartition,
): T | undefined {
  return list[indexIn(list, target)];
}

/** Index of the entry of a partition, or -1. */
function indexIn(list: readonly TopicPartition[], { topic, partition }: TopicPartition): number {
  return list.findIndex((one) => one.partition === partition && one.topic === topic);
}
