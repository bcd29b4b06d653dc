import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { useGateway } from './gateway-under-test.js';

const gateway = useGateway({ SLUICE_REQUEST_BYTES_MAX: '65536' });

interface Sent {
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly type?: string;
}

function post(topic: string, body: string | Buffer, sent: Sent = {}): Promise<Response> {
  return fetch(`${gateway.url}/v1/topics/${topic}/records?lines=value${sent.query ?? ''}`, {
    method: 'POST',
    headers: { 'Content-Type': sent.type ?? 'text/plain', ...sent.headers },
    body: Buffer.from(body),
  });
}

async function lines(response: Response): Promise<unknown[]> {
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/x-ndjson');
  const text = await response.text();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

async function records(topic: string, partition = 0): Promise<{ key: unknown; value: unknown }[]> {
  const path = `/v1/topics/${topic}/partitions/${partition}/records`;
  const page = (await (await fetch(gateway.url + path)).json()) as {
    records: { key: unknown; value: unknown }[];
  };
  return page.records;
}

describe('lines as values', () => {
  test.each(['text/plain', 'text/plain; charset=utf-8', 'application/x-ndjson'])(
    'of %s are records, JSON where they are JSON',
    async (type) => {
      const topic = await gateway.topic();
      const answer = await lines(await post(topic, 'plain\r\n\n{"a":1}\n null\n  x', { type }));
      expect(answer).toEqual([
        { line: 1, partition: 0, offset: 0 },
        { line: 3, partition: 0, offset: 1 },
        { line: 4, partition: 0, offset: 2 },
        { line: 5, partition: 0, offset: 3 },
      ]);
      const values = (await records(topic)).map(({ value }) => value);
      expect(values).toEqual(['plain', { a: 1 }, null, '  x']);
    },
  );

  test('take ?partition=, ?key= and acks=0', async () => {
    const topic = await gateway.topic({ partitions: 3 });
    const query = '&partition=2&key=host-1&acks=0';
    expect(await lines(await post(topic, 'a\nb\n', { query }))).toEqual([
      { line: 1, partition: 2, offset: null },
      { line: 2, partition: 2, offset: null },
    ]);
    const last = await lines(await post(topic, 'c', { query: '&partition=2' }));
    expect(last).toEqual([{ line: 1, partition: 2, offset: 2 }]);
    expect((await records(topic, 2)).map(({ key, value }) => [key, value])).toEqual([
      ['host-1', 'a'],
      ['host-1', 'b'],
      [null, 'c'],
    ]);
  });

  test('of a compressed body are reported by number with ?report=errors', async () => {
    const topic = await gateway.topic({ configs: { 'max.message.bytes': 2000 } });
    const body = ['ok', 'x'.repeat(3000), '', 'y'.repeat(70_000), 'ok', ''].join('\n');
    const answer = await lines(
      await post(topic, gzipSync(body), {
        query: '&report=errors',
        headers: { 'Content-Encoding': 'gzip' },
      }),
    );
    expect(answer).toMatchObject([
      { line: 2, error: { code: 'MESSAGE_TOO_LARGE' } },
      { line: 4, error: { code: 'MESSAGE_TOO_LARGE', lineBytesMax: 65_536 } },
      { count: 4, errors: 2 },
    ]);
    expect(await records(topic)).toHaveLength(2);
  });

  test('come through whole in a long stream', async () => {
    const topic = await gateway.topic();
    const count = 20_000;
    const text = Array.from({ length: count }, (_, k) => `[info] line ${k}\n`).join('');
    const answer = await lines(await post(topic, text, { query: '&report=errors' }));
    expect(answer).toEqual([{ count, errors: 0 }]);
    const last = `${gateway.url}/v1/topics/${topic}/partitions/0/records?format=raw&limit=1`;
    expect(await (await fetch(`${last}&offset=${count - 1}`)).text()).toBe('[info] line 19999');
  });

  test.each([
    'application/json',
    'multipart/form-data; boundary=x',
    'application/octet-stream',
    '',
  ])('are refused of the type %j', async (type) => {
    const topic = await gateway.topic();
    const response = await post(topic, 'a\n', { type });
    expect(response.status).toBe(415);
    expect(await response.json()).toMatchObject({
      code: 'UNSUPPORTED_MEDIA_TYPE',
      detail: expect.stringContaining('text/plain or application/x-ndjson'),
    });
  });

  test('are refused in another charset', async () => {
    const response = await post(await gateway.topic(), 'a', { type: 'text/plain; charset=utf-16' });
    expect(response.status).toBe(415);
    expect(await response.json()).toMatchObject({ detail: expect.stringContaining('utf-16') });
  });

  test.each([
    ['&body=value', 'lines'],
    ['&lines=record', 'lines'],
  ])('are refused with %s', async (query, name) => {
    const response = await post(await gateway.topic(), 'a', { query });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ pointer: `?${name}` }] });
  });

  test('are refused with a producer id', async () => {
    const headers = { 'Producer-Id': '1', 'Producer-Epoch': '0', 'Producer-Sequence': '0' };
    const response = await post(await gateway.topic(), 'a', { headers });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'INVALID_REQUEST' });
  });
});
