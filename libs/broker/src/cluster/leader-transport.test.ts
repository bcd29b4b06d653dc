import { expect, it } from 'vitest';
import { NotLeaderError } from '#replication';
import type { LeaderCall, LeaderCalls } from './leader-calls.js';
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

/** Calls this broker, after another one has refused when the call is repeated. */
function callsOf(isRepeated: boolean): Pick<LeaderCalls, 'call'> {
  return {
    call: async <T>(_: unknown, { here, there }: LeaderCall<T>) => {
      if (isRepeated) await there(2, 1000).catch(() => undefined);
      return here({ isRepeated, timeoutMs: 1000 });
    },
  };
}
