import { beforeEach, describe, expect, it } from 'vitest';
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

it.each([
  ['it names', { topics: ['events'] }],
  ['it has by a pattern', { topics: [{ pattern: 'ev.*' }] }],
])('a member leaves at once when its principal may not read a topic that %s', async (_, more) => {
  await join('a', ALICE, more);
  await join('everybody', undefined);
  expect(await memberIds()).toEqual(['a', 'everybody']);
  test.forbiddenTopics.add('events');
  test.coordinators.accessChanged(() => true);
  expect(await memberIds()).toEqual(['everybody']);
});

describe('a member whose credential expires', () => {
  const EXPIRES_MS = 5000;
  /** The session does not end meanwhile. */
  const LONG = { sessionTimeoutMs: 600_000 };

  /** The principal with a credential that expires this long from now, ms. */
  function aliceFor(leftMs: number | null) {
    const nowMs = test.led.clock.nowMs();
    return { ...ALICE, expiresAtMs: leftMs === null ? null : nowMs + leftMs };
  }

  /** Lets time pass, as the timers and the wall clock see it. */
  async function pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 500)
      await test.led.scheduler.advance(Math.min(left, 500));
  }

  it.each(['stream', 'queue'])('leaves a %s within a second', async (mode) => {
    await join('a', aliceFor(EXPIRES_MS), { ...LONG, mode });
    await join('b', aliceFor(null), { ...LONG, mode });
    await pass(EXPIRES_MS - 500);
    expect(await memberIds()).toEqual(['a', 'b']);
    await pass(1000);
    expect(await memberIds()).toEqual(['b']);
  });

  it.each(['stream', 'queue'])(
    'leaves a %s within a second, although its coordinator has moved since its last call',
    async (mode) => {
      await join('a', aliceFor(EXPIRES_MS), { ...LONG, mode });
      await join('b', aliceFor(null), { ...LONG, mode });
      await test.restart();
      await pass(EXPIRES_MS - 500);
      expect(await memberIds()).toEqual(['a', 'b']);
      await pass(1000);
      expect(await memberIds()).toEqual(['b']);
    },
  );

  it.each([
    ['heartbeat', 'stays'],
    ['poll', 'stays'],
    ['commit', 'stays'],
    ['heartbeat', 'moves'],
    ['poll', 'moves'],
    ['commit', 'moves'],
  ])(
    'stays with a newer credential, which it sends by a %s, while its coordinator %s',
    async (how, coordinator) => {
      const call = (leftMs: number): Promise<unknown> => {
        const member = { group: 'g', memberId: 'a', caller: aliceFor(leftMs) };
        const { coordinators } = test;
        if (how === 'heartbeat') return coordinators.heartbeat({ ...member, generation: null });
        if (how === 'poll') {
          return coordinators.poll({ ...member, pollId: 'p', acknowledged: null });
        }
        return coordinators.commitAsMember({ ...member, generation: 1, offsets: [] });
      };
      await join('a', aliceFor(EXPIRES_MS), LONG);
      await call(2 * EXPIRES_MS);
      // An older credential that is used once more does not count.
      await call(EXPIRES_MS);
      if (coordinator === 'moves') await test.restart();
      await pass(EXPIRES_MS + 1000);
      expect(await memberIds()).toEqual(['a']);
      await pass(EXPIRES_MS);
      expect(await memberIds()).toEqual([]);
    },
  );

  it('stays while it has a connection, whose broker follows its credentials', async () => {
    const caller = aliceFor(EXPIRES_MS);
    const request = { memberId: 'a', topics: ['events'], ...LONG };
    await test.coordinators.join({ group: 'g', request, brokerEpoch: 7, caller });
    await pass(EXPIRES_MS + 1000);
    expect(await memberIds()).toEqual(['a']);
  });

  it('stays once it has a connection, also when its coordinator has moved since', async () => {
    await join('a', aliceFor(EXPIRES_MS), LONG);
    const heartbeat = {
      memberId: 'a',
      generation: null,
      brokerEpoch: 7,
      caller: 'broker',
    } as const;
    await test.coordinators.heartbeat({ group: 'g', ...heartbeat });
    await test.restart();
    await pass(EXPIRES_MS + 1000);
    expect(await memberIds()).toEqual(['a']);
  });

  it('stays with a newer credential that does not expire', async () => {
    await join('a', aliceFor(EXPIRES_MS), LONG);
    const heartbeat = { memberId: 'a', generation: null, caller: aliceFor(null) };
    await test.coordinators.heartbeat({ group: 'g', ...heartbeat });
    await test.restart();
    await pass(EXPIRES_MS + 1000);
    expect(await memberIds()).toEqual(['a']);
  });

  it('is not kept by the credential of another principal that may use it', async () => {
    await join('a', aliceFor(EXPIRES_MS), LONG);
    const heartbeat = { memberId: 'a', generation: null, caller: { ...ROOT, expiresAtMs: null } };
    await test.coordinators.heartbeat({ group: 'g', ...heartbeat });
    await pass(EXPIRES_MS + 1000);
    expect(await memberIds()).toEqual([]);
  });
});
