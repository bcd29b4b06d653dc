/**
 * Properties of every answer, whichever part wrote it: framework, hot route, front, or a raw
 * connection.
 */
import supertest from 'supertest';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { useGateway } from '../data/gateway-under-test.js';
import { RawConnection, requestHead } from '../data/raw-connection.js';
import { upgradeRequest } from '../ws/raw-socket.js';

const PREFIX = '/sluice';
const gateway = useGateway({
  SLUICE_PUBLIC_URL: `http://127.0.0.1:8080${PREFIX}`,
  SLUICE_CORS_ORIGINS: 'https://app.example',
});

const RECORDS = '/v1/topics/missing/records';
const JSON_TYPE = { 'Content-Type': 'application/json' };

const REFUSED: readonly (readonly [string, string, number, string])[] = [
  ['a route that does not exist', requestHead('GET /nowhere?x=1'), 404, '/nowhere'],
  ['a method that a route does not have', requestHead('PUT /v1/topics'), 405, '/v1/topics'],
  ['a topic that does not exist', requestHead('GET /v1/topics/x'), 404, '/v1/topics/x'],
  ['a hot route', requestHead(`POST ${RECORDS}`, { 'Content-Length': '0' }), 404, RECORDS],
  ['a stream of events', requestHead('GET /v1/topics/x/events'), 404, '/v1/topics/x/events'],
  [
    'an unsupported expectation',
    requestHead('GET /v1/topics', { Expect: 'a-miracle' }),
    417,
    '/v1/topics',
  ],
  ['a path that cannot be decoded', requestHead('GET /v1/topics/%zz'), 400, '/v1/topics/%zz'],
  ['a plain request to the WebSocket', requestHead('GET /v1/ws'), 426, '/v1/ws'],
  ['an upgrade', upgradeRequest({ 'Sec-WebSocket-Protocol': 'mqtt' }), 400, '/v1/ws'],
  ['data that is not HTTP', 'nonsense\r\n\r\n', 400, '/'],
  ['CONNECT', requestHead('CONNECT example.com:443'), 405, '/'],
];

test.each(REFUSED)('%s: the problem has the path as the client sees it', async (...row) => {
  const [, request, status, path] = row;
  const connection = await RawConnection.open(gateway.url);
  await connection.send(request);
  const answer = await connection.answer();
  connection.abort();
  expect(answer).toMatchObject({ status, headers: { 'x-content-type-options': 'nosniff' } });
  expect(JSON.parse(answer.body)).toMatchObject({ instance: PREFIX + path });
});

test('the problem of a line and of a message has the path as the client sees it', async () => {
  const headers = { 'Content-Type': 'application/x-ndjson' };
  const topic = await gateway.topic();
  const path = `/v1/topics/${topic}/records`;
  const lines = await fetch(gateway.url + path, { method: 'POST', headers, body: '{}\n' });
  const line = JSON.parse(await lines.text()) as { error: { instance: string } };
  expect(line.error.instance).toBe(PREFIX + path);
  const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/v1/ws`, 'sluice.v1');
  const message = await new Promise<string>((resolve) => {
    socket.on('open', () => socket.send('nonsense'));
    socket.on('message', (bytes: Buffer) => resolve(bytes.toString()));
  });
  socket.close();
  expect(JSON.parse(message)).toMatchObject({ data: { instance: `${PREFIX}/v1/ws` } });
});

test('answers without a body forbid browsers to guess a type, like all others', async () => {
  const topic = await gateway.topic();
  const api = supertest(gateway.url);
  const path = `/v1/topics/${topic}/records`;
  const answers = [
    await api.post(`${path}?acks=0`).set(JSON_TYPE).send({ value: 1 }).expect(202),
    await api.get(`/v1/topics/${topic}/partitions/0/records?format=raw&limit=1&offset=latest`),
    await api
      .options('/v1/topics')
      .set('Origin', 'https://app.example')
      .set('Access-Control-Request-Method', 'POST'),
    await api.get('/').set('Accept', 'text/html').redirects(0),
    await api.head('/v1/topics'),
    await api.delete(`/v1/topics/${topic}`),
  ];
  expect(answers.map(({ status }) => status)).toEqual([202, 204, 204, 302, 200, 204]);
  for (const { headers, status } of answers) {
    expect([status, headers['x-content-type-options']]).toEqual([status, 'nosniff']);
  }
});

test('an operation of the API refuses unknown query parameters', async () => {
  const topic = await gateway.topic();
  const api = supertest(gateway.url);
  for (const path of ['/v1/cluster', `/v1/topics/${topic}`]) {
    const { status, body } = await api.get(`${path}?x=1&y=2`);
    expect([status, body.errors]).toEqual([
      400,
      [
        { pointer: '?x', detail: 'is not known here' },
        { pointer: '?y', detail: 'is not known here' },
      ],
    ]);
  }
  await api.delete(`/v1/topics/${topic}?force=true`).expect(400);
  await api.get(`/v1/topics/${topic}`).expect(200);
});

test.each([
  '/metrics',
  '/health/live',
  '/health/ready',
  '/openapi.json',
  '/asyncapi.json',
  '/docs',
])('%s ignores query parameters, which scrapers and caches add', async (path) => {
  await supertest(gateway.url).get(`${path}?collect[]=x`).redirects(0).expect(200);
});
