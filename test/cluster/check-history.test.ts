/** The checker proves itself: a history with one fault of each kind goes red, and names it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { checkedHistory, found } from './checked-history.js';
import type { HistoryEvent } from './history.js';

const FINAL_BROKERS = [1, 2];

/** Two producers, a reader, an unknown and a failed request, and a fault; all is well. */
function goodHistory(): HistoryEvent[] {
  const log = ['a0', 'b0', 'a1', 'unknown-there', 'a2'];
  const produced = (client: string, value: string): HistoryEvent[] => [
    { event: 'produce', client, values: [value] },
    {
      event: 'acknowledged',
      client,
      values: [value],
      places: [{ partition: 0, offset: log.indexOf(value) }],
    },
  ];
  const refused = (value: string, outcome: string): HistoryEvent[] => [
    { event: 'produce', client: 'c', values: [value] },
    { event: 'refused', client: 'c', values: [value], outcome, code: 'NOT_ENOUGH_REPLICAS' },
  ];
  return [
    { event: 'start', topic: 'orders', partitions: 1 },
    ...produced('a', 'a0'),
    ...produced('b', 'b0'),
    ...refused('not-there', 'failed'),
    { event: 'fault', what: 'kill -9 of broker 1' },
    ...produced('a', 'a1'),
    ...refused('unknown-there', 'unknown'),
    ...refused('unknown-not-there', 'unknown'),
    ...produced('a', 'a2'),
    { event: 'produce', client: 'd', values: ['never-answered'] },
    ...log.map((value, offset): HistoryEvent => {
      return { event: 'read', reader: 'r', partition: 0, offset, value };
    }),
    ...FINAL_BROKERS.flatMap((broker) =>
      log.map((value, offset): HistoryEvent => {
        return { event: 'final', broker, partition: 0, offset, value };
      }),
    ),
    { event: 'end' },
  ];
}

async function check(events: readonly HistoryEvent[]) {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-history-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  const path = join(directory, 'history.jsonl');
  const lines = events.map((event, index) => JSON.stringify({ atMs: index * 100, ...event }));
  writeFileSync(path, `${lines.join('\n')}\n`);
  return checkedHistory(path);
}

/** The good history with events changed, or taken out (undefined). */
function changed(
  change: (event: HistoryEvent) => HistoryEvent | undefined,
): readonly HistoryEvent[] {
  return goodHistory().flatMap((event) => change(event) ?? []);
}

test('a history in which all is well', async () => {
  const checked = await check(goodHistory());
  expect(found(checked)).toEqual({});
  expect(checked).toMatchObject({
    isWhole: true,
    counts: { sent: 8, acknowledged: 4, unknown: 3, failed: 1, read: 5, disturbed: 0 },
    unavailability: { longestMs: 600, after: 'kill -9 of broker 1' },
  });
});

const without = (value: string, event: HistoryEvent['event']) => (one: HistoryEvent) =>
  one.event === event && 'value' in one && one.value === value ? undefined : one;

test.each<[string, string[], (event: HistoryEvent) => HistoryEvent | undefined]>([
  [
    'an acknowledged record that one broker does not have',
    ['lost'],
    (one) => (one.event === 'final' && one.broker === 2 && one.value === 'a2' ? undefined : one),
  ],
  ['a hole in the log', ['lost', 'holes'], without('a1', 'final')],
  [
    'a record in the log twice',
    ['moved', 'duplicated', 'lost'],
    (one) =>
      one.event === 'final' && one.value === 'unknown-there' ? { ...one, value: 'a1' } : one,
  ],
  [
    'a record that was answered "failed"',
    ['moved', 'ghosts'],
    (one) =>
      one.event === 'final' && one.value === 'unknown-there' ? { ...one, value: 'not-there' } : one,
  ],
  [
    'a record that nobody sent',
    ['moved', 'ghosts'],
    (one) =>
      one.event === 'final' && one.value === 'unknown-there' ? { ...one, value: 'x' } : one,
  ],
  [
    'another value at an offset than a reader was shown',
    ['moved'],
    (one) =>
      one.event === 'read' && one.value === 'unknown-there' ? { ...one, value: 'other' } : one,
  ],
  ['a reader that skipped', ['skipped'], without('b0', 'read')],
  [
    'a reader that was shown a record twice',
    ['skipped', 'moved'],
    (one) => (one.event === 'read' && one.value === 'a1' ? { ...one, offset: 1 } : one),
  ],
  [
    'an acknowledgement with an offset that is none',
    ['spurious'],
    (one) =>
      one.event === 'acknowledged' && one.values[0] === 'a2' ? { ...one, places: [null] } : one,
  ],
  [
    'an acknowledgement at offset -1',
    ['spurious'],
    (one) =>
      one.event === 'acknowledged' && one.values[0] === 'a2'
        ? { ...one, places: [{ partition: 0, offset: -1 }] }
        : one,
  ],
  [
    'a producer whose later record is before its earlier one',
    ['reordered', 'moved', 'lost'],
    (one) =>
      one.event === 'acknowledged' && one.values[0] === 'a2'
        ? { ...one, places: [{ partition: 0, offset: 0 }] }
        : one,
  ],
])('%s', async (_name, kinds, change) => {
  const checked = await check(changed(change));
  expect(Object.keys(found(checked)).toSorted()).toEqual(kinds.toSorted());
});

test('a run that did not get to its end is not whole', async () => {
  expect(await check(goodHistory().slice(0, -1))).toMatchObject({ isWhole: false });
  const unread = goodHistory().filter(({ event }) => event !== 'final');
  expect(await check(unread)).toMatchObject({ isWhole: false });
});
