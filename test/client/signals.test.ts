import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import type { Consumer, Queue, Sluice } from '#client';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';
import { clientOf, firstOf, TRANSPORTS, type TransportUnderTest } from './client-under-test.js';

const REASON = new Error('enough');

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start();
});

afterAll(() => gateway.dispose());

/** A client, and a topic without records. */
async function open(transport: TransportUnderTest, topic: string): Promise<Sluice> {
  const client = clientOf(gateway.url, transport);
  onTestFinished(() => client.close());
  await client.admin.createTopic({ name: topic, partitions: 1 });
  return client;
}

function membersOf(client: Sluice, group: string): Promise<number> {
  return client.admin.describeGroup({ group }).then(({ members }) => members.length);
}

describe.each(TRANSPORTS)('over %s', (transport) => {
  describe.each(['consumer', 'queue'] as const)('the signal of a %s', (kind) => {
    const name = (text: string): string => `${text}-${kind}-${transport}`;
    const openMember = (client: Sluice, topic: string, signal: AbortSignal): Consumer | Queue => {
      const options = { group: topic, topics: [topic], signal };
      return kind === 'queue' ? client.queue(options) : client.consumer(options);
    };

    test('ends its loop with the reason, and the membership', async () => {
      const topic = name('loop');
      const client = await open(transport, topic);
      const stop = new AbortController();
      const member = openMember(client, topic, stop.signal);
      const read = firstOf(member as AsyncIterable<unknown>, 1);
      await until('it has joined', async () => (await membersOf(client, topic)) === 1);
      stop.abort(REASON);
      await expect(read).rejects.toBe(REASON);
      await until('it has left', async () => (await membersOf(client, topic)) === 0);
      const closed = expect.objectContaining({ code: 'ILLEGAL_STATE' });
      expect(() => member[Symbol.asyncIterator]()).toThrow(closed);
    });

    test('ends `run` with the reason', async () => {
      const topic = name('run');
      const client = await open(transport, topic);
      const stop = new AbortController();
      const member = openMember(client, topic, stop.signal);
      const run = member.run(() => undefined);
      await until('it has joined', async () => (await membersOf(client, topic)) === 1);
      stop.abort(REASON);
      await expect(run).rejects.toBe(REASON);
    });
  });

  test('calls that wait reject with the reason of their signals', async () => {
    const topic = `calls-${transport}`;
    const client = await open(transport, topic);
    const producer = client.producer({ lingerMs: 60_000 });
    const sent = producer.send({ topic, value: 1 });
    const signal = AbortSignal.abort(REASON);
    await expect(producer.flush({ signal })).rejects.toBe(REASON);
    await sent;
    const member = { group: topic, topics: [topic], autoOffsetReset: 'earliest' } as const;
    const consumer = client.consumer(member);
    const [batch] = await firstOf(consumer, 1);
    await expect(batch?.commit({ signal })).rejects.toBe(REASON);
    const place = { topic, partition: 0, offset: 0 };
    await expect(consumer.seek(place, { signal })).rejects.toBe(REASON);
    await expect(consumer.commit([place], { signal })).rejects.toBe(REASON);
    await expect(client.admin.listTopics({}, { signal })).rejects.toBe(REASON);
  });

  test('calls of a job reject with the reason of their signals', async () => {
    const topic = `job-${transport}`;
    const client = await open(transport, topic);
    const queue = client.queue({ group: topic, topics: [topic], autoOffsetReset: 'earliest' });
    await client.producer().send({ topic, value: 1 });
    const [job] = await firstOf(queue, 1);
    const signal = AbortSignal.abort(REASON);
    await expect(job?.extend({ signal })).rejects.toBe(REASON);
    await expect(job?.nack({ delayMs: 1, signal })).rejects.toBe(REASON);
    await expect(job?.reject('no', { signal })).rejects.toBe(REASON);
    await expect(job?.ack({ signal })).rejects.toBe(REASON);
    expect(() => job?.ack({ signals: signal } as object)).toThrow('of ack; it has signal');
  });
});

test.each(['consumer', 'queue'] as const)(
  'a %s over HTTP that is closed while it joins leaves its group',
  async (kind) => {
    const topic = `joining-${kind}`;
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const late = clientOf(gateway.url, 'http', {
      fetch: async (input, init) => {
        const response = await globalThis.fetch(input, init);
        const isJoin = init?.method === 'POST' && response.url.endsWith('/members');
        if (isJoin) await Promise.race([released, abortedBy(init.signal)]);
        return response;
      },
    });
    onTestFinished(() => late.close());
    const client = await open('http', topic);
    const options = { group: topic, topics: [topic] };
    const member = kind === 'queue' ? late.queue(options) : late.consumer(options);
    await until('it has joined', async () => (await membersOf(client, topic)) === 1);
    const closing = member.close();
    release();
    await closing;
    expect(await membersOf(client, topic)).toBe(0);
  },
);

test('a member that is closed before it hears that it has joined leaves its group', async () => {
  /** A socket that hears nothing. */
  class DeafSocket extends WebSocket {
    override emit(event: string | symbol, ...parameters: readonly unknown[]): boolean {
      return event === 'message' || super.emit(event, ...parameters);
    }
  }
  const topic = 'unheard';
  const client = await open('http', topic);
  const deaf = clientOf(gateway.url, 'websocket', { WebSocket: DeafSocket });
  onTestFinished(() => deaf.close());
  const consumer = deaf.consumer({ group: topic, topics: [topic] });
  await until('it has joined', async () => (await membersOf(client, topic)) === 1);
  await consumer.close();
  expect(await membersOf(client, topic)).toBe(0);
});

/** Rejects when the signal is aborted. */
function abortedBy(signal: AbortSignal | null | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error));
  });
}
