/**
 * Bodies that nobody reads because their requests are answered early, and requests that pile up.
 */
import { describe, expect, test } from 'vitest';
import { useGateway } from './gateway-under-test.js';
import { RawConnection, requestHead } from './raw-connection.js';

const IN_FLIGHT_MAX = 4;
/**
 * Requests that are sent together, of 1 kB each: more than one read of 64 KiB brings, and more than
 * are in flight.
 */
const SENT = 400;
const LONG = { 'X-Padding': 'x'.repeat(1000) };
const MEMORY_BYTES = 20_000_000;

const gateway = useGateway({
  // A client that does not run for a while must still find its answer before the connection is cut.
  SLUICE_BODY_IDLE_TIMEOUT_MS: '3000',
  SLUICE_HEAD_TIMEOUT_MS: '1500',
  SLUICE_PIPELINED_REQUESTS_MAX: String(IN_FLIGHT_MAX),
  SLUICE_REQUEST_MEMORY_BYTES: String(MEMORY_BYTES),
});

const JSON_TYPE = { 'Content-Type': 'application/json' };

/** A head that announces a body of which most never comes. */
function endlessHead(line: string, headers: Readonly<Record<string, string>> = {}): string {
  return requestHead(line, { ...JSON_TYPE, 'Content-Length': '60000', ...headers });
}

describe('a body after an early answer', () => {
  test.concurrent.each([
    ['404', 'POST /nowhere', {}],
    ['405', 'PUT /v1/topics', {}],
    ['413', 'POST /v1/topics', { 'Content-Length': '900000000' }],
    ['415', 'POST /v1/topics', { 'Content-Type': 'text/csv' }],
    ['400', 'POST /v1/topics/t/records?nonsense=1', {}],
    ['415', 'POST /v1/topics/TOPIC/records', { 'Content-Encoding': 'zstd' }],
    ['413', 'POST /v1/topics/TOPIC/records', { 'Content-Length': '900000000' }],
    ['403', 'POST /v1/topics/TOPIC/records', { Origin: 'http://evil.example' }],
    ['426', 'POST /v1/ws', {}],
    ['417', 'POST /v1/topics', { Expect: 'a-miracle' }],
  ])('of %s to %s %j has a limited time, however it trickles', async (status, line, headers) => {
    const topic = await gateway.topic();
    const connection = await RawConnection.open(gateway.url);
    await connection.send(endlessHead(line.replace('TOPIC', topic), headers));
    const trickle = setInterval(() => void connection.send('x'), 20);
    expect((await connection.answer()).status).toBe(Number(status));
    await connection.closed();
    clearInterval(trickle);
    connection.abort();
  });

  test('that ends in time leaves the connection for the next request', async () => {
    const connection = await RawConnection.open(gateway.url);
    await connection.send(requestHead('POST /nowhere', { ...JSON_TYPE, 'Content-Length': '10' }));
    expect(await connection.answer()).toMatchObject({ status: 404 });
    await connection.send('0123456789');
    await connection.request('GET /health/live');
    expect(await connection.answer()).toMatchObject({ status: 200 });
    connection.abort();
  });

  test('is counted when it is cut, as is a body that stands still', async () => {
    const counted = async (): Promise<readonly number[]> => [
      await gateway.metric('sluice_http_bodies_unread_total'),
      await gateway.metric('sluice_http_bodies_late_total'),
    ];
    const [unread = 0, late = 0] = await counted();
    const refused = await RawConnection.open(gateway.url);
    await refused.send(endlessHead('POST /nowhere'));
    const waited = await RawConnection.open(gateway.url);
    await waited.send(endlessHead('POST /v1/topics'));
    await Promise.all([refused.closed(), waited.closed()]);
    expect(await counted()).toEqual([unread + 1, late + 1]);
  });
});

describe('pipelined requests', () => {
  test('above the limit wait unread, and all are answered in their order', async () => {
    const topic = await gateway.topic();
    const held = await gateway.metric('sluice_http_pipelines_held_total');
    const wait = requestHead(`GET /v1/topics/${topic}/partitions/0/records?waitMs=60000`);
    const connection = await RawConnection.open(gateway.url);
    const names = Array.from({ length: SENT }, (_, index) => `n${index}`);
    const asked = names.map((name) => requestHead(`GET /v1/topics/${name}`, LONG));
    void connection.send(wait + asked.join(''));
    await gateway.untilMetric('sluice_http_pipelines_held_total', held + 1);
    // Those in flight, and the request that asks.
    await gateway.untilMetric('sluice_http_requests_in_flight', IN_FLIGHT_MAX + 1);
    // The memory holds the requests of one read; the others are not read.
    const bytes = await gateway.metric('sluice_http_request_memory_used_bytes');
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(MEMORY_BYTES / 2);
    await fetch(`${gateway.url}/v1/topics/${topic}/records`, { method: 'POST', body: 'now' });
    expect((await connection.answer()).body).toContain('"value":"now"');
    for (const name of names) {
      const { status, body } = await connection.answer();
      expect([status, (JSON.parse(body) as { instance: string }).instance]).toEqual([
        404,
        `/v1/topics/${name}`,
      ]);
    }
    connection.abort();
    await gateway.untilIdle();
  });

  test('with bodies are handled one after the other at the limit', async () => {
    const topic = await gateway.topic();
    const connection = await RawConnection.open(gateway.url);
    const values = Array.from({ length: 300 }, (_, index) => `${index}`.padEnd(1000, '.'));
    const requests = values.map(
      (value) =>
        requestHead(`POST /v1/topics/${topic}/records`, { 'Content-Length': '1000' }) + value,
    );
    void connection.send(requests.join(''));
    for (const offset of values.keys()) {
      const answer = await connection.answer();
      expect(JSON.parse(answer.body)).toMatchObject({ offsets: [{ offset }] });
    }
    expect(await gateway.values(topic)).toEqual(values);
    connection.abort();
  });

  test.each([
    ['no HTTP', 'nonsense\r\n\r\n', 400],
    ['a head that does not end', 'GET /v1/topics HTTP/1.1\r\nHost: 127.0.0.1\r\nX-', 408],
  ])('before %s are answered before it is', async (_, rest, status) => {
    const topic = await gateway.topic();
    const connection = await RawConnection.open(gateway.url);
    const wait = requestHead(`GET /v1/topics/${topic}/partitions/0/records?waitMs=300`);
    await connection.send(wait + rest);
    expect(await connection.answer()).toMatchObject({ status: 200 });
    expect(await connection.answer()).toMatchObject({ status });
    await connection.closed();
  });
});
