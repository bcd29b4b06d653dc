/**
 * Clients that take nothing of what they are sent: together they hold no more than
 * SLUICE_OUTBOUND_MEMORY_BYTES, whatever they read, and keep nobody else from reading.
 */
import { connect, type Socket } from 'node:net';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../support/until.js';
import { upgradeRequest } from '../ws/raw-socket.js';
import { SocketClient } from '../ws/socket-client.js';
import { useGateway } from './gateway-under-test.js';

const MIB = 1024 * 1024;
const BOUND_BYTES = 2 * MIB;
const FRAME_BYTES = 16 * 1024;
/** One read of a stream of lines with its batches, or one answer, may go over the bound. */
const OVER_BYTES = 2 * MIB;
const CLIENTS = 20;
/** More than the buffers of the system take for one connection. */
const TOPIC_BYTES = 16 * MIB;

const gateway = useGateway({
  SLUICE_OUTBOUND_MEMORY_BYTES: String(BOUND_BYTES),
  // They must hold what they have long enough to be seen, on a busy machine.
  SLUICE_OUTBOUND_STALLED_MS: '5000',
  SLUICE_SOCKET_BUFFER_BYTES: String(MIB),
  SLUICE_FRAME_BYTES_MAX: String(FRAME_BYTES),
});

let topic: string;
let recordCount = 0;
const clients: Socket[] = [];

beforeAll(async () => {
  topic = await gateway.topic();
  const record = { value: 'x'.repeat(8000) };
  const body = JSON.stringify({ records: Array.from({ length: 100 }, () => record) });
  for (let bytes = 0; bytes < TOPIC_BYTES; bytes += body.length) {
    const response = await fetch(`${gateway.url}/v1/topics/${topic}/records`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(response.status).toBe(200);
    recordCount += 100;
  }
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await gateway.untilMetric('sluice_outbound_memory_used_bytes', 0);
  await gateway.untilMetric('sluice_outbound_waiting', 0);
});

describe('clients that read nothing hold bounded memory, and others still read', () => {
  test('as WebSockets', async () => {
    const data = { subscription: 's', topic, from: 'earliest' };
    const frame = maskedFrame(JSON.stringify({ event: 'subscribe', data }));
    await stall(Buffer.concat([Buffer.from(upgradeRequest()), frame]));
    const other = await SocketClient.open(gateway.url);
    await other.subscribe({ subscription: 'other', topic, from: 'earliest' });
    expect(await other.recordsOf('other', recordCount)).toHaveLength(recordCount);
    other.terminate();
  });

  test('as streams of events', async () => {
    await stall(get(`/v1/topics/${topic}/events?from=earliest`));
    await readsAll();
  });

  test('as streams of lines that follow the log', async () => {
    await stall(
      get(
        `/v1/topics/${topic}/partitions/0/records?offset=earliest&follow=true`,
        'Accept: application/x-ndjson\r\n',
      ),
    );
    await readsAll();
  });

  test('as lists of topics, many of them on one connection', async () => {
    await gateway.topic({ partitions: 600 });
    for (const client of open(CLIENTS, get('/v1/topics').repeat(60))) client.pause();
    const before = await gateway.metric('sluice_outbound_refused_total');
    await until('lists to be refused', async () => {
      const held = await gateway.metric('sluice_outbound_memory_used_bytes');
      expect(held).toBeLessThan(BOUND_BYTES + OVER_BYTES);
      return (await gateway.metric('sluice_outbound_refused_total')) > before;
    });
    await readsAll();
  });

  test('as answers, many of them on one connection', async () => {
    const path = `/v1/topics/${topic}/partitions/0/records?offset=earliest&maxBytes=1000000`;
    for (const client of open(CLIENTS, get(path).repeat(20))) client.pause();
    await until('answers to be refused', async () => {
      expect(await gateway.metric('sluice_outbound_memory_used_bytes')).toBeLessThan(
        BOUND_BYTES + OVER_BYTES,
      );
      return (await gateway.metric('sluice_outbound_refused_total')) > 0;
    });
    const refusal = await Promise.race(clients.map((client) => found(client, '"status":429')));
    expect(refusal).toContain('"code":"THROTTLING_QUOTA_EXCEEDED"');
    expect(refusal).toContain('(SLUICE_OUTBOUND_MEMORY_BYTES)');
    await readsAll();
  });
});

/** Opens clients that send a request and read nothing, until what they hold no longer grows. */
async function stall(request: string | Buffer): Promise<void> {
  for (const client of open(CLIENTS, request)) client.pause();
  let before = -1;
  await until('the clients to be full', async () => {
    const held = await gateway.metric('sluice_outbound_memory_used_bytes');
    expect(held).toBeLessThan(BOUND_BYTES + OVER_BYTES);
    const isSteady = held === before && held > BOUND_BYTES / 4;
    before = held;
    return isSteady;
  });
  expect(before).toBeLessThan(BOUND_BYTES + OVER_BYTES);
  const health = (await (await fetch(`${gateway.url}/health/ready`)).json()) as { status: string };
  expect(health.status).toBe('ok');
}

/** Another client reads the whole topic, page by page; what is refused meanwhile is tried again. */
async function readsAll(): Promise<void> {
  let offset = 0;
  while (offset < recordCount) {
    offset = await until('a page', async () => {
      const response = await fetch(
        `${gateway.url}/v1/topics/${topic}/partitions/0/records?offset=${offset}`,
      );
      if (response.status !== 200) return undefined;
      return ((await response.json()) as { nextOffset: number }).nextOffset;
    });
  }
}

function open(count: number, request: string | Buffer): Socket[] {
  const { hostname, port } = new URL(gateway.url);
  const opened = Array.from({ length: count }, () => {
    const client = connect({ host: hostname, port: Number(port) });
    client.on('error', () => undefined);
    client.write(request);
    return client;
  });
  clients.push(...opened);
  return opened;
}

/** Reads until a text comes; resolves with what is around it. */
function found(client: Socket, text: string): Promise<string> {
  return new Promise((resolve) => {
    let tail = '';
    client.on('data', (chunk: Buffer) => {
      const read = tail + chunk.toString('latin1');
      const at = read.indexOf(text);
      if (at >= 0) resolve(read.slice(Math.max(0, at - 1000), at + 1000));
      tail = read.slice(-2000);
    });
    client.resume();
  });
}

function get(path: string, headers = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}\r\n`;
}

/** A text frame of at most 125 bytes with a mask of zeros. */
function maskedFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}
