import { expect, it } from 'vitest';
import { RecentCommits } from './recent-commits.js';
import type { StoredCommit } from './security-registry.js';

const MEBI = 1024 * 1024;

function commitAt(version: number, changes = '[]'): StoredCommit {
  const previousChangeId = `c${version - 1}`;
  return { version, changeId: `c${version}`, previousChangeId, changes, signature: 's' };
}

function versionsAfter(recent: RecentCommits, version: number): readonly number[] {
  return recent.after({ version, changeId: `c${version}` }).map((commit) => commit.version);
}

it('returns the commits after a position, and none after one of another line', () => {
  const recent = new RecentCommits();
  for (const version of [5, 6, 7]) recent.add(commitAt(version));
  expect(versionsAfter(recent, 4)).toEqual([5, 6, 7]);
  expect(versionsAfter(recent, 6)).toEqual([7]);
  expect(versionsAfter(recent, 7)).toEqual([]);
  expect(versionsAfter(recent, 3)).toEqual([]);
  expect(recent.after({ version: 5, changeId: 'another' })).toEqual([]);
});

it('forgets the commits before a gap', () => {
  const recent = new RecentCommits();
  for (const version of [5, 6, 8]) recent.add(commitAt(version));
  expect(versionsAfter(recent, 5)).toEqual([]);
  expect(versionsAfter(recent, 7)).toEqual([8]);
});

it('remembers 4 MiB, and answers with 1 MiB or one commit at a time', () => {
  const recent = new RecentCommits();
  for (let version = 1; version <= 9; version += 1) {
    recent.add(commitAt(version, 'x'.repeat(MEBI / 2)));
  }
  expect(versionsAfter(recent, 0)).toEqual([]);
  expect(versionsAfter(recent, 1)).toEqual([2, 3]);
  recent.add(commitAt(10, 'x'.repeat(2 * MEBI)));
  expect(versionsAfter(recent, 9)).toEqual([10]);
});
