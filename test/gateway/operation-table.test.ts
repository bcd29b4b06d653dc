/** The table of operations and the running gateway agree both ways. */
import { expect, test } from 'vitest';
import { ALL_OPERATIONS, ENTRY_POINTS, methodsOf } from '#api';
import { useGateway } from '../data/gateway-under-test.js';

const gateway = useGateway();

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const paths = [...new Set(ALL_OPERATIONS.map(({ path }) => path))];

test.each(paths)(
  '%s answers the methods of the table, and refuses all others with Allow',
  async (path) => {
    const allowed = new Set(
      ALL_OPERATIONS.filter((each) => matches(each.path, path)).flatMap(methodsOf),
    );
    for (const method of METHODS) {
      const { status, headers } = await answerTo(method, path);
      if (allowed.has(method as never)) {
        expect(status, method).not.toBe(405);
        expect(headers.get('allow'), method).toBeNull();
      } else {
        expect(status, method).toBe(405);
        expect(headers.get('allow'), method).toBe([...allowed].toSorted().join(', '));
      }
    }
  },
);

test('a path that is not in the table is 404 for every method', async () => {
  for (const path of [
    '/v1',
    '/v1/topics/',
    '/v1/topic',
    '/openapi',
    '/docs/a/b',
    '/v1/topics/a/b',
  ]) {
    for (const method of METHODS) {
      expect((await answerTo(method, path)).status, `${method} ${path}`).toBe(404);
    }
  }
});

test('the entry points link to operations of the table, and to the WebSocket', async () => {
  const response = await fetch(gateway.url, { headers: { Accept: 'application/json' } });
  const { links } = (await response.json()) as { links: Readonly<Record<string, string>> };
  expect(links).toEqual(Object.fromEntries(ENTRY_POINTS.map(({ name, path }) => [name, path])));
  for (const [name, path] of Object.entries(links)) {
    const { status } = await fetch(gateway.url + path);
    expect(status, name).toBe(name === 'webSocket' ? 426 : 200);
  }
});

/** Sends a request that names nothing that exists, so that it has no effect. */
async function answerTo(method: string, path: string): Promise<Response> {
  const named = path
    .replace('{partition}', '0')
    .replace('{file}', 'none')
    .replace(/\{\w+\}/g, 'x');
  const stop = new AbortController();
  const url = gateway.url + named;
  const response = await fetch(url, { method, redirect: 'manual', signal: stop.signal });
  stop.abort();
  return response;
}

/** True when a path with its names filled in matches another path, such as `/docs/{file}`. */
function matches(pattern: string, path: string): boolean {
  const segments = pattern.split('/');
  const others = path.split('/');
  return (
    segments.length === others.length &&
    segments.every((each, index) => each === others[index] || /^\{\w+\}$/.test(each))
  );
}
