import { describe, expect, it } from 'vitest';
import { ledPartition } from '../testing/led-partition.js';
import { TestCoordinators } from '../testing/test-coordinators.js';
import type { JoinRequest } from './join-request.js';
import type { MemberView } from './member-view.js';

const EVENT = { topic: 'events', partition: 0 };
const SESSION_MS = 45_000;

describe('members whose connections a broker has', () => {
  it('leave when the process of that broker ends, but not static ones and not others', async () => {
    const test = await open();
    test.addTopic('events', 4);
    const here = { brokerEpoch: 7 };
    const request = { topics: ['events'] };
    const joinAs = (memberId: string, more: object, connection: object) =>
      test.coordinators.join({
        group: 'g',
        request: { ...request, memberId, ...more },
        ...connection,
      });
    await joinAs('connected', {}, here);
    await joinAs('static', { instanceId: 'worker' }, here);
    await joinAs('elsewhere', {}, { brokerEpoch: 8 });
    await joinAs('polling', {}, {});
    test.coordinators.processEnded(7);
    await test.led.scheduler.advance(1);
    const { members } = await test.coordinators.describe({ group: 'g' });
    expect(members.map(({ memberId }) => memberId).toSorted()).toEqual([
      'elsewhere',
      'polling',
      'static',
    ]);
  });
});

describe('a new leader of an offsets partition', () => {
  it('returns no offsets before it knows the committed end', async () => {
    const { test, led } = await newLeader();
    const committed = test.coordinators.committed('g', 'events');
    await led.scheduler.advance(1000);
    const position = { brokerEpoch: 1, logEndOffset: 1, syncedEndOffset: 1 };
    led.partition.followerFetched(1, position);
    await led.scheduler.advance(10);
    expect(await committed).toMatchObject([{ ...EVENT, offset: 7 }]);
  });

  it('reports a time-out when it does not learn the committed end', async () => {
    const { test, led } = await newLeader();
    const refused = expect(test.coordinators.committed('g')).rejects.toMatchObject({
      code: 'LEADER_NOT_AVAILABLE',
    });
    await led.scheduler.advance(3000);
    await refused;
  });
});

describe('offsets of a group without members', () => {
  it.each([
    ['before', 30],
    ['after', 31],
  ])('a commit %s its group expires is kept, in the log too', async (_, minutes) => {
    const test = await open({ offsetsRetentionMinutes: 30 });
    test.addTopic('events', 1, 100);
    await test.coordinators.commit('g', [{ ...EVENT, offset: 5 }]);
    await test.led.scheduler.advance(minutes * 60_000 - 1);
    await test.coordinators.commit('g', [{ ...EVENT, offset: 7 }]);
    await test.led.scheduler.advance(600_000);
    expect(await test.coordinators.committed('g')).toMatchObject([{ ...EVENT, offset: 7 }]);
    await test.restart();
    expect(await test.coordinators.committed('g')).toMatchObject([{ ...EVENT, offset: 7 }]);
  });

  it('many commits that come together are written with few appends', async () => {
    const test = await open();
    test.addTopic('events', 50);
    await test.coordinators.commit('g', [{ ...EVENT, offset: 0 }]);
    const path = '/data/__consumer_offsets-0/00000000000000000000.log';
    const { writes } = test.led.disk.counts(path);
    await Promise.all(
      Array.from({ length: 50 }, (_, partition) =>
        test.coordinators.commit(`g${partition}`, [{ topic: 'events', partition, offset: 1 }]),
      ),
    );
    expect(test.led.disk.counts(path).writes - writes).toBeLessThanOrEqual(2);
  });
});

describe('joining', () => {
  it('answers when the positions are committed, so that nothing after it is missed', async () => {
    const test = await open();
    test.addTopic('events', 2, 40);
    const joined = await join(test, 'a');
    expect(joined.assignment).toMatchObject([
      { ...EVENT, offset: 40 },
      { topic: 'events', partition: 1, offset: 40 },
    ]);
    expect(await test.coordinators.committed('g')).toMatchObject([{ offset: 40 }, { offset: 40 }]);
  });

  it('a repeated join changes nothing', async () => {
    const test = await open();
    test.addTopic('events', 2);
    const first = await join(test, 'a');
    expect(await join(test, 'a')).toEqual(first);
  });

  it('a thousand members that join at once cause few assignments', async () => {
    const test = await open();
    test.addTopic('events', 64);
    const ids = Array.from({ length: 1000 }, (_, at) => `m${at}`);
    const views = await Promise.all(ids.map((id) => join(test, id)));
    const { generation } = await test.coordinators.describe({ group: 'g' });
    expect(generation).toBeLessThan(20);
    expect(views).toHaveLength(1000);
  });

  it('waits for no partition that has no leader, and assigns it once it has one', async () => {
    const test = await open();
    test.addTopic('events', 1, 5);
    const topic = test.topics.get('events');
    if (topic === undefined) throw new Error('no topic');
    topic.hasLeader = false;
    expect((await join(test, 'a')).assignment).toEqual([]);
    topic.hasLeader = true;
    await test.led.scheduler.advance(1000);
    expect((await heartbeat(test, 'a')).assignment).toMatchObject([{ ...EVENT, offset: 5 }]);
  });

  it('gives partitions and topics that appear later from offset 0', async () => {
    const test = await open();
    test.addTopic('orders.eu', 1, 5);
    await join(test, 'a', { topics: [{ pattern: 'orders\\..*' }] });
    test.addTopic('orders.us', 1, 9);
    const grown = test.topics.get('orders.eu');
    if (grown !== undefined) grown.partitionCount = 2;
    test.coordinators.topicChanged('orders.eu');
    await test.led.scheduler.advance(1);
    expect((await heartbeat(test, 'a')).assignment).toMatchObject([
      { topic: 'orders.eu', partition: 0, offset: 5 },
      { topic: 'orders.eu', partition: 1, offset: 0 },
      { topic: 'orders.us', partition: 0, offset: 0 },
    ]);
  });

  it('without a reset policy is refused where an offset is missing', async () => {
    const test = await open();
    test.addTopic('events', 1);
    await expect(join(test, 'a', { autoOffsetReset: 'none' })).rejects.toMatchObject({
      code: 'NO_OFFSET_FOR_PARTITION',
    });
    await test.coordinators.commit('g', [{ ...EVENT, offset: 0 }]);
    expect((await join(test, 'a', { autoOffsetReset: 'none' })).assignment).toHaveLength(1);
  });

  it('is refused beyond the limits of members, topics, groups and memory', async () => {
    const limits = { groupMembersMax: 1, groupMemberTopicsMax: 1, groupsMax: 1 };
    const test = await open(limits);
    test.addTopic('events', 1);
    await expect(join(test, 'a', { topics: ['events', 'more'] })).rejects.toMatchObject({
      code: 'POLICY_VIOLATION',
    });
    await join(test, 'a');
    await expect(join(test, 'b')).rejects.toMatchObject({ code: 'GROUP_MAX_SIZE_REACHED' });
    await expect(
      test.coordinators.join({ group: 'other', request: { memberId: 'a', topics: ['events'] } }),
    ).rejects.toMatchObject({ code: 'POLICY_VIOLATION' });
    const small = await open({ groupStateBytes: 10 });
    await expect(join(small, 'a')).rejects.toMatchObject({ code: 'POLICY_VIOLATION' });
  });
});

describe('two members', () => {
  it('share a topic: only moved partitions pause, each until it was released', async () => {
    const test = await open();
    test.addTopic('events', 2);
    await join(test, 'a');
    const second = await join(test, 'b');
    expect(second.assignment).toEqual([]);
    const told = await heartbeat(test, 'a');
    expect(told.assignment).toMatchObject([EVENT]);
    expect(told.revoking).toEqual([{ topic: 'events', partition: 1 }]);
    expect((await heartbeat(test, 'b')).assignment).toEqual([]);
    await heartbeat(test, 'a', told.generation);
    expect((await heartbeat(test, 'b')).assignment).toMatchObject([
      { topic: 'events', partition: 1 },
    ]);
  });

  it('what the first read is committed with the release', async () => {
    const test = await open();
    test.addTopic('events', 2, 0);
    const { generation } = await join(test, 'a');
    await join(test, 'b');
    const positions = [{ topic: 'events', partition: 1, offset: 12 }];
    await poll(test, 'a', { generation, positions });
    expect((await heartbeat(test, 'b')).assignment).toMatchObject([{ partition: 1, offset: 12 }]);
  });

  it('a member that commits by itself keeps revoked partitions until it was told', async () => {
    const test = await open();
    test.addTopic('events', 2);
    const { generation } = await join(test, 'a', { autoCommit: false });
    await join(test, 'b');
    await poll(test, 'a', { generation, positions: [] });
    expect((await heartbeat(test, 'b')).assignment).toEqual([]);
    const offsets = [{ topic: 'events', partition: 1, offset: 3 }];
    await test.coordinators.commitAsMember({ group: 'g', memberId: 'a', generation, offsets });
    const told = await heartbeat(test, 'a');
    await poll(test, 'a', { generation: told.generation, positions: [] });
    expect((await heartbeat(test, 'b')).assignment).toMatchObject([{ partition: 1, offset: 3 }]);
  });

  it('a member that leaves gives its partitions to the other at once', async () => {
    const test = await open();
    test.addTopic('events', 2);
    await join(test, 'a');
    await join(test, 'b');
    await test.coordinators.leave({ group: 'g', memberId: 'a' });
    await test.coordinators.leave({ group: 'g', memberId: 'a' });
    expect((await heartbeat(test, 'b')).assignment).toHaveLength(2);
    await expect(heartbeat(test, 'a')).rejects.toMatchObject({ code: 'UNKNOWN_MEMBER_ID' });
  });

  it('a silent member loses its partitions when its session is over', async () => {
    const test = await open();
    test.addTopic('events', 2);
    await join(test, 'a');
    const { generation } = await join(test, 'b');
    for (let passed = 0; passed < SESSION_MS; passed += 9000) {
      await test.led.scheduler.advance(9000);
      await heartbeat(test, 'b');
    }
    await test.led.scheduler.advance(10);
    expect((await heartbeat(test, 'b')).assignment).toHaveLength(2);
    const offsets = [{ ...EVENT, offset: 1 }];
    await expect(
      test.coordinators.commitAsMember({ group: 'g', memberId: 'a', generation, offsets }),
    ).rejects.toMatchObject({ code: 'UNKNOWN_MEMBER_ID' });
  });

  it('a member that does not release in time loses the partition all the same', async () => {
    const test = await open();
    test.addTopic('events', 2);
    const { generation } = await join(test, 'a', { maxPollIntervalMs: 1000 });
    await join(test, 'b');
    await test.led.scheduler.advance(1001);
    expect((await heartbeat(test, 'b')).assignment).toHaveLength(1);
    const offsets = [{ topic: 'events', partition: 1, offset: 1 }];
    await expect(
      test.coordinators.commitAsMember({ group: 'g', memberId: 'a', generation, offsets }),
    ).rejects.toMatchObject({ code: 'ILLEGAL_GENERATION' });
  });
});

describe('a static member', () => {
  it('is replaced by a process of its name, and the old process is fenced', async () => {
    const test = await open();
    test.addTopic('events', 2, 3);
    await join(test, 'old', { instanceId: 'i' });
    const taken = await join(test, 'new', { instanceId: 'i' });
    expect(taken.assignment).toHaveLength(2);
    await expect(heartbeat(test, 'old')).rejects.toMatchObject({ code: 'FENCED_MEMBER_EPOCH' });
    await expect(test.coordinators.leave({ group: 'g', memberId: 'old' })).rejects.toMatchObject({
      code: 'FENCED_MEMBER_EPOCH',
    });
    await expect(join(test, 'old', { instanceId: 'i' })).rejects.toMatchObject({
      code: 'UNRELEASED_INSTANCE_ID',
    });
  });

  it('keeps all earlier processes of its name fenced', async () => {
    const test = await open();
    test.addTopic('events', 2, 3);
    for (const memberId of ['first', 'second', 'third']) {
      await join(test, memberId, { instanceId: 'i' });
    }
    await test.restart();
    for (const memberId of ['first', 'second']) {
      await expect(heartbeat(test, memberId)).rejects.toMatchObject({
        code: 'FENCED_MEMBER_EPOCH',
      });
      await expect(join(test, memberId, { instanceId: 'i' })).rejects.toMatchObject({
        code: 'UNRELEASED_INSTANCE_ID',
      });
    }
    expect((await heartbeat(test, 'third')).assignment).toHaveLength(2);
  });
});

describe('a new coordinator', () => {
  it('goes on with all members and positions, and gives members a whole session', async () => {
    const test = await open();
    test.addTopic('events', 2, 4);
    const { assignment } = await join(test, 'a');
    await test.led.scheduler.advance(SESSION_MS - 1);
    await test.restart();
    expect((await test.coordinators.describe({ group: 'g' })).members).toHaveLength(1);
    await test.led.scheduler.advance(SESSION_MS - 1);
    const view = await heartbeat(test, 'a');
    expect(view.assignment.map(({ offset }) => offset)).toEqual(
      assignment.map(({ offset }) => offset),
    );
  });

  it('ends the session of a member that does not come back', async () => {
    const test = await open();
    test.addTopic('events', 1);
    await join(test, 'a');
    await test.restart();
    await test.coordinators.describe({ group: 'g' });
    await test.led.scheduler.advance(SESSION_MS + 1);
    expect(await test.coordinators.describe({ group: 'g' })).toMatchObject({
      state: 'Empty',
      members: [],
    });
  });

  it('a process that stood still ends no session of a member whose heartbeat waits', async () => {
    const test = await open();
    test.addTopic('events', 1);
    await join(test, 'a');
    test.led.clock.advance(10 * SESSION_MS);
    await test.led.scheduler.advance(1);
    await heartbeat(test, 'a');
  });
});

describe('a failed append', () => {
  it('is not in the state that later requests are decided on', async () => {
    const test = await open();
    test.addTopic('events', 1);
    await test.coordinators.commit('g', [{ ...EVENT, offset: 1 }]);
    const usedBytes = test.led.disk.usedBytes;
    test.led.disk.capacityBytes = usedBytes;
    await expect(join(test, 'a')).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    test.led.disk.capacityBytes = Number.POSITIVE_INFINITY;
    expect(await test.coordinators.describe({ group: 'g' })).toMatchObject({
      state: 'Empty',
      generation: 0,
    });
    expect((await join(test, 'b')).assignment).toHaveLength(1);
  });
});

describe('a group', () => {
  it('refuses commits of outsiders and its deletion while it has members', async () => {
    const test = await open();
    test.addTopic('events', 1);
    await join(test, 'a');
    await expect(test.coordinators.commit('g', [{ ...EVENT, offset: 0 }])).rejects.toMatchObject({
      code: 'NON_EMPTY_GROUP',
    });
    await expect(test.coordinators.delete({ group: 'g' })).rejects.toMatchObject({
      code: 'NON_EMPTY_GROUP',
    });
    await test.coordinators.leave({ group: 'g', memberId: 'a' });
    await test.coordinators.delete({ group: 'g' });
    await expect(test.coordinators.describe({ group: 'g' })).rejects.toMatchObject({
      code: 'GROUP_ID_NOT_FOUND',
    });
    await expect(test.coordinators.delete({ group: 'g' })).rejects.toMatchObject({
      code: 'GROUP_ID_NOT_FOUND',
    });
  });

  it('with members never expires; after the last has left it does', async () => {
    const test = await open({ offsetsRetentionMinutes: 1, groupSessionTimeoutMs: 1_800_000 });
    test.addTopic('events', 1);
    await join(test, 'a');
    await test.led.scheduler.advance(650_000);
    expect(await test.coordinators.committed('g')).toHaveLength(1);
    await test.coordinators.leave({ group: 'g', memberId: 'a' });
    await test.led.scheduler.advance(650_000);
    expect(await test.coordinators.committed('g')).toEqual([]);
    expect(await test.coordinators.list('', 10)).toEqual([]);
  });

  it('has a session time-out of its own as a config', async () => {
    const test = await open();
    test.addTopic('events', 1);
    const name = 'consumer.session.timeout.ms';
    await test.coordinators.alterConfigs({ group: 'g', changes: [{ name, value: 2000 }] });
    expect(await test.coordinators.configs({ group: 'g' })).toContainEqual({
      name,
      value: '2000',
      source: 'group',
    });
    expect((await join(test, 'a')).sessionTimeoutMs).toBe(2000);
    await expect(
      test.coordinators.alterConfigs({ group: 'g', changes: [{ name, value: 1 }] }),
    ).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
    });
  });
});

async function open(settings: ConstructorParameters<typeof TestCoordinators>[1] = {}) {
  return new TestCoordinators(await ledPartition(), settings);
}

function join(
  test: TestCoordinators,
  memberId: string,
  request: Partial<JoinRequest> = {},
): Promise<MemberView> {
  const joined = { memberId, topics: ['events'], ...request };
  return test.coordinators.join({ group: 'g', request: joined });
}

function heartbeat(
  test: TestCoordinators,
  memberId: string,
  generation: number | null = null,
): Promise<MemberView> {
  return test.coordinators.heartbeat({ group: 'g', memberId, generation });
}

function poll(
  test: TestCoordinators,
  memberId: string,
  acknowledged: Parameters<TestCoordinators['coordinators']['poll']>[0]['acknowledged'],
): Promise<MemberView> {
  return test.coordinators.poll({ group: 'g', memberId, pollId: 'p', acknowledged });
}

/** A new leader with a committed offset on its disk that knows only an older high watermark. */
async function newLeader() {
  const led = await ledPartition({ replicas: [0, 1] });
  const { partition, metadata } = led;
  const test = new TestCoordinators(led);
  test.addTopic('events', 1, 100);
  await test.coordinators.commit('g', [{ ...EVENT, offset: 7 }]);
  await test.restart();
  partition.log.updateHighWatermark(0);
  await partition.becomeLeader({ ...metadata, leaderEpoch: 1, electionId: 'second', isr: [0, 1] });
  return { test, led };
}
