/**
 * Checks that received bytes are released when a request is refused, in every transport: the
 * resident memory of a gateway stays within its bound during a burst, and returns afterwards.
 */
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { metricOf } from '../support/metric-of.js';
import { INSPECTED, ResidentMemory } from '../support/resident-memory.js';
import { until } from '../support/until.js';
import { upgradeRequest } from '../ws/raw-socket.js';

const MIB = 1024 * 1024;
const ACCOUNT_BYTES = 64 * MIB;
/**
 * Resident memory beyond the accounted bytes: uncollected read buffers, growing buffers, and memory
 * that the allocator keeps. Without the bound a burst takes 600 MB and more.
 */
const SLACK_BYTES = 192 * MIB;
/** Memory that a gateway may still use after a burst: caches that fill on first use. */
const HELD_BYTES = 16 * MIB;
const CLIENTS = 40;
const SENT_BYTES = 15 * MIB;
const BLOCK = Buffer.alloc(256 * 1024, 'x');

let gateway: GatewayProcess;
let memory: ResidentMemory;
const clients: Socket[] = [];

beforeAll(async () => {
  gateway = await GatewayProcess.start({
    ...INSPECTED,
    SLUICE_REQUEST_MEMORY_BYTES: String(ACCOUNT_BYTES),
    SLUICE_REQUEST_BYTES_MAX: String(16 * MIB),
    SLUICE_SOCKET_CLOSE_TIMEOUT_MS: '300',
    SLUICE_SOCKET_COMPRESSION: 'on',
  });
  const response = await fetch(`${gateway.url}/v1/topics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 't' }),
  });
  expect(response.status).toBe(201);
  memory = await ResidentMemory.of(gateway);
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await until('the account to be empty', async () => (await heldBytes()) === 0);
  await memory.untilReleased(HELD_BYTES);
});

afterAll(async () => {
  memory.close();
  await gateway.dispose();
});

describe('a burst of clients that each send most of 16 MB stays within request memory', () => {
  test('as one frame of a WebSocket', async () => {
    await burst(
      upgradeRequest(),
      (client) => {
        client.write(frameHead(0x81, 16 * MIB));
        return sendBlocks(client, SENT_BYTES);
      },
      100,
    );
    expect(await metric('sluice_websocket_refused_total')).toBeGreaterThan(50);
  });

  test('as frames of a WebSocket message with pings between them', async () => {
    await burst(upgradeRequest(), async (client) => {
      for (let sent = 0; sent < SENT_BYTES && client.writable; sent += BLOCK.length) {
        client.write(frameHead(sent === 0 ? 0x01 : 0x00, BLOCK.length));
        await sendBlocks(client, BLOCK.length);
        client.write(frameHead(0x89, 0));
      }
    });
  });

  test('as compressed frames of a WebSocket message', async () => {
    const compressed = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
    const { deflateRawSync, constants } = await import('node:zlib');
    const options = { finishFlush: constants.Z_SYNC_FLUSH };
    const part = deflateRawSync(Buffer.alloc(5 * MIB, 'x'), options);
    await burst(upgradeRequest(compressed), async (client) => {
      for (const first of [0x41, 0x00, 0x00]) {
        client.write(frameHead(first, part.length));
        client.write(part);
      }
    });
  });

  test('as a body', async () => {
    const head = requestHead('/v1/topics/t/records', 'application/json');
    await burst(head, (client) => sendBlocks(client, SENT_BYTES));
  });

  test('as a body in chunks of one byte', async () => {
    const chunks = Buffer.from('1\r\nx\r\n'.repeat(40_000));
    const head = requestHead('/v1/topics/t/records', 'application/json', '');
    await burst(head, (client) => sendBlocks(client, MIB / 2, chunks), 8);
  });

  test('as a body that unpacks to as much', async () => {
    const packed = gzipSync(Buffer.alloc(SENT_BYTES, 'x'));
    const head = requestHead(
      '/v1/topics/t/records',
      'application/json',
      `Content-Encoding: gzip\r\nContent-Length: ${packed.length + 1}\r\n`,
    );
    await burst(head, (client) => sendBlocks(client, packed.length, packed));
  });

  test('as a line of a stream', async () => {
    const head = requestHead('/v1/topics/t/records', 'application/x-ndjson');
    const unread = await metric('sluice_http_bodies_unread_total');
    await burst(head, (client) => sendBlocks(client, SENT_BYTES));
    // The rest of a stream that was broken off is read: none of them waits until it is cut.
    expect(await metric('sluice_http_bodies_unread_total')).toBe(unread);
  });

  test('as a body of the control plane', async () => {
    const head = requestHead('/v1/topics', 'application/json');
    await burst(head, (client) => sendBlocks(client, SENT_BYTES));
  });
});

/**
 * Lets all clients send their head and then their bytes, as far as the gateway accepts them, and
 * returns the largest resident memory in that time.
 */
async function burst(
  head: string,
  send: (client: Socket) => Promise<void>,
  count = CLIENTS,
): Promise<void> {
  await memory.resetLargest();
  const { hostname, port } = new URL(gateway.url);
  await Promise.all(
    Array.from({ length: count }, async () => {
      const client = connect({ host: hostname, port: Number(port) });
      client.on('error', () => undefined);
      client.resume();
      clients.push(client);
      client.write(head);
      await send(client);
    }),
  );
  const largestBytes = await memory.largestBytes();
  expect(largestBytes / MIB).toBeLessThan((ACCOUNT_BYTES + SLACK_BYTES) / MIB);
  expect(await heldBytes()).toBeLessThanOrEqual(ACCOUNT_BYTES);
}

/** Sends until this number of bytes is accepted, or the gateway stops reading. */
async function sendBlocks(client: Socket, sizeBytes: number, block = BLOCK): Promise<void> {
  for (let sent = 0; sent < sizeBytes && client.writable; sent += block.length) {
    if (client.write(block)) continue;
    await new Promise<void>((resolve) => {
      // A refused client is not read from any more, until its connection is cut.
      const events = ['drain', 'close', 'end'];
      const onAny = (): void => {
        for (const event of events) client.off(event, onAny);
        resolve();
      };
      for (const event of events) client.on(event, onAny);
    });
  }
}

function requestHead(
  path: string,
  contentType: string,
  headers = `Content-Length: ${16 * MIB}\r\n`,
): string {
  const length = headers === '' ? 'Transfer-Encoding: chunked\r\n' : headers;
  return `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${contentType}\r\n${length}\r\n`;
}

/** Head of a frame with a mask of zeros. */
function frameHead(first: number, sizeBytes: number): Buffer {
  const head = Buffer.alloc(14);
  head[0] = first;
  if (sizeBytes === 0) {
    head[1] = 0x80;
    return head.subarray(0, 6);
  }
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(sizeBytes), 2);
  return head;
}

function heldBytes(): Promise<number> {
  return metric('sluice_http_request_memory_used_bytes');
}

function metric(name: string): Promise<number> {
  return metricOf(gateway.url, name);
}
