import { describe, expect, test } from 'vitest';
import { useGateway } from '../data/gateway-under-test.js';
import { GatewayProcess } from '../support/gateway.js';
import { metricOf } from '../support/metric-of.js';
import { until } from '../support/until.js';
import { RestQueue, valuesOf } from './rest-queue.js';

const gateway = useGateway();
/** A metric: the polls that wait. */
const LONG_POLLS = 'sluice_group_polls_waiting';
const HOUR_MS = 3_600_000;

test('a poll of a queue with a cursor is refused', async () => {
  const queue = await RestQueue.open(gateway);
  await queue.join('a');
  for (let poll = 0; poll < 2; poll += 1) {
    expect(await queue.call('GET', '/members/a/records?cursor=x')).toMatchObject({
      status: 400,
      body: { code: 'INVALID_REQUEST', errors: [{ pointer: '?cursor' }] },
    });
  }
  const stream = new RestQueue(gateway, queue.topic);
  await stream.join('s', { mode: 'stream' });
  const { body } = await stream.call('GET', '/members/s/records');
  const ofStream = await queue.call('GET', `/members/a/records?cursor=${String(body['cursor'])}`);
  expect(ofStream).toMatchObject({
    status: 400,
    body: { code: 'INVALID_REQUEST', detail: expect.stringContaining('no meaning in queue mode') },
  });
});

test('an ack says what is wrong with it, and what it came too late for', async () => {
  const queue = await RestQueue.open(gateway);
  await queue.produce({ value: 1 });
  await queue.join('a');
  const records = await queue.poll('a');
  const acks = [
    { topic: queue.topic, partition: 0, offset: 0, type: 'ack', delayMs: 5 },
    { topic: queue.topic, partition: 0, offset: 0, type: 'nack', delayMs: 5 },
  ];
  expect(await queue.call('POST', '/members/a/acks', { acks })).toMatchObject({
    status: 400,
    body: {
      code: 'INVALID_REQUEST',
      errors: [{ pointer: '/acks/0/delayMs', detail: 'only a nack has "delayMs"' }],
    },
  });
  await queue.ack('a', records);
  await queue.produce({ value: 2 });
  const again = await queue.poll('a');
  await queue.ack('a', again, { type: 'nack' });
  await queue.poll('a');
  expect(await queue.ack('a', again, { type: 'ack', deliveryCount: 1 })).toMatchObject([
    {
      error: { code: 'INVALID_RECORD_STATE', detail: expect.stringContaining('earlier delivery') },
    },
  ]);
});

test('no more polls wait than the broker permits', async () => {
  const busy = await GatewayProcess.start({ SLUICE_LONG_POLLS_MAX: '1' });
  try {
    await fetch(`${busy.url}/v1/topics`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: 'jobs' }),
    });
    const queue = new RestQueue({ url: busy.url, topic: async () => 'jobs' }, 'jobs');
    await queue.join('a');
    await queue.join('b');
    const waiting = queue.poll('a', 'waitMs=60000');
    await until('a poll waits', async () => (await metricOf(busy.url, LONG_POLLS)) === 1);
    expect(await queue.call('GET', '/members/b/records?waitMs=60000')).toMatchObject({
      status: 429,
      body: {
        code: 'THROTTLING_QUOTA_EXCEEDED',
        detail: expect.stringContaining('LONG_POLLS_MAX'),
      },
    });
    await queue.produce({ value: 1 });
    expect(valuesOf(await waiting)).toEqual([1]);
  } finally {
    await busy.dispose();
  }
});

test('the description of a queue counts what waits, is in work, and is delayed', async () => {
  const queue = await RestQueue.open(gateway);
  await queue.produce(...[1, 2, 3, 4].map((value) => ({ value })));
  await queue.produce({ value: 5, delayMs: HOUR_MS });
  await queue.join('a');
  const records = await queue.poll('a', 'limit=2');
  await queue.ack('a', records.slice(0, 1));
  expect(await queue.describe()).toMatchObject({
    mode: 'queue',
    lag: 4,
    deadLetters: 0,
    partitions: [
      {
        topic: queue.topic,
        partition: 0,
        offset: 1,
        lag: 4,
        owner: null,
        available: 2,
        acquired: 1,
        delayed: 1,
      },
    ],
  });
});

describe('an operator of a queue', () => {
  test('sees the records in flight', async () => {
    const queue = await RestQueue.open(gateway);
    await queue.produce({ value: 1 }, { value: 2 });
    await queue.join('a');
    await queue.poll('a', 'limit=1');
    const { body } = await queue.call('GET', `/queue/records?topic=${queue.topic}&limit=2`);
    expect(body).toMatchObject({
      records: [
        { topic: queue.topic, partition: 0, offset: 0, state: 'acquired', memberId: 'a' },
        { offset: 1, state: 'available', memberId: null, lockLeftMs: null, availableAt: null },
      ],
    });
  });

  test('purges a topic: later records are delivered', async () => {
    const queue = await RestQueue.open(gateway);
    await queue.produce({ value: 1 }, { value: 2, delayMs: HOUR_MS });
    await queue.join('a');
    const { status, body } = await queue.call('POST', '/queue/purge', { topic: queue.topic });
    expect({ status, body }).toEqual({
      status: 200,
      body: { partitions: [{ topic: queue.topic, partition: 0, offset: 2 }] },
    });
    await queue.produce({ value: 3 });
    expect(valuesOf(await queue.poll('a'))).toEqual([3]);
  });

  test('cancels a delayed record, once', async () => {
    const queue = await RestQueue.open(gateway);
    await queue.produce({ value: 'later', delayMs: HOUR_MS });
    await queue.join('a');
    expect(await queue.poll('a')).toEqual([]);
    const path = `/queue/records/${queue.topic}/0`;
    expect(await queue.call('DELETE', `${path}/0`)).toEqual({ status: 204, body: {} });
    await queue.produce({ value: 'last' });
    expect(valuesOf(await queue.poll('a', 'waitMs=20000'))).toEqual(['last']);
    expect(await queue.call('DELETE', `${path}/0`)).toMatchObject({
      status: 409,
      body: { code: 'INVALID_RECORD_STATE', outcome: 'applied' },
    });
    expect(await queue.call('DELETE', `${path}/1`)).toMatchObject({
      status: 409,
      body: { code: 'INVALID_RECORD_STATE', outcome: 'failed' },
    });
    expect(await queue.call('DELETE', `${path}/2`)).toMatchObject({ status: 416 });
    expect(await queue.call('DELETE', `${path}/x`)).toMatchObject({ status: 400 });
  });

  test('cannot cancel what the group has no position for, or what is deleted', async () => {
    const queue = await RestQueue.open(gateway, { partitions: 1 });
    const other = await gateway.topic({});
    await queue.produce({ value: 1 }, { value: 2 });
    await queue.join('a');
    await queue.call('POST', `/v1/topics/${other}/records`, { records: [{ value: 1 }] });
    expect(await queue.call('DELETE', `/queue/records/${other}/0/0`)).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('has no position in this partition') },
    });
    const path = `/v1/topics/${queue.topic}/partitions/0/records?beforeOffset=1`;
    await queue.call('DELETE', path);
    expect(await queue.call('DELETE', `/queue/records/${queue.topic}/0/0`)).toMatchObject({
      status: 409,
      body: { code: 'INVALID_RECORD_STATE', outcome: 'applied' },
    });
  });

  test('may cancel as many delayed records as the group remembers', async () => {
    const queue = await RestQueue.open(gateway);
    await queue.alter({ 'share.partition.max.record.locks': 100 });
    await queue.produce(...Array.from({ length: 102 }, () => ({ value: 1, delayMs: HOUR_MS })));
    await queue.join('a');
    expect(await queue.poll('a')).toEqual([]);
    const path = `/queue/records/${queue.topic}/0`;
    const answers: number[] = [];
    let last: unknown;
    for (let offset = 101; offset >= 0; offset -= 1) {
      const { status, body } = await queue.call('DELETE', `${path}/${offset}`);
      answers.push(status);
      if (status !== 204) {
        last = body;
        break;
      }
    }
    expect(answers.filter((status) => status === 204)).toHaveLength(100);
    expect(last).toMatchObject({ code: 'POLICY_VIOLATION' });
  });

  test('pauses the group and resumes it', async () => {
    const queue = await RestQueue.open(gateway);
    await queue.produce({ value: 1 });
    await queue.join('a');
    await queue.alter({ 'sluice.share.paused': true });
    expect(await queue.poll('a')).toEqual([]);
    const waiting = queue.poll('a', 'waitMs=20000');
    await queue.alter({ 'sluice.share.paused': null });
    expect(valuesOf(await waiting)).toEqual([1]);
  });

  test('resets it once its members have left', async () => {
    const queue = await RestQueue.open(gateway);
    await queue.produce({ value: 1 }, { value: 2 });
    await queue.join('a');
    await queue.ack('a', await queue.poll('a'));
    const reset = { topic: queue.topic, to: { shift: -1 } };
    expect(await queue.call('POST', '/offsets/reset', reset)).toMatchObject({
      status: 409,
      body: { code: 'NON_EMPTY_GROUP' },
    });
    await queue.leave('a');
    const moves = { offsets: [{ topic: queue.topic, partition: 0, from: 2, to: 1 }] };
    const dryRun = await queue.call('POST', '/offsets/reset', { ...reset, dryRun: true });
    expect(dryRun).toEqual({ status: 200, body: moves });
    expect(await queue.call('POST', '/offsets/reset', reset)).toEqual({ status: 200, body: moves });
    await queue.join('a');
    expect(await queue.poll('a')).toMatchObject([{ value: 2, deliveryCount: 1 }]);
  });

  test('is refused where the group is in stream mode or unknown', async () => {
    const queue = await RestQueue.open(gateway);
    expect(await queue.call('GET', '/queue/records')).toMatchObject({ status: 404 });
    await queue.join('a', { mode: 'stream' });
    expect(await queue.call('POST', '/queue/purge', { topic: queue.topic })).toMatchObject({
      status: 409,
      body: { code: 'INCONSISTENT_GROUP_PROTOCOL' },
    });
    expect(await queue.call('POST', '/queue/purge', { topic: 'none' })).toMatchObject({
      status: 404,
      body: { code: 'UNKNOWN_TOPIC_OR_PARTITION' },
    });
  });
});

test('a reset of a group that nobody has joined may be tried', async () => {
  const queue = await RestQueue.open(gateway);
  await queue.produce({ value: 1 });
  const reset = { topic: queue.topic, to: 'latest', dryRun: true };
  expect(await queue.call('POST', '/offsets/reset', reset)).toEqual({
    status: 200,
    body: { offsets: [{ topic: queue.topic, partition: 0, from: null, to: 1 }] },
  });
});

test('positions of a queue group cannot be committed', async () => {
  const queue = await RestQueue.open(gateway);
  await queue.join('a');
  const offsets = [{ topic: queue.topic, partition: 0, offset: 0 }];
  const refusal = { status: 409, body: { code: 'INCONSISTENT_GROUP_PROTOCOL' } };
  expect(await queue.call('PUT', '/offsets', { offsets })).toMatchObject(refusal);
  const commit = { offsets, generation: 1 };
  expect(await queue.call('PUT', '/members/a/offsets', commit)).toMatchObject(refusal);
  await queue.leave('a');
  expect(await queue.call('PUT', '/offsets', { offsets })).toMatchObject(refusal);
});

test('a member learns of positions whose records are gone', async () => {
  const queue = await RestQueue.open(gateway);
  await queue.produce({ value: 1 }, { value: 2 });
  await queue.join('a');
  const path = `/v1/topics/${queue.topic}/partitions/0/records?beforeOffset=1`;
  expect(await queue.call('DELETE', path)).toMatchObject({ status: 200 });
  const resets = [
    {
      topic: queue.topic,
      partition: 0,
      from: 0,
      to: 1,
      reason: 'The records at the position are gone.',
    },
  ];
  expect((await queue.call('POST', '/members/a/heartbeat')).body).toMatchObject({ resets });
  expect((await queue.call('GET', '/members/a/records')).body).toMatchObject({
    records: [{ value: 2 }],
    revoking: [],
    resets,
  });
  expect((await queue.call('GET', '/members/a/records')).body).toMatchObject({ resets: [] });
  const stream = new RestQueue(gateway, queue.topic);
  await stream.join('s', { mode: 'stream' });
  const before = `/v1/topics/${queue.topic}/partitions/0/records?beforeOffset=2`;
  await stream.call('DELETE', before);
  const moved = { resets: [{ from: 1, to: 2 }], revoking: [] };
  expect((await stream.call('POST', '/members/s/heartbeat')).body).toMatchObject(moved);
});

/** Makes dead letters of a record each, and waits for them. */
async function rejectAll(queue: RestQueue): Promise<void> {
  const records = await queue.poll('a');
  await queue.ack('a', records, { type: 'reject', reason: 'no' });
  await expect.poll(() => queue.describe()).toMatchObject({ deadLetters: records.length });
}

describe('dead letters', () => {
  test('are put back once, for their group and for streams only', async () => {
    const queue = await RestQueue.open(gateway, { partitions: 2 });
    const other = new RestQueue(gateway, queue.topic);
    await queue.produce(
      { key: 'k', value: { n: 1 }, headers: { h: 'x' }, partition: 1 },
      { value: 2, partition: 0 },
    );
    await queue.join('a');
    await other.join('a');
    await rejectAll(queue);
    await other.ack('a', await other.poll('a'));
    const redrive = await queue.call('POST', '/dead-letters/redrive', {});
    expect(redrive).toEqual({ status: 200, body: { redriven: 2, skipped: 0 } });
    const again = await queue.call('POST', '/dead-letters/redrive');
    expect(again).toEqual({ status: 200, body: { redriven: 0, skipped: 0 } });
    expect(await queue.describe()).toMatchObject({ deadLetters: 0 });
    const back = await queue.poll('a');
    expect(back.toSorted((one, two) => two.partition - one.partition)).toMatchObject([
      {
        partition: 1,
        offset: 1,
        key: 'k',
        value: { n: 1 },
        deliveryCount: 1,
        headers: [
          { key: 'h', value: 'x' },
          { key: 'sluice.redrive.group', value: queue.group },
        ],
      },
      { partition: 0, offset: 1, value: 2 },
    ]);
    expect(await other.poll('a')).toEqual([]);
    expect(await queue.recordsOf(queue.topic, 1)).toHaveLength(2);
    expect(await queue.recordsOf(`dlq.${queue.group}`)).toHaveLength(2);
  });

  test('that wait are told from those that were put back', async () => {
    const queue = await RestQueue.open(gateway);
    const waiting = async (): Promise<unknown> =>
      (await queue.call('GET', '/dead-letters')).body['partitions'];
    await queue.produce({ value: 0 }, { value: 1 }, { value: 2 }, { value: 3 });
    await queue.join('a');
    expect(await waiting()).toEqual([]);
    await rejectAll(queue);
    const place = { topic: `dlq.${queue.group}`, partition: 0 };
    expect(await waiting()).toEqual([{ ...place, position: 0, waiting: [] }]);
    await queue.call('POST', '/dead-letters/redrive', { limit: 1 });
    const left = [{ firstOffset: 1, lastOffset: 3 }];
    expect(await waiting()).toEqual([{ ...place, position: 4, waiting: left }]);
    await queue.call('POST', '/dead-letters/redrive');
    expect(await waiting()).toEqual([{ ...place, position: 4, waiting: [] }]);
    const stream = new RestQueue(gateway, queue.topic);
    await stream.join('s', { mode: 'stream' });
    expect(await stream.call('GET', '/dead-letters')).toMatchObject({
      status: 409,
      body: { code: 'INCONSISTENT_GROUP_PROTOCOL' },
    });
  });

  test('without a copy of their record are skipped', async () => {
    const queue = await RestQueue.open(gateway);
    await queue.alter({ 'errors.deadletterqueue.copy.record.enable': false });
    await queue.produce({ key: 'k', value: 1 });
    await queue.join('a');
    await rejectAll(queue);
    const [letter] = await queue.recordsOf(`dlq.${queue.group}`);
    expect(letter).toMatchObject({ key: null, value: null });
    const { body } = await queue.call('POST', '/dead-letters/redrive', { topic: queue.topic });
    expect(body).toEqual({ redriven: 0, skipped: 1 });
    expect(await queue.describe()).toMatchObject({ deadLetters: 1 });
  });

  test('are only those of the topic, up to the limit', async () => {
    const queue = await RestQueue.open(gateway);
    await queue.produce({ value: 1 }, { value: 2 });
    await queue.join('a');
    await rejectAll(queue);
    const redrive = async (body: object) =>
      (await queue.call('POST', '/dead-letters/redrive', body)).body;
    expect(await redrive({ topic: 'no-such-topic' })).toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      errors: [{ pointer: '/topic' }],
    });
    const other = await gateway.topic({});
    expect(await redrive({ topic: other })).toEqual({ redriven: 0, skipped: 0 });
    expect(await redrive({ limit: 1 })).toEqual({ redriven: 1, skipped: 0 });
    expect(await redrive({ limit: 5 })).toEqual({ redriven: 1, skipped: 0 });
    expect(await redrive({ limit: 0 })).toMatchObject({ code: 'INVALID_REQUEST' });
  });

  test('go to an existing topic only where that allows it', async () => {
    const queue = await RestQueue.open(gateway);
    const business = await gateway.topic({});
    await queue.alter({ 'errors.deadletterqueue.topic.name': business });
    await queue.produce({ value: 1 });
    await queue.join('a');
    await queue.ack('a', await queue.poll('a'), { type: 'reject' });
    const inFlight = await queue.call('GET', '/queue/records');
    expect(inFlight.body).toMatchObject({ records: [{ state: 'archiving' }] });
    expect(await queue.recordsOf(business)).toEqual([]);
    const configs = { 'errors.deadletterqueue.group.enable': true };
    await queue.call('PATCH', `/v1/topics/${business}`, { configs });
    await expect.poll(() => queue.recordsOf(business)).toHaveLength(1);
  });

  test('of a record that is too large to be copied have headers only', async () => {
    const queue = await RestQueue.open(gateway);
    const configs = { 'errors.deadletterqueue.group.enable': true, 'max.message.bytes': 8192 };
    const small = await gateway.topic({ configs });
    await queue.alter({ 'errors.deadletterqueue.topic.name': small });
    await queue.produce({ value: 'x'.repeat(20_000) });
    await queue.join('a');
    await rejectAll(queue);
    expect(await queue.recordsOf(small)).toMatchObject([
      {
        value: null,
        headers: [{ key: '__dlq.errors.topic', value: queue.topic }, {}, {}, {}, {}, {}],
      },
    ]);
  });
});
