import { describe, expect, test } from 'vitest';
import { useGateway } from './gateway-under-test.js';
import { RawConnection } from './raw-connection.js';

const gateway = useGateway();
const JSON_TYPE = { 'Content-Type': 'application/json' };

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
}

/** Answers of every part that writes JSON: Fastify, both hot routes, the front. */
const REQUESTS: readonly Sent[] = [
  { method: 'GET', path: '/' },
  { method: 'GET', path: '/openapi.json' },
  { method: 'GET', path: '/asyncapi.json' },
  { method: 'GET', path: '/health/ready' },
  { method: 'GET', path: '/v1/topics' },
  { method: 'GET', path: '/v1/cluster' },
  { method: 'POST', path: '/v1/producers' },
  { method: 'POST', path: '/v1/topics', body: '{"name":"?"}' },
  { method: 'POST', path: '/v1/topics', body: '{' },
  { method: 'POST', path: '/v1/topics/TOPIC/records', body: '{"value":1}' },
  {
    method: 'POST',
    path: '/v1/topics/TOPIC/records',
    body: '{"records":[{"value":1},{"value":2,"partition":1}]}',
  },
  { method: 'POST', path: '/v1/topics/TOPIC/records', body: '{' },
  { method: 'POST', path: '/v1/topics/missing/records', body: '{"value":1}' },
  { method: 'GET', path: '/v1/topics/TOPIC/partitions/0/records' },
  { method: 'GET', path: '/v1/topics/TOPIC/partitions/9/records' },
  { method: 'GET', path: '/v1/topics/TOPIC/partitions/0/records?offset=99' },
  { method: 'PUT', path: '/v1/topics' },
  { method: 'GET', path: '/nothing' },
  { method: 'GET', path: '/v1/ws' },
];

describe('a JSON answer', () => {
  test.each(REQUESTS)('to $method $path ends in one newline', async ({ method, path, body }) => {
    const topic = await gateway.topic({ partitions: 2 });
    const response = await fetch(gateway.url + path.replace('TOPIC', topic), {
      method,
      ...(body === undefined ? {} : { headers: JSON_TYPE, body }),
    });
    expect(response.headers.get('content-type')).toMatch(/^application\/(problem\+)?json/);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(bytes.toString()).toMatch(/[^\n]\n$/);
    JSON.parse(bytes.toString());
    if (response.headers.get('content-encoding') === null) {
      expect(response.headers.get('content-length')).toBe(String(bytes.length));
    }
  });

  test.each([
    ['records', 'application/x-ndjson'],
    ['events', 'text/event-stream'],
  ])('stream of %s is not mistaken for another type', async (what, type) => {
    const topic = await gateway.topic();
    const path = what === 'events' ? 'events' : 'partitions/0/records';
    const { headers, body } = await fetch(`${gateway.url}/v1/topics/${topic}/${path}`, {
      headers: { Accept: type },
    });
    expect(headers.get('content-type')).toBe(type);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    await body?.cancel();
  });

  test.each(['/v1/topics', '/openapi.json', '/nothing'])(
    'to HEAD %s has the length of that to GET',
    async (path) => {
      const headers = { 'Accept-Encoding': 'identity' };
      const head = await fetch(gateway.url + path, { method: 'HEAD', headers });
      const get = await fetch(gateway.url + path, { headers });
      // Paths that are not there are answered with the method's own problem.
      const length = (await get.arrayBuffer()).byteLength;
      expect(head.headers.get('content-length')).toBe(String(length));
    },
  );

  test('to what is not HTTP ends in a newline', async () => {
    const connection = await RawConnection.open(gateway.url);
    await connection.send('NONSENSE\r\n\r\n');
    await connection.closed();
    expect(connection.received).toMatch(/[^\n]\n$/);
  });
});
