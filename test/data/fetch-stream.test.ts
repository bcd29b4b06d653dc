import { describe, expect, test } from 'vitest';
import { useGateway } from './gateway-under-test.js';
import { RawConnection } from './raw-connection.js';

const gateway = useGateway();
const NDJSON = { Accept: 'application/x-ndjson' };

async function produce(topic: string, values: readonly unknown[]): Promise<void> {
  const response = await fetch(`${gateway.url}/v1/topics/${topic}/records`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ records: values.map((value) => ({ value })) }),
  });
  expect(response.status).toBe(200);
}

async function openStream(topic: string, query = ''): Promise<RawConnection> {
  const connection = await RawConnection.open(gateway.url);
  await connection.request(`GET /v1/topics/${topic}/partitions/0/records${query}`, NDJSON);
  return connection;
}

async function linesOf(topic: string, query = ''): Promise<Record<string, unknown>[]> {
  const url = `${gateway.url}/v1/topics/${topic}/partitions/0/records${query}`;
  const response = await fetch(url, { headers: NDJSON });
  expect(response.status).toBe(200);
  const lines = (await response.text()).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('NDJSON to fetch', () => {
  test('has no default limits, and ends with where to go on', async () => {
    const topic = await gateway.topic();
    const values = Array.from({ length: 5000 }, (_, index) => `${index} ${'x'.repeat(500)}`);
    await produce(topic, values);
    const lines = await linesOf(topic);
    expect(lines.at(-1)).toEqual({ nextOffset: 5000, highWatermark: 5000 });
    expect(lines.slice(0, -1).map((line) => line['value'])).toEqual(values);
  });

  test('keeps the limits that are given', async () => {
    const topic = await gateway.topic();
    await produce(topic, [1, 2, 3, 4, 5]);
    const limited = await linesOf(topic, '?offset=1&limit=2');
    expect(limited.map((line) => line['value'])).toEqual([2, 3, undefined]);
    expect(limited.at(-1)).toEqual({ nextOffset: 3, highWatermark: 5 });
    const small = await linesOf(topic, '?maxBytes=1');
    expect(small.at(-1)).toEqual({ nextOffset: 1, highWatermark: 5 });
  });

  test('of an empty partition is its last line alone', async () => {
    expect(await linesOf(await gateway.topic())).toEqual([{ nextOffset: 0, highWatermark: 0 }]);
  });

  test('that cannot begin is a problem', async () => {
    const topic = await gateway.topic();
    const url = `${gateway.url}/v1/topics/${topic}/partitions/0/records?offset=7`;
    const response = await fetch(url, { headers: NDJSON });
    expect(response.status).toBe(416);
    expect(await response.json()).toMatchObject({ logStartOffset: 0, highWatermark: 0 });
  });

  test('follows: sends what comes later as it comes', async () => {
    const topic = await gateway.topic();
    await produce(topic, ['before']);
    const stream = await openStream(topic, '?follow=true');
    expect(await stream.line()).toMatchObject({ offset: 0, value: 'before' });
    for (const offset of [1, 2, 3]) {
      await gateway.untilMetric('sluice_http_long_polls', 1);
      await produce(topic, [`later ${offset}`]);
      expect(await stream.line()).toMatchObject({ offset, value: `later ${offset}` });
    }
    stream.abort();
    await gateway.untilIdle();
  });

  test('that follows an empty partition stands at once', async () => {
    const stream = await openStream(await gateway.topic(), '?follow=true');
    expect(await stream.until('\r\n\r\n')).toContain('200 OK');
    stream.abort();
    await gateway.untilIdle();
  });

  test('that follows ends with its last line when the client closes its side', async () => {
    const topic = await gateway.topic();
    await produce(topic, [1]);
    const stream = await openStream(topic, '?follow=true');
    await stream.line();
    stream.endSending();
    expect(await stream.line()).toEqual({ nextOffset: 1, highWatermark: 1 });
    await stream.closed();
    await gateway.untilIdle();
  });

  test('reads no further than a client that does not read', async () => {
    const topic = await gateway.topic();
    const value = 'x'.repeat(10_000);
    for (let round = 0; round < 20; round += 1) {
      await produce(
        topic,
        Array.from({ length: 100 }, () => value),
      );
    }
    const before = await gateway.metric('sluice_fetch_records_out_total');
    const stream = await openStream(topic);
    await stream.until('"offset":0');
    stream.pause();
    // 20 MB: the sockets take some of it, and the gateway a read or two.
    expect((await gateway.metric('sluice_fetch_records_out_total')) - before).toBeLessThan(2000);
    stream.resume();
    await stream.until('{"nextOffset":2000,');
    stream.abort();
    await gateway.untilIdle();
  });

  test('is let go when the client goes away in its midst', async () => {
    const topic = await gateway.topic();
    await produce(
      topic,
      Array.from({ length: 1000 }, () => 'x'.repeat(10_000)),
    );
    const stream = await openStream(topic);
    await stream.until('"offset":3,');
    stream.abort();
    await gateway.untilIdle();
  });

  test('answers HEAD without a body', async () => {
    const topic = await gateway.topic();
    await produce(topic, [1]);
    const url = `${gateway.url}/v1/topics/${topic}/partitions/0/records`;
    const stream = await fetch(url, { method: 'HEAD', headers: NDJSON });
    expect([stream.status, await stream.text()]).toEqual([200, '']);
    const page = await fetch(url, { method: 'HEAD' });
    expect([page.status, await page.text()]).toEqual([200, '']);
    expect(Number(page.headers.get('content-length'))).toBeGreaterThan(100);
  });
});
