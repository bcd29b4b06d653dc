import { describe, expect, it } from 'vitest';
import { ledPartition } from '../testing/led-partition.js';
import { TestCoordinators } from '../testing/test-coordinators.js';
import { heartbeat, join } from '../testing/test-members.js';

const EVENT = { topic: 'events', partition: 0 };
const SESSION_MS = 45_000;

describe('members whose connections a broker has', () => {
  it.each(['of the same coordinator', 'of a new coordinator'])(
    'leave %s when their process ends, but not static ones and not others',
    async (which) => {
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
      test.endedProcesses.add(7);
      if (which === 'of a new coordinator') await test.restart();
      else test.coordinators.processEnded(7);
      await test.coordinators.describe({ group: 'g' });
      await test.led.scheduler.advance(1);
      const { members } = await test.coordinators.describe({ group: 'g' });
      expect(members.map(({ memberId }) => memberId).toSorted()).toEqual([
        'elsewhere',
        'polling',
        'static',
      ]);
    },
  );

  it('stay when they are connected to another process at its end', async () => {
    const test = await open();
    test.addTopic('events', 1);
    const request = { memberId: 'a', topics: ['events'] };
    await test.coordinators.join({ group: 'g', request, brokerEpoch: 7 });
    const heartbeat = { group: 'g', memberId: 'a', generation: null, brokerEpoch: 8 };
    await test.coordinators.heartbeat(heartbeat);
    test.endedProcesses.add(7);
    await test.restart();
    const { members } = await test.coordinators.describe({ group: 'g' });
    await test.led.scheduler.advance(1);
    expect(members).toHaveLength(1);
    expect(test.coordinators.counts.members).toBe(1);
  });
});

describe('a full disk at the end of a session', () => {
  it('lets the member keep its partitions only until there is room again', async () => {
    const test = await open();
    test.addTopic('events', 2);
    await join(test, 'silent');
    await join(test, 'b');
    for (let passed = 0; passed + 9000 < SESSION_MS; passed += 9000) {
      await test.led.scheduler.advance(9000);
      await heartbeat(test, 'b');
    }
    test.led.disk.failNext('writev', 'ENOSPC', { path: '__consumer_offsets-0' });
    await test.led.scheduler.advance(9010);
    await heartbeat(test, 'b');
    await test.led.scheduler.advance(9000);
    expect(test.led.disk.waitingFaults).toBe(0);
    expect((await heartbeat(test, 'b')).assignment).toHaveLength(2);
    await expect(heartbeat(test, 'silent')).rejects.toMatchObject({ code: 'UNKNOWN_MEMBER_ID' });
  });
});

describe('heartbeats of many members', () => {
  it('are decided in one round, and a refused one stops none of the others', async () => {
    const test = await open();
    test.addTopic('events', 2);
    for (const memberId of ['a', 'b']) {
      const request = { memberId, topics: ['events'] };
      await test.coordinators.join({ group: 'g', request, brokerEpoch: 7 });
    }
    const path = '/data/__consumer_offsets-0/00000000000000000000.log';
    const { writes } = test.led.disk.counts(path);
    const outcomes = await heartbeatsOf(test, ['a', 'gone', 'b']);
    expect(test.led.disk.counts(path).writes - writes).toBe(1);
    expect(outcomes).toMatchObject([
      { answer: { memberId: 'a' } },
      { refusal: { code: 'UNKNOWN_MEMBER_ID' } },
      { answer: { memberId: 'b' } },
    ]);
  });

  it('are refused one by one while their coordinator is elsewhere', async () => {
    const test = await open();
    await join(test, 'a');
    const { partition, metadata } = test.led;
    await partition.becomeFollower({ ...metadata, leader: 1, leaderEpoch: 1 });
    const refusal = { code: 'COORDINATOR_NOT_AVAILABLE' };
    expect(await heartbeatsOf(test, ['a', 'b'])).toMatchObject([{ refusal }, { refusal }]);
  });
});

/** Sends heartbeats of members whose connections another process has now. */
async function heartbeatsOf(
  test: TestCoordinators,
  memberIds: readonly string[],
): Promise<readonly unknown[]> {
  const outcomes: unknown[] = [];
  const calls = memberIds.map((memberId) => {
    return { group: 'g', memberId, generation: null, brokerEpoch: 8 };
  });
  await test.coordinators.heartbeats(calls, (at, outcome) => {
    outcomes[at] = outcome;
  });
  return outcomes;
}

describe('a former leader of an offsets partition', () => {
  it('refuses calls of its groups', async () => {
    const test = await open();
    test.addTopic('events', 1);
    await join(test, 'a');
    const { partition, metadata } = test.led;
    await partition.becomeFollower({ ...metadata, leader: 1, leaderEpoch: 1 });
    await expect(heartbeat(test, 'a')).rejects.toMatchObject({
      code: 'COORDINATOR_NOT_AVAILABLE',
      retriable: true,
      outcome: 'failed',
    });
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

  it('ends the session of a member that does not come back, without any call', async () => {
    const test = await open();
    test.addTopic('events', 1);
    await join(test, 'a');
    await test.restart();
    test.lead();
    await test.led.scheduler.advance(SESSION_MS - 1);
    expect(test.coordinators.counts).toMatchObject({ members: 1, totals: { sessionsOver: 0 } });
    await test.led.scheduler.advance(2);
    expect(test.coordinators.counts).toMatchObject({ members: 0, totals: { sessionsOver: 1 } });
  });

  it('is loaded again until it knows the committed end', async () => {
    const { test, led } = await newLeader();
    test.lead();
    await led.scheduler.advance(5000);
    expect(test.coordinators.offsetCount).toBe(0);
    const position = { brokerEpoch: 1, logEndOffset: 1, syncedEndOffset: 1 };
    led.partition.followerFetched(1, position);
    await led.scheduler.advance(1001);
    expect(test.coordinators.offsetCount).toBe(1);
  });

  it('is dropped when another broker leads', async () => {
    const test = await open();
    test.addTopic('events', 1);
    await join(test, 'a');
    const { partition, metadata } = test.led;
    await partition.becomeFollower({ ...metadata, leader: 1, leaderEpoch: 1, electionId: 'other' });
    test.lead();
    await test.led.scheduler.advance(1);
    expect(test.coordinators.counts).toMatchObject({ groups: 0, members: 0 });
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

  it('is repeated with growing delays, and in the end without any call', async () => {
    const test = await open();
    test.addTopic('events', 1);
    for (let at = 0; at < 3; at += 1) {
      await test.coordinators.join({ group: `g${at}`, request: { topics: ['events'] } });
    }
    const { disk, scheduler } = test.led;
    disk.capacityBytes = disk.usedBytes;
    const topic = test.topics.get('events');
    if (topic !== undefined) topic.partitionCount = 2;
    const path = '/data/__consumer_offsets-0/00000000000000000000.log';
    const { reads } = disk.counts(path);
    test.coordinators.topicChanged('events');
    await scheduler.advance(10_000);
    expect(disk.counts(path).reads - reads).toBeLessThan(60);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    await scheduler.advance(1001);
    for (let at = 0; at < 3; at += 1) {
      const { members } = await test.coordinators.describe({ group: `g${at}` });
      expect(members[0]?.assignment).toHaveLength(2);
    }
  });
});

async function open(settings: ConstructorParameters<typeof TestCoordinators>[1] = {}) {
  return new TestCoordinators(await ledPartition(), settings);
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
