import { describe, expect, it } from 'vitest';
import { GroupWatches, type MemberView } from '#groups';
import { FakeClock, FakeScheduler, SeededRandom } from '#runtime/testing';
import type { Broker, FetchRequest, FetchResult } from '../broker.js';
import { produceOf } from '../testing/records.js';
import { TestBroker } from '../testing/test-broker.js';
import type { Groups, MemberRecords } from './groups.js';
import { MemberPolls } from './member-polls.js';
import { MemberReads } from './member-reads.js';

const POLL = { limit: 100, maxBytes: 1024 * 1024, waitMs: 0 };

describe('a poll', () => {
  it('answers with the positions after the records that were rendered', async () => {
    const { broker } = await brokerWith(1, 5);
    const { memberId } = await broker.groups.join('g', EARLIEST);
    const first = await streamPoll(broker, 'g', memberId, POLL);
    expect(first.reads).toMatchObject([{ topic: 'events', partition: 0, offset: 0 }]);
    const cursor = first.cursorAfter([3]);
    const second = await streamPoll(broker, 'g', memberId, { ...POLL, cursor });
    expect(second.reads).toMatchObject([{ offset: 3 }]);
    expect(await broker.committedOffsets('g')).toMatchObject([{ offset: 3 }]);
  });

  it('acknowledges nothing that was read and not answered', async () => {
    const { broker } = await brokerWith(2, 5);
    const { memberId } = await broker.groups.join('g', EARLIEST);
    const first = await streamPoll(broker, 'g', memberId, { ...POLL, limit: 2 });
    const cursor = first.cursorAfter([2]);
    await streamPoll(broker, 'g', memberId, { ...POLL, cursor });
    expect(await broker.committedOffsets('g')).toMatchObject([{ offset: 2 }, { offset: 0 }]);
  });

  it('goes on at the log start when the records at its cursor are deleted', async () => {
    const { broker } = await brokerWith(1, 6);
    const { memberId } = await broker.groups.join('g', EARLIEST);
    const first = await streamPoll(broker, 'g', memberId, { ...POLL, limit: 2 });
    await broker.deleteRecords({ topic: 'events', partition: 0 }, 4);
    const cursor = first.cursorAfter([2]);
    const second = await streamPoll(broker, 'g', memberId, { ...POLL, cursor });
    expect(second.resets).toMatchObject([{ from: 2, to: 4 }]);
    expect(second.reads).toMatchObject([{ offset: 4 }]);
    expect(await broker.committedOffsets('g')).toMatchObject([{ offset: 2 }]);
  });

  it('goes through more partitions than fit into one answer', async () => {
    const { broker } = await brokerWith(100, 1);
    const { memberId } = await broker.groups.join('g', EARLIEST);
    const seen = new Set<number>();
    let cursor: string | undefined;
    for (let polls = 0; polls < 3; polls += 1) {
      const polled: MemberRecords = await streamPoll(broker, 'g', memberId, {
        ...POLL,
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const { partition } of polled.reads) seen.add(partition);
      expect(polled.reads.length).toBeLessThanOrEqual(64);
      cursor = polled.cursorAfter(polled.reads.map(() => 1));
    }
    expect(seen.size).toBe(100);
    expect(await broker.committedOffsets('g')).toHaveLength(100);
  });

  it('finds records beyond the partitions of one answer, at once and while it waits', async () => {
    const { broker, scheduler } = await brokerWith(100, 0);
    const { memberId } = await broker.groups.join('g', EARLIEST);
    const waiting = streamPoll(broker, 'g', memberId, { ...POLL, waitMs: 60_000 });
    await scheduler.settle();
    await broker.produce(produceOf('events', [{ value: 'v', partition: 80 }]));
    expect((await waiting).reads).toMatchObject([{ partition: 80, offset: 0 }]);
    // Without a cursor a poll begins with the first partitions again.
    expect((await streamPoll(broker, 'g', memberId, POLL)).reads).toMatchObject([
      { partition: 80 },
    ]);
  });

  it('reads a partition that its member got again from the committed offset', async () => {
    const { broker } = await brokerWith(1, 5);
    const { groups } = broker;
    const join = { ...EARLIEST, memberId: 'm' };
    await groups.join('g', join);
    const cursor = (await streamPoll(broker, 'g', 'm', POLL)).cursorAfter([2]);
    await groups.leave('g', 'm');
    await broker.commitOffsets('g', [{ topic: 'events', partition: 0, offset: 4 }]);
    await groups.join('g', join);
    const polled = await streamPoll(broker, 'g', 'm', { ...POLL, cursor });
    expect(polled.reads).toMatchObject([{ offset: 4 }]);
  });

  it('that comes while the broker stops is answered at once, in a queue group, too', async () => {
    const test = await brokerWith(1, 0);
    const { groups } = test.broker;
    const { memberId } = await groups.join('g', EARLIEST);
    const { memberId: worker } = await groups.join('q', { ...EARLIEST, mode: 'queue' });
    test.opened.endWaits();
    const request = { ...POLL, waitMs: 60_000 };
    expect((await groups.poll('g', memberId, request)).reads).toEqual([]);
    expect((await groups.poll('q', worker, request)).reads).toEqual([]);
  });

  it('that waits keeps the session alive, and ends at its time', async () => {
    const test = await brokerWith(1, 0);
    const { broker, scheduler } = test;
    const { memberId } = await broker.groups.join('g', { ...EARLIEST, sessionTimeoutMs: 5000 });
    const waiting = streamPoll(broker, 'g', memberId, { ...POLL, waitMs: 20_000 });
    for (let second = 0; second < 21; second += 1) await scheduler.advance(1000);
    expect((await waiting).reads).toEqual([]);
    expect(await broker.groups.heartbeat('g', memberId)).toMatchObject({ memberId });
  });

  it('that waits is answered when the gateway stops', async () => {
    const { broker, opened, scheduler } = await brokerWith(1, 0);
    const { memberId } = await broker.groups.join('g', EARLIEST);
    const waiting = streamPoll(broker, 'g', memberId, { ...POLL, waitMs: 60_000 });
    await scheduler.settle();
    opened.endWaits();
    expect((await waiting).reads).toEqual([]);
  });

  it('that waits is answered when its assignment changed before it could be watched', async () => {
    const scheduler = new FakeScheduler(new FakeClock());
    const ends = { highWatermark: 0, logStartOffset: 0, logEndOffset: 0 };
    let view = viewOf(1, [0]);
    const fetch = async (): Promise<FetchResult> => {
      view = viewOf(2, [0, 1]);
      return { batches: [], leaderEpoch: 1, ...ends };
    };
    const polls = new MemberPolls({
      coordinator: {
        poll: async () => view,
        waitingView: async () => view,
        watch: () => () => undefined,
      },
      reads: new MemberReads({ fetch, scheduler }),
      clock: new FakeClock(),
      scheduler,
      random: new SeededRandom(1),
      longPollsMax: 1,
    });
    const { generation, assignment } = await polls.poll('g', 'm', { ...POLL, waitMs: 60_000 });
    expect({ generation, partitions: assignment.length }).toEqual({ generation: 2, partitions: 2 });
  });

  it('asks the coordinator again only after changes that concern its member', async () => {
    const scheduler = new FakeScheduler(new FakeClock());
    const ends = { highWatermark: 0, logStartOffset: 0, logEndOffset: 0 };
    let waits = 0;
    const fetch = ({ waitMs, signal }: FetchRequest): Promise<FetchResult> => {
      const result = { batches: [], leaderEpoch: 1, ...ends };
      if (waitMs === 0) return Promise.resolve(result);
      waits += 1;
      return new Promise((resolve) => signal?.addEventListener('abort', () => resolve(result)));
    };
    const watches = new GroupWatches();
    let view = viewOf(1, [0]);
    let asked = 0;
    const polls = new MemberPolls({
      coordinator: {
        poll: async () => view,
        waitingView: async () => {
          asked += 1;
          return view;
        },
        watch: (group, onChange) => watches.add(group, onChange),
      },
      reads: new MemberReads({ fetch, scheduler }),
      clock: new FakeClock(),
      scheduler,
      random: new SeededRandom(1),
      longPollsMax: 1,
    });
    const waiting = polls.poll('g', 'm', { ...POLL, waitMs: 60_000 });
    await scheduler.settle();
    expect({ asked, waits }).toEqual({ asked: 1, waits: 1 });
    watches.changed('g', new Set(['other']));
    await scheduler.settle();
    expect(asked).toBe(1);
    // The poll goes on waiting for the same records.
    for (const members of [new Set(['other', 'm']), undefined]) {
      watches.changed('g', members);
      await scheduler.settle();
    }
    expect({ asked, waits }).toEqual({ asked: 3, waits: 1 });
    view = viewOf(2, [0, 1]);
    watches.changed('g', new Set(['m']));
    expect(await waiting).toMatchObject({ generation: 2 });
  });

  it('tells at once of a change between the join and the first poll', async () => {
    const { broker, scheduler } = await brokerWith(2, 0);
    const { groups } = broker;
    expect((await groups.join('g', { ...EARLIEST, memberId: 'a' })).assignment).toHaveLength(2);
    await groups.join('g', { ...EARLIEST, memberId: 'b' });
    const request = { ...POLL, waitMs: 60_000 };
    const first = await streamPoll(broker, 'g', 'a', request);
    expect(first).toMatchObject({ reads: [], assignment: [{ partition: 0 }] });
    // The member was told: a second poll waits, with a cursor and without one.
    for (const cursor of [undefined, first.cursorAfter([])]) {
      const waiting = streamPoll(broker, 'g', 'a', {
        ...request,
        ...(cursor === undefined ? {} : { cursor }),
      });
      await scheduler.settle();
      await broker.produce(produceOf('events', [{ value: 'v', partition: 0 }]));
      expect((await waiting).reads).toHaveLength(1);
    }
  });

  it('tells at once of a change after the answer whose cursor it has', async () => {
    const { broker } = await brokerWith(2, 0);
    const { groups } = broker;
    await groups.join('g', { ...EARLIEST, memberId: 'a' });
    const cursor = (await streamPoll(broker, 'g', 'a', POLL)).cursorAfter([]);
    await groups.join('g', { ...EARLIEST, memberId: 'b' });
    const request = { ...POLL, waitMs: 60_000, cursor };
    for (const why of ['the change', 'the answer was lost']) {
      const { assignment } = await streamPoll(broker, 'g', 'a', request);
      expect(assignment, why).toHaveLength(1);
    }
    const other = await streamPoll(broker, 'g', 'b', { ...POLL, waitMs: 60_000 });
    expect(other.assignment).toMatchObject([{ partition: 1 }]);
  });

  it('begins to wait only when it has nothing to answer', async () => {
    const { broker, scheduler } = await brokerWith(1, 1);
    const { memberId } = await broker.groups.join('g', EARLIEST);
    let waits = 0;
    const client = new AbortController();
    const beginWait = (): AbortSignal => {
      waits += 1;
      return client.signal;
    };
    const request = { ...POLL, waitMs: 60_000, beginWait };
    const first = await streamPoll(broker, 'g', memberId, request);
    expect({ waits, reads: first.reads.length }).toEqual({ waits: 0, reads: 1 });
    const waiting = streamPoll(broker, 'g', memberId, {
      ...request,
      cursor: first.cursorAfter([1]),
    });
    await scheduler.settle();
    expect(waits).toBe(1);
    client.abort();
    const cursor = (await waiting).cursorAfter([]);
    // A client that has gone already is not waited for.
    expect((await streamPoll(broker, 'g', memberId, { ...request, cursor })).reads).toEqual([]);
    expect(waits).toBe(2);
  });

  it('is refused while too many wait', async () => {
    const { broker, opened, scheduler } = await brokerWith(1, 0, { longPollsMax: 1 });
    const one = await broker.groups.join('g', EARLIEST);
    const other = await broker.groups.join('h', EARLIEST);
    const waiting = streamPoll(broker, 'g', one.memberId, { ...POLL, waitMs: 60_000 });
    await scheduler.settle();
    await expect(
      streamPoll(broker, 'h', other.memberId, { ...POLL, waitMs: 60_000 }),
    ).rejects.toMatchObject({ code: 'THROTTLING_QUOTA_EXCEEDED' });
    opened.endWaits();
    await waiting;
  });
});

const EARLIEST = { topics: ['events'], autoOffsetReset: 'earliest' } as const;

async function brokerWith(
  partitions: number,
  records: number,
  settings: Parameters<typeof TestBroker.start>[0] = {},
): Promise<TestBroker> {
  const test = await TestBroker.start({
    partitionsMax: 200,
    partitionsPerBrokerMax: 200,
    ...settings,
  });
  await test.broker.createTopic({ name: 'events', partitions });
  if (records === 0) return test;
  for (let partition = 0; partition < partitions; partition += 1) {
    const values = Array.from({ length: records }, () => ({ value: 'v', partition }));
    await test.broker.produce(produceOf('events', values));
  }
  return test;
}

/** A poll of a group in stream mode. */
async function streamPoll(
  broker: Broker,
  ...call: Parameters<Groups['poll']>
): Promise<MemberRecords> {
  const polled = await broker.groups.poll(...call);
  if (!('cursorAfter' in polled)) throw new Error('the group is a queue');
  return polled;
}

function viewOf(generation: number, partitions: readonly number[]): MemberView {
  return {
    memberId: 'm',
    generation,
    autoCommit: true,
    autoOffsetReset: 'latest',
    sessionTimeoutMs: 45_000,
    assignment: partitions.map((partition) => {
      return { topic: 'events', partition, offset: 0, since: generation };
    }),
    revoking: [],
  };
}
