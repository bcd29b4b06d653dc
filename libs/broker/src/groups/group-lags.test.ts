import { expect, it } from 'vitest';
import type { TopicPartition } from '#protocol';
import { groupLags } from './group-lags.js';

const COMMITTED = [
  { group: 'a', topic: 't', partition: 0, offset: 3 },
  { group: 'b', topic: 't', partition: 0, offset: 12 },
  { group: 'b', topic: 't', partition: 1, offset: 0 },
];

it('has the lag of each group and partition, and counts those without a leader', async () => {
  const asked: TopicPartition[] = [];
  const statusesOf = (targets: readonly TopicPartition[]) => {
    asked.push(...targets);
    return Promise.resolve(new Map([['t-0', { highWatermark: 10 }]]));
  };
  expect(await groupLags(COMMITTED, 10, statusesOf)).toEqual({
    lags: [
      { group: 'a', topic: 't', partition: 0, lag: 7 },
      { group: 'b', topic: 't', partition: 0, lag: 0 },
    ],
    leftOut: 1,
  });
  expect(asked).toHaveLength(2);
});

it.each([0, 1])('has at most %i lags where that is the limit', async (max) => {
  const statusesOf = () => Promise.resolve(new Map([['t-0', { highWatermark: 10 }]]));
  const { lags, leftOut } = await groupLags(COMMITTED, max, statusesOf);
  expect([lags.length, leftOut]).toEqual([max, COMMITTED.length - max]);
});
