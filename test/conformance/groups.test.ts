import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { expectProblem, useTarget } from './target.js';

describe('committed offsets of a group', () => {
  const target = useTarget();

  const commit = (group: string, offsets: readonly unknown[]) =>
    target.http.put(`/v1/groups/${group}/offsets`).send({ offsets });
  const committed = async (group: string, query = '') => {
    const response = await target.http.get(`/v1/groups/${group}/offsets${query}`);
    expect(response.status, response.text).toBe(200);
    return (response.body as { offsets: unknown[] }).offsets;
  };

  it('are the last committed ones, with the lag', async () => {
    const topic = await target.topic({ partitions: 2 });
    const group = `g-${randomUUID()}`;
    await target.produce(
      topic,
      Array.from({ length: 5 }, (_, value) => ({ value, partition: 0 })),
    );
    const offsets = [
      { topic, partition: 0, offset: 3, metadata: 'm' },
      { topic, partition: 1, offset: 0 },
    ];
    const response = await commit(group, offsets);
    expect(response.status, response.text).toBe(200);
    expect(response.body).toMatchObject({ offsets });
    expect(await committed(group)).toEqual([
      { topic, partition: 0, offset: 3, highWatermark: 5, lag: 2, metadata: 'm' },
      { topic, partition: 1, offset: 0, highWatermark: 0, lag: 0, metadata: null },
    ]);
    await commit(group, [{ topic, partition: 0, offset: 1 }]).expect(200);
    expect(await committed(group, `?topic=${topic}`)).toMatchObject([
      { partition: 0, offset: 1 },
      { partition: 1, offset: 0 },
    ]);
  });

  it('are an empty list for an unknown group', async () => {
    expect(await committed(`g-${randomUUID()}`)).toEqual([]);
  });

  it.each([
    ['reserved characters', 'a b/c?d#e%f'],
    ['255 characters of three bytes', '語'.repeat(255)],
    ['quotes', `'"<>\\`],
  ])(
    'of a group with %s in its name are stored, with the name percent-encoded in the path',
    async (_, name) => {
      const topic = await target.topic();
      const path = encodeURIComponent(name);
      await commit(path, [{ topic, partition: 0, offset: 0, metadata: name.slice(0, 100) }]).expect(
        200,
      );
      expect(await committed(path, `?topic=${topic}`)).toMatchObject([
        { topic, offset: 0, metadata: name.slice(0, 100) },
      ]);
    },
  );

  it.each(['a%00b', '%0A', '%7F', '%C2%85', 'x'.repeat(256)])(
    'of the group %s in a path are refused',
    async (path) => {
      expectProblem(await target.http.get(`/v1/groups/${path}/offsets`), 400, 'INVALID_REQUEST');
      const topic = await target.topic();
      const offsets = [{ topic, partition: 0, offset: 0 }];
      expectProblem(await commit(path, offsets), 400, 'INVALID_REQUEST');
    },
  );

  it('accept 4,096 bytes of metadata, and no more', async () => {
    const topic = await target.topic();
    const group = `g-${randomUUID()}`;
    const withMetadata = (length: number) =>
      commit(group, [{ topic, partition: 0, offset: 0, metadata: 'm'.repeat(length) }]);
    expect((await withMetadata(4096)).status).toBe(200);
    const refused = await withMetadata(4097);
    expectProblem(refused, 400, 'INVALID_REQUEST');
    expect((refused.body as { errors: unknown }).errors).toMatchObject([
      { pointer: '/offsets/0/metadata' },
    ]);
  });

  it('are null for partitions without a commit', async () => {
    const topic = await target.topic({ partitions: 2 });
    const group = `g-${randomUUID()}`;
    await commit(group, [{ topic, partition: 0, offset: 0 }]).expect(200);
    expect(await committed(group, `?topic=${topic}`)).toContainEqual(
      expect.objectContaining({ partition: 1, offset: null }),
    );
  });

  it.each([
    [[{ partition: 5, offset: 0 }], 404, 'UNKNOWN_TOPIC_OR_PARTITION'],
    [[{ partition: 0, offset: 99 }], 416, 'OFFSET_OUT_OF_RANGE'],
    [[{ partition: 0, offset: -1 }], 400, 'INVALID_REQUEST'],
    [[{ partition: 0, offset: 1.5 }], 400, 'INVALID_REQUEST'],
    [[{ partition: 0 }], 400, 'INVALID_REQUEST'],
  ])('are committed all or none: %j is refused', async (faulty, status, code) => {
    const topic = await target.topic({ partitions: 2 });
    const group = `g-${randomUUID()}`;
    const offsets = [{ partition: 1, offset: 0 }, ...faulty].map((each) => ({ topic, ...each }));
    expectProblem(await commit(group, offsets), status, code);
    expect(await committed(group)).toEqual([]);
  });

  it('are removed with their topic', async () => {
    const topic = await target.topic();
    const group = `g-${randomUUID()}`;
    await target.produce(topic, [{ value: 1 }]);
    await commit(group, [{ topic, partition: 0, offset: 1 }]).expect(200);
    await target.http.delete(`/v1/topics/${topic}`).expect(204);
    await target.http.post('/v1/topics').send({ name: topic }).expect(201);
    const offsets = await committed(group);
    expect(offsets).not.toContainEqual(expect.objectContaining({ topic, offset: 1 }));
  });
});
