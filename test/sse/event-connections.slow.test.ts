import { describe, expect, test } from 'vitest';
import { RawConnection } from '../data/raw-connection.js';
import { GatewayProcess } from '../support/gateway.js';
import { EventClient, offsetsOf } from './event-client.js';
import { useSseGateway } from './sse-gateway.js';

const PAGE = 'https://shop.example';

const gateway = useSseGateway({
  SLUICE_CORS_ORIGINS: PAGE,
  SLUICE_EVENT_HEARTBEAT_MS: '100',
  SLUICE_SOCKET_BUFFER_BYTES: '16384',
  SLUICE_FRAME_BYTES_MAX: '16384',
});

/** The kernels on both sides buffer at most some megabytes of a stream that nobody reads. */
const KERNEL_BYTES_MAX = 10_000_000;
const VALUE = 'x'.repeat(10_000);
const VALUES = Array.from({ length: 200 }, (_, index) => `${index} ${VALUE}`);
/** 24 MB of records. */
const ROUNDS = 12;

describe('clients of events', () => {
  test('a silent client gets comments, which it ignores', async () => {
    const topic = await gateway.topic();
    const stream = await gateway.events(`${topic}/events`);
    await stream.until(() => stream.comments > 2);
    await gateway.produce(topic, ['a']);
    expect(await stream.record()).toMatchObject({ offset: 0 });
  });

  test('a client that does not read uses only its buffers, and slows down nobody', async () => {
    const topic = await gateway.topic();
    const delivered = await gateway.metric('sluice_delivery_bytes_out_total');
    const slow = await Promise.all(
      Array.from({ length: 5 }, () => gateway.events(`${topic}/events`)),
    );
    for (const stream of slow) stream.pause();
    const quick = await gateway.events(`${topic}/events`);
    let quickBytes = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      await gateway.produce(topic, VALUES);
      for (const { offset, value } of await quick.records(VALUES.length)) {
        expect(value).toBe(VALUES[offset % VALUES.length]);
        quickBytes += VALUE.length;
      }
    }
    const slowBytes =
      (await gateway.metric('sluice_delivery_bytes_out_total')) - delivered - quickBytes;
    expect(slowBytes).toBeLessThan(slow.length * KERNEL_BYTES_MAX);
    // Then they continue to read, and have missed nothing.
    const [first] = slow;
    first?.resume();
    for (let round = 0; round < ROUNDS; round += 1) {
      const records = await first?.records(VALUES.length);
      expect(records?.map(({ offset }) => offset)).toEqual(
        VALUES.map((_, index) => round * VALUES.length + index),
      );
    }
    gateway.endStreams();
    await gateway.untilNoStreams();
  });

  test('a client that retention overtakes gets an error, and its stream ends', async () => {
    const topic = await gateway.topic();
    const stream = await gateway.events(`${topic}/events?from=earliest`);
    stream.pause();
    for (let round = 0; round < ROUNDS; round += 1) await gateway.produce(topic, VALUES);
    const end = ROUNDS * VALUES.length;
    await gateway.deleteRecords(topic, end);
    stream.resume();
    let event = await stream.next();
    let received = 0;
    for (; event.type === 'record'; received += 1) event = await stream.next();
    expect([event.type, JSON.parse(event.data)]).toMatchObject([
      'error',
      { code: 'OFFSET_OUT_OF_RANGE', logStartOffset: end, highWatermark: end },
    ]);
    expect(offsetsOf(event.lastEventId)).toBe(`0:${received}`);
    expect(received).toBeLessThan(end);
    expect(await stream.ended()).toBe('clean');
    // A client that reconnects with that id gets the same error, in a form that ends an
    // EventSource.
    const header = { 'Last-Event-ID': event.lastEventId };
    expect(await gateway.refusal(`${topic}/events`, header)).toMatchObject({ status: 416 });
    await gateway.untilNoStreams();
  });

  test('a client that retention overtakes continues at the reset position', async () => {
    const topic = await gateway.topic();
    const stream = await gateway.events(`${topic}/events?autoOffsetReset=earliest`);
    stream.pause();
    for (let round = 0; round < ROUNDS; round += 1) await gateway.produce(topic, VALUES);
    const end = ROUNDS * VALUES.length;
    await gateway.deleteRecords(topic, end - 1);
    stream.resume();
    let event = await stream.next();
    while (event.type === 'record') event = await stream.next();
    expect([event.type, JSON.parse(event.data)]).toMatchObject([
      'reset',
      { code: 'OFFSET_OUT_OF_RANGE', topic, partition: 0, offset: end - 1 },
    ]);
    expect(offsetsOf(event.lastEventId)).toBe(`0:${end - 1}`);
    expect(await stream.record()).toMatchObject({ offset: end - 1 });
  });

  test('a disconnected client is removed at once, even if it did not read', async () => {
    const topic = await gateway.topic({ partitions: 3 });
    const streams = await Promise.all(
      Array.from({ length: 20 }, () => gateway.events(`${topic}/events?from=earliest`)),
    );
    for (const stream of streams.slice(0, 5)) stream.pause();
    for (let partition = 0; partition < 3; partition += 1) {
      await gateway.produce(topic, VALUES, partition);
    }
    await gateway.untilMetric('sluice_delivery_subscriptions', 20);
    for (const stream of streams) stream.abort();
    await gateway.untilNoStreams();
  });

  test('a client that closes its side gets the end of its stream', async () => {
    const topic = await gateway.topic();
    const connection = await RawConnection.open(gateway.url);
    await connection.request(`GET /v1/topics/${topic}/events`);
    await connection.until('id: 0:0:0;');
    connection.endSending();
    await connection.until('\r\n0\r\n\r\n');
    await connection.closed();
    const hasty = await RawConnection.open(gateway.url);
    await hasty.request(`GET /v1/topics/${topic}/events`);
    hasty.endSending();
    await hasty.until('\r\n0\r\n\r\n');
    await hasty.closed();
    await gateway.untilNoStreams();
  });

  test('a client of HTTP/1.0 gets events without chunks', async () => {
    const topic = await gateway.topic();
    const connection = await RawConnection.open(gateway.url);
    await connection.send(`GET /v1/topics/${topic}/events HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n`);
    const head = await connection.until('\r\n\r\n');
    expect(head.toLowerCase()).not.toContain('transfer-encoding');
    const first = await gateway.eventId(topic, '0:0:0');
    const opening = `retry: 2000\nevent: position\nid: ${first}\n\n`;
    expect(await connection.until('\n\n')).toBe(opening);
    await gateway.produce(topic, ['a']);
    const idText = `id: ${await gateway.eventId(topic, '0:1:0')}\n\n`;
    const events = (await connection.until(idText)).replace(idText, '');
    expect(events.replaceAll(':\n\n', '')).toMatch(/^event: record\ndata: \{.*\}\n$/);
    connection.abort();
    await gateway.untilNoStreams();
  });

  test('a refused client continues to use its connection, and nothing is left on it', async () => {
    const topic = await gateway.topic();
    const connection = await RawConnection.open(gateway.url);
    for (let times = 0; times < 30; times += 1) {
      await connection.request(`GET /v1/topics/${topic}/events`, { 'Last-Event-ID': '0:9' });
      expect((await connection.answer()).status).toBe(416);
    }
    connection.abort();
    await gateway.untilNoStreams();
    expect(gateway.process.logLines.filter((line) => line.includes('MaxListeners'))).toEqual([]);
  });

  test('a client may request events behind another request of its connection', async () => {
    const topic = await gateway.topic();
    const connection = await RawConnection.open(gateway.url);
    const wait = `GET /v1/topics/${topic}/partitions/0/records?waitMs=60000`;
    await connection.request(wait);
    await connection.request(`GET /v1/topics/${topic}/events`);
    await gateway.untilMetric('sluice_delivery_subscriptions', 1);
    await gateway.produce(topic, ['a']);
    const { status, body } = await connection.answer();
    expect([status, JSON.parse(body)]).toMatchObject([200, { nextOffset: 1 }]);
    expect(await connection.until('\r\n\r\n')).toContain('text/event-stream');
    await connection.until('id: 0:0:0;');
    await connection.until('id: 0:1:0;');
    connection.abort();
    await gateway.untilNoStreams();
  });
});

describe('pages of another origin', () => {
  test('a page in the settings reads events', async () => {
    const topic = await gateway.topic();
    const stream = await gateway.events(`${topic}/events`, { Origin: PAGE });
    expect(stream.headers['access-control-allow-origin']).toBe(PAGE);
    expect(stream.headers.vary).toContain('Origin');
    await gateway.produce(topic, ['a']);
    expect(await stream.record()).toMatchObject({ value: 'a' });
    const none = await fetch(`${gateway.url}/v1/topics/none/events`, { headers: { Origin: PAGE } });
    expect([none.status, none.headers.get('access-control-allow-origin')]).toEqual([404, PAGE]);
  });

  test('a page in the settings may send Last-Event-ID', async () => {
    const headers = {
      Origin: PAGE,
      'Access-Control-Request-Method': 'GET',
      'Access-Control-Request-Headers': 'last-event-id',
    };
    const url = `${gateway.url}/v1/topics/orders/events`;
    const preflight = await fetch(url, { method: 'OPTIONS', headers });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('Last-Event-ID');
  });

  test('any other page is refused', async () => {
    const topic = await gateway.topic();
    const headers = { Origin: 'https://elsewhere.example' };
    expect(await gateway.refusal(`${topic}/events`, headers)).toMatchObject({ status: 403 });
    await gateway.untilNoStreams();
  });
});

describe('streams of a gateway', () => {
  test('a client that receives nothing for the configured time is dropped', async () => {
    const impatient = await GatewayProcess.start({ SLUICE_SOCKET_STALLED_TIMEOUT_MS: '1000' });
    try {
      const headers = { 'Content-Type': 'application/json' };
      const body = JSON.stringify({ name: 'orders' });
      await fetch(`${impatient.url}/v1/topics`, { method: 'POST', headers, body });
      const records = JSON.stringify({ records: VALUES.map((value) => ({ value })) });
      for (let round = 0; round < ROUNDS; round += 1) {
        const url = `${impatient.url}/v1/topics/orders/records`;
        await fetch(url, { method: 'POST', headers, body: records });
      }
      const idle = await EventClient.open(impatient.url, 'orders/events');
      const stalled = await EventClient.open(impatient.url, 'orders/events?from=earliest');
      stalled.pause();
      const subscriptions = async (): Promise<string | undefined> =>
        /^sluice_delivery_subscriptions (\d+)$/m.exec(
          await (await fetch(`${impatient.url}/metrics`)).text(),
        )?.[1];
      await expect.poll(subscriptions, { interval: 100 }).toBe('1');
      stalled.resume();
      expect(await stalled.ended()).toBe('cut');
      // A silent stream is not a stalled one.
      idle.abort();
    } finally {
      await impatient.dispose();
    }
  });

  test('the gateway ends streams cleanly at its stop, and waits for none', async () => {
    // Clients would get half of this time to read their answers: longer than the test may last.
    const stopping = await GatewayProcess.start({ SLUICE_STOP_TIMEOUT_MS: '3600000' });
    try {
      const headers = { 'Content-Type': 'application/json' };
      const body = JSON.stringify({ name: 'orders' });
      await fetch(`${stopping.url}/v1/topics`, { method: 'POST', headers, body });
      const records = JSON.stringify({ records: VALUES.map((value) => ({ value })) });
      for (let round = 0; round < ROUNDS; round += 1) {
        const url = `${stopping.url}/v1/topics/orders/records`;
        await fetch(url, { method: 'POST', headers, body: records });
      }
      const reading = await EventClient.open(stopping.url, 'orders/events?from=earliest');
      const stalled = await EventClient.open(stopping.url, 'orders/events?from=earliest');
      stalled.pause();
      await reading.records(ROUNDS * VALUES.length);
      expect(await stopping.stop()).toEqual({ code: 0, signal: null });
      expect(await reading.ended()).toBe('clean');
      stalled.resume();
      expect(await stalled.ended()).toBe('cut');
    } finally {
      await stopping.dispose();
    }
  });
});
