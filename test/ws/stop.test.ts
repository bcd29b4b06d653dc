import { describe, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { RawSocket } from './raw-socket.js';
import { SocketClient } from './socket-client.js';

async function createTopic(url: string, name: string): Promise<void> {
  const response = await fetch(`${url}/v1/topics`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ name }),
  });
  expect(response.status).toBe(201);
}

describe('a gateway that stops', () => {
  test('it answers the messages it was sent, and closes every connection with 1001', async () => {
    const gateway = await GatewayProcess.start();
    try {
      await createTopic(gateway.url, 't');
      const subscriber = await SocketClient.open(gateway.url);
      await subscriber.subscribe({ subscription: 's', topic: 't' });
      const idle = await SocketClient.open(gateway.url);
      const publisher = await SocketClient.open(gateway.url);
      const ids = Array.from({ length: 500 }, (_, value) =>
        publisher.send('publish', { topic: 't', records: [{ value }] }),
      );
      await publisher.until(() => publisher.messages.length > 0);
      const stopped = gateway.stop();
      for (const client of [subscriber, idle, publisher]) {
        expect(await client.closed).toEqual({ code: 1001, reason: 'the broker stops' });
      }
      expect(await stopped).toEqual({ code: 0, signal: null });
      // The messages that it has read are answered; the others never reached it, and are not in the
      // log.
      const answered = publisher.messages.map(({ id }) => id);
      expect(answered).toEqual(ids.slice(0, answered.length));

      await gateway.start();
      const url = `${gateway.url}/v1/topics/t/partitions/0/records?limit=1000`;
      const { records } = (await (await fetch(url)).json()) as { records: unknown[] };
      const published = publisher.of('published');
      expect(records.length).toBe(published.length);
    } finally {
      await gateway.dispose();
    }
  });

  test('it does not wait long for clients that read nothing or stay open', async () => {
    const gateway = await GatewayProcess.start({ SLUICE_STOP_TIMEOUT_MS: '60000' });
    try {
      await createTopic(gateway.url, 't');
      const silent = await RawSocket.open(gateway.url);
      const frozen = await SocketClient.open(gateway.url);
      await frozen.subscribe({ subscription: 's', topic: 't' });
      frozen.socket.pause();
      const value = 'x'.repeat(100_000);
      const publisher = await SocketClient.open(gateway.url);
      for (let count = 0; count < 100; count += 1) {
        await publisher.request('publish', { topic: 't', records: [{ value }] });
      }
      expect(await gateway.stop()).toEqual({ code: 0, signal: null });
      expect(await publisher.closed).toMatchObject({ code: 1001 });
      await silent.ended;
      expect(silent.closeCode).toBe(1001);
      frozen.terminate();
    } finally {
      await gateway.dispose();
    }
  });
});
