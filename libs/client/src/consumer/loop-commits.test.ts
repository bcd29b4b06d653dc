import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Deferred, deferred } from '../waiting.js';
import { type DoneOffsets, LoopCommits } from './loop-commits.js';
import { OwnedPartition } from './owned-partition.js';

const INTERVAL_MS = 50;
const one = new OwnedPartition({ topic: 't', partition: 0 });
const other = new OwnedPartition({ topic: 't', partition: 1 });

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** Commits whose answers the test gives, in the order of the requests. */
function openCommits() {
  const requests: [number, number][][] = [];
  const answers: Deferred<void>[] = [];
  let failures = 0;
  const commits = new LoopCommits({
    commit: (offsets: DoneOffsets) => {
      requests.push([...offsets].map(([{ partition }, offset]) => [partition, offset]));
      const answer = deferred<void>();
      answers.push(answer);
      return answer.promise;
    },
    failed: () => {
      failures += 1;
    },
  });
  const answer = async (index: number): Promise<void> => {
    answers[index]?.resolve();
    await vi.advanceTimersByTimeAsync(0);
  };
  const refuse = async (index: number): Promise<void> => {
    answers[index]?.reject(new Error('refused'));
    await vi.advanceTimersByTimeAsync(0);
  };
  return { commits, requests, answer, refuse, failures: () => failures };
}

test('one request has the newest offsets of all that came during the one before', async () => {
  const { commits, requests, answer } = openCommits();
  commits.add(one, 1, false);
  for (const offset of [2, 3]) commits.add(one, offset, false);
  commits.add(other, 7, false);
  expect(requests).toEqual([[[0, 1]]]);
  await answer(0);
  expect(requests[1]).toEqual([
    [0, 3],
    [1, 7],
  ]);
  await answer(1);
  commits.add(one, 4, false);
  expect(requests).toHaveLength(3);
});

test('a loop that is behind waits for the interval, one that has caught up does not', async () => {
  const { commits, requests, answer } = openCommits();
  commits.add(one, 1, true);
  expect(requests).toEqual([[[0, 1]]]);
  await answer(0);
  commits.add(one, 2, true);
  await vi.advanceTimersByTimeAsync(INTERVAL_MS - 1);
  commits.add(one, 3, true);
  expect(requests).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(requests).toEqual([[[0, 1]], [[0, 3]]]);
  await answer(1);
  commits.add(one, 4, true);
  expect(requests).toHaveLength(2);
  commits.add(one, 5, false);
  expect(requests[2]).toEqual([[0, 5]]);
  await answer(2);
  await vi.advanceTimersByTimeAsync(INTERVAL_MS);
  expect(requests).toHaveLength(3);
});

test('a flush commits what waits, and ends when it is committed', async () => {
  const { commits, requests, answer } = openCommits();
  commits.add(one, 1, true);
  commits.add(one, 2, true);
  let isFlushed = false;
  const flushed = commits.flush().finally(() => {
    isFlushed = true;
  });
  await answer(0);
  expect(requests).toEqual([[[0, 1]], [[0, 2]]]);
  expect(isFlushed).toBe(false);
  await answer(1);
  await flushed;
  expect(vi.getTimerCount()).toBe(0);
});

test('the error of a failed commit is thrown once', async () => {
  const { commits, refuse, failures } = openCommits();
  commits.add(one, 1, false);
  await refuse(0);
  expect(failures()).toBe(1);
  expect(() => commits.assertNotFailed()).toThrow('refused');
  expect(() => commits.assertNotFailed()).not.toThrow();
});
