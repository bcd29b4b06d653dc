import supertest from 'supertest';
import { describe, expect, test } from 'vitest';
import { expectProblem } from '../conformance/target.js';
import { until } from '../support/until.js';
import { useGateway } from './gateway-under-test.js';
import { RawConnection, requestHead } from './raw-connection.js';

const LIMIT_BYTES = 1_000_000;
const gateway = useGateway({
  SLUICE_REQUEST_BYTES_MAX: String(LIMIT_BYTES),
  SLUICE_REQUEST_MEMORY_BYTES: '1500000',
  // A client that does not run for a while must still find its answer before the connection is cut.
  SLUICE_BODY_IDLE_TIMEOUT_MS: '2000',
  SLUICE_CONNECTIONS_MAX: '40',
  SLUICE_CORS_ORIGINS: 'https://app.example',
});

const JSON_TYPE = { 'Content-Type': 'application/json' };
const RECORD = '{"value":"v"}';

function recordsPath(topic: string): string {
  return `/v1/topics/${topic}/records`;
}

function fetchPath(topic: string, query = ''): string {
  return `/v1/topics/${topic}/partitions/0/records${query}`;
}

describe('a web page of another origin', () => {
  test.each(['http://evil.example', 'null', 'https://app.example.evil.example'])(
    'of %s is refused before its request has an effect',
    async (origin) => {
      const topic = await gateway.topic();
      const http = supertest(gateway.url);
      const simple = await http
        .post(recordsPath(topic))
        .set('Origin', origin)
        .set('Content-Type', 'text/plain')
        .send('x');
      const problem = expectProblem(simple, 403, 'CLUSTER_AUTHORIZATION_FAILED');
      expect(problem.outcome).toBe('failed');
      const created = await http
        .post('/v1/topics')
        .set('Origin', origin)
        .send({ name: `${topic}-2` });
      expectProblem(created, 403, 'CLUSTER_AUTHORIZATION_FAILED');
      expectProblem(
        await http.get(fetchPath(topic)).set('Origin', origin),
        403,
        'CLUSTER_AUTHORIZATION_FAILED',
      );
      expectProblem(await http.get(`/v1/topics/${topic}-2`), 404, 'UNKNOWN_TOPIC_OR_PARTITION');
      expect(await gateway.values(topic)).toEqual([]);
    },
  );

  test('is refused its question, too', async () => {
    const response = await supertest(gateway.url)
      .options('/v1/topics')
      .set('Origin', 'http://evil.example')
      .set('Access-Control-Request-Method', 'POST');
    expectProblem(response, 403, 'CLUSTER_AUTHORIZATION_FAILED');
    expect(response.headers['access-control-allow-origin']).toBeUndefined();
  });

  test('that is allowed may ask, send and read', async () => {
    const topic = await gateway.topic();
    const http = supertest(gateway.url);
    const asked = await http
      .options(recordsPath(topic))
      .set('Origin', 'https://app.example')
      .set('Access-Control-Request-Method', 'POST')
      .set('Access-Control-Request-Headers', 'content-type,producer-id');
    expect(asked.status).toBe(204);
    expect(asked.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example',
      'access-control-allow-methods': expect.stringContaining('POST'),
      'access-control-allow-headers': expect.stringMatching(/Content-Type.*Producer-Id/),
      vary: 'Origin',
    });
    for (const path of [recordsPath(topic), '/v1/topics']) {
      const sent = await http
        .post(path)
        .set('Origin', 'https://app.example')
        .send(path === '/v1/topics' ? { name: `${topic}-2` } : { value: 1 });
      expect(sent.status).toBeLessThan(300);
      expect(sent.headers['access-control-allow-origin']).toBe('https://app.example');
    }
  });

  test('is no other origin where the gateway itself served it', async () => {
    const topic = await gateway.topic();
    const response = await supertest(gateway.url)
      .post(recordsPath(topic))
      .set('Origin', gateway.url)
      .send({ value: 1 });
    expect(response.status).toBe(200);
    expect(response.headers['access-control-allow-origin']).toBeUndefined();
  });

  test('cannot come in under a name of its own', async () => {
    const topic = await gateway.topic();
    const connection = await RawConnection.open(gateway.url);
    await connection.request(`GET ${fetchPath(topic)}`, { Host: 'evil.example:8080' });
    expect(await connection.answer()).toMatchObject({ status: 403 });
    connection.abort();
  });
});

describe('Expect: 100-continue', () => {
  test('is asked for the body of a request that can be served', async () => {
    const topic = await gateway.topic();
    const connection = await RawConnection.open(gateway.url);
    await connection.send(
      requestHead(`POST ${recordsPath(topic)}`, {
        ...JSON_TYPE,
        'Content-Length': String(RECORD.length),
        Expect: '100-continue',
      }),
    );
    expect(await connection.until('\r\n\r\n')).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    await connection.send(RECORD);
    expect(await connection.answer()).toMatchObject({ status: 200 });
    connection.abort();
  });

  test.each([
    ['a body that is too large', { 'Content-Length': String(LIMIT_BYTES + 1) }, 413],
    ['a coding that is not known', { 'Content-Length': '5', 'Content-Encoding': 'zstd' }, 415],
    ['a foreign origin', { 'Content-Length': '5', Origin: 'http://evil.example' }, 403],
  ])('is not asked for %s', async (_, headers, status) => {
    const topic = await gateway.topic();
    const connection = await RawConnection.open(gateway.url);
    const head = { ...JSON_TYPE, ...headers, Expect: '100-continue' };
    await connection.send(requestHead(`POST ${recordsPath(topic)}`, head));
    expect(await connection.answer()).toMatchObject({ status });
    connection.abort();
  });

  test('works where the framework answers', async () => {
    const connection = await RawConnection.open(gateway.url);
    const body = JSON.stringify({ name: `t-${Date.now()}` });
    await connection.send(
      requestHead('POST /v1/topics', {
        ...JSON_TYPE,
        'Content-Length': String(body.length),
        Expect: '100-continue',
      }),
    );
    await connection.until('100 Continue\r\n\r\n');
    await connection.send(body);
    expect(await connection.answer()).toMatchObject({ status: 201 });
    connection.abort();
  });

  test('of anything else is refused', async () => {
    const connection = await RawConnection.open(gateway.url);
    await connection.request('GET /v1/topics', { Expect: 'a-miracle' });
    expect(await connection.answer()).toMatchObject({ status: 417 });
    connection.abort();
  });
});

describe('a body', () => {
  test('that is announced too large is refused unread, and the client can read why', async () => {
    const topic = await gateway.topic();
    const connection = await RawConnection.open(gateway.url);
    const headers = { ...JSON_TYPE, 'Content-Length': String(10 * LIMIT_BYTES) };
    await connection.send(requestHead(`POST ${recordsPath(topic)}`, headers));
    await connection.send('x'.repeat(LIMIT_BYTES / 2));
    const answer = await connection.answer();
    expect(answer).toMatchObject({ status: 413, headers: { connection: 'close' } });
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'REQUEST_TOO_LARGE', outcome: 'failed' });
    connection.abort();
    await gateway.untilIdle();
  });

  test('that turns out too large is refused as it comes', async () => {
    const topic = await gateway.topic();
    const connection = await RawConnection.open(gateway.url);
    const headers = { ...JSON_TYPE, 'Transfer-Encoding': 'chunked' };
    await connection.send(requestHead(`POST ${recordsPath(topic)}`, headers));
    const piece = 'x'.repeat(0x40000);
    const sent = Array.from({ length: 5 }, () => connection.send(`40000\r\n${piece}\r\n`));
    expect(await connection.answer()).toMatchObject({ status: 413 });
    await Promise.all(sent);
    connection.abort();
    await gateway.untilIdle();
  });

  test('that stops coming ends with 408, and nothing was written', async () => {
    const topic = await gateway.topic();
    for (const target of [recordsPath(topic), '/v1/topics']) {
      const connection = await RawConnection.open(gateway.url);
      await connection.send(
        requestHead(`POST ${target}`, { ...JSON_TYPE, 'Content-Length': '100' }),
      );
      await connection.send('{"value":');
      const answer = await connection.answer();
      expect(answer).toMatchObject({ status: 408 });
      expect(JSON.parse(answer.body)).toMatchObject({
        code: 'REQUEST_TIMED_OUT',
        outcome: 'failed',
      });
      await connection.closed();
    }
    await gateway.untilIdle();
    expect(await gateway.values(topic)).toEqual([]);
  });

  test('finds the memory for bodies used up, and is told when to come back', async () => {
    const topic = await gateway.topic();
    const open = async (): Promise<RawConnection> => {
      const connection = await RawConnection.open(gateway.url);
      const length = String(LIMIT_BYTES);
      const head = { 'Content-Type': 'text/plain', 'Content-Length': length };
      await connection.send(requestHead(`POST ${recordsPath(topic)}`, head));
      await connection.send('x'.repeat(LIMIT_BYTES - 1));
      return connection;
    };
    const first = await open();
    await expect
      .poll(() => gateway.metric('sluice_http_request_memory_used_bytes'))
      .toBeGreaterThanOrEqual(LIMIT_BYTES - 1);
    const second = await open();
    const answer = await second.answer();
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'BUFFER_EXHAUSTED', retriable: true });
    await first.send('x');
    expect(await first.answer()).toMatchObject({ status: 200 });
    first.abort();
    second.abort();
    await gateway.untilIdle();
  });

  test('finds the memory used up within a line, and is told so in the last line', async () => {
    const topic = await gateway.topic();
    const length = { 'Content-Length': String(LIMIT_BYTES) };
    const open = async (type: string): Promise<RawConnection> => {
      const connection = await RawConnection.open(gateway.url);
      const head = { 'Content-Type': type, ...length };
      await connection.send(requestHead(`POST ${recordsPath(topic)}`, head));
      return connection;
    };
    const first = await open('text/plain');
    await first.send('x'.repeat(LIMIT_BYTES - 1));
    await expect
      .poll(() => gateway.metric('sluice_http_request_memory_used_bytes'))
      .toBeGreaterThanOrEqual(LIMIT_BYTES - 1);
    const lines = await open('application/x-ndjson');
    await lines.send(`${RECORD}\n{"value":"${'x'.repeat(600_000)}`);
    const { status, body } = await lines.answer();
    expect(status).toBe(200);
    const [record, last] = body.trim().split('\n');
    expect(JSON.parse(record ?? '')).toMatchObject({ offset: 0 });
    expect(JSON.parse(last ?? '')).toMatchObject({ error: { code: 'BUFFER_EXHAUSTED' } });
    first.abort();
    lines.abort();
    await gateway.untilIdle();
    expect(await gateway.values(topic)).toEqual(['v']);
  });

  test('that breaks off is forgotten', async () => {
    const topic = await gateway.topic();
    const connection = await RawConnection.open(gateway.url);
    const head = { ...JSON_TYPE, 'Content-Length': '1000' };
    await connection.send(requestHead(`POST ${recordsPath(topic)}`, head));
    await connection.send('{"value":"');
    connection.abort();
    await gateway.untilIdle();
    expect(await gateway.values(topic)).toEqual([]);
  });
});

describe('a long poll', () => {
  test('is woken by the append', async () => {
    const topic = await gateway.topic();
    const connection = await RawConnection.open(gateway.url);
    await connection.request(`GET ${fetchPath(topic, '?waitMs=60000')}`);
    await gateway.untilMetric('sluice_http_long_polls', 1);
    await supertest(gateway.url).post(recordsPath(topic)).send({ value: 'now' }).expect(200);
    expect((await connection.answer()).body).toContain('"value":"now"');
    connection.abort();
  });

  test('is freed at once when the client goes away', async () => {
    const topic = await gateway.topic();
    const connections = await Promise.all(
      Array.from({ length: 20 }, () => RawConnection.open(gateway.url)),
    );
    for (const connection of connections) {
      await connection.request(`GET ${fetchPath(topic, '?waitMs=60000')}`);
    }
    await gateway.untilMetric('sluice_http_long_polls', 20);
    for (const connection of connections) connection.abort();
    await gateway.untilIdle();
  });

  test('is answered at once when the client closes its side', async () => {
    const topic = await gateway.topic();
    const connection = await RawConnection.open(gateway.url);
    await connection.request(`GET ${fetchPath(topic, '?waitMs=60000')}`);
    await gateway.untilMetric('sluice_http_long_polls', 1);
    connection.endSending();
    expect((await connection.answer()).body).toContain('"records":[]');
    await connection.closed();
    await gateway.untilIdle();
  });
});

describe('a connection', () => {
  test('whose client closes its side after a request gets the answer', async () => {
    const topic = await gateway.topic();
    const connection = await RawConnection.open(gateway.url);
    await connection.request(`POST ${recordsPath(topic)}`, JSON_TYPE, RECORD);
    connection.endSending();
    expect(await connection.answer()).toMatchObject({ status: 200 });
    await connection.closed();
  });

  test('answers pipelined requests in order', async () => {
    const topic = await gateway.topic();
    const connection = await RawConnection.open(gateway.url);
    await connection.request(`GET ${fetchPath(topic, '?waitMs=60000')}`);
    await connection.request(`POST ${recordsPath(topic)}`, JSON_TYPE, RECORD);
    await connection.request('GET /health/live');
    expect((await connection.answer()).body).toContain('"value":"v"');
    expect((await connection.answer()).body).toContain('"offset":0');
    expect(await connection.answer()).toMatchObject({ status: 200 });
    connection.abort();
  });

  test('frees all pipelined requests when it dies', async () => {
    const topic = await gateway.topic();
    const connection = await RawConnection.open(gateway.url);
    for (let round = 0; round < 5; round += 1) {
      await connection.request(`GET ${fetchPath(topic, '?waitMs=60000')}`);
    }
    await gateway.untilMetric('sluice_http_long_polls', 5);
    connection.abort();
    await gateway.untilIdle();
  });

  test('on which no HTTP comes is answered with a problem and closed', async () => {
    for (const garbage of ['hello\r\n\r\n', '\x16\x03\x01\x02\0\x01\0', 'GET / HTTP/9.9\r\n\r\n']) {
      const connection = await RawConnection.open(gateway.url);
      await connection.send(garbage);
      const answer = await connection.answer();
      expect(answer).toMatchObject({
        status: 400,
        headers: { 'content-type': 'application/problem+json', connection: 'close' },
      });
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'INVALID_REQUEST', retriable: false });
      await connection.closed();
    }
  });

  test('with a head that is too large is told so', async () => {
    const connection = await RawConnection.open(gateway.url);
    await connection.send(requestHead('GET /v1/topics', { 'X-Padding': 'x'.repeat(100_000) }));
    expect(await connection.answer()).toMatchObject({ status: 431 });
    await connection.closed();
  });

  test('over the limit takes the place of the one that has no request for longest', async () => {
    const idle = await Promise.all(
      Array.from({ length: 40 }, () => RawConnection.open(gateway.url)),
    );
    const extras: RawConnection[] = [];
    const statuses: number[] = [];
    const askOnce = async (): Promise<void> => {
      const extra = await RawConnection.open(gateway.url);
      extras.push(extra);
      await extra.request('GET /health/live');
      statuses.push((await extra.answer()).status);
    };
    // Connections that the test's HTTP client keeps open may have been idle for longer: each extra
    // one, which stays open, takes the place of one of them first.
    await until('an idle connection to be closed', async () => {
      await askOnce();
      return idle.some(({ isEnded }) => isEnded);
    });
    expect(statuses.at(-1)).toBe(200);
    for (const connection of [...idle, ...extras]) connection.abort();
    await gateway.untilIdle();
  });

  test('over the limit is refused and told so when all others have a request', async () => {
    const topic = await gateway.topic();
    const busy: RawConnection[] = [];
    for (let count = 0; count < 41; count += 1) {
      const connection = await RawConnection.open(gateway.url);
      await connection.request(`GET ${fetchPath(topic, '?waitMs=60000')}`);
      busy.push(connection);
    }
    const answers = busy.map((connection) => connection.answer());
    const first = await Promise.race(answers);
    expect(first).toMatchObject({ status: 503, headers: { connection: 'close' } });
    expect(JSON.parse(first.body)).toMatchObject({ code: 'BROKER_NOT_AVAILABLE' });
    for (const answer of answers) answer.catch(() => undefined);
    for (const connection of busy) connection.abort();
    await gateway.untilIdle();
  });

  test('may ask in absolute form', async () => {
    const topic = await gateway.topic();
    const connection = await RawConnection.open(gateway.url);
    await connection.request(`GET ${gateway.url}${fetchPath(topic)}`);
    expect(await connection.answer()).toMatchObject({ status: 200 });
    connection.abort();
  });
});
