import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { AUTH_ON } from './keys.js';

const EVIL = 'evil.example:8080';

/** Sends a request in one write, and returns the whole answer once the gateway ends it. */
async function answerTo(gateway: GatewayProcess, ...lines: string[]): Promise<string> {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  await once(socket, 'close');
  return text;
}

describe('a gateway on loopback without authentication', () => {
  let gateway: GatewayProcess;

  beforeAll(async () => {
    gateway = await GatewayProcess.start({
      SLUICE_AUTH: 'off',
      SLUICE_ALLOWED_HOSTS: 'queue.test',
    });
  });

  afterAll(() => gateway?.dispose());

  const upgrade = (host: string): Promise<string> =>
    answerTo(
      gateway,
      'GET /v1/ws HTTP/1.1',
      `Host: ${host}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol: other',
    );

  test.each([
    ['GET /v1/topics HTTP/1.1', `Host: ${EVIL}`],
    ['GET /no/such/path HTTP/1.1', `Host: ${EVIL}`],
    ['DELETE /v1/topics/orders HTTP/1.1', `Host: ${EVIL}`],
    ['GET /metrics HTTP/1.1', `Host: ${EVIL}`],
    ['GET /v1/topics HTTP/1.1', `Host: ${EVIL}`, 'Origin: http://evil.example:8080'],
    [`GET http://${EVIL}/v1/topics HTTP/1.1`, 'Host: localhost'],
  ])('a page whose name points here gets nothing by %s', async (...lines) => {
    const answer = await answerTo(gateway, ...lines, 'Connection: close');
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(answer).toContain('Content-Type: application/problem+json');
    expect(answer).toContain('SLUICE_ALLOWED_HOSTS');
  });

  test('a page whose name points here opens no WebSocket', async () => {
    expect(await upgrade(EVIL)).toMatch(
      /^HTTP\/1\.1 403 [^]*"code":"CLUSTER_AUTHORIZATION_FAILED"/,
    );
    // The next check refuses it, which comes after that of the name.
    expect(await upgrade('queue.test')).toMatch(/^HTTP\/1\.1 400 /);
  });

  test.each(['127.0.0.1', 'localhost', '[::1]:8080', 'queue.test'])(
    'a client that calls it %s is served',
    async (host) => {
      const lines = ['GET /v1/topics HTTP/1.1', `Host: ${host}`, 'Connection: close'];
      expect(await answerTo(gateway, ...lines)).toMatch(/^HTTP\/1\.1 200 /);
    },
  );
});

describe('a gateway whose callers all need a bearer', () => {
  let gateway: GatewayProcess;

  beforeAll(async () => {
    gateway = await GatewayProcess.start(AUTH_ON);
  });

  afterAll(() => gateway?.dispose());

  test('is called by any name, and refuses for lack of a credential alone', async () => {
    const lines = ['GET /v1/topics HTTP/1.1', 'Host: broker.example', 'Connection: close'];
    expect(await answerTo(gateway, ...lines)).toMatch(/^HTTP\/1\.1 401 /);
  });
});
