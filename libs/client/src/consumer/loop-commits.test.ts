import { expect, test } from 'vitest';
import type { Position } from '../received-record.js';
import { deferred } from '../waiting.js';
import { LoopCommits } from './loop-commits.js';

function position(partition: number, offset: number): Position {
  return { topic: 't', partition, offset };
}

test('one request has the newest positions of all that came during the one before', async () => {
  const requests: (readonly Position[])[] = [];
  const answers = [deferred<void>(), deferred<void>()];
  const commits = new LoopCommits((positions) => {
    requests.push(positions);
    return answers[requests.length - 1]?.promise ?? Promise.resolve();
  });
  commits.add(position(0, 1));
  for (const offset of [2, 3]) commits.add(position(0, offset));
  commits.add(position(1, 7));
  expect(requests).toEqual([[position(0, 1)]]);
  const ends: string[] = [];
  const idle = commits.idle().then(() => ends.push('idle'));
  answers[0]?.resolve();
  await expect.poll(() => requests.length).toBe(2);
  expect(requests[1]).toEqual([position(0, 3), position(1, 7)]);
  expect(ends).toEqual([]);
  answers[1]?.resolve();
  await idle;
  commits.add(position(0, 4));
  await commits.idle();
  expect(requests).toHaveLength(3);
});

test('a commit that fails is told once, by the next call', async () => {
  let isFailing = true;
  const commits = new LoopCommits(() =>
    isFailing ? Promise.reject(new Error('refused')) : Promise.resolve(),
  );
  commits.add(position(0, 1));
  await expect(commits.idle()).rejects.toThrow('refused');
  isFailing = false;
  commits.add(position(0, 2));
  await expect(commits.idle()).resolves.toBeUndefined();
});
