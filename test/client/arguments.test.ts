import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Consumer, Sluice } from '#client';
import { GatewayProcess } from '../support/gateway.js';
import { clientOf, firstOf } from './client-under-test.js';

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start();
});

afterAll(() => gateway.dispose());

function open(): Sluice {
  const client = clientOf(gateway.url, 'websocket');
  onTestFinished(() => client.close());
  return client;
}

/** A topic with one record, and a member of a group that was given it. */
async function openConsumer(client: Sluice, topic: string): Promise<Consumer> {
  await client.admin.createTopic({ name: topic, partitions: 1 });
  await client.admin.produce({ topic, records: [{ value: 'a' }] });
  const consumer = client.consumer({
    group: topic,
    topics: [topic],
    autoOffsetReset: 'earliest',
    autoCommit: false,
  });
  await firstOf(consumer, 1);
  return consumer;
}

/** Checks that calls throw at once, each with an error that names its argument. */
function expectRefused(calls: readonly (readonly [name: string, call: () => unknown])[]): void {
  for (const [name, call] of calls) {
    const error = expect.objectContaining({ name: 'SluiceError', code: 'INVALID_CONFIG' });
    expect(call, name).toThrow(error);
    expect(call).toThrow(name);
  }
}

/** Arguments as callers in JavaScript pass them. */
const wrong = (value: unknown): never => value as never;

test('a client refuses wrong options by name', () => {
  const { url } = gateway;
  const make = (options: object) => () => clientOf(url, 'http', options);
  expectRefused([
    ['auth', make({ auth: null })],
    ['auth', make({ auth: { apiKey: 'a', token: 'b' } })],
    ['clientId', make({ clientId: 5 })],
    ['fetch', make({ fetch: 5 })],
    ['WebSocket', make({ WebSocket: 5 })],
    ['requestTimeoutMs', make({ requestTimeoutMs: 2 ** 31 })],
    ['reconnectBackoffMs', make({ reconnectBackoffMs: 0 })],
    ['constructor', make({ constructor: 5 })],
  ]);
});

test('subscribe, consumer and queue refuse wrong options by name', () => {
  const client = open();
  const group = { group: 'g', topics: ['t'] };
  expectRefused([
    ['subscribe', () => client.subscribe('t', wrong(null))],
    ['topics', () => client.subscribe(wrong([5]))],
    ['from', () => client.subscribe('t', { from: { offsets: [wrong(5)] } })],
    ['from', () => client.subscribe('t', { from: { timestamp: -1 } })],
    ['partitions', () => client.subscribe('t', { partitions: [] })],
    ['partitions', () => client.subscribe('t', { partitions: [-1] })],
    ['consumer', () => client.consumer(wrong(null))],
    ['group', () => client.consumer(wrong({ topics: ['t'] }))],
    ['topics', () => client.consumer(wrong({ group: 'g' }))],
    ['autoCommit', () => client.consumer({ ...group, autoCommit: wrong(5) })],
    ['autoCommitIntervalMs', () => client.consumer({ ...group, autoCommitIntervalMs: 2 ** 31 })],
    ['autoOffsetReset', () => client.queue({ ...group, autoOffsetReset: 'none' })],
    ['prefetch', () => client.queue({ ...group, prefetch: 0 })],
    ['signal', () => client.queue({ ...group, signal: wrong(5) })],
    ['signal', () => client.producer().flush({ signal: wrong(5) })],
    ['flush', () => client.producer().flush(wrong(null))],
    ['listener', () => client.on('status', wrong(undefined))],
  ]);
});

test('the methods of a consumer refuse wrong arguments by name', async () => {
  const topic = 'wrong-arguments';
  const consumer = await openConsumer(open(), topic);
  const offsets = [{ topic, partition: 0, offset: 1 }];
  expectRefused([
    ['partitions', () => consumer.pause(wrong(undefined))],
    ['partitions', () => consumer.pause([wrong(null)])],
    ['partitions', () => consumer.resume(wrong('all'))],
    ['position', () => consumer.seek(wrong(undefined))],
    ['position', () => consumer.seek(wrong({ topic, offset: 1 }))],
    ['signal', () => consumer.seek(offsets[0] ?? wrong(null), { signal: wrong(5) })],
    ['offsets', () => consumer.commit(wrong(null))],
    ['offsets', () => consumer.commit([wrong({ topic })])],
    ['signal', () => consumer.commit(offsets, { signal: wrong(5) })],
    ['commit', () => consumer.commit(offsets, wrong(null))],
    ['handler', () => consumer.run(wrong(undefined))],
    ['run', () => consumer.run(() => undefined, wrong(null))],
  ]);
  await consumer.commit(offsets);
});

test('the methods of a queue and of its jobs refuse wrong arguments by name', async () => {
  const client = open();
  const topic = 'wrong-settling';
  await client.admin.createTopic({ name: topic, partitions: 1 });
  await client.admin.produce({ topic, records: [{ value: 'a' }] });
  const queue = client.queue({ group: topic, topics: [topic], autoOffsetReset: 'earliest' });
  expectRefused([['handler', () => queue.run(wrong('handle'))]]);
  const [job] = await firstOf(queue, 1);
  expectRefused([
    ['nack', () => job?.nack(wrong(null))],
    ['delayMs', () => job?.nack({ delayMs: -1 })],
    ['reason', () => job?.nack({ reason: wrong(5) })],
    ['reason', () => job?.reject(wrong(5))],
  ]);
  await job?.ack();
});

test('calls of admin refuse wrong arguments by name', async () => {
  const { admin } = open();
  const refused = (name: string) => ({
    code: 'INVALID_CONFIG',
    message: expect.stringContaining(name),
  });
  await expect(admin.listTopics({}, wrong(null))).rejects.toMatchObject(refused('listTopics'));
  await expect(admin.listTopics({}, { signal: wrong(5) })).rejects.toMatchObject(refused('signal'));
  await expect(admin.createTopic(wrong(5))).rejects.toMatchObject(refused('createTopic'));
});

test('what is closed refuses each method, and closes once', async () => {
  const client = open();
  const consumer = await openConsumer(client, 'closed-consumer');
  const subscription = client.subscribe('closed-consumer');
  await subscription.ready;
  const closing = consumer.close();
  expect(consumer.close()).toBe(closing);
  await closing;
  await subscription[Symbol.asyncDispose]();
  const position = { topic: 'closed-consumer', partition: 0, offset: 0 };
  const closed = expect.objectContaining({ code: 'ILLEGAL_STATE' });
  for (const call of [
    () => consumer.pause([]),
    () => consumer.resume([]),
    () => consumer.seek(position),
    () => consumer.commit(),
    () => consumer.run(() => undefined),
    () => consumer[Symbol.asyncIterator](),
  ]) {
    expect(call).toThrow(closed);
  }
  expect(await firstOf(subscription, 1)).toEqual([]);
  const first = client.close();
  expect(client.close()).toBe(first);
});
