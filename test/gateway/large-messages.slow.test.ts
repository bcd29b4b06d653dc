import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AsyncApiDocumentObject } from '#api/documents';
import { GatewayProcess } from '../support/gateway.js';
import { SliceChecks } from '../support/slice-checks.js';
import { SocketClient } from '../ws/socket-client.js';

const MIB = 1024 * 1024;
/** The largest body by default: SLUICE_REQUEST_BYTES_MAX. */
const BODY_BYTES = 16 * MIB;

let gateway: GatewayProcess;
let checks: SliceChecks;

beforeAll(async () => {
  gateway = await GatewayProcess.start({
    NODE_OPTIONS: '--inspect=127.0.0.1:0',
    SLUICE_COMPRESSION: 'all',
  });
  checks = await SliceChecks.of(gateway);
  await create({ name: 'small' });
  await create({ name: 'large', configs: { 'max.message.bytes': '33554432' } });
});

afterAll(async () => {
  checks?.close();
  await gateway?.dispose();
});

const anything: readonly (readonly [string, Buffer])[] = [
  ['newlines', Buffer.alloc(BODY_BYTES, '\n')],
  ['spaces', Buffer.alloc(BODY_BYTES, ' ')],
  ['one long line', Buffer.alloc(BODY_BYTES, 'x')],
  ['a long string', Buffer.from(`"${'x'.repeat(BODY_BYTES - 2)}"`)],
  ['lists in a list', Buffer.from(`[${repeated('[]', 5 * MIB)}]`)],
  ['lines of one digit', Buffer.from('1\n'.repeat(MIB / 8))],
];
const inGzip = anything.map(([name, body]): readonly [string, Buffer] => {
  return [`gzip of ${name}`, gzipSync(body, { level: 1 })];
});

test('no body of any form stops the event loop', async () => {
  // Bodies that are unpacked come from the same place for all forms: one whole and one in lines.
  const forms: readonly (readonly [string, string, readonly (readonly [string, Buffer])[]])[] = [
    ['application/octet-stream', '', [...anything, ...inGzip]],
    ['text/plain', '', anything],
    ['application/json', '?body=value', anything],
    ['text/plain', '?lines=value&report=errors', anything],
    ['application/x-ndjson', '?report=errors', [...anything, ...inGzip]],
  ];
  for (const [contentType, query, bodies] of forms) {
    for (const [name, body] of bodies) {
      const headers = {
        'Content-Type': contentType,
        ...(inGzip.some(([each]) => each === name) && { 'Content-Encoding': 'gzip' }),
      };
      await checks.check(`${contentType}${query}: ${name}`, async () => {
        const path = `/v1/topics/large/records${query}`;
        const answer = await fetch(gateway.url + path, { method: 'POST', headers, body });
        expect(answer.status).toBeLessThan(500);
        await drained(answer);
      });
    }
  }
  expect(checks.takeTooLong()).toEqual([]);
});

test('no body of lines of a producer stops the event loop', async () => {
  const issued = await fetch(`${gateway.url}/v1/producers`, { method: 'POST' });
  const { producerId } = (await issued.json()) as { readonly producerId: number };
  const headers = {
    'Content-Type': 'text/plain',
    'Producer-Id': String(producerId),
    'Producer-Epoch': '0',
    'Producer-Sequence': '0',
  };
  for (const lines of ['value', 'text']) {
    for (const [name, body] of anything) {
      await checks.check(`lines of a producer, ${lines}: ${name}`, async () => {
        const path = `/v1/topics/large/records?lines=${lines}&partition=0&report=errors`;
        const answer = await fetch(gateway.url + path, { method: 'POST', headers, body });
        expect(answer.status).toBeLessThan(500);
        await drained(answer);
      });
    }
  }
  expect(checks.takeTooLong()).toEqual([]);
});

test('no request of very many records stops the event loop', async () => {
  const headers = `{"value":1,"headers":[${repeated('{"key":"","value":"\\u0061"}', 100)}]}`;
  const bodies: readonly (readonly [string, string])[] = [
    ['100,000 records', repeated(`{"value":"${'x'.repeat(150)}"}`, 100_000)],
    ['100,000 keys', repeated('{"key":"k","value":1}', 100_000)],
    ['headers', repeated(headers, Math.floor((BODY_BYTES - 20) / (headers.length + 1)))],
  ];
  for (const topic of ['small', 'large']) {
    for (const [name, records] of bodies) {
      await checks.check(`${topic}: ${name}`, async () => {
        expect(
          (await send('POST', `/v1/topics/${topic}/records`, `{"records":[${records}]}`)).status,
        ).toBe(200);
      });
    }
  }
  expect(checks.takeTooLong()).toEqual([]);
});

test('no WebSocket message of 16 MiB stops the event loop', async () => {
  const document = (await (
    await fetch(`${gateway.url}/asyncapi.json`)
  ).json()) as AsyncApiDocumentObject;
  const received = Object.values(document.operations).filter(({ action }) => action === 'receive');
  const events = received
    .flatMap(({ messages }) => messages)
    .map(({ $ref }) => $ref.split('/').at(-1));
  expect(events.length).toBeGreaterThan(8);
  const large: readonly (readonly [string, string])[] = [
    ['unknown members', `{${Array.from({ length: 1_200_000 }, (_, k) => `"u${k}":0`).join(',')}}`],
    ['a long list', `{"topics":[${repeated('"a"', 4 * MIB - 30)}]}`],
    ['escapes', `{"topic":"${'\\u0061'.repeat(2 * MIB)}"}`],
  ];
  const headers = `{"value":1,"headers":[${repeated('{"key":"","value":null}', 100)}]}`;
  const escaped = '\\u0061'.repeat(2 * MIB);
  const published: readonly (readonly [string, string])[] = [
    ['headers', repeated(headers, 6500)],
    ['an escaped header', `{"value":1,"headers":[{"key":"k","value":"${escaped}"}]}`],
    ['an escaped key', `{"value":1,"key":"${escaped}"}`],
    ['base64', `{"valueBase64":"${'A'.repeat(15 * MIB)}"}`],
    ['many records', repeated(`{"value":"${'x'.repeat(100)}"}`, 100_000)],
  ];
  const messages = events.flatMap((event) =>
    large.map(([name, data]) => [`${event}: ${name}`, `"${event}"`, data]),
  );
  for (const [name, records] of published) {
    messages.push([`publish: ${name}`, '"publish"', `{"topic":"large","records":[${records}]}`]);
  }
  const client = await SocketClient.open(gateway.url);
  for (const [name = '', event, data] of messages) {
    await checks.check(name, async () => {
      const before = client.messages.length;
      client.sendRaw(`{"event":${event},"id":1,"data":${data}}`);
      await client.until(() => client.messages.length > before);
    });
  }
  client.terminate();
  expect(checks.takeTooLong()).toEqual([]);
});

test('no answer of many MiB stops the event loop', async () => {
  const escaped = Buffer.alloc(8 * MIB, 1);
  await send('POST', '/v1/topics/large/records', escaped, 'application/octet-stream');
  for (const topic of ['small', 'large']) {
    for (const format of ['auto', 'json', 'string', 'base64']) {
      const path = `/v1/topics/${topic}/partitions/0/records?format=${format}&limit=2000000`;
      for (const accept of ['application/json', 'application/x-ndjson']) {
        await checks.check(`${accept} ${topic} ${format}`, async () => {
          const headers = {
            Accept: accept,
            'Accept-Encoding': format === 'auto' ? 'gzip' : 'identity',
          };
          const answer = await fetch(`${gateway.url}${path}&maxBytes=${48 * MIB}`, { headers });
          expect(answer.status).toBe(200);
          await drained(answer);
        });
      }
    }
  }
  expect(checks.takeTooLong()).toEqual([]);
});

test('no live delivery of a large record stops the event loop', async () => {
  const name = 'live';
  await create({ name, configs: { 'max.message.bytes': '33554432' } });
  const client = await SocketClient.open(gateway.url);
  await client.request('subscribe', { subscription: 's', topic: name, from: 'latest' });
  const stop = new AbortController();
  const events = await fetch(`${gateway.url}/v1/topics/${name}/events?from=latest`, {
    signal: stop.signal,
  });
  let eventBytes = 0;
  const reading = (async () => {
    for await (const chunk of events.body ?? []) eventBytes += chunk.length;
  })().catch(() => undefined);
  const lineBreaks = Buffer.from(`[${'\n'.repeat(BODY_BYTES - 100)}]`);
  const values: readonly (readonly [string, string, Buffer])[] = [
    ['text', '', Buffer.alloc(BODY_BYTES - 100, 'x')],
    ['control characters', '', Buffer.alloc(4 * MIB, 1)],
    ['no text', '', Buffer.alloc(BODY_BYTES - 100, 255)],
    ['JSON with 16 million line breaks', '?body=value', lineBreaks],
  ];
  for (const [kind, query, body] of values) {
    const contentType = query === '' ? 'application/octet-stream' : 'application/json';
    await checks.check(`live record, ${kind}`, async () => {
      const [messages, bytes] = [client.messages.length, eventBytes];
      const path = `/v1/topics/${name}/records${query}`;
      expect((await send('POST', path, body, contentType)).status).toBe(200);
      await client.until(() => client.messages.length > messages);
      await expect.poll(() => eventBytes, { interval: 20 }).toBeGreaterThan(bytes + body.length);
    });
  }
  expect(client.messages.at(-1)?.event).toBe('records');
  stop.abort();
  await reading;
  client.terminate();
  expect(checks.takeTooLong()).toEqual([]);
});

test('no answer of the control plane stops the event loop', async () => {
  const name = 't'.repeat(200);
  for (let index = 0; index < 8; index += 1) await create({ name: name + index, partitions: 1000 });
  const metadata = '\u0001'.repeat(3000);
  for (let from = 0; from < 1000; from += 50) {
    const offsets = Array.from({ length: 50 }, (_, at) => {
      return { topic: `${name}0`, partition: from + at, offset: 0, metadata };
    });
    const answer = await send('PUT', '/v1/groups/g/offsets', JSON.stringify({ offsets }));
    expect(answer.status, answer.text).toBe(200);
  }
  const paths = [
    '/v1/topics',
    `/v1/topics/${name}0`,
    '/v1/groups/g/offsets',
    '/v1/cluster',
    '/metrics',
    '/health/ready',
  ];
  for (const path of paths) {
    await checks.check(path.slice(0, 30), async () => {
      expect((await send('GET', path)).status).toBe(200);
    });
  }
  expect(checks.takeTooLong()).toEqual([]);
});

/** Repeats `text`, separated by commas. */
function repeated(text: string, count: number): string {
  return `${text},`.repeat(count).slice(0, -1);
}

async function create(topic: object): Promise<void> {
  const answer = await send('POST', '/v1/topics', JSON.stringify(topic));
  expect(answer.status, answer.text).toBe(201);
}

async function drained(answer: Response): Promise<void> {
  const reader = answer.body?.getReader();
  while ((await reader?.read())?.done === false);
}

async function send(
  method: string,
  path: string,
  body?: string | Buffer,
  contentType = 'application/json',
): Promise<{ readonly status: number; readonly text: string }> {
  const content = body === undefined ? {} : { body, headers: { 'Content-Type': contentType } };
  const response = await fetch(gateway.url + path, { method, ...content });
  return { status: response.status, text: await response.text() };
}
