import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { nodeFetch } from './node-fetch.js';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function nextTick(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}

const fetch = nodeFetch(undefined);

test('a request carries its body and headers, and its answer can be read', async () => {
  const url = await serve((request, response) => {
    response.writeHead(404, { 'Retry-After': '7' }).write(`${request.method} `);
    response.write(`${String(request.headers['producer-id'])} `);
    request.pipe(response);
  });
  const init = { method: 'POST', headers: { 'Producer-Id': '5' }, body: 'tea ☕' };
  const answer = await fetch(url, init);
  expect(answer).toMatchObject({ ok: false, status: 404 });
  expect(answer.headers.get('Retry-After')).toBe('7');
  expect(answer.headers.get('Sluice-Offset')).toBeNull();
  expect(await answer.text()).toBe('POST 5 tea ☕');
  const bytes = await (await fetch(url, init)).arrayBuffer();
  expect(Buffer.from(bytes).toString()).toBe('POST 5 tea ☕');
});

test('a server that is not there is an error with its cause, as of the global fetch', async () => {
  const url = await serve(() => undefined);
  servers[0]?.close();
  const error = (await fetch(url).catch((reason: unknown) => reason)) as Error;
  expect(error).toBeInstanceOf(TypeError);
  expect(error.cause).toMatchObject({ code: 'ECONNREFUSED' });
});

test('an answer that breaks off fails its reader', async () => {
  const url = await serve((_, response) => {
    response.write('half', () => response.destroy());
  });
  const answer = await fetch(url);
  await expect(answer.text()).rejects.toThrow('aborted');
});

test('a signal ends a request that waits, and an answer that is being read', async () => {
  const stop = new AbortController();
  const url = await serve((request, response) => {
    if (request.url === '/waits') stop.abort();
    else response.write('half');
  });
  await expect(fetch(`${url}/waits`, { signal: stop.signal })).rejects.toThrow();
  const late = new AbortController();
  const answer = await fetch(url, { signal: late.signal });
  const text = answer.text();
  late.abort();
  await expect(text).rejects.toThrow();
});

test('an answer that nobody wants is cancelled', async () => {
  let closed: Promise<unknown> | undefined;
  const url = await serve((_, response) => {
    closed = once(response, 'close');
    response.write('half');
  });
  const answer = await fetch(url);
  await answer.body?.cancel();
  await closed;
});

test('a signal that comes while an answer ends changes nothing', async () => {
  const url = await serve((_, response) => response.end('all of it'));
  const uncaught: unknown[] = [];
  const onUncaught = (error: unknown): number => uncaught.push(error);
  process.on('uncaughtExceptionMonitor', onUncaught);
  onTestFinished(() => void process.off('uncaughtExceptionMonitor', onUncaught));
  // The connection changes hands some turns after the bytes have arrived.
  for (let turns = 0; turns < 20; turns += 1) {
    const stop = new AbortController();
    const { body } = await fetch(url, { signal: stop.signal });
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
      expect(Buffer.from(chunk).toString()).toBe('all of it');
      for (let turn = 0; turn < turns; turn += 1) await nextTick();
      stop.abort();
      break;
    }
  }
  expect(uncaught).toEqual([]);
});
