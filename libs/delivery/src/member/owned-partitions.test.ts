import { describe, expect, it } from 'vitest';
import { OwnedPartitions } from './owned-partitions.js';

interface Assigned {
  readonly partition: number;
  readonly since?: number;
  readonly offset?: number;
}

function view(assignment: readonly Assigned[], revoking: readonly number[] = []) {
  return {
    memberId: 'm',
    generation: 1,
    autoCommit: false,
    autoOffsetReset: 'latest' as const,
    sessionTimeoutMs: 1000,
    assignment: assignment.map(({ partition, since = 1, offset = 0 }) => {
      return { topic: 't', partition, since, offset };
    }),
    revoking: revoking.map((partition) => ({ topic: 't', partition })),
  };
}

const numbers = (targets: readonly { readonly partition: number }[]): number[] =>
  targets.map(({ partition }) => partition);

describe('the partitions of a member', () => {
  it('are compared with each new view', () => {
    const owned = new OwnedPartitions();
    const first = owned.update(view([{ partition: 0 }, { partition: 1 }]));
    expect(numbers(first.assigned)).toEqual([0, 1]);
    const second = owned.update(view([{ partition: 0 }, { partition: 2 }], [1]));
    expect(numbers(second.assigned)).toEqual([2]);
    expect(numbers(second.revoked)).toEqual([1]);
    expect(second.lost).toEqual([]);
    expect(owned.hasRevoked).toBe(true);
  });

  it('stay owned while they are being revoked, until they are released', () => {
    const owned = new OwnedPartitions();
    owned.update(view([{ partition: 0 }]));
    owned.update(view([], [0]));
    const one = owned.of({ topic: 't', partition: 0 });
    expect(one?.isOwned).toBe(true);
    owned.release([{ topic: 't', partition: 0 }]);
    expect(one?.isOwned).toBe(false);
    expect(owned.hasRevoked).toBe(false);
  });

  it('are lost at once when the group has moved them', () => {
    const owned = new OwnedPartitions();
    owned.update(view([{ partition: 0 }]));
    const one = owned.of({ topic: 't', partition: 0 });
    expect(numbers(owned.update(view([])).lost)).toEqual([0]);
    expect(one?.isOwned).toBe(false);
  });

  it('that were lost and regained between two views are read from the new position', () => {
    const owned = new OwnedPartitions();
    owned.update(view([{ partition: 0, since: 1 }]));
    const before = owned.of({ topic: 't', partition: 0 });
    const change = owned.update(view([{ partition: 0, since: 4, offset: 9 }]));
    expect(numbers(change.lost)).toEqual([0]);
    expect(change.assigned).toMatchObject([{ partition: 0, offset: 9 }]);
    expect(before?.isOwned).toBe(false);
    expect(owned.of({ topic: 't', partition: 0 })?.lowestCommit).toBe(9);
  });

  it('that are revoked and given back before their release are assigned again', () => {
    const owned = new OwnedPartitions();
    owned.update(view([{ partition: 0 }]));
    owned.update(view([], [0]));
    const change = owned.update(view([{ partition: 0, offset: 5 }]));
    expect(numbers(change.assigned)).toEqual([0]);
    expect(owned.hasRevoked).toBe(false);
  });
});
