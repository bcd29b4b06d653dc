import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createPlainServer } from 'node:net';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
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

const fetch = nodeFetch();

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

test('requests one after the other use one connection', async () => {
  const ports = new Set<number | undefined>();
  const url = await serve((request, response) => {
    ports.add(request.socket.remotePort);
    response.writeHead(request.method === 'DELETE' ? 204 : 200).end();
  });
  await fetch(url, { method: 'DELETE' });
  await (await fetch(url)).text();
  expect(await (await fetch(url)).text()).toBe('');
  expect(ports.size).toBe(1);
});

test('a connection that is not made within 10 s fails as one that was refused', async () => {
  // It takes connections, and never answers the handshake of TLS.
  const silent = createPlainServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  onTestFinished(() => void silent.close());
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const connected = once(silent, 'connection');
  const call = fetch(`https://127.0.0.1:${(silent.address() as AddressInfo).port}`);
  await connected;
  vi.advanceTimersByTime(10_000);
  await expect(call).rejects.toMatchObject({ cause: { code: 'ERR_CONNECT_TIMEOUT' } });
});

/** Answers with the type and length that a request named, and its body. */
function echo(): Promise<string> {
  return serve((request, response) => {
    const { 'content-type': type, 'content-length': length } = request.headers;
    response.setHeader('Named', `${type} ${length}`);
    request.pipe(response);
  });
}

test.each([
  ['a text', () => 'tea', 'text/plain;charset=UTF-8 3'],
  ['an ArrayBuffer', () => new TextEncoder().encode('tea').buffer, 'undefined 3'],
  ['a part of a buffer', () => Buffer.from('tea time').subarray(0, 3), 'undefined 3'],
  ['a Blob', () => new Blob(['tea'], { type: 'text/css' }), 'text/css undefined'],
  ['a stream', () => new Blob(['tea']).stream(), 'undefined undefined'],
])('%s is a body as for the global fetch', async (_, body, named) => {
  const url = await echo();
  for (const method of ['POST', 'DELETE']) {
    const answer = await fetch(url, { method, body: body() as never, duplex: 'half' });
    expect(await answer.text()).toBe('tea');
    expect(answer.headers.get('Named')).toBe(named);
  }
});

test('a body that fails fails its request with its error', async () => {
  const url = await echo();
  const cause = new Error('the file is gone');
  const body = new ReadableStream({ start: (controller) => controller.error(cause) });
  const call = fetch(url, { method: 'POST', body: body as never, duplex: 'half' });
  await expect(call).rejects.toMatchObject({ name: 'TypeError', cause });
});

test('a redirect is answered, and its target learns no credentials', async () => {
  const seen: (string | undefined)[] = [];
  const target = await serve((request, response) => {
    seen.push(request.headers.authorization);
    response.end();
  });
  const url = await serve((_, response) => {
    response.writeHead(307, { Location: target }).end();
  });
  const answer = await fetch(url, { headers: { Authorization: 'Bearer key' } });
  expect(answer).toMatchObject({ ok: false, status: 307, redirected: false });
  expect(answer.headers.get('Location')).toBe(target);
  expect(seen).toEqual([]);
});

test('an answer is read in all ways of a Response, and once', async () => {
  const url = await serve((_, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Set-Cookie': ['a=1', 'b=2'] });
    response.end('{"item":"tea"}');
  });
  const answer = await fetch(new URL(url));
  expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
  const copy = answer.clone();
  expect(await answer.json()).toEqual({ item: 'tea' });
  expect(await copy.json()).toEqual({ item: 'tea' });
  expect(answer.bodyUsed).toBe(true);
  await expect(answer.text()).rejects.toThrow(TypeError);
  const blob = await (await fetch(url)).blob();
  expect([blob.type, blob.size]).toEqual(['application/json', 14]);
});

test('a reader and a loop get the chunks of a stream as they come', async () => {
  const url = await serve((request, response) => {
    response.write('first');
    ends.push(() => response.end('second'));
  });
  const ends: (() => void)[] = [];
  const reader = (await fetch(url)).body?.getReader();
  const texts: string[] = [];
  for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
    texts.push(Buffer.from(read.value).toString());
    ends.pop()?.();
  }
  const { body } = await fetch(url);
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    texts.push(Buffer.from(chunk).toString());
    ends.pop()?.();
  }
  expect(texts).toEqual(['first', 'second', 'first', 'second']);
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
  const reason = new Error('no longer wanted');
  const url = await serve((request, response) => {
    if (request.url === '/waits') stop.abort(reason);
    else response.write('half');
  });
  await expect(fetch(`${url}/waits`, { signal: stop.signal })).rejects.toBe(reason);
  const late = new AbortController();
  const answer = await fetch(url, { signal: late.signal });
  const text = answer.text();
  late.abort(reason);
  await expect(text).rejects.toBe(reason);
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
  const reader = (await fetch(url)).body?.getReader();
  await reader?.read();
  await reader?.cancel();
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
