import { describe, expect, it } from 'vitest';
import type { MemberView } from '#groups';
import type { ReadRecords } from './member-reads.js';
import { decodeCursor, type PollCursor } from './poll-cursor.js';
import { cursorAfter, isStillRight, planAfter, planOf } from './poll-plan.js';

describe('the plan of a poll', () => {
  it('reads a partition from the cursor only if its member has owned it since', () => {
    const cursor = cursorOf({ generation: 2, next: 1, offsets: [10, 11, 12] });
    const { positions, start } = planOf(viewOf([2, 3, 1]), cursor);
    expect(start).toBe(1);
    expect(positions.map(({ partition, offset }) => [partition, offset])).toEqual([
      [1, 100],
      [2, 12],
      [0, 10],
    ]);
  });

  it('goes on with the partitions that follow', () => {
    const plan = planOf(viewOf(Array.from({ length: 70 }, () => 1)), null);
    expect(plan.positions).toHaveLength(64);
    const next = planAfter(plan);
    expect(next.start).toBe(64);
    expect(next.positions.map(({ partition }) => partition).slice(0, 7)).toEqual([
      64, 65, 66, 67, 68, 69, 0,
    ]);
  });
});

describe('records that were read ahead', () => {
  const cursor = cursorOf({ generation: 3, next: 0, offsets: [10, 11] });
  const readAhead: ReadRecords = { reads: [readOf(0, 10)], resets: [] };

  it('are answered while the member has the partitions of its cursor', () => {
    expect(isStillRight(planOf(viewOf([1, 1]), cursor), cursor, readAhead)).toBe(true);
  });

  it('are not answered when the member has lost one of them, or has gained another', () => {
    const views = [viewOf([1, 1]), viewOf([4, 1]), viewOf([1, 1, 4])];
    const lost = { ...viewOf([1, 1]), assignment: viewOf([1, 1]).assignment.slice(1) };
    const right = [...views, lost].map((view) => {
      return isStillRight(planOf(view, cursor), cursor, readAhead);
    });
    expect(right).toEqual([true, false, false, false]);
    expect(isStillRight(planOf(viewOf([1, 1]), null), null, readAhead)).toBe(false);
  });
});

describe('the cursor of an answer', () => {
  const plan = planOf(viewOf([1, 1, 1, 1]), cursorOf({ generation: 3, next: 2, offsets: [] }));

  it('has the next offsets, and begins behind the last partition with records', () => {
    const found = { reads: [readOf(2, 100), readOf(3, 100), readOf(0, 100)], resets: [] };
    // There was no room for a record of partition 0.
    const cursor = decodeCursor(cursorAfter(plan, found, [105, 107, 100]));
    expect(cursor).toEqual({
      generation: 3,
      next: 0,
      positions: [
        { topic: 't', partition: 0, offset: 100 },
        { topic: 't', partition: 1, offset: 100 },
        { topic: 't', partition: 2, offset: 105, leaderEpoch: 7 },
        { topic: 't', partition: 3, offset: 107, leaderEpoch: 7 },
      ],
    });
  });

  it('keeps the order of an answer without records, and has the positions after resets', () => {
    const reset = { topic: 't', partition: 3, from: 100, to: 40, reason: 'deleted' };
    const cursor = decodeCursor(cursorAfter(plan, { reads: [], resets: [reset] }, []));
    expect(cursor.next).toBe(2);
    expect(cursor.positions.map(({ partition, offset }) => [partition, offset])).toEqual([
      [2, 100],
      [3, 40],
      [0, 100],
      [1, 100],
    ]);
  });
});

/** A member in generation 3 that owns a partition since each of the generations. */
function viewOf(since: readonly number[]): MemberView {
  return {
    memberId: 'm',
    generation: 3,
    autoCommit: true,
    autoOffsetReset: 'latest',
    sessionTimeoutMs: 45_000,
    assignment: since.map((generation, partition) => {
      return { topic: 't', partition, offset: 100, since: generation };
    }),
    revoking: [],
  };
}

function cursorOf({
  offsets,
  ...cursor
}: Pick<PollCursor, 'generation' | 'next'> & { readonly offsets: readonly number[] }): PollCursor {
  const positions = offsets.map((offset, partition) => ({ topic: 't', partition, offset }));
  return { ...cursor, positions };
}

function readOf(partition: number, offset: number): ReadRecords['reads'][number] {
  return { topic: 't', partition, offset, leaderEpoch: 7, batches: [] };
}
