import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';
import { clientOf, firstOf, TRANSPORTS } from './client-under-test.js';

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start();
});

afterAll(() => gateway.dispose());

/** The URL of a server that takes connections and answers nothing. */
async function silentUrl(): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
  });
  onTestFinished(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a broker that does not answer in time is left for another one', async () => {
  const silent = await silentUrl();
  await until('the silent broker was asked first', async () => {
    const asked: string[] = [];
    const client = clientOf([silent, gateway.url], 'http', {
      requestTimeoutMs: 500,
      fetch: (input, init) => {
        asked.push(new Request(input).url);
        return globalThis.fetch(input, init);
      },
    });
    onTestFinished(() => client.close());
    expect(await client.admin.describeCluster()).toMatchObject({ brokers: [{ id: 0 }] });
    return asked[0]?.startsWith(silent);
  });
});

test.each(TRANSPORTS)(
  'readers and writers over %s begin when the gateway does',
  async (transport) => {
    const late = await GatewayProcess.start();
    onTestFinished(() => late.dispose());
    const topic = 'late';
    const client = clientOf(late.url, transport, { reconnectBackoffMaxMs: 100 });
    onTestFinished(() => client.close());
    await client.admin.createTopic({ name: topic, partitions: 1 });
    const { port } = new URL(late.url);
    await late.stop();
    const earliest = { topics: [topic], autoOffsetReset: 'earliest' } as const;
    const read = [
      firstOf(client.subscribe(topic, { from: 'earliest' }), 1),
      firstOf(client.consumer({ group: 'late-c', ...earliest }), 1),
      firstOf(client.queue({ group: 'late-q', ...earliest }), 1),
    ];
    const sent = client.producer().send({ topic, value: 1 });
    await late.start({ SLUICE_PORT: port });
    expect(await sent).toMatchObject({ topic, offset: 0 });
    for (const items of await Promise.all(read)) expect(items).toHaveLength(1);
  },
);
