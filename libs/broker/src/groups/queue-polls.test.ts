import { describe, expect, it } from 'vitest';
import type { QueuePoll, QueuePollAnswer } from '#groups';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import type { FetchRequest, FetchResult } from '../broker.js';
import { MemberReads } from './member-reads.js';
import { QueuePolls } from './queue-polls.js';
import { QueueReads } from './queue-reads.js';

const PLACE = { topic: 'events', topicId: 'id', partition: 0 };
const LONG = { limit: 1, maxBytes: 1000, waitMs: 60_000 };
const ENDS = { highWatermark: 1, logStartOffset: 0, logEndOffset: 1 };

describe('a poll of a queue that waits', () => {
  it('offers the delayed record that has come due with its next call', async () => {
    const { polls, calls, scheduler } = pollsOfDelayedRecords();
    const polled = polls.poll('g', 'm', LONG);
    await scheduler.settle();
    const waiting = calls.length;
    await scheduler.advance(5000);
    await polled;
    expect(calls.slice(waiting)).toHaveLength(1);
    expect(calls.at(-1)?.offers).toMatchObject([{ ...PLACE, due: { records: [{ offset: 0 }] } }]);
  });

  it('leaves a record that has come due to another poll that waits', async () => {
    const { polls, calls, scheduler } = pollsOfDelayedRecords();
    const polled = ['a', 'b', 'c'].map((memberId) => polls.poll('g', memberId, LONG));
    await scheduler.settle();
    const waiting = calls.length;
    await scheduler.advance(5000);
    await Promise.race(polled);
    expect(calls.slice(waiting)).toMatchObject([{ memberId: 'a' }]);
    polls.waiting.end();
    await scheduler.settle();
    expect((await Promise.all(polled)).map(({ generation }) => generation)).toEqual([1, 1, 1]);
  });

  it('offers a record that has come due when the offer of another poll failed', async () => {
    const { polls, calls, scheduler, failing } = pollsOfDelayedRecords();
    const failed = polls.poll('g', 'a', LONG).catch((error: unknown) => error);
    const polled = polls.poll('g', 'b', LONG);
    await scheduler.settle();
    const waiting = calls.length;
    failing.add('a');
    await scheduler.advance(5000);
    expect(await failed).toBeInstanceOf(Error);
    await scheduler.advance(1);
    await polled;
    expect(calls.slice(waiting)).toMatchObject([{ memberId: 'a' }, { memberId: 'b' }]);
    expect(calls.at(-1)?.offers).toMatchObject([{ ...PLACE, due: { records: [{ offset: 0 }] } }]);
  });

  it('offers the next record, too, when members of another broker got the first one', async () => {
    const { polls, calls, scheduler } = pollsOfDelayedRecords([5000, 6000]);
    const polled = polls.poll('g', 'm', LONG);
    await scheduler.advance(5000);
    const waiting = calls.length;
    await scheduler.advance(1000);
    expect(calls.slice(waiting)).toMatchObject([
      { offers: [{ due: { records: [{ offset: 1 }] } }] },
    ]);
    await polled;
  });

  it('takes no records for a client that has gone meanwhile', async () => {
    const { polls, calls, scheduler } = pollsWithoutRecords();
    const client = new AbortController();
    const request = { limit: 7, maxBytes: 1000, waitMs: 60_000, beginWait: () => client.signal };
    const polled = polls.poll('g', 'm', request);
    await scheduler.settle();
    const waiting = calls.length;
    expect(calls.every(({ recordsMax }) => recordsMax === 7)).toBe(true);
    client.abort();
    expect((await polled).reads).toEqual([]);
    expect(calls.slice(waiting)).toMatchObject([{ recordsMax: 0, waitMs: 0 }]);
  });

  it('does not wait for a client that has gone before the wait began', async () => {
    const { polls, calls } = pollsWithoutRecords();
    const beginWait = (): AbortSignal => AbortSignal.abort();
    const request = { limit: 7, maxBytes: 1000, waitMs: 60_000, beginWait };
    expect((await polls.poll('g', 'm', request)).reads).toEqual([]);
    expect(calls).toMatchObject([{ recordsMax: 7 }, { recordsMax: 0, waitMs: 0 }]);
    expect(polls.waiting.count).toBe(0);
  });
});

/**
 * Polls of a queue with delayed records, and their calls to its coordinator, which gives the last
 * record to the poll that offers it. Members of other brokers get the ones before.
 */
function pollsOfDelayedRecords(dueAfterMs: readonly number[] = [5000]) {
  const clock = new FakeClock();
  const scheduler = new FakeScheduler(clock);
  const calls: QueuePoll[] = [];
  /** Members whose calls are refused. */
  const failing = new Set<string>();
  const fromMs = clock.nowMs();
  const entries = dueAfterMs.map((ms, offset) => ({ atMs: fromMs + ms, offset, keyHash: null }));
  let cursor = { atMs: -1, offset: -1 };
  const fetch = ({ waitMs, signal }: FetchRequest): Promise<FetchResult> =>
    new Promise((resolve, reject) => {
      if (waitMs === 0) resolve({ batches: [], leaderEpoch: 1, ...ENDS });
      signal?.addEventListener('abort', () => reject(new Error('the wait is over')));
    });
  const polls = new QueuePolls({
    coordinator: {
      poll: async (call) => {
        calls.push(call);
        if (failing.has(call.memberId)) throw new Error('the call is refused');
        const due = call.offers[0]?.due;
        cursor = due?.to ?? cursor;
        const isLast = due?.records.some(({ offset }) => offset === entries.length - 1) === true;
        const reads = NOTHING.reads.map((read) => ({ ...read, due: cursor }));
        return { ...NOTHING, reads, acquired: isLast ? [{ ...PLACE, runs: [] }] : [] };
      },
      acknowledge: async () => undefined,
      watch: () => () => undefined,
    },
    reads: new QueueReads({
      fetch,
      clock,
      listDelayed: async (_target, { from, untilMs }) => {
        const records = entries.filter(({ atMs }) => atMs > from.atMs && atMs <= untilMs);
        const next = entries.find(({ atMs }) => atMs > untilMs);
        const to = { atMs: untilMs, offset: 0 };
        return { from, to, records, indexedTo: 1, nextAtMs: next?.atMs ?? null };
      },
    }),
    waits: new MemberReads({ fetch, scheduler }),
    clock,
    scheduler,
    longPollsMax: 10,
  });
  return { polls, calls, scheduler, failing };
}

/** Polls of a queue that has no records, and their calls to its coordinator. */
function pollsWithoutRecords() {
  const clock = new FakeClock();
  const scheduler = new FakeScheduler(clock);
  const calls: QueuePoll[] = [];
  const fetch = ({ signal }: FetchRequest): Promise<FetchResult> =>
    new Promise((_, reject) => {
      signal?.addEventListener('abort', () => reject(new Error('the wait is over')));
    });
  const polls = new QueuePolls({
    coordinator: {
      poll: async (call) => {
        calls.push(call);
        return { ...NOTHING, reads: [] };
      },
      acknowledge: async () => undefined,
      watch: () => () => undefined,
    },
    reads: new QueueReads({ fetch, clock, listDelayed: () => Promise.reject(new Error()) }),
    waits: new MemberReads({ fetch, scheduler }),
    clock,
    scheduler,
    longPollsMax: 10,
  });
  return { polls, calls, scheduler };
}

const NOTHING: QueuePollAnswer = {
  generation: 1,
  sessionTimeoutMs: 45_000,
  isKeyOrdered: false,
  assignment: [PLACE],
  acquired: [],
  reads: [
    {
      ...PLACE,
      scanOffset: 1,
      due: { atMs: -1, offset: -1 },
      pendingFrom: 0,
      hasPending: true,
      room: 10,
    },
  ],
};
