import { describe, expect, it } from 'vitest';
import { GroupWatches } from './group-watches.js';

describe('the watches of groups', () => {
  it('tell which members a change concerns', () => {
    const watches = new GroupWatches();
    const told: unknown[] = [];
    const end = watches.add('g', (members) => told.push(members));
    watches.changed('g', new Set(['a']));
    watches.changed('h');
    watches.changed('g');
    end();
    watches.changed('g');
    expect(told).toEqual([new Set(['a']), undefined]);
  });

  it('know which members of a group have changed since a number', () => {
    const watches = new GroupWatches();
    watches.changed('g');
    const { sequence } = watches;
    expect(watches.changeSince('g', sequence)).toBeUndefined();
    watches.changed('h', new Set(['a']));
    watches.changed('h', new Set(['b']));
    expect(watches.changeSince('g', sequence)).toBeUndefined();
    expect(watches.changeSince('h', sequence)).toEqual({ members: new Set(['a', 'b']) });
    expect(watches.changeSince('h', sequence + 1)).toEqual({ members: new Set(['b']) });
    expect(watches.changeSince('h', watches.sequence)).toBeUndefined();
    watches.changed('h');
    expect(watches.changeSince('h', sequence)).toEqual({ members: undefined });
  });

  it('count all members as changed when some changes are not remembered any more', () => {
    const watches = new GroupWatches();
    for (let change = 1; change <= 20; change += 1) watches.changed('g', new Set([`m${change}`]));
    expect(watches.changeSince('g', 2)).toEqual({ members: undefined });
    expect(watches.changeSince('g', 19)).toEqual({ members: new Set(['m20']) });
  });

  it('count a group as changed when none of its changes is remembered any more', () => {
    const watches = new GroupWatches(2);
    const members = new Set(['m']);
    // The changes 1 to 3 are forgotten when the groups c and d change.
    for (const group of ['a', 'b', 'a', 'c', 'd']) watches.changed(group, members);
    expect(watches.changeSince('a', 2)).toEqual({ members: undefined });
    expect(watches.changeSince('a', 3)).toBeUndefined();
    expect(watches.changeSince('c', 3)).toEqual({ members });
    expect(watches.changeSince('c', 4)).toBeUndefined();
    // A group that comes back may have changed before, too.
    watches.changed('b', members);
    expect(watches.changeSince('b', 1)).toEqual({ members: undefined });
  });
});
