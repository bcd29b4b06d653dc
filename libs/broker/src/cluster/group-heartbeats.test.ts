import { describe, expect, it } from 'vitest';
import type { HeartbeatCall, MemberView, Outcome, SettleHeartbeat } from '#groups';
import { ProtocolError } from '#protocol';
import { NotLeaderError, type PeerMethod, PeerUnreachableError } from '#replication';
import { DistantCoordinators } from '../testing/distant-coordinators.js';
import { answerHeartbeats, GroupHeartbeats } from './group-heartbeats.js';

const HEARTBEATS = ['m', 'n'].map((memberId) => ({ group: 'g', memberId, generation: null }));
const VIEW: MemberView = {
  generation: 7,
  sessionTimeoutMs: 45_000,
  mode: 'stream',
  assignment: [],
  revoking: [],
} as never;
const NOT_A_MEMBER = new ProtocolError('UNKNOWN_MEMBER_ID', 'The group has no such member.');

describe('heartbeats to another broker', () => {
  it('are sent one by one after a call with all of them got no answer', async () => {
    const methods: PeerMethod[] = [];
    const outcomes = await outcomesWith((_, method) => {
      methods.push(method);
      if (method === 'group-heartbeats') {
        return Promise.reject(new PeerUnreachableError(2, true, undefined));
      }
      return Promise.resolve({ answer: VIEW });
    });
    expect(outcomes).toEqual([{ answer: VIEW }, { answer: VIEW }]);
    expect(methods).toEqual(['group-heartbeats', 'group-heartbeat', 'group-heartbeat']);
  });

  it('are refused one by one after a call with all of them got no answer', async () => {
    const outcomes = await outcomesWith((_, method, body) => {
      if (method === 'group-heartbeats') {
        return Promise.reject(new PeerUnreachableError(2, true, undefined));
      }
      const { memberId } = body as HeartbeatCall;
      return memberId === 'm' ? Promise.resolve({ answer: VIEW }) : Promise.reject(NOT_A_MEMBER);
    });
    expect(outcomes).toEqual([{ answer: VIEW }, { refusal: NOT_A_MEMBER }]);
  });

  it('are refused for the member that the group lost, and not for the other one', async () => {
    const outcomes = await outcomesWith(async (_, method, body) => {
      if (method !== 'group-heartbeats') throw new Error('not to be called');
      const { heartbeats } = body as { readonly heartbeats: typeof HEARTBEATS };
      return { answers: await answerHeartbeats(GROUP_OF_M, heartbeats) };
    });
    expect(outcomes).toEqual([
      { answer: VIEW },
      {
        refusal: expect.objectContaining({
          code: 'UNKNOWN_MEMBER_ID',
          message: NOT_A_MEMBER.message,
        }) as unknown,
      },
    ]);
  });

  it('stay without an answer from a broker that no longer coordinates their group', async () => {
    const assertHere = (): void => {
      throw new NotLeaderError('NOT_LEADER_OR_FOLLOWER', null, 0);
    };
    expect(await answerHeartbeats({ ...GROUP_OF_M, assertHere }, HEARTBEATS)).toEqual([{}, {}]);
  });

  it('stay without an answer when the coordinator cannot write', async () => {
    const fault = new ProtocolError('NOT_ENOUGH_REPLICAS', 'Too few replicas.');
    const heartbeats = (calls: readonly HeartbeatCall[], settle: SettleHeartbeat) => {
      for (const at of calls.keys()) settle(at, { refusal: fault });
      return Promise.resolve();
    };
    const here = { ...GROUP_OF_M, coordinators: { heartbeats } };
    expect(await answerHeartbeats(here, HEARTBEATS)).toEqual([{}, {}]);
  });
});

/** A broker that coordinates a group of which `m` is the only member. */
const GROUP_OF_M = {
  assertHere: () => undefined,
  coordinators: {
    heartbeats: (calls: readonly HeartbeatCall[], settle: SettleHeartbeat) => {
      for (const [at, { memberId }] of calls.entries()) {
        settle(at, memberId === 'm' ? { answer: VIEW } : { refusal: NOT_A_MEMBER });
      }
      return Promise.resolve();
    },
  },
};

/** Sends the heartbeats at a broker whose calls to the coordinator get the results of `answer`. */
function outcomesWith(
  answer: (brokerId: number, method: PeerMethod, body: unknown) => Promise<object>,
): Promise<readonly Outcome<MemberView>[]> {
  const { calls, peers, brokerId } = new DistantCoordinators({ leaders: [2], answer });
  const { coordinators } = GROUP_OF_M;
  const heartbeats = new GroupHeartbeats({ calls, coordinators, peers, brokerId });
  return new Promise((resolve) => {
    const outcomes = new Map<number, Outcome<MemberView>>();
    heartbeats.send(HEARTBEATS, (at, outcome) => {
      outcomes.set(at, outcome);
      const all = HEARTBEATS.map((_, index) => outcomes.get(index));
      if (!all.includes(undefined)) resolve(all as Outcome<MemberView>[]);
    });
  });
}
