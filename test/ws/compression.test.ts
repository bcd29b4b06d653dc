import { afterEach, describe, expect, test } from 'vitest';
import { useGateway } from '../data/gateway-under-test.js';
import { RawSocket, upgradeRequest } from './raw-socket.js';
import { SocketClient } from './socket-client.js';

const gateway = useGateway({ SLUICE_SOCKET_COMPRESSION: 'on', SLUICE_FRAME_BYTES_MAX: '65536' });

const clients: SocketClient[] = [];

async function connected(options: object = {}): Promise<SocketClient> {
  const client = await SocketClient.open(gateway.url, options);
  clients.push(client);
  return client;
}

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

const WORDS = 'Compressible text, again and again. '.repeat(20);

describe('permessage-deflate', () => {
  test('it is negotiated without context from message to message', async () => {
    const socket = await RawSocket.connect(gateway.url);
    const offer = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' };
    const { head } = await socket.ask(upgradeRequest(offer));
    expect(head).toMatch(/^Sec-WebSocket-Extensions: .*server_no_context_takeover/m);
    socket.destroy();
  });

  test('a client that requests a small window is served without compression', async () => {
    const socket = await RawSocket.connect(gateway.url);
    const offer = { 'Sec-WebSocket-Extensions': 'permessage-deflate; server_max_window_bits=9' };
    const { head, status } = await socket.ask(upgradeRequest(offer));
    expect(status).toBe(101);
    expect(head).not.toMatch(/Sec-WebSocket-Extensions/);
    socket.destroy();
  });

  test('records are equal with and without it, of any size, live and old', async () => {
    const topic = await gateway.topic();
    const packed = await connected();
    const plain = await connected({ perMessageDeflate: false });
    expect([packed.socket.extensions, plain.socket.extensions]).toEqual(['permessage-deflate', '']);
    for (const client of [packed, plain]) {
      await client.subscribe({ subscription: 'live ✓', topic });
      await client.subscribe({ subscription: 'other', topic });
    }
    for (const count of [1, 3, 40, 400]) {
      const records = Array.from({ length: count }, (_, value) => ({ value: `${value} ${WORDS}` }));
      await packed.request('publish', { topic, records });
      await plain.request('publish', { topic, records: [{ value: 'a small one' }] });
    }
    await packed.subscribe({ subscription: 'late', topic, from: 'earliest' });
    const expected = await plain.recordsOf('live ✓', 448);
    for (const name of ['live ✓', 'other', 'late']) {
      expect(await packed.recordsOf(name, 448)).toEqual(expected);
    }
  });

  test('it uses a tenth of the bytes if the text allows it', async () => {
    const topic = await gateway.topic();
    const client = await connected();
    await client.subscribe({ subscription: 's', topic });
    const socket: unknown = Reflect.get(client.socket, '_socket');
    const received = (): number => (socket as { bytesRead: number }).bytesRead;
    const before = received();
    const records = Array.from({ length: 50 }, () => ({ value: WORDS }));
    await client.request('publish', { topic, records });
    await client.recordsOf('s', 50);
    const jsonBytes = JSON.stringify(client.records('s')).length;
    expect(received() - before).toBeLessThan(jsonBytes / 5);
  });
});
