import { describe, expect, it } from 'vitest';
import type { TopicConfigOverrides } from '#protocol';
import { ledPartition } from '../testing/led-partition.js';
import { TestCoordinators } from '../testing/test-coordinators.js';
import { heartbeat, join } from '../testing/test-members.js';
import type { MemberView } from './member-view.js';

const EVENT = { topic: 'events', partition: 0 };
const SESSION_MS = 45_000;

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

  it('a commit that does not fit into one record batch is refused as a whole', async () => {
    const test = await open({}, { 'max.message.bytes': '1000' });
    test.addTopic('events', 100, 10);
    const offsets = Array.from({ length: 100 }, (_, partition) => {
      return { topic: 'events', partition, offset: 5 };
    });
    await expect(test.coordinators.commit('g', offsets)).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      message: expect.stringContaining('Commit fewer at a time'),
    });
    expect(await test.coordinators.committed('g')).toEqual([]);
    await test.coordinators.commit('g', offsets.slice(0, 2));
    expect(await test.coordinators.committed('g')).toHaveLength(2);
  });

  it('a commit is refused when its topic is deleted before it is decided', async () => {
    const test = await open();
    test.addTopic('events', 1, 10);
    const commit = test.coordinators.commit('g', [{ ...EVENT, offset: 5 }]);
    test.topics.delete('events');
    await expect(commit).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
    test.addTopic('events', 1, 10);
    expect(await test.coordinators.committed('g')).toEqual([]);
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

  it('is not answered while positions are looked for', async () => {
    const test = await open();
    test.addTopic('events', 1, 40);
    const end = heldFinding(test);
    let isAnswered = false;
    const joining = join(test, 'a').finally(() => (isAnswered = true));
    await test.led.scheduler.advance(100);
    expect(isAnswered).toBe(false);
    end();
    expect((await joining).assignment).toMatchObject([{ ...EVENT, offset: 40 }]);
  });

  it('a position that is found late replaces none that was committed meanwhile', async () => {
    const test = await open();
    test.addTopic('events', 1, 40);
    const end = heldFinding(test);
    const joining = join(test, 'a');
    joining.catch(() => undefined);
    await test.led.scheduler.advance(100);
    await test.coordinators.leave({ group: 'g', memberId: 'a' });
    await test.coordinators.commit('g', [{ ...EVENT, offset: 7 }]);
    end();
    await expect(joining).rejects.toMatchObject({ code: 'UNKNOWN_MEMBER_ID' });
    expect(await test.coordinators.committed('g')).toMatchObject([{ ...EVENT, offset: 7 }]);
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

  it.each([false, true])(
    'reads a partition without a leader from the next leader epoch on (restarted: %s)',
    async (isRestarted) => {
      const test = await open();
      test.addTopic('events', 1, 5);
      const topic = test.topics.get('events');
      if (topic === undefined) throw new Error('no topic');
      topic.hasLeader = false;
      await join(test, 'a');
      Object.assign(topic, { hasLeader: true, leaderEpoch: 1, epochStart: 5, endOffset: 9 });
      if (isRestarted) {
        await test.restart();
        await heartbeat(test, 'a');
      }
      await test.led.scheduler.advance(1000);
      expect((await heartbeat(test, 'a')).assignment).toMatchObject([{ ...EVENT, offset: 5 }]);
    },
  );

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

  it('heartbeats of a connection are answered with one view until the group changes', async () => {
    const test = await open();
    test.addTopic('events', 2, 100);
    const brokerEpoch = 7;
    const request = { memberId: 'a', topics: ['events'] };
    await test.coordinators.join({ group: 'g', request, brokerEpoch });
    const beat = (): Promise<MemberView> =>
      test.coordinators.heartbeat({ group: 'g', memberId: 'a', generation: null, brokerEpoch });
    const first = await beat();
    expect(await beat()).toBe(first);
    const offsets = [{ ...EVENT, offset: 5 }];
    const { generation } = first;
    await test.coordinators.commitAsMember({ group: 'g', memberId: 'a', generation, offsets });
    const committed = await beat();
    expect(committed.assignment).toMatchObject([{ offset: 5 }, { offset: 100 }]);
    expect(await beat()).toBe(committed);
    await join(test, 'b');
    expect(await beat()).toMatchObject({
      assignment: [{ partition: 0 }],
      revoking: [{ partition: 1 }],
    });
  });

  it('a member that only sends heartbeats is removed after maxPollIntervalMs', async () => {
    const test = await open();
    test.addTopic('events', 2);
    await join(test, 'a', { maxPollIntervalMs: 20_000 });
    await join(test, 'b');
    for (let passed = 0; passed < 20_000; passed += 5000) {
      expect((await heartbeat(test, 'a')).memberId).toBe('a');
      await poll(test, 'b', null);
      await test.led.scheduler.advance(5000);
    }
    await test.led.scheduler.advance(10);
    await expect(heartbeat(test, 'a')).rejects.toMatchObject({ code: 'UNKNOWN_MEMBER_ID' });
    expect((await heartbeat(test, 'b')).assignment).toHaveLength(2);
  });

  it('polls, a repeated join and commits begin maxPollIntervalMs again', async () => {
    const test = await open();
    test.addTopic('events', 1);
    const request = { maxPollIntervalMs: 20_000 };
    const { generation } = await join(test, 'a', request);
    const calls: (() => Promise<unknown>)[] = [
      () => poll(test, 'a', null),
      () => join(test, 'a', request),
      () =>
        test.coordinators.commitAsMember({ group: 'g', memberId: 'a', generation, offsets: [] }),
      () => test.coordinators.waitingView({ group: 'g', memberId: 'a', pollId: 'p' }),
    ];
    for (const call of calls) {
      await test.led.scheduler.advance(15_000);
      await heartbeat(test, 'a');
      await call();
    }
    await test.led.scheduler.advance(15_000);
    expect((await heartbeat(test, 'a')).memberId).toBe('a');
  });

  it('a member on a connection is kept by heartbeats, which its broker sends', async () => {
    const test = await open();
    test.addTopic('events', 1);
    const connection = { group: 'g', brokerEpoch: 7 };
    const request = { memberId: 'a', topics: ['events'], maxPollIntervalMs: 20_000 };
    await test.coordinators.join({ ...connection, request });
    for (let passed = 0; passed < 40_000; passed += 10_000) {
      await test.led.scheduler.advance(10_000);
      await test.coordinators.heartbeat({ ...connection, memberId: 'a', generation: null });
    }
    expect((await heartbeat(test, 'a')).assignment).toHaveLength(1);
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

  it('names the member that it refuses, and accepts sessions from 100 ms', async () => {
    const test = await open();
    test.addTopic('events', 1);
    await expect(join(test, 'a', { sessionTimeoutMs: 99, instanceId: '' })).rejects.toMatchObject({
      message:
        'instanceId has 1 to 255 characters and no control characters; ' +
        'sessionTimeoutMs is a whole number of milliseconds from 100 to 1800000, not 99.',
    });
    expect((await join(test, 'a', { sessionTimeoutMs: 100 })).sessionTimeoutMs).toBe(100);
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

function poll(
  test: TestCoordinators,
  memberId: string,
  acknowledged: Parameters<TestCoordinators['coordinators']['poll']>[0]['acknowledged'],
): Promise<MemberView> {
  return test.coordinators.poll({ group: 'g', memberId, pollId: 'p', acknowledged });
}

async function open(
  settings: ConstructorParameters<typeof TestCoordinators>[1] = {},
  config: TopicConfigOverrides = {},
) {
  return new TestCoordinators(await ledPartition({ config }), settings);
}

/** Holds positions back that coordinators find. @returns ends that */
function heldFinding(test: TestCoordinators): () => void {
  let end = (): void => undefined;
  test.findingEnd = new Promise((resolve) => {
    end = resolve;
  });
  return () => end();
}

describe('the leader epoch of a position', () => {
  const position = { ...EVENT, offset: 50, leaderEpoch: 4 };

  it.each([true, false])('is in the view of a member with autoCommit of %s', async (autoCommit) => {
    const test = await open();
    test.addTopic('events', 1, 100);
    const { generation } = await join(test, 'a', { autoCommit, autoOffsetReset: 'earliest' });
    const { assignment } = await poll(test, 'a', { generation, positions: [position] });
    expect(assignment).toMatchObject([position]);
  });

  it('is committed with the offset, and outlives the coordinator', async () => {
    const test = await open();
    test.addTopic('events', 1, 100);
    const { generation } = await join(test, 'a', { autoOffsetReset: 'earliest' });
    await poll(test, 'a', { generation, positions: [position] });
    await test.restart();
    expect(await test.coordinators.committed('g')).toMatchObject([{ ...EVENT, offset: 50 }]);
    expect((await heartbeat(test, 'a')).assignment).toMatchObject([position]);
  });
});
