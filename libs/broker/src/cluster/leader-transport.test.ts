import { expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import { NotLeaderError, PeerUnreachableError } from '#replication';
import { FakeClock, FakeScheduler, SeededRandom } from '#runtime/testing';
import { type LeaderCall, LeaderCalls } from './leader-calls.js';
import { appendAtLeader, type BatchAppended, type LeaderAppend } from './leader-transport.js';

const APPEND: LeaderAppend = {
  topic: 'events',
  partition: 0,
  topicId: 'id',
  acks: 'all',
  batches: [Buffer.from('a batch')],
};
const APPENDED: BatchAppended = {
  result: { baseOffset: 0, lastOffset: 0, logAppendTimeMs: null, isDuplicate: false },
};

it('stamps the bytes of a batch once: a later try here is of a copy', async () => {
  const given: (readonly Buffer[])[] = [];
  const local = {
    append: ({ batches }: LeaderAppend) => {
      given.push(batches);
      batches[0]?.write('A');
      return Promise.resolve([APPENDED]);
    },
  };
  const sent: (readonly Buffer[])[] = [];
  const peer = () => ({
    append: ({ batches }: LeaderAppend) => {
      sent.push(batches);
      return Promise.reject(new NotLeaderError('NOT_LEADER_OR_FOLLOWER', null, 0));
    },
  });
  const limits = { deadlineMs: 1000 };
  const first = { leaders: callsOf(false), local, peer };
  await appendAtLeader(first, { ...APPEND, batches: [Buffer.from('a batch')] }, limits);
  const leaders = callsOf(true);
  expect(await appendAtLeader({ leaders, local, peer }, APPEND, limits)).toEqual([APPENDED]);
  expect(sent).toEqual([[Buffer.from('a batch')]]);
  expect(given.map(([batch]) => batch?.toString())).toEqual(['A batch', 'A batch']);
  // The bytes that may still be on their way are as they were.
  expect(APPEND.batches[0]?.toString()).toBe('a batch');
});

it.each([
  ['KAFKA_STORAGE_ERROR', true, 'unknown'],
  ['KAFKA_STORAGE_ERROR', false, 'failed'],
  // The leader would know the batch as a duplicate, were it in its log.
  ['OUT_OF_ORDER_SEQUENCE_NUMBER', true, 'failed'],
] as const)(
  'a refusal by %s after a try that was sent (%s) is %s',
  async (code, wasSent, outcome) => {
    const clock = new FakeClock();
    const scheduler = new FakeScheduler(clock);
    let leader = 2;
    const partitions = [
      {
        get leader() {
          return leader;
        },
      },
    ];
    const state = { topics: new Map([['events', { partitions }]]) } as never;
    const store = { state, onChange: () => () => undefined };
    const random = new SeededRandom(1);
    const leaders = new LeaderCalls({ store, brokerId: 1, clock, scheduler, random });
    const local = { append: () => Promise.resolve([{ error: new ProtocolError(code, 'No.') }]) };
    const peer = () => ({
      append: () => {
        leader = 1;
        return Promise.reject(new PeerUnreachableError(2, wasSent, new Error('it was killed')));
      },
    });
    const answer = appendAtLeader({ leaders, local, peer }, APPEND, { deadlineMs: 1000 });
    await scheduler.advance(500);
    expect(await answer).toMatchObject([{ error: { code, outcome } }]);
  },
);

/** Calls this broker, after another one has refused when the call is repeated. */
function callsOf(isRepeated: boolean): Pick<LeaderCalls, 'call'> {
  return {
    call: async <T>(_: unknown, { here, there }: LeaderCall<T>) => {
      if (isRepeated) await there(2, 1000).catch(() => undefined);
      return here({ isRepeated, timeoutMs: 1000 });
    },
  };
}
