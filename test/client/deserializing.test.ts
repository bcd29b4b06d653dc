import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Sluice, serdes } from '#client';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';
import { clientOf, firstOf, TRANSPORTS, type TransportUnderTest } from './client-under-test.js';

/** A value of JSON is a record that cannot be read: it is not a whole number of 32 bits. */
const FAULTY = { value: { faulty: true } };
/** Reads whole numbers later than others, and fails later. */
const LATER = {
  deserialize: async (topic: string, bytes: Uint8Array): Promise<number> => {
    await Promise.resolve();
    return serdes.int32.deserialize(topic, bytes);
  },
};
const KINDS = [
  ['at once', serdes.int32],
  ['later', LATER],
] as const;

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start();
});

afterAll(() => gateway.dispose());

/** A client, and a topic with the given values of 32 bits. */
async function open(
  transport: TransportUnderTest,
  topic: string,
  values: readonly (number | typeof FAULTY)[],
): Promise<Sluice> {
  const client = clientOf(gateway.url, transport);
  onTestFinished(() => client.close());
  await client.admin.createTopic({ name: topic, partitions: 1 });
  const records = values.map((value) => {
    if (typeof value !== 'number') return value;
    const bytes = serdes.int32.serialize(topic, value) ?? [];
    return { valueBase64: Buffer.from(bytes).toString('base64') };
  });
  await client.admin.produce({ topic, records });
  return client;
}

describe.each(TRANSPORTS)('over %s', (transport) => {
  describe.each(KINDS)('a deserializer that fails %s', (when, valueDeserializer) => {
    const name = (text: string): string => `${text}-${transport}-${when.replace(' ', '-')}`;
    const errorAt = (topic: string, offset: number) => ({
      code: 'SERIALIZATION_ERROR',
      problem: { topic, partition: 0, offset, field: 'value' },
    });

    test('ends the loop of a subscription, whose position is before the record', async () => {
      const topic = name('subscription');
      const client = await open(transport, topic, [0, FAULTY, 2]);
      const subscription = client.subscribe(topic, { from: 'earliest', valueDeserializer });
      const [first] = await firstOf(subscription, 1);
      expect(first?.value).toBe(0);
      const position = { topic, partition: 0, offset: 1 };
      for (let loop = 0; loop < 2; loop += 1) {
        await expect(firstOf(subscription, 1)).rejects.toMatchObject(errorAt(topic, 1));
        expect(subscription.position).toMatchObject({ offsets: [position] });
      }
      const from = { offsets: [{ ...position, offset: 2 }] };
      const [next] = await firstOf(client.subscribe(topic, { from, valueDeserializer }), 1);
      expect(next).toMatchObject({ offset: 2, value: 2 });
    });

    test('ends the loop of a consumer after the records before it; a seek continues', async () => {
      const topic = name('consumer');
      const client = await open(transport, topic, [0, 1, FAULTY, FAULTY, 4]);
      const consumer = client.consumer({
        group: topic,
        topics: [topic],
        autoOffsetReset: 'earliest',
        valueDeserializer,
      });
      const [batch] = await firstOf(consumer, 1);
      expect(batch?.records.map(({ value }) => value)).toEqual([0, 1]);
      await expect(firstOf(consumer, 1)).rejects.toMatchObject(errorAt(topic, 2));
      await consumer.seek({ topic, partition: 0, offset: 4 });
      const [rest] = await firstOf(consumer, 1);
      expect(rest?.records.map(({ value }) => value)).toEqual([4]);
    });

    test('makes a job a dead letter in the end, and `run` goes on', async () => {
      const topic = name('queue');
      const client = await open(transport, topic, [0, FAULTY, 2]);
      const queue = client.queue({
        group: topic,
        topics: [topic],
        autoOffsetReset: 'earliest',
        valueDeserializer,
      });
      const handled: number[] = [];
      const run = queue.run(({ value }) => handled.push(value));
      const letter = await until('there is a dead letter', async () => {
        const { records } = await client.admin.fetch({ topic: `dlq.${topic}`, partition: 0 });
        return records[0];
      });
      expect(letter.value).toEqual(FAULTY.value);
      const reason = letter.headers.find(({ key }) => key === '__dlq.errors.message');
      expect(reason?.value).toContain(`value of record ${topic}-0@1`);
      await until('the others were handled', () => handled.length === 2);
      expect(handled.toSorted((one, other) => one - other)).toEqual([0, 2]);
      await queue.close();
      await run;
    });

    test('ends the loop over a queue, which has given the record back', async () => {
      const topic = name('queue-loop');
      const client = await open(transport, topic, [FAULTY, 1]);
      const options = { topics: [topic], autoOffsetReset: 'earliest', prefetch: 1 } as const;
      const queue = client.queue({ group: topic, ...options, valueDeserializer });
      await expect(firstOf(queue, 1)).rejects.toMatchObject(errorAt(topic, 0));
      await queue.close();
      const [again] = await firstOf(client.queue({ group: topic, ...options }), 1);
      expect(again).toMatchObject({ offset: 0, value: FAULTY.value });
      await again?.ack();
    });
  });
});

test('failures of many deserializers that nobody awaits do not end the process', async () => {
  const rejections: unknown[] = [];
  const onRejection = (reason: unknown): void => void rejections.push(reason);
  process.on('unhandledRejection', onRejection);
  onTestFinished(() => void process.off('unhandledRejection', onRejection));
  const topic = 'many-failures';
  const client = await open('websocket', topic, [FAULTY, FAULTY, FAULTY]);
  const failing = { deserialize: () => Promise.reject(new Error('no schema')) };
  const consumer = client.consumer({
    group: topic,
    topics: [topic],
    autoOffsetReset: 'earliest',
    keyDeserializer: failing,
    valueDeserializer: failing,
  });
  await expect(firstOf(consumer, 1)).rejects.toMatchObject({ code: 'SERIALIZATION_ERROR' });
  // A rejection counts as unhandled at the end of the turn.
  await new Promise((resolve) => setImmediate(resolve));
  expect(rejections).toEqual([]);
});
