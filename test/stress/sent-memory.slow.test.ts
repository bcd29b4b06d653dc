/**
 * Checks that bytes which clients do not read are bounded in every transport: the resident memory
 * of a gateway stays within its bounds while many clients read nothing, and returns afterwards.
 */
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { metricOf } from '../support/metric-of.js';
import { INSPECTED, ResidentMemory } from '../support/resident-memory.js';
import { until } from '../support/until.js';
import { upgradeRequest } from '../ws/raw-socket.js';

const MIB = 1024 * 1024;
/** Bound on the bytes that clients have not received, and on large pages that are rendered. */
const BOUND_BYTES = 32 * MIB;
/**
 * Resident memory beyond both bounds: reads from disk, caches, uncollected buffers, and memory that
 * the allocator keeps. Runs on a machine at rest differ: pages of one large record took 265 to 340
 * MiB in all. Without a bound each burst takes 600 MB or more.
 */
const SLACK_BYTES = 352 * MIB;
/** Memory that a gateway may still use after a burst: caches that fill on first use. */
const HELD_BYTES = 16 * MIB;
const CLIENTS = 60;
/** More than the buffers of the system and of one connection hold. */
const TOPIC_BYTES = 32 * MIB;
const LARGE_VALUE_BYTES = 8 * MIB;

let gateway: GatewayProcess;
let memory: ResidentMemory;
const clients: Socket[] = [];

beforeAll(async () => {
  gateway = await GatewayProcess.start({
    ...INSPECTED,
    SLUICE_OUTBOUND_MEMORY_BYTES: String(BOUND_BYTES),
    SLUICE_LARGE_PAGES_BYTES: String(BOUND_BYTES),
    SLUICE_OUTBOUND_STALLED_MS: '60000',
    // A few slow clients alone could hold more than the bound of all clients together.
    SLUICE_SOCKET_BUFFER_BYTES: String(16 * MIB),
    SLUICE_TAIL_CACHE_BYTES: '0',
    // Each of them may hold a whole large record.
    SLUICE_DISK_READS_MAX: '4',
  });
  const records = Array.from({ length: 100 }, () => ({ value: 'x'.repeat(8000) }));
  await post('/v1/topics', { name: 't' });
  for (let bytes = 0; bytes < TOPIC_BYTES; bytes += 800_000) {
    await post('/v1/topics/t/records', { records });
  }
  const configs = { 'max.message.bytes': 2 * LARGE_VALUE_BYTES };
  await post('/v1/topics', { name: 'large', configs });
  for (let count = 0; count < 4; count += 1) {
    await post('/v1/topics/large/records', { records: [{ value: 'x'.repeat(LARGE_VALUE_BYTES) }] });
  }
  await fetch(`${gateway.url}/v1/topics/t/partitions/0/records?offset=earliest`);
  memory = await ResidentMemory.of(gateway);
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await until('no bytes to be held', async () => (await heldBytes()) === 0);
  await memory.untilReleased(HELD_BYTES);
});

afterAll(async () => {
  memory.close();
  await gateway.dispose();
});

describe('clients that read nothing leave a gateway within its bounds on memory', () => {
  test('as WebSockets', async () => {
    const data = { subscription: 's', topic: 't', from: 'earliest' };
    const payload = Buffer.from(JSON.stringify({ event: 'subscribe', data }));
    const head = Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]);
    await burst(Buffer.concat([Buffer.from(upgradeRequest()), head, payload]));
  });

  test('as streams of events', async () => {
    await burst(get('/v1/topics/t/events?from=earliest'));
  });

  test('as streams of lines', async () => {
    const path = '/v1/topics/t/partitions/0/records?offset=earliest&follow=true';
    await burst(get(path, 'Accept: application/x-ndjson\r\n'));
  });

  test('as large pages', async () => {
    const path = '/v1/topics/t/partitions/0/records?offset=earliest&maxBytes=16000000&limit=2000';
    await burst(get(path).repeat(4));
  });

  test('as pages of one large record', async () => {
    await burst(get('/v1/topics/large/partitions/0/records?offset=earliest').repeat(4));
  });

  test('as the bytes of one large value', async () => {
    const path = '/v1/topics/large/partitions/0/records?offset=earliest&format=raw&limit=1';
    await burst(get(path).repeat(4));
  });
});

/** Sends the request on all connections, reads nothing, and waits until all of them are served. */
async function burst(request: string | Buffer): Promise<void> {
  await memory.resetLargest();
  const { hostname, port } = new URL(gateway.url);
  for (let count = 0; count < CLIENTS; count += 1) {
    const client = connect({ host: hostname, port: Number(port) });
    client.on('error', () => undefined);
    client.pause();
    client.write(request);
    clients.push(client);
  }
  let before = -1;
  await until('the held bytes to stay the same', async () => {
    const held = await heldBytes();
    const isSteady = held === before && held > 0 && (await pagesInProgress()) === 0;
    before = held;
    return isSteady;
  });
  const largestBytes = await memory.largestBytes();
  expect(largestBytes / MIB).toBeLessThan((2 * BOUND_BYTES + SLACK_BYTES) / MIB);
  const health = (await (await fetch(`${gateway.url}/health/ready`)).json()) as { status: string };
  expect(health.status).toBe('ok');
}

async function post(path: string, body: object): Promise<void> {
  const response = await fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.ok).toBe(true);
}

function get(path: string, headers = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}\r\n`;
}

function heldBytes(): Promise<number> {
  return metric('sluice_outbound_memory_used_bytes');
}

/** Large pages, and reads from disk, running and waiting. */
async function pagesInProgress(): Promise<number> {
  const names = ['large_pages', 'large_pages_waiting', 'disk_reads', 'disk_reads_waiting'];
  const counts = await Promise.all(names.map((name) => metric(`sluice_fetch_${name}`)));
  return counts.reduce((sum, count) => sum + count, 0);
}

function metric(name: string): Promise<number> {
  return metricOf(gateway.url, name);
}
