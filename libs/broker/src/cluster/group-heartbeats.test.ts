import { describe, expect, it } from 'vitest';
import type { MemberView } from '#groups';
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
    const { sent } = heartbeatsWith((_, method) => {
      methods.push(method);
      if (method === 'group-heartbeats') {
        return Promise.reject(new PeerUnreachableError(2, true, undefined));
      }
      return Promise.resolve({ answer: VIEW });
    });
    expect(await Promise.all(sent)).toEqual([VIEW, VIEW]);
    expect(methods).toEqual(['group-heartbeats', 'group-heartbeat', 'group-heartbeat']);
  });

  it('reject for the member that the group lost, and not for the other one', async () => {
    const { sent } = heartbeatsWith(async (_, method, body) => {
      if (method !== 'group-heartbeats') throw new Error('not to be called');
      const { heartbeats } = body as { readonly heartbeats: typeof HEARTBEATS };
      return { answers: await answerHeartbeats(GROUP_OF_M, heartbeats, () => undefined) };
    });
    expect(await sent[0]).toBe(VIEW);
    await expect(sent[1]).rejects.toMatchObject({
      code: 'UNKNOWN_MEMBER_ID',
      message: NOT_A_MEMBER.message,
    });
  });

  it('are left open by a broker that does not coordinate their group any more', async () => {
    const answers = await answerHeartbeats(GROUP_OF_M, HEARTBEATS, () => {
      throw new NotLeaderError('NOT_LEADER_OR_FOLLOWER', null, 0);
    });
    expect(answers).toEqual([{}, {}]);
  });
});

/** A group of which `m` is the only member. */
const GROUP_OF_M = {
  heartbeat: ({ memberId }: { readonly memberId: string }) =>
    memberId === 'm' ? Promise.resolve(VIEW) : Promise.reject(NOT_A_MEMBER),
};

/** Sends the heartbeats at a broker, whose calls to the coordinator are answered so. */
function heartbeatsWith(
  answer: (brokerId: number, method: PeerMethod, body: unknown) => Promise<object>,
) {
  const { calls, peers, brokerId } = new DistantCoordinators({ leaders: [2], answer });
  return { sent: new GroupHeartbeats({ calls, peers, brokerId }).send(HEARTBEATS) };
}
