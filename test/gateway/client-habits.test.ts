/** Habits of HTTP clients: headers of absent bodies, explicit defaults, answers sent back. */
import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start();
  await api().post('/v1/topics').send({ name: 'orders', partitions: 2 }).expect(201);
});

afterAll(() => gateway?.dispose());

function api(): ReturnType<typeof supertest> {
  return supertest(gateway.url);
}

/** Produces one value to partition 0 of `orders`. */
async function produce(value: unknown, key?: string): Promise<number> {
  const record = { value, partition: 0, ...(key === undefined ? {} : { key }) };
  const { body } = await api().post('/v1/topics/orders/records').send(record).expect(200);
  return (body as { offsets: [{ offset: number }] }).offsets[0].offset;
}

const RECORDS = '/v1/topics/orders/partitions/0/records';

describe('a call without a body', () => {
  test.each([
    ['application/json', {}],
    ['application/x-www-form-urlencoded', {}],
    ['multipart/form-data; boundary=x', {}],
    ['application/json', { 'Content-Length': '0' }],
    ['text/plain', { 'Content-Encoding': 'zstd' }],
  ])('ignores Content-Type: %s beside the headers %j', async (contentType, headers) => {
    const headersSent = { 'Content-Type': contentType, ...headers };
    const send = (method: 'delete' | 'get' | 'post', path: string): supertest.Test =>
      api()[method](path).set(headersSent);
    await send('post', '/v1/producers').expect(201);
    await api().post('/v1/topics').send({ name: 'short-lived' }).expect(201);
    const partition = '/v1/topics/short-lived/partitions/0';
    await send('post', `${partition}/leader-election`).expect(200);
    await send('delete', `${partition}/records?beforeOffset=0`).expect(200);
    await send('get', '/v1/topics').expect(200);
    await send('get', `${partition}/records`).expect(200);
    await send('delete', '/v1/topics/short-lived').expect(204);
  });

  test('it accepts an empty chunked body of JSON', async () => {
    const headers = { 'Content-Type': 'application/json' };
    const body = new ReadableStream({ start: (controller) => controller.close() });
    const init = { method: 'POST', headers, body, duplex: 'half' } as const;
    expect((await fetch(`${gateway.url}/v1/producers`, init)).status).toBe(201);
  });

  test.each([
    ['post', '/v1/topics'],
    ['patch', '/v1/topics/orders'],
    ['put', '/v1/groups/billing/offsets'],
    ['put', '/v1/topics/orders/partitions/0/replicas'],
  ] as const)('%s %s requires a body and reports that it is missing', async (method, path) => {
    for (const contentType of ['application/json', 'text/plain']) {
      const { body } = await api()[method](path).set('Content-Type', contentType).expect(400);
      expect(body).toMatchObject({
        code: 'INVALID_REQUEST',
        detail: 'The body is missing; a JSON object is expected.',
      });
    }
  });
});

describe('an explicit default has the same effect as an absent value:', () => {
  test('a fetch by time with the default offset, and every other default', async () => {
    const offset = await produce('late');
    const query = `offset=earliest&from=earliest&timestamp=${Date.now() + 60_000}`;
    const defaults = 'limit=500&maxBytes=1048576&waitMs=0&minBytes=1&format=auto&follow=false';
    const { body } = await api().get(`${RECORDS}?${query}&${defaults}`).expect(200);
    expect(body).toMatchObject({ records: [], nextOffset: offset + 1 });
  });

  test('a fetch by offset with the default of `from`', async () => {
    const offset = await produce('this one');
    const { body } = await api().get(`${RECORDS}?from=earliest&offset=${offset}`).expect(200);
    expect(body).toMatchObject({ records: [{ offset, value: 'this one' }] });
  });

  test('a fetch from the end with the default offset', async () => {
    const offset = await produce('the last one');
    const { body } = await api().get(`${RECORDS}?offset=earliest&from=latest`).expect(200);
    expect(body).toMatchObject({ records: [], nextOffset: offset + 1 });
  });

  test.each(['offset=0&timestamp=1', 'offset=latest&timestamp=1', 'offset=1&from=latest'])(
    'but a fetch with two positions is refused: %s',
    async (query) => {
      const { body } = await api().get(`${RECORDS}?${query}`).expect(400);
      expect(body).toMatchObject({ code: 'INVALID_REQUEST', errors: [expect.anything()] });
    },
  );

  test.each(['application/json', 'text/plain', 'application/x-ndjson'])(
    'a produce request of %s',
    async (contentType) => {
      const query = 'acks=all&timeoutMs=30000&partitioner=sticky&report=all';
      await api()
        .post(`/v1/topics/orders/records?${query}`)
        .set('Content-Type', contentType)
        .send('{"value": 1}\n')
        .expect(200);
    },
  );
});

describe('the answer of one operation is accepted by the other:', () => {
  test('committed offsets are committed again', async () => {
    await produce('committed');
    const path = '/v1/groups/round-trip/offsets';
    const offsets = [{ topic: 'orders', partition: 0, offset: 1, leaderEpoch: null }];
    await api().put(path).send({ offsets }).expect(200);
    const { body } = await api().get(`${path}?topic=orders`).expect(200);
    expect(body).toMatchObject({
      offsets: [
        { partition: 0, offset: 1, metadata: null, lag: expect.any(Number) },
        { partition: 1, offset: null },
      ],
    });
    const answer = await api().put(path).send(body).expect(200);
    expect(answer.body).toEqual({ offsets: [{ topic: 'orders', partition: 0, offset: 1 }] });
    expect((await api().get(`${path}?topic=orders`).expect(200)).body).toEqual(body);
  });

  test('a fault among committed offsets points into the list that was sent', async () => {
    const none = { topic: 'orders', partition: 1, offset: null };
    const missing = { topic: 'orders', partition: 9, offset: 0 };
    const { body } = await api()
      .put('/v1/groups/round-trip/offsets')
      .send({ offsets: [none, missing] })
      .expect(404);
    expect(body).toMatchObject({ errors: [{ pointer: '/offsets/1' }] });
  });

  test('the replicas of a partition are assigned again', async () => {
    const path = '/v1/topics/orders/partitions/0/replicas';
    const { body } = await api().get(path).expect(200);
    expect(body).toMatchObject({ replicas: [0], progress: [expect.anything()] });
    await api().put(path).send(body).expect(200);
  });

  test('an empty replica assignment is the same as an absent one', async () => {
    const topic = { name: 'unassigned', replicaAssignment: [] };
    await api().post('/v1/topics').send(topic).expect(201);
  });

  test('the configs of one topic are accepted for another', async () => {
    const { body } = await api().get('/v1/topics/orders').expect(200);
    const { configs } = body as { configs: object };
    const made = await api().post('/v1/topics').send({ name: 'copy', configs }).expect(201);
    expect(made.body).toMatchObject({ configs });
    const altered = await api().patch('/v1/topics/copy').send({ configs }).expect(200);
    expect(altered.body).toMatchObject({ configs });
  });

  test('a fetched record is produced without its topic and offset', async () => {
    const offset = await produce({ n: 1 }, 'ada');
    const { body } = await api().get(`${RECORDS}?offset=${offset}`).expect(200);
    const { records } = body as { records: [{ topic?: string; offset?: number }] };
    const refused = await api().post('/v1/topics/copy/records').send({ records }).expect(400);
    expect(refused.body).toMatchObject({
      errors: [{ pointer: '/records/0/topic' }, { pointer: '/records/0/offset' }],
    });
    const [{ topic, offset: _, ...record }] = records;
    expect(topic).toBe('orders');
    await api()
      .post('/v1/topics/copy/records')
      .send({ records: [record] })
      .expect(200);
  });
});

describe('the key of a raw value', () => {
  test.each([
    ['of 4096 bytes is a header', 'k'.repeat(4096), 'k'.repeat(4096), undefined],
    ['above that is omitted, and its size sent', 'ü'.repeat(2049), undefined, '4098'],
    ['of 100,000 bytes is omitted as well', 'k'.repeat(100_000), undefined, '100000'],
  ])('%s', async (_, key, header, size) => {
    const offset = await produce('value', key);
    const answer = await api().get(`${RECORDS}?format=raw&limit=1&offset=${offset}`).expect(200);
    expect(answer.headers['sluice-key']).toBe(header);
    expect(answer.headers['sluice-key-base64']).toBeUndefined();
    expect(answer.headers['sluice-key-size']).toBe(size);
    expect(answer.text).toBe('"value"');
  });
});
