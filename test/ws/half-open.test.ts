/** Clients that stop halfway: before the upgrade, after it, and at the close. */
import { afterEach, describe, expect, test } from 'vitest';
import { useGateway } from '../data/gateway-under-test.js';
import { maskedFrame, RawSocket, upgradeRequest } from './raw-socket.js';

const OPCODE_CLOSE = 8;
const OPCODE_PING = 9;
const UNKNOWN_OPCODE = 3;
const GOING_AWAY = 1001;
const PROTOCOL_ERROR = 1002;

const gateway = useGateway({
  SLUICE_HEAD_TIMEOUT_MS: '400',
  SLUICE_BODY_IDLE_TIMEOUT_MS: '400',
  SLUICE_SOCKET_CLOSE_TIMEOUT_MS: '300',
  // Two intervals without a pong end a connection, so they leave time for a busy machine.
  SLUICE_SOCKET_PING_INTERVAL_MS: '1000',
});

const sockets: RawSocket[] = [];

afterEach(async () => {
  // The gateway has released each connection, while its client continues.
  await gateway.untilMetric('sluice_websocket_connections', 0);
  for (const socket of sockets.splice(0)) socket.destroy();
});

async function connected(): Promise<RawSocket> {
  const socket = await RawSocket.connect(gateway.url, { allowHalfOpen: true });
  sockets.push(socket);
  return socket;
}

async function opened(): Promise<RawSocket> {
  const socket = await connected();
  socket.tcp.write(upgradeRequest());
  await socket.until(() => socket.received.includes('\r\n\r\n'));
  return socket;
}

describe('an upgrade', () => {
  test('a head that stops within a line gets an error, and the connection is closed', async () => {
    const socket = await connected();
    const answer = await socket.ask(upgradeRequest().slice(0, -20));
    expect(answer.status).toBe(408);
    await socket.finished;
  });

  test('a request for another protocol that stops within its body gets 408', async () => {
    const socket = await connected();
    const headers = { Upgrade: 'h2c', 'Content-Type': 'application/json', 'Content-Length': '100' };
    const answer = await socket.ask(
      `${upgradeRequest(headers, 'POST /v1/topics HTTP/1.1')}{"name":`,
    );
    expect(answer.status).toBe(408);
    await socket.finished;
  });

  test('a refused upgrade ends the connection of a client that leaves its side open', async () => {
    const refused = await gateway.metric('sluice_http_upgrades_refused_total');
    const socket = await connected();
    const answer = await socket.ask(upgradeRequest({ 'Sec-WebSocket-Protocol': 'mqtt' }));
    expect(answer.status).toBe(400);
    await socket.finished;
    await gateway.untilMetric('sluice_http_upgrades_refused_total', refused + 1);
  });

  test('a client that closes its side with the request ends, and holds nothing', async () => {
    const socket = await connected();
    socket.tcp.end(upgradeRequest());
    await socket.finished;
  });
});

describe('a WebSocket', () => {
  test('a client that closes its side without a close frame is disconnected', async () => {
    const socket = await opened();
    socket.tcp.end();
    await socket.finished;
  });

  test('a client that sends no frame at all, and no pong, is disconnected', async () => {
    const socket = await opened();
    await socket.finished;
    expect(socket.count(OPCODE_PING)).toBeGreaterThan(0);
  });

  test('a client that stops within a frame is disconnected', async () => {
    const socket = await opened();
    socket.tcp.write(maskedFrame(Buffer.alloc(100)).subarray(0, 50));
    await socket.finished;
    await gateway.untilIdle();
  });

  test('a client that does not answer a close frame is cut, and counted', async () => {
    const cut = await gateway.metric('sluice_websocket_close_timeouts_total');
    const socket = await opened();
    socket.tcp.write(maskedFrame(Buffer.alloc(0), { opcode: UNKNOWN_OPCODE }));
    await socket.until(() => socket.count(OPCODE_CLOSE) > 0);
    expect(socket.closeCode).toBe(PROTOCOL_ERROR);
    await socket.finished;
    await gateway.untilMetric('sluice_websocket_close_timeouts_total', cut + 1);
  });

  test('a client that answers the close frame and stays connected is disconnected', async () => {
    const socket = await opened();
    const code = Buffer.alloc(2);
    code.writeUInt16BE(GOING_AWAY);
    socket.tcp.write(maskedFrame(code, { opcode: OPCODE_CLOSE }));
    await socket.finished;
    expect(socket.count(OPCODE_CLOSE)).toBe(1);
  });
});
