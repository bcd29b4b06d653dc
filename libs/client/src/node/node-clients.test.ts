import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Sluice } from './index.js';
import '../testing/parts-loaded.js';
import { SluiceReader } from './reader.js';
import { SluiceWriter } from './writer.js';

const MISSING = { code: 'UNKNOWN_TOPIC_OR_PARTITION', detail: 'no such topic', retriable: false };

/** Starts a gateway without topics. */
async function gatewayUrl(): Promise<string> {
  const server = createServer((request, response) => {
    if (request.url === '/v1/topics') response.end('{"topics":[]}');
    else if (request.url === '/moved/v1/topics') response.writeHead(301, { Location: '/v1' }).end();
    else response.writeHead(404).end(JSON.stringify(MISSING));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('clients on Node.js do not need the global fetch', async () => {
  vi.stubGlobal('fetch', () => Promise.reject(new Error('the global fetch was called')));
  onTestFinished(() => void vi.unstubAllGlobals());
  const url = await gatewayUrl();
  const whole = new Sluice({ url, transport: 'http' });
  expect(await whole.admin.listTopics()).toMatchObject({ topics: [] });
  const reader = new SluiceReader({ url, transport: 'http' });
  await expect(reader.subscribe('orders').ready).rejects.toMatchObject({ code: MISSING.code });
  const writer = new SluiceWriter({ url, transport: 'http' });
  const sent = writer.producer().send({ topic: 'orders', value: 'tea' });
  await expect(sent).rejects.toMatchObject({ code: MISSING.code });
  await Promise.all([whole, reader, writer].map((client) => client.close()));
});

test('the error of a redirect names its target', async () => {
  const sluice = new Sluice({ url: `${await gatewayUrl()}/moved` });
  await expect(sluice.admin.listTopics()).rejects.toMatchObject({
    code: 'UNKNOWN_SERVER_ERROR',
    status: 301,
    detail: 'redirected to /v1',
  });
  await sluice.close();
});

test('a given fetch is called in place of it', async () => {
  const fetch = (): Promise<Response> => Promise.resolve(new Response('{"topics":["mine"]}'));
  const sluice = new Sluice({ url: 'http://localhost:1', fetch });
  expect(await sluice.admin.listTopics()).toEqual({ topics: ['mine'] });
});

test('wrong options are told as on other platforms', () => {
  for (const Client of [Sluice, SluiceReader, SluiceWriter]) {
    expect(() => new Client(undefined as never)).toThrow(/options/);
    expect(() => new Client({ url: 'http://localhost', fetch: 5 as never })).toThrow(/fetch/);
  }
});
