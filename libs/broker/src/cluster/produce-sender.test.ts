import { describe, expect, it } from 'vitest';
import { type PeerMessage, type Peers, PeerUnreachableError } from '#replication';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import type { LeaderAppend } from './leader-transport.js';
import { appendAnswersMessage } from './peer-messages.js';
import { ProduceSender } from './produce-sender.js';

const RESULT = { baseOffset: 0, lastOffset: 0, logAppendTimeMs: null, isDuplicate: false };

describe('ProduceSender', () => {
  it('answers each append of a shared call with its own result or error', async () => {
    const refusal = new RangeError('a bug of the leader');
    const { appends } = sending(() =>
      appendAnswersMessage([{ appended: [{ result: RESULT }] }, { error: refusal }]),
    );
    const [first, second] = await appends(2);
    expect(first).toMatchObject({ value: [{ result: RESULT }] });
    expect(second).toMatchObject({ reason: { code: 'UNKNOWN_SERVER_ERROR' } });
  });

  it('fails all appends of a call that gets no answer, and sends the next ones', async () => {
    const failure = new PeerUnreachableError(2, true, undefined);
    let isReachable = false;
    const { appends } = sending(() => {
      if (!isReachable) throw failure;
      return appendAnswersMessage([{ appended: [{ result: RESULT }] }]);
    });
    expect(await appends(2)).toEqual([
      { status: 'rejected', reason: failure },
      { status: 'rejected', reason: failure },
    ]);
    isReachable = true;
    expect(await appends(1)).toMatchObject([{ status: 'fulfilled' }]);
  });

  it('fails all appends of a call that is answered in part', async () => {
    const { appends } = sending(() => appendAnswersMessage([{ appended: [{ result: RESULT }] }]));
    const answers = await appends(2);
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});

/** A sender whose calls are answered by this function, and appends that share one call. */
function sending(answer: () => PeerMessage): {
  appends: (count: number) => Promise<PromiseSettledResult<unknown>[]>;
} {
  const scheduler = new FakeScheduler(new FakeClock());
  // oxlint-disable-next-line typescript/require-await -- what `answer` throws rejects the call
  const peers: Peers = { call: async () => answer() };
  const leader = new ProduceSender({ peers, scheduler, forwardsInFlightMax: 1 }).to(2);
  return {
    appends: async (count) => {
      const all = Array.from({ length: count }, (_, partition) =>
        leader.append(appendTo(partition), 1000),
      );
      const settled = Promise.allSettled(all);
      await scheduler.settle();
      return settled;
    },
  };
}

function appendTo(partition: number): LeaderAppend {
  return { topic: 'events', topicId: 'id', partition, acks: 'all', batches: [Buffer.from('a')] };
}
