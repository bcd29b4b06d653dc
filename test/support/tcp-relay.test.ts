import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { TcpRelay } from './tcp-relay.js';
import { until } from './until.js';

/** A server that echoes its input, behind a relay. */
async function echoBehindRelay(): Promise<{ relay: TcpRelay; heard: () => string }> {
  let heard = '';
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      heard += chunk.toString();
      socket.write(chunk);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const relay = await TcpRelay.start((server.address() as AddressInfo).port);
  onTestFinished(async () => {
    await relay.close();
    server.close();
  });
  return { relay, heard: () => heard };
}

class Client {
  received = '';
  error: NodeJS.ErrnoException | undefined;

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.received += chunk.toString();
    });
    socket.on('error', (error) => {
      this.error = error;
    });
  }

  static async of(relay: TcpRelay): Promise<Client> {
    const socket = connect(relay.port, '127.0.0.1');
    const client = new Client(socket);
    onTestFinished(() => void socket.destroy());
    await new Promise((resolve) => {
      socket.once('connect', resolve);
      socket.once('close', resolve);
    });
    return client;
  }

  has(text: string): Promise<unknown> {
    return until(`"${text}" to be received`, () => this.received === text);
  }
}

test('passes bytes on', async () => {
  const { relay } = await echoBehindRelay();
  const client = await Client.of(relay);
  client.socket.write('hello');
  await client.has('hello');
});

test('a cut towards the target is silent, and held bytes arrive after it', async () => {
  const { relay, heard } = await echoBehindRelay();
  const client = await Client.of(relay);
  client.socket.write('a');
  await client.has('a');
  relay.cut({ direction: 'to-target' });
  client.socket.write('b');
  await until('the relay to hold it', () => relay.heldBytes === 1);
  expect(heard()).toBe('a');
  relay.heal();
  await client.has('ab');
});

test('a cut from the target lets requests through', async () => {
  const { relay, heard } = await echoBehindRelay();
  const client = await Client.of(relay);
  relay.cut({ direction: 'from-target' });
  client.socket.write('a');
  await until('the target to hear', () => heard() === 'a');
  expect(client.received).toBe('');
  relay.heal();
  await client.has('a');
});

test('a cut of one caller does not affect others', async () => {
  const { relay, heard } = await echoBehindRelay();
  relay.cut({ caller: 1 });
  const [one, two] = [await Client.of(relay), await Client.of(relay)];
  const request = (caller: number): string => `POST / HTTP/1.1\r\nSluice-Caller: ${caller}\r\n\r\n`;
  one.socket.write(request(1));
  two.socket.write(request(2));
  await two.has(request(2));
  expect(heard()).toBe(request(2));
  relay.heal();
  await one.has(request(1));
});

test('refuse resets open and new connections', async () => {
  const { relay } = await echoBehindRelay();
  const open = await Client.of(relay);
  open.socket.write('a');
  await open.has('a');
  relay.refuse();
  await until('the reset', () => open.error?.code === 'ECONNRESET');
  const late = await Client.of(relay);
  await until('the reset', () => late.error?.code === 'ECONNRESET');
  relay.heal();
  const after = await Client.of(relay);
  after.socket.write('b');
  await after.has('b');
});

test('the end of one side ends the other', async () => {
  const { relay } = await echoBehindRelay();
  const client = await Client.of(relay);
  client.socket.end('last');
  await once(client.socket, 'close');
  expect(client.received === '' || client.received === 'last').toBe(true);
});
