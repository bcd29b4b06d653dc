/** Requests whose head a client wrote wrongly: the answer names the mistake. */
import supertest from 'supertest';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { RawSocket } from '../ws/raw-socket.js';

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start();
  await supertest(gateway.url).post('/v1/topics').send({ name: 'orders' }).expect(201);
});

afterAll(() => gateway?.dispose());

const HOST = 'Host: 127.0.0.1\r\n';
const POST = `POST /v1/topics/orders/records HTTP/1.1\r\n${HOST}`;

test.each([
  ['two lengths', `${POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\n`, /Content-Length/],
  [
    'a length and a coding',
    `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
    /Transfer-Encoding.*Content-Length/,
  ],
  ['a chunk without size', `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, /chunk size/],
  ['a space in a name', `GET / HTTP/1.1\r\n${HOST}A B: c\r\n\r\n`, /header token/],
  ['a letter beyond ASCII', `GET /v1/topics/ä HTTP/1.1\r\n${HOST}\r\n`, /percent-encoded/],
])('a head with %s is explained', async (_, request, explanation) => {
  const socket = await RawSocket.connect(gateway.url);
  const { status, body } = await socket.ask(request);
  socket.destroy();
  expect(status).toBe(400);
  const problem = JSON.parse(body) as { code: string; detail: string };
  expect(problem.code).toBe('INVALID_REQUEST');
  expect(problem.detail).toMatch(explanation);
});

test.each(['get', 'delete'] as const)('a name of any length is looked up (%s)', async (method) => {
  const name = 'a'.repeat(12_000);
  const { status, body, headers } = await supertest(gateway.url)[method](`/v1/topics/${name}`);
  expect({ status, body }).toMatchObject({
    status: 404,
    body: {
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      detail: expect.stringContaining('There is no topic "aaa'),
    },
  });
  expect(headers['x-request-id']).toBeDefined();
});
