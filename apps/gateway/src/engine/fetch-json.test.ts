import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { fetchJson } from './fetch-json.js';

/** Starts a server that answers every request so; returns its URL. */
async function serve(answer: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((_request, response) => answer(response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a document is read', async () => {
  const url = await serve((response) => response.end('{"keys":[]}'));
  expect(await fetchJson(url)).toEqual({ keys: [] });
});

test.each<[string, (response: ServerResponse) => void, string | RegExp]>([
  ['another status', (response) => response.writeHead(404).end('{}'), 'the status 404'],
  [
    'a redirect',
    (response) => response.writeHead(302, { Location: 'http://127.0.0.1:9/' }).end(),
    /fetch failed/,
  ],
  ['a long document', (response) => response.end('1'.repeat(257 * 1024)), 'more than 262144 bytes'],
  ['a document that is not JSON', (response) => response.end('<p>'), /JSON/],
])('%s is an error', async (_what, answer, message) => {
  const url = await serve(answer);
  await expect(fetchJson(url)).rejects.toThrow(message);
});
