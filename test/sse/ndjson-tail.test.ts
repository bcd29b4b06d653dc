import { describe, expect, test } from 'vitest';
import { RawConnection } from '../data/raw-connection.js';
import { useSseGateway } from './sse-gateway.js';

const gateway = useSseGateway({
  SLUICE_SOCKET_STALLED_TIMEOUT_MS: '1000',
  SLUICE_LONG_POLLS_MAX: '2',
});

const NDJSON = { Accept: 'application/x-ndjson' };
const VALUES = Array.from({ length: 200 }, (_, index) => `${index} ${'x'.repeat(10_000)}`);
/** 40 MB of records. */
const ROUNDS = 20;

async function open(topic: string, query: string): Promise<RawConnection> {
  const connection = await RawConnection.open(gateway.url);
  await connection.request(`GET /v1/topics/${topic}/partitions/0/records${query}`, NDJSON);
  return connection;
}

describe('an NDJSON stream with waitMs and without a limit', () => {
  test('it begins at once, and continues while records arrive', async () => {
    const topic = await gateway.topic();
    await gateway.produce(topic, ['a']);
    const stream = await open(topic, '?waitMs=60000');
    expect(await stream.line()).toMatchObject({ offset: 0 });
    for (const offset of [1, 2, 3]) {
      await gateway.untilMetric('sluice_http_long_polls', 1);
      await gateway.produce(topic, [offset]);
      expect(await stream.line()).toMatchObject({ offset, value: offset });
    }
    stream.abort();
    const empty = await open(await gateway.topic(), '?waitMs=60000');
    expect(await empty.until('\r\n\r\n')).toContain('200 OK');
    empty.abort();
    await gateway.untilIdle();
  });

  test('it ends after the wait without a record', async () => {
    const topic = await gateway.topic();
    await gateway.produce(topic, ['a']);
    const stream = await open(topic, '?waitMs=50');
    expect(await stream.line()).toMatchObject({ offset: 0 });
    expect(await stream.line()).toEqual({ nextOffset: 1, highWatermark: 1 });
    await stream.until('0\r\n\r\n');
    stream.abort();
  });

  test('with a limit it waits for the first records, and ends with them', async () => {
    const topic = await gateway.topic();
    const stream = await open(topic, '?waitMs=60000&limit=10');
    await gateway.untilMetric('sluice_http_long_polls', 1);
    await gateway.produce(topic, ['a', 'b']);
    expect(await stream.line()).toMatchObject({ offset: 0 });
    expect(await stream.line()).toMatchObject({ offset: 1 });
    expect(await stream.line()).toEqual({ nextOffset: 2, highWatermark: 2 });
    stream.abort();
  });

  test('a stream that cannot begin answers a problem', async () => {
    const topic = await gateway.topic();
    const stream = await open(topic, '?offset=7&waitMs=60000');
    expect((await stream.answer()).status).toBe(416);
    stream.abort();
  });
});

describe('an NDJSON stream that follows', () => {
  test('it stops at its limit', async () => {
    const topic = await gateway.topic();
    const stream = await open(topic, '?follow=true&limit=2');
    await gateway.produce(topic, ['a', 'b', 'c']);
    expect(await stream.line()).toMatchObject({ offset: 0 });
    expect(await stream.line()).toMatchObject({ offset: 1 });
    expect(await stream.line()).toEqual({ nextOffset: 2, highWatermark: 3 });
    stream.abort();
  });

  test('it ends with the error when its topic is deleted', async () => {
    const topic = await gateway.topic();
    await gateway.produce(topic, ['a']);
    const stream = await open(topic, '?follow=true');
    await stream.line();
    await gateway.untilMetric('sluice_http_long_polls', 1);
    await gateway.deleteTopic(topic);
    expect(await stream.line()).toMatchObject({
      error: { code: 'UNKNOWN_TOPIC_OR_PARTITION', status: 404 },
      nextOffset: 1,
    });
    await stream.until('0\r\n\r\n');
    stream.abort();
    await gateway.untilIdle();
  });

  test('it ends with both bounds when retention overtakes it', async () => {
    const topic = await gateway.topic();
    for (let round = 0; round < ROUNDS; round += 1) await gateway.produce(topic, VALUES);
    const stream = await open(topic, '?follow=true');
    await stream.until('"offset":0');
    stream.pause();
    const end = ROUNDS * VALUES.length;
    await gateway.deleteRecords(topic, end);
    stream.resume();
    let line = await stream.line();
    let nextOffset = 1;
    for (; line['error'] === undefined; line = await stream.line()) {
      if (line['offset'] !== undefined) nextOffset = Number(line['offset']) + 1;
    }
    expect(line).toMatchObject({
      error: { code: 'OFFSET_OUT_OF_RANGE', logStartOffset: end, highWatermark: end },
      nextOffset,
    });
    expect(nextOffset).toBeLessThan(end);
    stream.abort();
    await gateway.untilIdle();
  });

  test('a client that receives nothing for the configured time is dropped', async () => {
    const topic = await gateway.topic();
    for (let round = 0; round < ROUNDS; round += 1) await gateway.produce(topic, VALUES);
    const stream = await open(topic, '?follow=true');
    await stream.until('"offset":0');
    stream.pause();
    await gateway.untilIdle();
    stream.resume();
    await stream.closed();
    expect(stream.received).not.toContain('nextOffset');
  });

  test('above the limit of waiting fetches its last line is the error', async () => {
    const topic = await gateway.topic();
    const streams = [await open(topic, '?follow=true'), await open(topic, '?follow=true')];
    await gateway.untilMetric('kafka_server_delayedoperationpurgatory_fetch_purgatorysize', 2);
    const third = await open(topic, '?follow=true');
    expect(await third.line()).toMatchObject({
      error: { code: 'THROTTLING_QUOTA_EXCEEDED', retriable: true },
      nextOffset: 0,
    });
    for (const stream of [...streams, third]) stream.abort();
    await gateway.untilIdle();
  });
});
