import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Target, useTarget } from '../conformance/target.js';
import { until } from '../support/until.js';
import { call, RestMember, type RestPoll, tryJoin, untilPollWaits } from './rest-member.js';

const target = useTarget();
const EARLIEST = { autoOffsetReset: 'earliest' };

let topic: string;
let group: string;

async function fresh(partitions = 2): Promise<void> {
  topic = await target.topic({ partitions });
  group = `g-${randomUUID()}`;
}

const join = (request: object = {}): Promise<RestMember> =>
  RestMember.join(target.url, group, { topics: [topic], ...request });

const values = ({ records }: RestPoll): unknown[] => records.map(({ value }) => value);

const committed = async (): Promise<(number | null)[]> => {
  const answer = await call(target.url, 'GET', `/v1/groups/${group}/offsets`);
  return (answer.body as { offsets: { offset: number | null }[] }).offsets.map(
    ({ offset }) => offset,
  );
};

describe('a member over REST', () => {
  it('gets everything produced after its join, also with autoOffsetReset=latest', async () => {
    await fresh();
    await target.produce(topic, [{ value: 'before', partition: 0 }]);
    const member = await join();
    expect(member.assignment).toHaveLength(2);
    await target.produce(topic, [{ value: 'after', partition: 0 }]);
    expect(values(await member.poll('waitMs=5000'))).toEqual(['after']);
  });

  it('loses nothing with a lost answer: the same cursor returns the same records', async () => {
    await fresh(1);
    await target.produce(topic, [{ value: 1 }, { value: 2 }, { value: 3 }]);
    const member = await join(EARLIEST);
    const lost = await member.tryPoll('limit=2');
    expect(values(lost.body as RestPoll)).toEqual([1, 2]);
    expect(values(await member.poll('limit=2'))).toEqual([1, 2]);
    expect(await committed()).toEqual([0]);
    const lostAgain = await member.tryPoll('limit=2');
    expect(values(lostAgain.body as RestPoll)).toEqual([3]);
    expect(await committed()).toEqual([2]);
    expect(values(await member.poll('limit=2'))).toEqual([3]);
    expect(values(await member.poll())).toEqual([]);
    expect(await committed()).toEqual([3]);
  });

  it('goes on from the last acknowledged record without a cursor', async () => {
    await fresh(1);
    await target.produce(topic, [{ value: 1 }, { value: 2 }]);
    const member = await join(EARLIEST);
    await member.poll('limit=1');
    await member.poll('limit=1');
    member.cursor = undefined;
    expect(values(await member.poll())).toEqual([2]);
  });

  it('commits by itself without autoCommit, for partitions that it owns', async () => {
    await fresh(1);
    await target.produce(topic, [{ value: 1 }, { value: 2 }]);
    const member = await join({ ...EARLIEST, autoCommit: false });
    await member.poll();
    await member.poll();
    expect(await committed()).toEqual([0]);
    expect((await member.commit([{ topic, partition: 0, offset: 2 }])).status).toBe(200);
    expect(await committed()).toEqual([2]);
    const stale = await member.commit([{ topic, partition: 0, offset: 2 }], 0);
    expect(stale).toMatchObject({ status: 409, body: { code: 'ILLEGAL_GENERATION' } });
  });

  it('reads all of its partitions in turn, so that none starves', async () => {
    await fresh(3);
    const member = await join(EARLIEST);
    const records = Array.from({ length: 30 }, (_, at) => ({ value: at, partition: at % 3 }));
    await target.produce(topic, records);
    const seen = new Set<number>();
    for (let polls = 0; polls < 3; polls += 1) {
      for (const { partition } of (await member.poll('limit=2')).records) seen.add(partition);
    }
    expect(seen).toEqual(new Set([0, 1, 2]));
  });

  it('is told when the records at its position are gone, and goes on', async () => {
    await fresh(1);
    await target.produce(topic, [{ value: 1 }, { value: 2 }, { value: 3 }]);
    const member = await join(EARLIEST);
    await target.http.delete(`/v1/topics/${topic}/partitions/0/records?beforeOffset=2`).expect(200);
    const polled = await member.poll();
    expect(polled.resets).toMatchObject([{ topic, partition: 0, from: 0, to: 2 }]);
    expect(values(polled)).toEqual([3]);
  });

  it('a newer poll ends an older one that waits, with an empty answer', async () => {
    await fresh(1);
    const member = await join();
    const older = member.tryPoll('waitMs=60000');
    await untilPollWaits(target.url);
    const newer = member.tryPoll('waitMs=60000');
    expect(await older).toMatchObject({ status: 200, body: { records: [] } });
    await target.produce(topic, [{ value: 'here' }]);
    expect(values((await newer).body as RestPoll)).toEqual(['here']);
  });

  it.each([
    ['cursor=nothing', '?cursor'],
    ['limit=0', '?limit'],
    ['waitMs=60001', '?waitMs'],
    ['colour=red', '?colour'],
  ])('the query %s is refused', async (query, pointer) => {
    await fresh(1);
    const member = await join();
    expect(await member.tryPoll(query)).toMatchObject({
      status: 400,
      body: { code: 'INVALID_REQUEST', errors: [{ pointer }] },
    });
  });
});

describe('two members over REST', () => {
  it('share a topic, and the second is answered at once when it gets partitions', async () => {
    await fresh();
    const first = await join(EARLIEST);
    expect(first.assignment).toHaveLength(2);
    const waiting = first.poll('waitMs=60000');
    await untilPollWaits(target.url);
    const second = await join(EARLIEST);
    const told = await waiting;
    expect([told.assignment.length, told.revoking.length]).toEqual([1, 1]);
    const got = second.poll('waitMs=60000');
    await untilPollWaits(target.url);
    await first.poll();
    expect((await got).assignment).toEqual(told.revoking);
    await target.produce(topic, [
      { value: 'a', partition: 0 },
      { value: 'b', partition: 1 },
    ]);
    const both = [await first.poll('waitMs=5000'), await second.poll('waitMs=5000')];
    expect(new Set(both.flatMap(values))).toEqual(new Set(['a', 'b']));
  });

  it('one has all partitions when the other has left', async () => {
    await fresh();
    const first = await join(EARLIEST);
    const second = await join(EARLIEST);
    await first.leave();
    expect((await second.poll()).assignment).toHaveLength(2);
    expect(await first.tryPoll()).toMatchObject({
      status: 404,
      body: { code: 'UNKNOWN_MEMBER_ID' },
    });
  });

  it('one has the records of a silent one once its session is over', async () => {
    await fresh(1);
    await target.produce(topic, [{ value: 1 }, { value: 2 }]);
    const silent = await join({ ...EARLIEST, sessionTimeoutMs: 2000 });
    expect(values(await silent.poll())).toEqual([1, 2]);
    const other = await join(EARLIEST);
    expect(values(await other.poll('waitMs=30000'))).toEqual([1, 2]);
    expect(await silent.commit([{ topic, partition: 0, offset: 2 }])).toMatchObject({
      status: 404,
      body: { code: 'UNKNOWN_MEMBER_ID' },
    });
    expect(await committed()).toEqual([0]);
  });
});

describe('a static member over REST', () => {
  it('keeps its partitions over a restart, and the old process is fenced', async () => {
    await fresh();
    const old = await join({ ...EARLIEST, instanceId: 'worker-1' });
    const restarted = await join({ ...EARLIEST, instanceId: 'worker-1' });
    expect(restarted.assignment).toEqual(old.assignment);
    expect(await old.heartbeat()).toMatchObject({
      status: 409,
      body: { code: 'FENCED_MEMBER_EPOCH' },
    });
  });
});

describe('topics of a group', () => {
  it('are chosen by pattern, and new ones and partitions are read from 0', async () => {
    await fresh(1);
    const prefix = `orders-${randomUUID()}`;
    const member = await join({ topics: [{ pattern: `${prefix}\\..*` }] });
    expect(member.assignment).toEqual([]);
    const waiting = member.poll('waitMs=60000');
    await target.http
      .post('/v1/topics')
      .send({ name: `${prefix}.eu` })
      .expect(201);
    expect((await waiting).assignment).toEqual([{ topic: `${prefix}.eu`, partition: 0 }]);
    await target.http.patch(`/v1/topics/${prefix}.eu`).send({ partitions: 2 }).expect(200);
    await target.produce(`${prefix}.eu`, [{ value: 'grown', partition: 1 }]);
    const seen = await until('the new partition is read', async () => {
      const polled = values(await member.poll('waitMs=1000'));
      return polled.length > 0 && polled;
    });
    expect(seen).toEqual(['grown']);
  });

  it.each([
    [{ topics: [] }, 'INVALID_REQUEST'],
    [{ topics: [{ pattern: '(' }] }, 'INVALID_REQUEST'],
    [{ topics: ['a b'] }, 'INVALID_REQUEST'],
    [{ topics: ['x'], sessionTimeoutMs: 1 }, 'INVALID_REQUEST'],
    [{ topics: ['x'], colour: 'red' }, 'INVALID_REQUEST'],
  ])('a join with %j is refused', async (request, code) => {
    expect(await tryJoin(target.url, `g-${randomUUID()}`, request)).toMatchObject({
      status: 400,
      body: { code },
    });
  });

  it('without an offset, a join with autoOffsetReset=none is refused', async () => {
    await fresh(1);
    const refused = await tryJoin(target.url, group, { topics: [topic], autoOffsetReset: 'none' });
    expect(refused).toMatchObject({ status: 404, body: { code: 'NO_OFFSET_FOR_PARTITION' } });
  });
});

describe('a group', () => {
  it('is described with its members and lags, listed, and deleted when it is empty', async () => {
    await fresh();
    await target.produce(topic, [{ value: 1, partition: 0 }]);
    const member = await join({ ...EARLIEST, clientId: 'worker' });
    const path = `/v1/groups/${group}`;
    expect((await call(target.url, 'GET', path)).body).toMatchObject({
      group,
      mode: 'stream',
      state: 'Stable',
      coordinator: 0,
      lag: 1,
      members: [{ memberId: member.memberId, clientId: 'worker', instanceId: null, lag: 1 }],
      partitions: [
        { topic, partition: 0, offset: 0, lag: 1, owner: member.memberId },
        { topic, partition: 1, offset: 0, lag: 0, owner: member.memberId },
      ],
    });
    const after = encodeURIComponent(group.slice(0, -1));
    const page = await call(target.url, 'GET', `/v1/groups?limit=1&after=${after}`);
    expect(page.body).toMatchObject({ groups: [{ group, state: 'Stable', members: 1 }] });
    expect(await call(target.url, 'DELETE', path)).toMatchObject({
      status: 409,
      body: { code: 'NON_EMPTY_GROUP' },
    });
    const offsets = [{ topic, partition: 0, offset: 1 }];
    expect(await call(target.url, 'PUT', `${path}/offsets`, { offsets })).toMatchObject({
      status: 409,
      body: { code: 'NON_EMPTY_GROUP' },
    });
    await member.leave();
    expect((await call(target.url, 'DELETE', path)).status).toBe(204);
    expect(await call(target.url, 'GET', path)).toMatchObject({
      status: 404,
      body: { code: 'GROUP_ID_NOT_FOUND' },
    });
  });

  it('has a session time-out as a config', async () => {
    await fresh(1);
    const path = `/v1/groups/${group}/configs`;
    const name = 'consumer.session.timeout.ms';
    expect((await call(target.url, 'GET', path)).body).toMatchObject({
      configs: { [name]: '45000' },
      configSources: { [name]: 'default' },
    });
    const changed = await call(target.url, 'PATCH', path, { configs: { [name]: 10_000 } });
    expect(changed.body).toMatchObject({
      configs: { [name]: '10000' },
      configSources: { [name]: 'group' },
    });
    const refused = await call(target.url, 'PATCH', path, { configs: { [name]: 'soon', x: 1 } });
    expect(refused).toMatchObject({
      status: 400,
      body: {
        code: 'INVALID_CONFIG',
        errors: [{ pointer: `/configs/${name}` }, { pointer: '/configs/x' }],
      },
    });
  });
});

describe('a reset', () => {
  it.each([
    ['earliest', 0],
    ['latest', 4],
    [{ offset: 3 }, 3],
    [{ offset: 99 }, 4],
    [{ shift: -1 }, 1],
    [{ shift: -9 }, 0],
    [{ timestamp: 0 }, 0],
    [{ timestamp: 32_503_680_000_000 }, 4],
  ])('to %j moves the offset', async (to, expected) => {
    await fresh(1);
    await produceFour(target);
    const path = `/v1/groups/${group}/offsets`;
    await call(target.url, 'PUT', path, { offsets: [{ topic, partition: 0, offset: 2 }] });
    const dry = await call(target.url, 'POST', `${path}/reset`, { topic, to, dryRun: true });
    const offsets = [{ topic, partition: 0, from: 2, to: expected }];
    expect(dry).toEqual({ status: 200, body: { offsets } });
    expect(await committed()).toEqual([2]);
    const moved = await call(target.url, 'POST', `${path}/reset`, { topic, to });
    expect(moved).toEqual({ status: 200, body: { offsets } });
    expect(await committed()).toEqual([expected]);
  });

  it('is refused while the group has members, and for what does not exist', async () => {
    await fresh(1);
    await join();
    const path = `/v1/groups/${group}/offsets/reset`;
    for (const dryRun of [true, false]) {
      expect(await call(target.url, 'POST', path, { topic, to: 'earliest', dryRun })).toMatchObject(
        { status: 409, body: { code: 'NON_EMPTY_GROUP' } },
      );
    }
    const unknown = { topic, partitions: [7], to: 'earliest' };
    expect(await call(target.url, 'POST', path, unknown)).toMatchObject({
      status: 404,
      body: { code: 'UNKNOWN_TOPIC_OR_PARTITION', errors: [{ pointer: '/partitions/0' }] },
    });
    expect(await call(target.url, 'POST', path, { topic, to: { days: 1 } })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/to' }] },
    });
  });
});

function produceFour(gateway: Target): Promise<unknown> {
  return gateway.produce(
    topic,
    [1, 2, 3, 4].map((value) => ({ value })),
  );
}
