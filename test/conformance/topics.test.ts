import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { expectProblem, pointers, useTarget } from './target.js';

const CONFIGS = [
  'cleanup.policy',
  'retention.ms',
  'retention.bytes',
  'segment.bytes',
  'segment.ms',
  'min.insync.replicas',
  'max.message.bytes',
  'message.timestamp.type',
  'message.timestamp.before.max.ms',
  'message.timestamp.after.max.ms',
  'min.compaction.lag.ms',
  'min.cleanable.dirty.ratio',
  'delete.retention.ms',
  'unclean.leader.election.enable',
  'sluice.delete.on.ack',
  'errors.deadletterqueue.group.enable',
];

describe('topics', () => {
  const target = useTarget();

  it('are created with defaults, returned in full, and found at their Location', async () => {
    const name = `t-${randomUUID()}`;
    const response = await target.http.post('/v1/topics').send({ name });
    expect(response.status, response.text).toBe(201);
    expect(response.headers['location']).toMatch(new RegExp(`/v1/topics/${name}$`));
    const topic = response.body as Record<string, unknown>;
    expect(topic).toMatchObject({ name, topicId: expect.any(String) as string, internal: false });
    expect(Object.keys(topic['configs'] as object).toSorted()).toEqual(CONFIGS.toSorted());
    expect(Object.keys(topic['configSources'] as object).toSorted()).toEqual(CONFIGS.toSorted());
    for (const value of Object.values(topic['configs'] as object)) {
      expect(value).toBeTypeOf('string');
    }
    expect(topic['partitions']).toEqual([
      {
        partition: 0,
        leader: expect.any(Number) as number,
        leaderEpoch: expect.any(Number) as number,
        replicas: [expect.any(Number)],
        isr: [expect.any(Number)],
        logStartOffset: 0,
        highWatermark: 0,
        logEndOffset: 0,
        sizeBytes: 0,
      },
    ]);
    const again = await target.http.get(`/v1/topics/${name}`).expect(200);
    expect(again.body).toEqual(topic);
  });

  it('accept configs as numbers, booleans or strings and return strings', async () => {
    const name = `t-${randomUUID()}`;
    const configs = {
      'retention.ms': 1000,
      'segment.bytes': '1048576',
      'unclean.leader.election.enable': true,
      'cleanup.policy': 'compact,delete',
    };
    const response = await target.http.post('/v1/topics').send({ name, partitions: 3, configs });
    expect(response.status, response.text).toBe(201);
    const topic = response.body as { configs: object; configSources: object; partitions: object[] };
    expect(topic.partitions).toHaveLength(3);
    expect(topic.configs).toMatchObject({
      'retention.ms': '1000',
      'segment.bytes': '1048576',
      'unclean.leader.election.enable': 'true',
      'cleanup.policy': 'compact,delete',
      'max.message.bytes': '1048588',
    });
  });

  it('are listed, internal ones only on request', async () => {
    const name = await target.topic();
    await target.http
      .put(`/v1/groups/g-${randomUUID()}/offsets`)
      .send({ offsets: [{ topic: name, partition: 0, offset: 0 }] })
      .expect(200);
    const names = async (query: string) => {
      const response = await target.http.get(`/v1/topics${query}`).expect(200);
      return (response.body as { topics: { name: string }[] }).topics.map((topic) => topic.name);
    };
    expect(await names('')).toContain(name);
    expect(await names('')).not.toContain('__consumer_offsets');
    expect(await names('?internal=true')).toContain('__consumer_offsets');
  });

  it('get more partitions, and set and reset configs', async () => {
    const name = await target.topic({ configs: { 'retention.ms': 5000 } });
    const path = `/v1/topics/${name}`;
    const grown = await target.http.patch(path).send({ partitions: 4 });
    expect(grown.status, grown.text).toBe(200);
    expect((grown.body as { partitions: object[] }).partitions).toHaveLength(4);
    const changed = await target.http
      .patch(path)
      .send({ configs: { 'retention.ms': null, 'retention.bytes': 77 } });
    expect(changed.status, changed.text).toBe(200);
    expect((changed.body as { configs: object }).configs).toMatchObject({
      'retention.ms': '604800000',
      'retention.bytes': '77',
    });
    expectProblem(await target.http.patch(path).send({ partitions: 3 }), 400, 'INVALID_PARTITIONS');
  });

  it('are unknown after their deletion', async () => {
    const name = await target.topic();
    await target.produce(name, [{ value: 1 }]);
    const deleted = await target.http.delete(`/v1/topics/${name}`);
    expect(deleted.status).toBe(204);
    const gone = 'UNKNOWN_TOPIC_OR_PARTITION';
    expectProblem(await target.http.get(`/v1/topics/${name}`), 404, gone);
    expectProblem(await target.http.delete(`/v1/topics/${name}`), 404, gone);
    expectProblem(await target.http.patch(`/v1/topics/${name}`).send({ partitions: 2 }), 404, gone);
    expectProblem(await target.fetch(name), 404, gone);
    await target.http.post('/v1/topics').send({ name }).expect(201);
    expect((await target.fetch(name).expect(200)).body).toMatchObject({ records: [] });
  });

  it('refuse a name in use', async () => {
    const name = await target.topic();
    const response = await target.http.post('/v1/topics').send({ name });
    expectProblem(response, 409, 'TOPIC_ALREADY_EXISTS');
  });

  it.each(['', '.', '..', 'a b', 'a/b', 'ümlaut', 'x'.repeat(250), '__mine'])(
    'refuse the name %j',
    async (name) => {
      const response = await target.http.post('/v1/topics').send({ name });
      expectProblem(response, 400, 'INVALID_TOPIC_EXCEPTION');
    },
  );

  it.each([
    [{ partitions: 0 }, 'INVALID_PARTITIONS'],
    [{ partitions: -1 }, 'INVALID_PARTITIONS'],
    [{ replicationFactor: 0 }, 'INVALID_REPLICATION_FACTOR'],
    [{ replicationFactor: 1000 }, 'INVALID_REPLICATION_FACTOR'],
    [{ configs: { 'retention.ms': 'soon' } }, 'INVALID_CONFIG'],
    [{ configs: { 'no.such.config': 1 } }, 'INVALID_CONFIG'],
    [{ configs: { 'min.insync.replicas': 1000 } }, 'INVALID_CONFIG'],
  ])('refuse %j as %s', async (options, code) => {
    const name = `t-${randomUUID()}`;
    expectProblem(await target.http.post('/v1/topics').send({ name, ...options }), 400, code);
    await target.http.get(`/v1/topics/${name}`).expect(404);
  });

  it('name every faulty member of a body', async () => {
    const response = await target.http
      .post('/v1/topics')
      .send({ name: 7, partitions: 'many', surprise: true });
    const problem = expectProblem(response, 400, 'INVALID_REQUEST');
    expect(pointers(problem).toSorted()).toEqual(['/name', '/partitions', '/surprise']);
  });

  it('name every faulty config', async () => {
    const configs = { 'retention.ms': 'x', 'segment.bytes': 1, 'cleanup.policy': 'delete' };
    const name = `t-${randomUUID()}`;
    const response = await target.http.post('/v1/topics').send({ name, configs });
    const problem = expectProblem(response, 400, 'INVALID_CONFIG');
    expect(pointers(problem).toSorted()).toEqual([
      '/configs/retention.ms',
      '/configs/segment.bytes',
    ]);
  });
});

describe('records of a topic', () => {
  const target = useTarget();

  it('are deleted below an offset', async () => {
    const name = await target.topic();
    await target.produce(
      name,
      [1, 2, 3, 4, 5].map((value) => ({ value })),
    );
    const path = `/v1/topics/${name}/partitions/0/records?beforeOffset=3`;
    const response = await target.http.delete(path);
    expect(response.status, response.text).toBe(200);
    expect(response.body).toEqual({ logStartOffset: 3 });
    const fetched = await target.fetch(name, '?offset=earliest').expect(200);
    const { records } = fetched.body as { records: { offset: number }[] };
    expect(records.map((record) => record.offset)).toEqual([3, 4]);
    const problem = expectProblem(
      await target.fetch(name, '?offset=2'),
      416,
      'OFFSET_OUT_OF_RANGE',
    );
    expect(problem).toMatchObject({ logStartOffset: 3, highWatermark: 5 });
  });

  it.each([
    ['?beforeOffset=9', 416, 'OFFSET_OUT_OF_RANGE'],
    ['?beforeOffset=-1', 400, 'INVALID_REQUEST'],
    ['', 400, 'INVALID_REQUEST'],
  ])('are not deleted by %j', async (query, status, code) => {
    const name = await target.topic();
    await target.produce(name, [{ value: 1 }]);
    const path = `/v1/topics/${name}/partitions/0/records${query}`;
    expectProblem(await target.http.delete(path), status, code);
    await target.fetch(name, '?offset=0').expect(200);
  });
});

describe('listed offsets', () => {
  const target = useTarget();

  it('are the earliest, the latest, or the first at or after a time', async () => {
    const name = await target.topic();
    await target.produce(name, [
      { value: 'a', timestamp: 1000 },
      { value: 'b', timestamp: 2000 },
      { value: 'c', timestamp: 3000 },
    ]);
    const at = async (time: string | number) => {
      const path = `/v1/topics/${name}/partitions/0/offsets?at=${time}`;
      const response = await target.http.get(path);
      expect(response.status, response.text).toBe(200);
      return response.body as { offset: number | null; timestamp: number | null };
    };
    expect(await at('earliest')).toMatchObject({ offset: 0 });
    expect(await at('latest')).toMatchObject({ offset: 3 });
    expect(await at(1001)).toMatchObject({ offset: 1, timestamp: 2000 });
    expect(await at(3000)).toMatchObject({ offset: 2, timestamp: 3000 });
    expect(await at(3001)).toMatchObject({ offset: null, timestamp: null });
  });

  it.each(['?at=tomorrow', '?at=-5', '?at=1.5', '?when=latest'])('refuse %j', async (query) => {
    const name = await target.topic();
    const response = await target.http.get(`/v1/topics/${name}/partitions/0/offsets${query}`);
    expectProblem(response, 400, 'INVALID_REQUEST');
  });

  it('are not found for an unknown partition', async () => {
    const name = await target.topic();
    const gone = 'UNKNOWN_TOPIC_OR_PARTITION';
    const path = (partition: string) =>
      `/v1/topics/${name}/partitions/${partition}/offsets?at=latest`;
    expectProblem(await target.http.get(path('1')), 404, gone);
    expectProblem(
      await target.http.get('/v1/topics/nope/partitions/0/offsets?at=latest'),
      404,
      gone,
    );
    expectProblem(await target.http.get(path('one')), 400, 'INVALID_REQUEST');
  });
});
