import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Sluice, SluiceError, serdes } from '#client';
import { GatewayProcess } from '../support/gateway.js';
import { clientOf, firstOf, TRANSPORTS, type TransportUnderTest } from './client-under-test.js';

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start();
});

afterAll(() => gateway.dispose());

function open(transport: TransportUnderTest): Sluice {
  const client = clientOf(gateway.url, transport);
  onTestFinished(() => client.close());
  return client;
}

describe.each(TRANSPORTS)('a producer over %s', (transport) => {
  const name = (text: string): string => `${text}-${transport}`;

  test('writes records in their order, and tells their positions', async () => {
    const client = open(transport);
    const topic = name('order');
    await client.admin.createTopic({ name: topic, partitions: 2 });
    const producer = client.producer({ valueSerializer: serdes.json });
    const sent = await producer.send({ topic, key: 'ada', value: { item: 'tea' }, partition: 1 });
    expect(sent).toMatchObject({ topic, partition: 1, offset: 0, timestamp: expect.any(Number) });
    const records = Array.from({ length: 500 }, (_, n) => ({ topic, value: n, partition: n % 2 }));
    const all = await producer.sendAll(records);
    expect(all.filter(({ partition }) => partition === 0).map(({ offset }) => offset)).toEqual(
      Array.from({ length: 250 }, (_, n) => n),
    );
    const read = await firstOf(client.subscribe(topic, { from: 'earliest', partitions: [1] }), 251);
    expect(read.map(({ value }) => value)).toEqual([
      { item: 'tea' },
      ...Array.from({ length: 250 }, (_, n) => 2 * n + 1),
    ]);
    expect(read[0]).toMatchObject({ key: 'ada' });
  });

  test('what is read is what was written, whatever its type is', async () => {
    const client = open(transport);
    const topic = name('types');
    await client.admin.createTopic({ name: topic });
    const producer = client.producer();
    const bytes = new Uint8Array([0, 255, 1]);
    const values = ['text', '{"a": 1}', '', { a: [1, null] }, 42, bytes, null];
    await producer.sendAll(values.map((value) => ({ topic, value, key: 'k' })));
    await producer.send({ topic, value: 1, key: bytes, headers: { a: 'x', b: bytes } });
    const read = await firstOf(client.subscribe(topic, { from: 'earliest' }), values.length + 1);
    expect(read.map(({ value }) => value)).toEqual([...values, 1]);
    expect(read.at(-1)).toMatchObject({
      key: bytes,
      headers: [
        { key: 'a', value: new TextEncoder().encode('x') },
        { key: 'b', value: bytes },
      ],
    });
  });

  test('a callback, a missing topic, and a producer that is closed', async () => {
    const client = open(transport);
    const topic = name('callback');
    await client.admin.createTopic({ name: topic });
    const producer = client.producer();
    const offset = await new Promise((resolve, reject) => {
      producer.send({ topic, value: 1 }, (error, metadata) => {
        if (error === undefined) resolve(metadata?.offset);
        else reject(error);
      });
    });
    expect(offset).toBe(0);
    const missing = producer.send({ topic: name('nowhere'), value: 1 });
    await expect(missing).rejects.toBeInstanceOf(SluiceError);
    await expect(missing).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
    producer.sendAndForget({ topic, value: 2 });
    await producer.close();
    expect(() => producer.send({ topic, value: 3 })).toThrow(/closed/);
    expect(await firstOf(client.subscribe(topic, { from: 'earliest' }), 2)).toHaveLength(2);
    expect(() => client.producer({ lingerMs: -1 })).toThrow(/lingerMs/);
  });

  test('gzip, where it is asked for, and a record without acknowledgement', async () => {
    const client = open(transport);
    const topic = name('gzip');
    await client.admin.createTopic({ name: topic });
    const packed = client.producer({ compressionType: 'gzip' });
    await packed.sendAll([1, 2, 3].map((value) => ({ topic, value })));
    const careless = client.producer({ acks: '0' });
    expect(await careless.send({ topic, value: 4 })).toMatchObject({ offset: null });
    const read = await firstOf(client.subscribe(topic, { from: 'earliest' }), 4);
    expect(read.map(({ value }) => value)).toEqual([1, 2, 3, 4]);
  });
});
