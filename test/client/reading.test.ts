import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Sluice } from '#client';
import { SluiceError, serdes } from '#client';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';
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

/** Creates a topic and writes values 0, 1, ... to each of its partitions. */
async function topicWith(
  client: Sluice,
  name: string,
  { partitions = 1, records = 0 } = {},
): Promise<void> {
  await client.admin.createTopic({ name, partitions });
  for (let partition = 0; partition < partitions; partition += 1)
    await append(client, name, partition, records);
}

async function append(
  client: Sluice,
  topic: string,
  partition: number,
  count: number,
): Promise<void> {
  if (count === 0) return;
  const records = Array.from({ length: count }, (_, value) => ({
    value: { n: value },
    key: `k${value}`,
  }));
  await client.admin.produce({ topic, partition, records });
}

describe.each(TRANSPORTS)('over %s', (transport) => {
  const name = (text: string): string => `${text}-${transport}`;

  test('a subscription reads from the begin, and resumes at its position', async () => {
    const client = open(transport);
    const topic = name('resume');
    await topicWith(client, topic, { records: 10 });
    const first = client.subscribe(topic, { from: 'earliest' });
    expect(await first.ready).toMatchObject([{ topic, partition: 0, offset: 0 }]);
    const read = await firstOf(first, 4);
    expect(read.map(({ value }) => value)).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }, { n: 3 }]);
    expect(read[1]).toMatchObject({ topic, partition: 0, offset: 1, key: 'k1', headers: [] });
    const saved = JSON.parse(JSON.stringify(first.position)) as typeof first.position;
    expect(saved).toMatchObject({ offsets: [{ offset: 4, leaderEpoch: 0 }] });
    await first.close();
    const second = client.subscribe(topic, { from: saved });
    const rest = await firstOf(second, 6);
    expect(rest.map(({ offset }) => offset)).toEqual([4, 5, 6, 7, 8, 9]);
  });

  test('a position of a topic that was deleted does not resume one of the same name', async () => {
    const client = open(transport);
    const topic = name('again');
    await topicWith(client, topic, { records: 3 });
    const first = client.subscribe(topic, { from: 'earliest' });
    await firstOf(first, 2);
    const saved = JSON.parse(JSON.stringify(first.position)) as typeof first.position;
    await first.close();
    await client.admin.deleteTopic({ topic });
    await topicWith(client, topic, { records: 5 });
    const resumed = client.subscribe(topic, { from: saved });
    await expect(firstOf(resumed, 1)).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
    const { topicIds, ...withoutTopic } = saved;
    expect(topicIds).toEqual({ [topic]: expect.any(String) });
    const [record] = await firstOf(client.subscribe(topic, { from: withoutTopic }), 1);
    expect(record).toMatchObject({ offset: 2 });
  });

  test('a subscription to the latest records begins at the call, and may be left', async () => {
    const client = open(transport);
    const topic = name('latest');
    await topicWith(client, topic, { partitions: 2, records: 3 });
    const subscription = client.subscribe([topic]);
    expect(await subscription.ready).toHaveLength(2);
    await append(client, topic, 1, 2);
    expect(await firstOf(subscription, 1)).toMatchObject([{ partition: 1, offset: 3 }]);
    expect(await firstOf(subscription, 1)).toMatchObject([{ partition: 1, offset: 4 }]);
  });

  test('a missing topic fails at once, and an aborted signal rejects with its reason', async () => {
    const client = open(transport);
    const missing = client.subscribe(name('missing'));
    await expect(missing.ready).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      status: 404,
    });
    await expect(firstOf(missing, 1)).rejects.toBeInstanceOf(SluiceError);
    await topicWith(client, name('abort'));
    const controller = new AbortController();
    const subscription = client.subscribe(name('abort'), { signal: controller.signal });
    const read = firstOf(subscription, 1);
    controller.abort(new Error('enough'));
    await expect(read).rejects.toThrow('enough');
  });

  test('a member reads batches, commits them, and the next member continues there', async () => {
    const client = open(transport);
    const topic = name('group');
    await topicWith(client, topic, { partitions: 2, records: 5 });
    const assigned: unknown[] = [];
    const options = {
      group: name('readers'),
      topics: [topic],
      autoOffsetReset: 'earliest',
      autoCommit: false,
    } as const;
    const consumer = client.consumer({
      ...options,
      onAssigned: (partitions) => void assigned.push(...partitions),
    });
    const seen = new Set<string>();
    for await (const batch of consumer) {
      for (const record of batch.records) seen.add(`${batch.partition}:${record.offset}`);
      await batch.commit();
      if (seen.size === 10) break;
    }
    expect(assigned).toHaveLength(2);
    await consumer.close();
    await append(client, topic, 0, 1);
    const next = client.consumer(options);
    const [batch] = await firstOf(next, 1);
    expect(batch).toMatchObject({ topic, partition: 0 });
    expect(batch?.records.map(({ offset }) => offset)).toEqual([5]);
    await next.close();
  });

  test('a loop commits the batches that it is done with, not the one that it leaves', async () => {
    const client = open(transport);
    const topic = name('loop');
    await topicWith(client, topic, { records: 50 });
    const group = name('loopers');
    const options = { group, topics: [topic], autoOffsetReset: 'earliest' } as const;
    const consumer = client.consumer({ ...options, maxPollRecords: 10 });
    const batches = await firstOf(consumer, 4);
    expect(batches.flatMap(({ records }) => records.map(({ offset }) => offset))).toEqual(
      Array.from({ length: 40 }, (_, offset) => offset),
    );
    await consumer.close();
    const { offsets } = await client.admin.committedOffsets({ group });
    expect(offsets).toMatchObject([{ offset: 30 }]);
  });

  test('run handles records in order, and commits what it has handled', async () => {
    const client = open(transport);
    const topic = name('run');
    await topicWith(client, topic, { partitions: 3, records: 20 });
    const group = name('runners');
    const consumer = client.consumer({ group, topics: [topic], autoOffsetReset: 'earliest' });
    const seen: number[][] = [[], [], []];
    const stop = new AbortController();
    const run = consumer.run(
      async ({ partition, offset }) => {
        await Promise.resolve();
        seen[partition]?.push(offset);
        if (seen.flat().length === 60) stop.abort(new Error('done'));
      },
      { concurrency: 8, signal: stop.signal },
    );
    await expect(run).rejects.toThrow('done');
    const inOrder = Array.from({ length: 20 }, (_, n) => n);
    expect(seen).toEqual([inOrder, inOrder, inOrder]);
    const { offsets } = await client.admin.committedOffsets({ group });
    expect(offsets.map(({ offset }) => offset)).toEqual([20, 20, 20]);
  });

  test('a handler that fails ends the run; its record is not committed', async () => {
    const client = open(transport);
    const topic = name('failing');
    await topicWith(client, topic, { records: 10 });
    const group = name('failers');
    const consumer = client.consumer({ group, topics: [topic], autoOffsetReset: 'earliest' });
    const run = consumer.run(({ offset }) => {
      if (offset === 4) throw new Error('no');
    });
    await expect(run).rejects.toThrow('no');
    const { offsets } = await client.admin.committedOffsets({ group });
    expect(offsets).toMatchObject([{ offset: 4 }]);
  });

  test('a partition that moves is revoked after its batch, and its commit counts', async () => {
    const client = open(transport);
    const topic = name('move');
    await topicWith(client, topic, { partitions: 2, records: 4 });
    const events: string[] = [];
    const options = {
      group: name('movers'),
      topics: [topic],
      autoOffsetReset: 'earliest',
    } as const;
    const first = client.consumer({
      ...options,
      autoCommit: false,
      onRevoked: async (partitions) => {
        await first.commit();
        events.push(`revoked ${partitions.length}`);
      },
    });
    const seen = { count: 0 };
    const loop = (async () => {
      for await (const batch of first) seen.count += batch.records.length;
    })();
    await until('all records', () => seen.count === 8);
    const second = client.consumer(options);
    await until('a partition moves', () => second.assignment.length === 1);
    expect(events).toEqual(['revoked 1']);
    expect(first.assignment).toHaveLength(1);
    const [moved] = second.assignment;
    await append(client, topic, moved?.partition ?? 0, 1);
    const [batch] = await firstOf(second, 1);
    expect(batch?.records.map(({ offset }) => offset)).toEqual([4]);
    await first.close();
    await loop;
  });

  test('seek, pause and resume', async () => {
    const client = open(transport);
    const topic = name('seek');
    await topicWith(client, topic, { partitions: 2, records: 6 });
    const consumer = client.consumer({
      group: name('seekers'),
      topics: [topic],
      autoOffsetReset: 'earliest',
    });
    const seen: string[] = [];
    const loop = (async () => {
      for await (const { partition, records } of consumer) {
        seen.push(...records.map(({ offset }) => `${partition}:${offset}`));
      }
    })();
    await until('all records', () => seen.length === 12);
    seen.length = 0;
    await consumer.seek({ topic, partition: 1, offset: 4 });
    await until('the records from 4 on', () => seen.length === 2);
    expect(seen).toEqual(['1:4', '1:5']);
    consumer.pause([{ topic, partition: 0 }]);
    seen.length = 0;
    await append(client, topic, 0, 1);
    await append(client, topic, 1, 1);
    await until('the record of the other partition', () => seen.length === 1);
    expect(seen).toEqual(['1:6']);
    consumer.resume([{ topic, partition: 0 }]);
    await until('the record that waited', () => seen.length === 2);
    expect(seen).toEqual(['1:6', '0:6']);
    await consumer.close();
    await loop;
  });

  test('a worker acknowledges, gives back and rejects jobs', async () => {
    const client = open(transport);
    const topic = name('jobs');
    await topicWith(client, topic, { records: 4 });
    const group = name('workers');
    const queue = client.queue({ group, topics: [topic], autoOffsetReset: 'earliest' });
    const seen: string[] = [];
    for await (const job of queue) {
      seen.push(`${job.offset}:${job.deliveryCount}`);
      if (job.offset === 1 && job.deliveryCount === 1) await job.nack();
      else if (job.offset === 2) await job.reject('not wanted');
      else await job.ack();
      if (seen.length === 5) break;
    }
    expect(seen.toSorted()).toEqual(['0:1', '1:1', '1:2', '2:1', '3:1']);
    await queue.close();
  });

  test('the reason of a nack is in the dead letter', async () => {
    const client = open(transport);
    const topic = name('reasons');
    await topicWith(client, topic, { records: 1 });
    const group = name('reasoners');
    const configs = { 'share.delivery.count.limit': 1 };
    await client.admin.alterGroupConfigs({ group, configs });
    const queue = client.queue({ group, topics: [topic], autoOffsetReset: 'earliest' });
    const [job] = await firstOf(queue, 1);
    await job?.nack({ reason: 'no disk' });
    await queue.close();
    const letter = await until('the dead letter is written', async () => {
      const fetched = client.admin.fetch({ topic: `dlq.${group}`, partition: 0, offset: 0 });
      return (await fetched.catch(() => undefined))?.records[0];
    });
    expect(letter.headers).toContainEqual({
      key: '__dlq.errors.message',
      value: 'The record was delivered once. no disk',
    });
  });

  test('a worker extends and acknowledges a job, one right after the other', async () => {
    const client = open(transport);
    const topic = name('extended');
    await topicWith(client, topic, { records: 2 });
    const group = name('extenders');
    const queue = client.queue({ group, topics: [topic], autoOffsetReset: 'earliest' });
    for (const job of await firstOf(queue, 2)) {
      await job.extend();
      await job.ack();
    }
    await queue.close();
    const { partitions } = await client.admin.describeGroup({ group });
    expect(partitions).toMatchObject([{ offset: 2 }]);
  });

  test('queue.run acknowledges what resolves, and gives back what throws', async () => {
    const client = open(transport);
    const topic = name('queue-run');
    await topicWith(client, topic, { records: 30 });
    const group = name('queue-runners');
    const queue = client.queue({ group, topics: [topic], autoOffsetReset: 'earliest' });
    const stop = new AbortController();
    const done = new Set<number>();
    const run = queue.run(
      async ({ offset, deliveryCount }) => {
        await Promise.resolve();
        if (offset === 7 && deliveryCount === 1) throw new Error('again');
        done.add(offset);
        if (done.size === 30) stop.abort(new Error('done'));
      },
      { concurrency: 8, signal: stop.signal },
    );
    await expect(run).rejects.toThrow('done');
    await queue.close();
    const description = await client.admin.describeGroup({ group });
    expect(description).toMatchObject({ mode: 'queue', members: [] });
  });
});

test.each(TRANSPORTS)(
  'deserializers get the bytes that were written, over %s',
  async (transport) => {
    const client = open(transport);
    const topic = `bytes-${transport}`;
    await client.admin.createTopic({ name: topic, partitions: 1 });
    await client.admin.produce({ topic, records: [{ key: 'é', valueBase64: 'AAAAKg==' }] });
    const consumer = client.consumer({
      group: `deserializers-${transport}`,
      topics: [topic],
      autoOffsetReset: 'earliest',
      keyDeserializer: serdes.string,
      valueDeserializer: serdes.int32,
    });
    const [batch] = await firstOf(consumer, 1);
    expect(batch?.records).toMatchObject([{ key: 'é', value: 42 }]);
    const subscription = client.subscribe(topic, {
      from: 'earliest',
      valueDeserializer: serdes.int32,
    });
    expect(await firstOf(subscription, 1)).toMatchObject([{ key: 'é', value: 42 }]);
  },
);

test.each(TRANSPORTS)(
  'one deserializer alone leaves the other field as it is, over %s',
  async (transport) => {
    const client = open(transport);
    const topic = `one-${transport}`;
    await client.admin.createTopic({ name: topic, partitions: 1 });
    const text = { key: 'k', valueBase64: Buffer.from('{"n":1}').toString('base64') };
    await client.admin.produce({ topic, records: [{ key: { id: 1 }, value: { n: 1 } }, text] });
    const upper = {
      deserialize: (_topic: string, bytes: Uint8Array) =>
        Buffer.from(bytes).toString().toUpperCase(),
    };
    const members = { topics: [topic], autoOffsetReset: 'earliest' } as const;
    const keys = client.subscribe(topic, { from: 'earliest', keyDeserializer: upper });
    const fieldsOf = (records: readonly { readonly key: unknown; readonly value: unknown }[]) =>
      records.map(({ key, value }) => [key, value]);
    expect(fieldsOf(await firstOf(keys, 2))).toEqual([
      ['{"ID":1}', { n: 1 }],
      ['K', '{"n":1}'],
    ]);
    const group = { group: `${topic}-member`, ...members, valueDeserializer: upper };
    const [batch] = await firstOf(client.consumer(group), 1);
    const queue = { group: `${topic}-queue`, ...members, valueDeserializer: upper };
    const jobs = await firstOf(client.queue(queue), 2);
    for (const records of [batch?.records ?? [], jobs]) {
      expect(fieldsOf(records)).toEqual([
        [{ id: 1 }, '{"N":1}'],
        ['k', '{"N":1}'],
      ]);
    }
  },
);

test('a subscription with deserializers over HTTP reads all partitions by one stream', async () => {
  const urls: URL[] = [];
  const client = clientOf(gateway.url, 'http', {
    fetch: (input, init) => {
      urls.push(new URL(new Request(input).url));
      return fetch(input, init);
    },
  });
  onTestFinished(() => client.close());
  await client.admin.createTopic({ name: 'streamed', partitions: 3 });
  const produced = [0, 1, 2].map((partition) => ({ partition, valueBase64: 'AAAAKg==' }));
  await client.admin.produce({ topic: 'streamed', records: produced });
  urls.length = 0;
  const options = { from: 'earliest', valueDeserializer: serdes.int32 } as const;
  const records = await firstOf(client.subscribe('streamed', options), 3);
  expect(new Map(records.map(({ partition, value }) => [partition, value]))).toEqual(
    new Map([0, 1, 2].map((partition) => [partition, 42])),
  );
  expect(urls.map(({ pathname }) => pathname)).toEqual([
    '/v1/topics/streamed',
    '/v1/topics/streamed/events',
  ]);
  expect(urls[1]?.searchParams.get('format')).toBe('base64-value');
});

test('a worker over the WebSocket joins without a request', async () => {
  const paths: string[] = [];
  const client = clientOf(gateway.url, 'websocket', {
    fetch: (input, init) => {
      paths.push(new Request(input).url);
      return fetch(input, init);
    },
  });
  onTestFinished(() => client.close());
  await topicWith(client, 'sockets', { records: 1 });
  const topics = ['sockets'];
  const queue = client.queue({ group: 'sockets', topics, autoOffsetReset: 'earliest' });
  const [job] = await firstOf(queue, 1);
  await job?.ack();
  expect(paths.filter((path) => path.endsWith('/members'))).toEqual([]);
});

test('failures of calls that nobody awaits do not end the process', async () => {
  const client = open('websocket');
  await topicWith(client, 'unawaited', { records: 1 });
  const options = { topics: ['unawaited'], autoOffsetReset: 'earliest' } as const;
  const rejections: unknown[] = [];
  const onRejection = (reason: unknown): void => void rejections.push(reason);
  process.on('unhandledRejection', onRejection);
  onTestFinished(() => void process.off('unhandledRejection', onRejection));
  void client.admin.describeTopic({ topic: 'nowhere' });
  client.subscribe('nowhere');
  client.producer().sendAndForget({ topic: 'nowhere', value: 1 });
  let calls = 0;
  const consumer = client.consumer({ group: 'unawaited', ...options });
  void consumer.run(() => {
    calls += 1;
    throw new Error('no');
  });
  await until('the handler was called', () => calls === 1);
  await expect(client.admin.describeTopic({ topic: 'nowhere' })).rejects.toThrow(SluiceError);
  expect(rejections).toEqual([]);
});

test('options that are wrong, and calls on what is closed, are refused by name', async () => {
  expect(() => clientOf('nowhere', 'http')).toThrow(/url/);
  expect(() => clientOf(gateway.url, 'carrier pigeon' as never)).toThrow(/transport/);
  const client = clientOf(gateway.url, 'http');
  expect(() => client.consumer({ topics: ['a'] } as never)).toThrow(/group/);
  expect(() => client.consumer({ group: 'g', topics: ['a'], lingerMs: 5 } as never)).toThrow(
    /lingerMs/,
  );
  const serde = {} as never;
  const member = { group: 'g', topics: ['a'], keyDeserializer: serde };
  expect(() => client.producer({ valueSerializer: serde })).toThrow(/valueSerializer/);
  expect(() => client.producer({ interceptors: 5 as never })).toThrow(/interceptors/);
  expect(() => client.subscribe('a', { valueDeserializer: serde })).toThrow(/valueDeserializer/);
  expect(() => client.consumer(member)).toThrow(/keyDeserializer/);
  expect(() => client.queue(member)).toThrow(/keyDeserializer/);
  await client.close();
  expect(() => client.subscribe('a')).toThrow(/closed/);
});
