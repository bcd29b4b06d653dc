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

it('counts a position that was committed again once, with its newer offset', async () => {
  const again = [...COMMITTED, { group: 'a', topic: 't', partition: 0, offset: 5 }];
  const statusesOf = () => Promise.resolve(new Map([['t-0', { highWatermark: 10 }]]));
  const { lags, leftOut } = await groupLags(again, 10, statusesOf);
  expect(lags[0]).toEqual({ group: 'a', topic: 't', partition: 0, lag: 5 });
  expect([lags.length, leftOut]).toEqual([2, 1]);
});

it('asks for 1,000 partitions at a time, and reads as many positions per turn', async () => {
  let turn = 0;
  let next = setImmediate(function count() {
    turn += 1;
    next = setImmediate(count);
  });
  const readIn = new Map<number, number>();
  function* many(): Generator<(typeof COMMITTED)[number]> {
    for (let partition = 0; partition < 2500; partition += 1) {
      readIn.set(turn, (readIn.get(turn) ?? 0) + 1);
      yield { group: 'a', topic: 't', partition, offset: 1 };
    }
  }
  const asked: number[] = [];
  const statusesOf = (targets: readonly TopicPartition[]) => {
    asked.push(targets.length);
    const names = targets.map(({ partition }) => `t-${partition}`);
    return Promise.resolve(new Map(names.map((name) => [name, { highWatermark: 3 }])));
  };
  const { lags, leftOut } = await groupLags(many(), 2400, statusesOf);
  clearImmediate(next);
  expect(asked).toEqual([1000, 1000, 400]);
  expect([lags.length, lags[2399]?.lag, leftOut]).toEqual([2400, 2, 100]);
  expect(Math.max(...readIn.values())).toBeLessThanOrEqual(1000);
});

it.each([0, 1])('has at most %i lags where that is the limit', async (max) => {
  const statusesOf = () => Promise.resolve(new Map([['t-0', { highWatermark: 10 }]]));
  const { lags, leftOut } = await groupLags(COMMITTED, max, statusesOf);
  expect([lags.length, leftOut]).toEqual([max, COMMITTED.length - max]);
});
