import { afterEach, describe, expect, test } from 'vitest';
import { useGateway } from '../data/gateway-under-test.js';
import { RawSocket } from './raw-socket.js';
import { offsetsByPartition, SocketClient } from './socket-client.js';

const BUFFER_BYTES = 65_536;
const FRAME_BYTES = 16_384;
/**
 * A client that has received everything is dropped after two intervals without a pong. Clients of
 * this process must not be: on a busy machine it may be suspended for some hundred milliseconds.
 */
const PING_INTERVAL_MS = 1000;

const gateway = useGateway({
  SLUICE_SOCKET_BUFFER_BYTES: String(BUFFER_BYTES),
  SLUICE_FRAME_BYTES_MAX: String(FRAME_BYTES),
  SLUICE_SOCKET_PING_INTERVAL_MS: String(PING_INTERVAL_MS),
  SLUICE_SUBSCRIPTIONS_PER_SOCKET_MAX: '100',
});

const clients: SocketClient[] = [];

async function connected(): Promise<SocketClient> {
  const client = await SocketClient.open(gateway.url);
  clients.push(client);
  return client;
}

/** Produces records of 10 KB with rising values. */
async function produce(topic: string, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += 100) {
    const records = Array.from({ length: Math.min(100, to - at) }, (_, index) => ({
      value: [at + index, 'x'.repeat(10_000)],
    }));
    const response = await fetch(`${gateway.url}/v1/topics/${topic}/records`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ records }),
    });
    expect(response.status).toBe(200);
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

/** Resolves when no more is sent to a connection that receives nothing. */
async function untilFull(): Promise<number> {
  let before = -1;
  await expect
    .poll(async () => {
      const pendingBytes = await gateway.metric('sluice_websocket_pending_bytes');
      const isSteady = pendingBytes === before && pendingBytes >= BUFFER_BYTES;
      before = pendingBytes;
      return isSteady;
    })
    .toBe(true);
  return before;
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.terminate();
  await gateway.untilMetric('sluice_delivery_subscriptions', 0);
  await gateway.untilMetric('sluice_websocket_pending_bytes', 0);
});

describe('a client that reads nothing', () => {
  test('it uses bounded memory, slows down nobody, and gets everything later', async () => {
    const topic = await gateway.topic();
    const slow = await connected();
    const fast = await connected();
    await slow.subscribe({ subscription: 's', topic });
    await fast.subscribe({ subscription: 's', topic });
    // There are unread records before it; a client that has received everything must answer pings.
    slow.socket.once('message', () => slow.socket.pause());
    // More than the system's own buffers hold.
    await produce(topic, 0, 2000);
    expect((await fast.recordsOf('s', 2000)).map(({ offset }) => offset)).toEqual(range(0, 2000));
    expect(await untilFull()).toBeLessThan(BUFFER_BYTES + 2 * FRAME_BYTES);
    // The fast client has all records, though its cursor may only be about to become live.
    await gateway.untilMetric('sluice_delivery_live_cursors', 1);

    // Pings are sent all the time: it is not judged by them.
    const pings = await gateway.metric('sluice_websocket_dead_total');
    await produce(topic, 2000, 2100);
    await fast.recordsOf('s', 2100);
    expect(await gateway.metric('sluice_websocket_dead_total')).toBe(pings);

    slow.socket.resume();
    const records = await slow.recordsOf('s', 2100);
    expect(records.map(({ offset }) => offset)).toEqual(range(0, 2100));
    await gateway.untilMetric('sluice_delivery_live_cursors', 2);
  });

  test('it is not dropped over many ping intervals, and its connection is not cut', async () => {
    const topic = await gateway.topic();
    await produce(topic, 0, 1200);
    const slow = await connected();
    await slow.subscribe({ subscription: 's', topic, from: 'earliest' });
    slow.socket.pause();
    await untilFull();
    const other = await connected();
    // The gateway's own clock: when this many pings reached another client, this many intervals
    // have passed.
    let pings = 0;
    other.socket.on('ping', () => {
      pings += 1;
    });
    await expect.poll(() => pings).toBeGreaterThan(4);
    expect(await gateway.metric('sluice_websocket_connections')).toBe(2);
    slow.socket.resume();
    const records = await slow.recordsOf('s', 1200);
    expect(records.map(({ offset }) => offset)).toEqual(range(0, 1200));
  });

  test('all of its subscriptions continue when it reads again', async () => {
    const topic = await gateway.topic({ partitions: 2 });
    await produce(topic, 0, 300);
    const client = await connected();
    for (const number of range(0, 30)) {
      client.send('subscribe', { subscription: `s${number}`, topic, from: 'earliest' });
    }
    await client.until(() => client.of('records').length > 0);
    client.socket.pause();
    await untilFull();
    client.socket.resume();
    for (const number of range(0, 30)) {
      const byPartition = offsetsByPartition(await client.recordsOf(`s${number}`, 300));
      for (const offsets of byPartition.values()) expect(offsets).toEqual(range(0, offsets.length));
    }
    await gateway.untilMetric('sluice_delivery_live_cursors', 60);
  });

  test('its messages are still processed: once it reads, they are answered', async () => {
    const topic = await gateway.topic();
    await produce(topic, 0, 1200);
    const client = await connected();
    await client.subscribe({ subscription: 's', topic, from: 'earliest' });
    client.socket.pause();
    await untilFull();
    const id = client.send('unsubscribe', { subscription: 's' });
    client.socket.resume();
    expect(await client.answer(id)).toMatchObject({ event: 'unsubscribed' });
    const count = client.records('s').length;
    await client.request('ping');
    expect(client.records('s')).toHaveLength(count);
    expect(count).toBeLessThanOrEqual(1200);
  });
});

describe('a peer that is gone', () => {
  test('a peer that received everything and answers no pings is dropped', async () => {
    const dead = await gateway.metric('sluice_websocket_dead_total');
    const socket = await RawSocket.open(gateway.url);
    // The client reads, and answers neither messages nor pings.
    await socket.ended;
    expect(socket.closeCode).toBeUndefined();
    expect(await gateway.metric('sluice_websocket_dead_total')).toBe(dead + 1);
  });

  test('a peer that answers or sends anything is kept', async () => {
    const client = await connected();
    const silent = await SocketClient.open(gateway.url, { autoPong: false });
    clients.push(silent);
    const pings = { answered: 0, unanswered: 0 };
    client.socket.on('ping', () => {
      pings.answered += 1;
    });
    silent.socket.on('ping', () => {
      pings.unanswered += 1;
    });
    await expect
      .poll(async () => {
        await silent.request('ping');
        return pings.answered;
      })
      .toBeGreaterThan(3);
    expect(pings.unanswered).toBeGreaterThan(0);
    expect(silent.socket.readyState).toBe(silent.socket.OPEN);
    expect(client.socket.readyState).toBe(client.socket.OPEN);
  });
});
