import { beforeEach, expect, it } from 'vitest';
import { ledPartition } from '../testing/led-partition.js';
import { TestCoordinators } from '../testing/test-coordinators.js';

const ALICE = { principal: 'key:alice', groups: ['group:dev'], isSuperUser: false };
const BOB = { principal: 'key:bob', groups: [], isSuperUser: false };
const ROOT = { principal: 'key:root', groups: [], isSuperUser: true };
const REFUSED = { code: 'GROUP_AUTHORIZATION_FAILED', message: /belongs to another principal/ };

let test: TestCoordinators;

beforeEach(async () => {
  test = new TestCoordinators(await ledPartition());
  test.addTopic('events', 2);
});

function join(memberId: string, caller: typeof ALICE | undefined, more: object = {}) {
  const request = { memberId, topics: ['events'], ...more };
  return test.coordinators.join({ group: 'g', request, ...(caller && { caller }) });
}

async function memberIds(): Promise<string[]> {
  const { members } = await test.coordinators.describe({ group: 'g' });
  return members.map(({ memberId }) => memberId).toSorted();
}

/** All requests that name a member. */
function requestsOf(memberId: string, caller: typeof ALICE): readonly (() => Promise<unknown>)[] {
  const { coordinators } = test;
  const member = { group: 'g', memberId, caller };
  return [
    () => join(memberId, caller),
    () => coordinators.heartbeat({ ...member, generation: null }),
    () => coordinators.poll({ ...member, pollId: 'p', acknowledged: null }),
    () => coordinators.waitingView({ ...member, pollId: 'p' }),
    () => coordinators.commitAsMember({ ...member, generation: 1, offsets: [] }),
    () => coordinators.leave(member),
  ];
}

it.each(['of the same coordinator', 'of one that has loaded the log again'])(
  'a member belongs to the principal that added it, for calls %s',
  async (which) => {
    await join('a', ALICE);
    if (which !== 'of the same coordinator') await test.restart();
    const before = await test.coordinators.describe({ group: 'g' });
    for (const request of requestsOf('a', BOB)) {
      await expect(request()).rejects.toMatchObject({
        code: REFUSED.code,
        message: expect.stringMatching(REFUSED.message),
      });
    }
    expect(await test.coordinators.describe({ group: 'g' })).toEqual(before);
    for (const request of requestsOf('a', ALICE)) await request();
    expect(await memberIds()).toEqual([]);
  },
);

it('the instanceId of another principal is refused, and its member stays', async () => {
  await join('a', ALICE, { instanceId: 'worker' });
  await expect(join('b', BOB, { instanceId: 'worker' })).rejects.toMatchObject({
    code: REFUSED.code,
  });
  expect(await memberIds()).toEqual(['a']);
  await join('c', ALICE, { instanceId: 'worker' });
  expect(await memberIds()).toEqual(['c']);
});

it('super users use every member, and everybody those that belong to nobody', async () => {
  await join('a', ALICE);
  await join('everybody', undefined);
  const asRoot = { memberId: 'a', caller: ROOT };
  const asBob = { memberId: 'everybody', caller: BOB };
  for (const member of [asRoot, asBob]) {
    await test.coordinators.heartbeat({ group: 'g', ...member, generation: null });
    await test.coordinators.leave({ group: 'g', ...member });
  }
  expect(await memberIds()).toEqual([]);
});

it('a queue takes acks and polls of a member from its principal alone', async () => {
  await join('a', ALICE, { mode: 'queue', autoOffsetReset: 'earliest' });
  const { topics, coordinators } = test;
  const topicId = topics.get('events')?.id ?? '';
  const ack = { topic: 'events', topicId, partition: 0, offset: 0, type: 'ack' } as const;
  const member = { group: 'g', memberId: 'a', caller: BOB };
  const poll = { receiveId: null, recordsMax: 1, offers: [] };
  const refused = { code: REFUSED.code };
  await expect(coordinators.acknowledge({ ...member, acks: [ack] })).rejects.toMatchObject(refused);
  await expect(coordinators.queuePoll({ ...member, ...poll })).rejects.toMatchObject(refused);
  const own = { ...member, caller: ALICE };
  expect(await coordinators.acknowledge({ ...own, acks: [ack] })).toEqual(['notAcquired']);
});

it.each(['by a change', 'before the coordinator loaded'])(
  'members leave at once when their principal loses its access %s',
  async (when) => {
    await join('a', ALICE);
    await join('b', BOB);
    test.revokedOwners.add('key:alice');
    if (when === 'by a change') {
      test.coordinators.accessChanged(({ principal }) => principal === 'key:bob');
      expect(await memberIds()).toEqual(['a', 'b']);
      test.coordinators.accessChanged(({ principal }) => principal === 'key:alice');
    } else {
      await test.restart();
      await memberIds();
    }
    expect(await memberIds()).toEqual(['b']);
  },
);
