import { gzipSync } from 'node:zlib';
import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start({
    SLUICE_REQUEST_BYTES_MAX: '4096',
    SLUICE_REQUEST_MEMORY_BYTES: '1048576',
    SLUICE_LOG_LEVEL: 'debug',
  });
  await http().post('/v1/topics').send({ name: 'orders' }).expect(201);
});

afterAll(() => gateway.dispose());

function http(): ReturnType<typeof supertest> {
  return supertest(gateway.url);
}

function postTopic(body: string): supertest.Test {
  return http().post('/v1/topics').set('Content-Type', 'application/json').send(body);
}

describe('a body', () => {
  test.each([
    ['{"name":}', 8],
    ['{"name": "a"', 12],
    ['{"name": "a"} x', 14],
    ['{"name": "a", }', 14],
  ])('text that is not JSON is refused with the position: %s', async (body, position) => {
    const { body: problem } = await postTopic(body).expect(400);
    expect(problem).toMatchObject({ code: 'INVALID_REQUEST', position, line: 1 });
  });

  test.each(['null', '[]', '"a"', '1', ''])(
    'JSON that is not an object is refused: %j',
    async (body) => {
      const { body: problem } = await postTopic(body).expect(400);
      expect(problem).toMatchObject({ code: 'INVALID_REQUEST', outcome: 'failed' });
    },
  );

  test('deep nesting is refused without a stack overflow', async () => {
    const body = `{"name":"a","configs":${'['.repeat(1500)}${']'.repeat(1500)}}`;
    await postTopic(body).expect(400);
  });

  test('a body above the limit is 413', async () => {
    const { body: problem } = await postTopic(`{"name":"${'a'.repeat(5000)}"}`).expect(413);
    expect(problem).toMatchObject({
      code: 'REQUEST_TOO_LARGE',
      outcome: 'failed',
      detail: expect.stringContaining('SLUICE_REQUEST_BYTES_MAX'),
    });
  });

  test('a body of another type is 415', async () => {
    const response = await http()
      .post('/v1/topics')
      .set('Content-Type', 'text/plain')
      .send('{"name":"a"}')
      .expect(415);
    expect(response.body).toMatchObject({ code: 'UNSUPPORTED_MEDIA_TYPE' });
  });

  test('JSON in another charset than UTF-8 is 415', async () => {
    const send = (charset: string): Promise<Response> =>
      fetch(`${gateway.url}/v1/topics`, {
        method: 'POST',
        headers: { 'Content-Type': `application/json; charset=${charset}` },
        body: '{"name":"charset"}',
      });
    const refused = await send('iso-8859-1');
    expect(refused.status).toBe(415);
    expect(await refused.json()).toMatchObject({ code: 'UNSUPPORTED_MEDIA_TYPE' });
    expect((await send('utf-8')).status).toBe(201);
  });

  test('at a path that does not exist it is not looked at: 404', async () => {
    const body = `{"name":"${'a'.repeat(5000)}"}`;
    for (const type of ['application/json', 'text/plain']) {
      await http().post('/v1/nothing').set('Content-Type', type).send(body).expect(404);
      await http().post('/v1/nothing').set('Content-Type', type).send('{').expect(404);
    }
  });

  test.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON;a=b'])(
    'a compressed body of %s is read, and bounded by its decompressed size',
    async (type) => {
      const coded = (body: string): Promise<Response> =>
        fetch(`${gateway.url}/v1/topics`, {
          method: 'POST',
          headers: { 'Content-Type': type, 'Content-Encoding': 'gzip' },
          body: gzipSync(body),
        });
      const name = `coded-${type.length}`;
      expect((await coded(`{"name":"${name}"}`)).status).toBe(201);
      const tooLarge = await coded(`{"name":"${'a'.repeat(100_000)}"}`);
      expect(tooLarge.status).toBe(413);
      expect(await tooLarge.text()).toContain('SLUICE_REQUEST_BYTES_MAX');
    },
  );

  test('a body that contradicts its Content-Encoding is 400, an unknown coding 415', async () => {
    const send = (coding: string): supertest.Test =>
      postTopic('{"name":"a"}').set('Content-Encoding', coding);
    expect((await send('gzip')).status).toBe(400);
    const unknown = await send('zstd');
    expect(unknown.status).toBe(415);
    expect(unknown.headers['accept-encoding']).toContain('gzip');
  });

  test('all faults of a body are reported together, with RFC 6901 pointers', async () => {
    const { body: problem } = await http()
      .put('/v1/groups/billing/offsets')
      .send({ offsets: [{ topic: 5, partition: 0, offset: -1, 'a/b~c': 1 }] })
      .expect(400);
    expect(problem.errors.map((fault: { pointer: string }) => fault.pointer).toSorted()).toEqual([
      '/offsets/0/a~1b~0c',
      '/offsets/0/offset',
      '/offsets/0/topic',
    ]);
  });

  test('members named like those of every object are refused like any other', async () => {
    for (const name of ['constructor', 'toString', '__proto__', '\\u005f_proto__']) {
      await postTopic(`{"name":"proto","${name}":{"a":1}}`).expect(400);
    }
    await http().get('/v1/topics/proto').expect(404);
  });
});

describe('a path', () => {
  test('an unknown path is 404, also with a trailing slash', async () => {
    for (const path of ['/v2/topics', '/v1/topics/', '/v1/topics/orders/nothing']) {
      const { body: problem } = await http().get(path).expect(404);
      expect(problem).toMatchObject({ code: 'INVALID_REQUEST', instance: path, status: 404 });
    }
  });

  test('a path with another method is 405 and lists its methods', async () => {
    const allowed = async (method: 'put' | 'patch', path: string): Promise<unknown> =>
      (await http()[method](path).expect(405)).headers['allow'];
    expect(await allowed('put', '/v1/topics')).toBe('GET, HEAD, POST');
    expect(await allowed('put', '/v1/topics/orders')).toBe('DELETE, GET, HEAD, PATCH');
    expect(await allowed('patch', '/v1/topics/orders/records')).toBe('POST');
    expect(await allowed('put', '/v1/topics/orders/partitions/0/records')).toBe(
      'DELETE, GET, HEAD',
    );
  });

  test('a path that cannot be decoded is 400', async () => {
    const { body: problem } = await http().get('/v1/topics/%zz').expect(400);
    expect(problem).toMatchObject({ code: 'INVALID_REQUEST' });
  });

  test.each(['x', '-1', '1.5', '01', '1e1', '0x1', '99999999999'])(
    'a path with partition %s is 400',
    async (text) => {
      const { body: problem } = await http()
        .get(`/v1/topics/orders/partitions/${text}/offsets?at=latest`)
        .expect(400);
      expect(problem).toMatchObject({ code: 'INVALID_REQUEST' });
    },
  );
});

describe('a query', () => {
  test.each([
    ['/v1/topics?internal=yes', '?internal'],
    ['/v1/topics?internl=true', '?internl'],
    ['/v1/topics/orders/partitions/0/offsets', '?at'],
    ['/v1/topics/orders/partitions/0/offsets?at=-5', '?at'],
    ['/v1/topics/orders/partitions/0/offsets?at=latest&at=earliest', '?at'],
    ['/v1/groups/billing/offsets?topic=a&topic=b', '?topic'],
  ])('%s is refused at %s', async (path, pointer) => {
    const { body: problem } = await http().get(path).expect(400);
    expect(problem.errors).toEqual([{ pointer, detail: expect.any(String) }]);
  });
});

describe('an answer', () => {
  test('it has the id of the request, or one of its own', async () => {
    const given = await http().get('/v1/cluster').set('X-Request-Id', 'order-77');
    expect(given.headers['x-request-id']).toBe('order-77');
    const [first, second] = [await http().get('/v1/cluster'), await http().get('/v1/cluster')];
    expect(first.headers['x-request-id']).toMatch(/^[\w-]+$/);
    expect(first.headers['x-request-id']).not.toBe(second.headers['x-request-id']);
  });

  test.each([
    ['POST', '/v1/topics/orders/records', { value: 1 }],
    ['POST', '/v1/topics/orders/records?acks=0', { value: 1 }],
    ['GET', '/v1/topics/orders/partitions/0/records', undefined],
    ['GET', '/v1/topics/orders/partitions/0/records?waitMs=1&offset=latest', undefined],
    ['GET', '/v1/groups/g/members/nobody/records', undefined],
  ])('%s %s has the id that the client sent, once', async (method, path, body) => {
    const answer = await fetch(gateway.url + path, {
      method,
      headers: { 'X-Request-Id': 'order-78', 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect(answer.headers.get('x-request-id')).toBe('order-78');
  });

  test.each(['gzip', 'br'])(
    'a large answer is sent as %s to a client that asks for it',
    async (coding) => {
      const get = (accepts: string): Promise<Response> =>
        fetch(`${gateway.url}/openapi.json`, { headers: { 'Accept-Encoding': accepts } });
      const [plain, coded] = [await get('identity'), await get(coding)];
      expect(plain.headers.get('vary')).toBe('Accept-Encoding');
      expect(plain.headers.get('content-encoding')).toBeNull();
      const text = await plain.text();
      expect(coded.headers.get('content-encoding')).toBe(coding);
      expect(Number(coded.headers.get('content-length'))).toBeLessThan(text.length / 4);
      // fetch decompresses the answer.
      expect(await coded.text()).toBe(text);
    },
  );

  test('a small answer is never compressed', async () => {
    const small = await http().get('/health/live').set('Accept-Encoding', 'gzip');
    expect(small.headers['content-encoding']).toBeUndefined();
  });
});

describe('the log', () => {
  test('it has a line for each request at debug, without the content of any record', async () => {
    await http().post('/v1/topics/orders/records').send({ value: 'a-secret-value' }).expect(200);
    await http().get('/v1/cluster').set('X-Request-Id', 'find-me').expect(200);
    // The line is written after the answer.
    const line = await until('the line', () =>
      gateway.log.find(({ requestId }) => requestId === 'find-me'),
    );
    expect(line).toEqual(
      expect.objectContaining({
        level: 'debug',
        msg: 'request answered',
        requestId: 'find-me',
        method: 'GET',
        url: '/v1/cluster',
        status: 200,
      }),
    );
    expect(gateway.logLines.join('\n')).not.toContain('a-secret-value');
  });
});
