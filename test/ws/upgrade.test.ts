import { afterEach, describe, expect, test } from 'vitest';
import { useGateway } from '../data/gateway-under-test.js';
import { RawSocket, upgradeRequest } from './raw-socket.js';
import { SocketClient } from './socket-client.js';

const gateway = useGateway({ SLUICE_CORS_ORIGINS: 'https://app.example.com' });

const sockets: RawSocket[] = [];

async function connected(): Promise<RawSocket> {
  const socket = await RawSocket.connect(gateway.url);
  sockets.push(socket);
  return socket;
}

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

describe('an upgrade', () => {
  test('a request with the subprotocol becomes a WebSocket', async () => {
    const socket = await connected();
    const { status, head } = await socket.ask(upgradeRequest());
    expect(status).toBe(101);
    expect(head).toMatch(/^Sec-WebSocket-Protocol: sluice\.v1$/m);
    // Compression is off by default, even if it is offered.
    expect(head).not.toMatch(/Sec-WebSocket-Extensions/i);
  });

  test('a request may offer other subprotocols as well', async () => {
    const socket = await connected();
    const request = upgradeRequest({ 'Sec-WebSocket-Protocol': 'other, sluice.v1' });
    const { status, head } = await socket.ask(request);
    expect(status).toBe(101);
    expect(head).toMatch(/^Sec-WebSocket-Protocol: sluice\.v1$/m);
  });

  test.each([
    ['no subprotocol', { 'Sec-WebSocket-Protocol': undefined }, 400, /sluice\.v1/],
    ['another subprotocol', { 'Sec-WebSocket-Protocol': 'mqtt' }, 400, /sluice\.v1.*mqtt/],
    ['a foreign Origin', { Origin: 'https://evil.example.com' }, 403, /Origin/],
    ['no Origin of a page', { Origin: 'null' }, 403, /Origin/],
    ["a Host that is not the gateway's", { Host: 'evil.example.com' }, 403, /Host/],
    ['an old version', { 'Sec-WebSocket-Version': '8' }, 426, /version 13/],
    ['an invalid key', { 'Sec-WebSocket-Key': 'short' }, 400, /Sec-WebSocket-Key/],
  ])('a request with %s is refused with a problem', async (_, changes, status, detail) => {
    const socket = await connected();
    const answer = await socket.ask(upgradeRequest(changes));
    expect(answer.status).toBe(status);
    expect(answer.head).toMatch(/^Content-Type: application\/problem\+json$/m);
    expect(JSON.parse(answer.body)).toMatchObject({
      status,
      detail: expect.stringMatching(detail),
    });
    await socket.ended;
  });

  test.each([
    ['another path', 'GET /v1/topics HTTP/1.1', 404],
    ['a path below', 'GET /v1/ws/x HTTP/1.1', 404],
    ['another method', 'POST /v1/ws HTTP/1.1', 405],
    ['an unknown query parameter', 'GET /v1/ws?group=g HTTP/1.1', 400],
    ['a credential in its query', 'GET /v1/ws?access_token=t HTTP/1.1', 400],
  ])('a request with %s is refused', async (_, line, status) => {
    const socket = await connected();
    const answer = await socket.ask(upgradeRequest({}, line));
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'INVALID_REQUEST', status });
  });

  test('a request from an allowed Origin, or from the own one, is accepted', async () => {
    for (const origin of ['https://app.example.com', gateway.url]) {
      const { host } = new URL(gateway.url);
      const socket = await connected();
      const { status } = await socket.ask(upgradeRequest({ Origin: origin, Host: host }));
      expect(status).toBe(101);
    }
  });

  test('a message that arrives with the request is read', async () => {
    const socket = await connected();
    const ping = Buffer.from('{"event":"ping","id":1}');
    const frame = Buffer.concat([Buffer.from([0x81, 0x80 | ping.length, 0, 0, 0, 0]), ping]);
    socket.tcp.write(Buffer.concat([Buffer.from(upgradeRequest()), frame]));
    await socket.until(() => socket.received.includes('"pong"'));
    expect(socket.texts()).toEqual(['{"event":"pong","id":1,"data":{}}']);
  });

  test('an upgrade after an unanswered request ends the connection', async () => {
    const topic = await gateway.topic();
    const socket = await connected();
    const wait = `GET /v1/topics/${topic}/partitions/0/records?waitMs=60000 HTTP/1.1`;
    socket.tcp.write(`${wait}\r\nHost: 127.0.0.1\r\n\r\n${upgradeRequest()}`);
    await socket.ended;
    expect(socket.received).toHaveLength(0);
    await gateway.untilIdle();
  });
});

describe('requests other than an upgrade to WebSocket', () => {
  test('a plain request for the path of the WebSocket gets an error that explains it', async () => {
    const response = await fetch(`${gateway.url}/v1/ws`);
    expect(response.status).toBe(426);
    expect(await response.json()).toMatchObject({ code: 'INVALID_REQUEST', instance: '/v1/ws' });
  });

  test('an upgrade to h2c, as Java requests it first, is served like a plain request', async () => {
    const topic = await gateway.topic();
    const socket = await connected();
    const body = '{"records":[{"value":"from java"}]}';
    const headers = {
      Connection: 'Upgrade, HTTP2-Settings',
      Upgrade: 'h2c',
      'HTTP2-Settings': 'AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA',
      'Content-Type': 'application/json',
      'Content-Length': String(body.length),
      'Sec-WebSocket-Key': undefined,
      'Sec-WebSocket-Version': undefined,
      'Sec-WebSocket-Protocol': undefined,
    };
    const request = upgradeRequest(headers, `POST /v1/topics/${topic}/records HTTP/1.1`) + body;
    for (const offset of [0, 1, 2]) {
      const answer = await socket.ask(request);
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.body)).toMatchObject({ offsets: [{ offset }] });
    }
    expect(await gateway.values(topic)).toEqual(['from java', 'from java', 'from java']);
    socket.destroy();
    await gateway.untilIdle();
  });

  test('an upgrade to h2c from a foreign Origin is refused like any other request', async () => {
    const socket = await connected();
    const headers = { Upgrade: 'h2c', Origin: 'https://evil.example.com' };
    const answer = await socket.ask(upgradeRequest(headers, 'GET /v1/topics HTTP/1.1'));
    expect(answer.status).toBe(403);
  });
});

test('connections above the limit are refused, and not counted afterwards', async () => {
  const { GatewayUnderTest } = await import('../data/gateway-under-test.js');
  const small = new GatewayUnderTest();
  await small.start({ SLUICE_CONNECTIONS_MAX: '2' });
  try {
    const first = await SocketClient.open(small.url);
    const second = await SocketClient.open(small.url);
    const third = await RawSocket.connect(small.url);
    const answer = await third.ask(upgradeRequest());
    expect(answer.status).toBe(503);
    expect(answer.head).toMatch(/^Retry-After: 1$/m);
    await third.ended;
    await first.close();
    await expect
      .poll(async () => {
        const again = await RawSocket.connect(small.url);
        const { status } = await again.ask(upgradeRequest());
        again.destroy();
        return status;
      })
      .toBe(101);
    await second.close();
  } finally {
    await small.stop();
  }
});
