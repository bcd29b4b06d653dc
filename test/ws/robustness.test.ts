import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { useGateway } from '../data/gateway-under-test.js';
import { maskedFrame, RawSocket } from './raw-socket.js';
import { SocketClient } from './socket-client.js';

const OPCODE_CONTINUATION = 0;
const OPCODE_BINARY = 2;
const OPCODE_PING = 9;
const OPCODE_PONG = 10;

const gateway = useGateway({
  SLUICE_REQUEST_BYTES_MAX: '1048576',
  SLUICE_REQUEST_MEMORY_BYTES: '4194304',
  SLUICE_SUBSCRIPTIONS_PER_SOCKET_MAX: '10000',
  SLUICE_SOCKET_BUFFER_BYTES: '16384',
});

let topic = '';
const ends: (() => void)[] = [];

async function connected(): Promise<SocketClient> {
  const client = await SocketClient.open(gateway.url);
  ends.push(() => client.terminate());
  return client;
}

async function rawConnected(): Promise<RawSocket> {
  const socket = await RawSocket.open(gateway.url);
  ends.push(() => socket.destroy());
  return socket;
}

beforeAll(async () => {
  topic = await gateway.topic();
});

/** Every connection must release everything that it held. */
afterEach(async () => {
  for (const end of ends.splice(0)) end();
  await gateway.untilMetric('sluice_websocket_connections', 0);
  await gateway.untilMetric('sluice_delivery_subscriptions', 0);
  await gateway.untilMetric('sluice_delivery_cursors', 0);
  await gateway.untilMetric('sluice_http_request_memory_used_bytes', 0);
});

describe('malformed messages', () => {
  test.each([
    ['not JSON', 'hello', ''],
    ['not an object', '[1]', ''],
    ['empty', '', ''],
    ['without event', '{"id":"x","data":{}}', '/event'],
    ['an unknown event', '{"id":"x","event":"shout"}', '/event'],
    ['an event of another type', '{"id":"x","event":7}', '/event'],
    ['an inherited name as event', '{"id":"x","event":"constructor"}', '/event'],
    ['an unknown member', '{"id":"x","event":"ping","to":1}', '/to'],
    ['a repeated member', '{"id":"x","event":"ping","event":"ping"}', '/event'],
    ['an invalid id', '{"id":{},"event":"ping"}', '/id'],
    ['data that is not an object', '{"id":"x","event":"ping","data":[]}', '/data'],
    ['data of an event without data', '{"id":"x","event":"ping","data":{"a":1}}', '/data/a'],
    ['data of a wrong type', '{"id":"x","event":"credit","data":{"subscription":1}}', ''],
    ['an inherited name in data', '{"id":"x","event":"seek","data":{"__proto__":{}}}', ''],
    ['two values', '{"event":"ping"}{}', ''],
  ])('%s: an error, and the connection stays open', async (_, text, pointer) => {
    const client = await connected();
    client.sendRaw(text);
    await client.until(() => client.messages.length > 0);
    const [answer] = client.messages;
    expect(answer).toMatchObject({ event: 'error', data: { code: 'INVALID_REQUEST' } });
    if (pointer !== '') expect(answer?.data.errors?.[0]?.pointer).toBe(pointer);
    expect(answer?.id).toBe(text.includes('"id":"x",') ? 'x' : undefined);
    expect(await client.request('ping')).toMatchObject({ event: 'pong' });
  });

  test.each([
    [
      'a large message that ends early',
      `{"event":"publish","data":{"topic":"${'x'.repeat(600_000)}`,
    ],
    [
      'a large message that is not a publish',
      `{"event":"ping","data":{"a":"${'x'.repeat(600_000)}"}}`,
    ],
  ])('%s: an error, and the connection stays', async (_, text) => {
    const client = await connected();
    client.sendRaw(text);
    await client.until(() => client.messages.length > 0);
    expect(client.messages[0]).toMatchObject({ event: 'error', data: { code: 'INVALID_REQUEST' } });
    expect(await client.request('ping')).toMatchObject({ event: 'pong' });
  });

  test('a binary message: an error, and the connection stays open', async () => {
    const client = await connected();
    client.sendRaw(Buffer.from('{"event":"ping","id":1}'));
    await client.until(() => client.messages.length > 0);
    expect(client.messages[0]).toMatchObject({ event: 'error', data: { outcome: 'failed' } });
    expect(await client.request('ping')).toMatchObject({ event: 'pong' });
  });
});

describe('frames', () => {
  test('a message in many fragments, with pings between them, is one message', async () => {
    const socket = await rawConnected();
    const text = JSON.stringify({
      event: 'publish',
      id: 1,
      data: { topic, records: [{ value: 1 }] },
    });
    for (let index = 0; index < text.length; index += 1) {
      const opcode = index === 0 ? 1 : OPCODE_CONTINUATION;
      socket.sendText(text.charAt(index), { fin: index === text.length - 1, opcode });
      if (index % 10 === 0) socket.sendText('are you there', { opcode: OPCODE_PING });
    }
    await socket.until(() => socket.texts().length > 0);
    expect(JSON.parse(socket.texts()[0] ?? '')).toMatchObject({ event: 'published', id: 1 });
    expect(socket.count(OPCODE_PONG)).toBe(Math.ceil(text.length / 10));
  });

  test.each([
    ['a message that is too large', () => maskedFrame(Buffer.alloc(1_048_577, 'x')), 1009],
    ['a frame that is not masked', () => Buffer.from([0x81, 2, 0x7b, 0x7d]), 1002],
    ['reserved bits', () => Buffer.from([0xf1, 0x80, 0, 0, 0, 0]), 1002],
    ['a continuation of nothing', () => maskedFrame(Buffer.from('x'), { opcode: 0 }), 1002],
    ['text that is not UTF-8', () => maskedFrame(Buffer.from([0xc3, 0x28])), 1007],
    [
      'a binary message that is too large',
      () => maskedFrame(Buffer.alloc(1_048_577), { opcode: OPCODE_BINARY }),
      1009,
    ],
  ])('%s ends the connection with its code', async (_, frame, code) => {
    const socket = await rawConnected();
    socket.tcp.write(frame());
    await socket.until(() => socket.closeCode !== undefined);
    expect(socket.closeCode).toBe(code);
  });

  test('a client that reads nothing gets an answer to its last ping only', async () => {
    const large = await gateway.topic();
    const client = await connected();
    const records = [{ value: 'x'.repeat(900_000) }];
    for (let count = 0; count < 20; count += 1) {
      await client.request('publish', { topic: large, records });
    }
    const socket = await rawConnected();
    socket.tcp.pause();
    const data = { subscription: 's', topic: large, from: 'earliest' };
    socket.sendText(JSON.stringify({ event: 'subscribe', data }));
    // The system accepts no more of the records for the client.
    await expect
      .poll(() => gateway.metric('sluice_websocket_pending_bytes'))
      .toBeGreaterThan(16_384);
    socket.tcp.write(Buffer.concat(Array.from({ length: 10_000 }, () => pingFrame())));
    socket.sendText('{"event":"ping","id":1}');
    // The message has arrived, and with it all pings: there is no room for its answer.
    await gateway.untilMetric('sluice_websocket_paused_connections', 1);
    socket.tcp.resume();
    await socket.until(() => socket.received.includes('"pong"'));
    expect(socket.count(OPCODE_PONG)).toBe(1);
  });

  test('a flood of pings is answered as fast as it is read', async () => {
    const socket = await rawConnected();
    for (let sent = 0; sent < 5000; sent += 1) socket.tcp.write(pingFrame());
    socket.sendText('{"event":"ping","id":1}');
    await socket.until(() => socket.texts().length > 0);
    expect(socket.count(OPCODE_PONG)).toBeGreaterThan(0);
  });
});

describe('clients that disconnect without a close frame', () => {
  test('a client that closes its side and one that resets hold nothing', async () => {
    const ways = [
      (socket: RawSocket) => socket.tcp.end(),
      (socket: RawSocket) => socket.tcp.resetAndDestroy(),
      (socket: RawSocket) => socket.destroy(),
      // One stops within a frame, one within a fragmented message.
      (socket: RawSocket) => {
        socket.tcp.write(maskedFrame(Buffer.from('{"event":"ping"}')).subarray(0, 9));
        socket.tcp.end();
      },
      (socket: RawSocket) => {
        socket.sendText('{"event":', { fin: false });
        socket.tcp.end();
      },
    ];
    for (const end of ways) {
      const socket = await rawConnected();
      const data = { subscription: 's', topic, from: 'earliest' };
      socket.sendText(JSON.stringify({ event: 'subscribe', data }));
      socket.sendText(
        JSON.stringify({ event: 'publish', data: { topic, records: [{ value: 1 }] } }),
      );
      await socket.until(() => socket.texts().length > 0);
      end(socket);
      await socket.ended;
    }
  });

  test('a client that disconnects while its messages wait, and while it subscribes', async () => {
    for (let round = 0; round < 20; round += 1) {
      const socket = await rawConnected();
      for (let each = 0; each < 50; each += 1) {
        const data = { subscription: `s${each}`, topic, from: 'earliest' };
        socket.sendText(JSON.stringify({ event: 'subscribe', data }));
      }
      if (round % 2 === 0) await socket.until(() => socket.texts().length > round);
      socket.tcp.resetAndDestroy();
      await socket.ended;
    }
  });
});

describe('floods', () => {
  test('10,000 subscriptions on one connection are served, and one more is refused', async () => {
    const client = await connected();
    const ids: number[] = [];
    for (let number = 0; number <= 10_000; number += 1) {
      const data = { subscription: `s${number}`, topic };
      ids.push(client.send('subscribe', data));
    }
    await client.answer(ids.at(-1) ?? 0);
    expect(client.of('subscribed')).toHaveLength(10_000);
    expect(client.of('error').map(({ data }) => data.code)).toEqual(['POLICY_VIOLATION']);
    expect(await gateway.metric('sluice_delivery_subscriptions')).toBe(10_000);
    await client.request('publish', { topic, records: [{ value: 'to all' }] });
    await client.until(() => client.of('records').length === 10_000);
    const names = new Set(client.of('records').map(({ data }) => data.subscription));
    expect(names.size).toBe(10_000);
  });

  test('a flood of small messages from a client that does not read is paused', async () => {
    const socket = await rawConnected();
    socket.tcp.pause();
    const junk = Buffer.concat(Array.from({ length: 10_000 }, () => maskedFrame(Buffer.from('x'))));
    while (socket.tcp.write(junk)) await turn();
    await gateway.untilMetric('sluice_websocket_paused_connections', 1);
    expect(await gateway.metric('sluice_http_request_memory_used_bytes')).toBeLessThan(4_194_304);
    expect(await gateway.metric('sluice_websocket_connections')).toBe(1);
    // It continues to read, and everything is answered.
    socket.tcp.resume();
    await socket.until(() => socket.texts().length >= 10_000);
  });

  test('unfinished messages use up the memory: the last client must retry later', async () => {
    const part = maskedFrame(Buffer.alloc(1_000_000, 'x')).subarray(0, 900_000);
    const sockets: RawSocket[] = [];
    for (let count = 0; count < 6; count += 1) {
      const socket = await rawConnected();
      socket.tcp.write(part);
      sockets.push(socket);
    }
    await Promise.race(sockets.map((socket) => socket.until(() => socket.closeCode !== undefined)));
    expect(sockets.map((socket) => socket.closeCode)).toContain(1013);
  });
});

function pingFrame(): Buffer {
  return maskedFrame(Buffer.from('0123456789'.repeat(12)), { opcode: OPCODE_PING });
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
