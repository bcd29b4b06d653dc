/** Records that wait for buffer memory when their caller loses its key or the permission. */
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';
import { SocketClient } from '../ws/socket-client.js';
import { type Allowed, AUTH_ON, asRoot, bearer, keyWith, ROOT_KEY, type TestKey } from './keys.js';

const WRITE: Allowed = { resourceType: 'topic', resourceName: 'orders', operation: 'Write' };
const RECORDS = '/v1/topics/orders/records';
const BUFFER_BYTES = 65_536;
/** Almost all of the buffer. */
const FILLING = { value: 'f'.repeat(60_000) };
/** More than what is left of the buffer. */
const LATE = { value: 'l'.repeat(10_000) };

/** Keeps what is buffered for longer than a test needs. */
const SLOW_WRITES = {
  SLUICE_BUFFER_MEMORY_BYTES: String(BUFFER_BYTES),
  SLUICE_BATCH_SIZE_BYTES: '1000000',
  SLUICE_LINGER_MS: '60000',
  SLUICE_MAX_BLOCK_MS: '120000',
};

let gateway: GatewayProcess;
let key: TestKey;

beforeEach(async () => {
  gateway = await GatewayProcess.start({ ...AUTH_ON, ...SLOW_WRITES });
  await asRoot(gateway, 'POST', '/v1/topics', { name: 'orders', partitions: 1 });
  key = await keyWith(gateway, [WRITE]);
  asRoot(gateway, 'POST', RECORDS, FILLING).catch(() => undefined);
  await until('the buffer is full', async () => {
    return (await metric('buffer_available_bytes')) < LATE.value.length;
  });
});

afterEach(() => gateway.dispose());

async function metric(name: string): Promise<number> {
  const response = await fetch(`${gateway.url}/metrics`, { headers: bearer(ROOT_KEY) });
  const found = new RegExp(`^kafka_producer_producermetrics_${name} (\\d+)$`, 'm');
  return Number(found.exec(await response.text())?.[1]);
}

function waiting(count: number): Promise<unknown> {
  return until(`${count} requests wait`, async () => (await metric('waiting_threads')) === count);
}

function revoke(): Promise<unknown> {
  return asRoot(gateway, 'DELETE', `/v1/api-keys/${key.id}`);
}

function forbid(): Promise<unknown> {
  return asRoot(gateway, 'DELETE', `/v1/acls?principal=key:${key.id}`);
}

/** Sends a record and keeps the body open; resolves with the lines of the answer. */
function sendLine(): Promise<string> {
  const headers = { ...bearer(key.key), 'Content-Type': 'application/x-ndjson' };
  const sent = request(gateway.url + RECORDS, { method: 'POST', headers });
  sent.on('error', () => undefined);
  sent.write(`${JSON.stringify(LATE)}\n`);
  return new Promise((resolve) => {
    sent.on('response', (response) => resolve(text(response)));
  });
}

describe.each([
  ['its key is revoked', revoke, 401, 'SASL_AUTHENTICATION_FAILED'],
  ['it may no longer write', forbid, 403, 'TOPIC_AUTHORIZATION_FAILED'],
] as const)(
  'a caller whose records wait for buffer memory when %s',
  (_, loseAccess, status, code) => {
    test('is refused at once over HTTP', async () => {
      const answer = fetch(gateway.url + RECORDS, {
        method: 'POST',
        headers: { ...bearer(key.key), 'Content-Type': 'application/json' },
        body: JSON.stringify(LATE),
      });
      await waiting(1);
      await loseAccess();
      expect((await answer).status).toBe(status);
      expect(await metric('waiting_threads')).toBe(0);
    });

    test('is refused at once in a stream of lines', async () => {
      const lines = sendLine();
      await waiting(1);
      await loseAccess();
      const [first] = (await lines).split('\n');
      expect(JSON.parse(first ?? '')).toMatchObject({ line: 1, error: { status, code } });
      expect(await metric('waiting_threads')).toBe(0);
    });

    test('waits no longer on a WebSocket', async () => {
      const client = await SocketClient.open(gateway.url, { headers: bearer(key.key) });
      const id = client.send('publish', { topic: 'orders', records: [LATE] });
      await waiting(1);
      await loseAccess();
      if (status === 401) expect(await client.closed).toMatchObject({ code: 4403 });
      else expect(await client.answer(id)).toMatchObject({ event: 'error', data: { code } });
      expect(await metric('waiting_threads')).toBe(0);
      client.socket.terminate();
    });
  },
);
