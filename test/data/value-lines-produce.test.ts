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
});

describe('lines of a producer', () => {
  async function producerHeaders(sequence: number): Promise<Record<string, string>> {
    const issued = await fetch(`${gateway.url}/v1/producers`, { method: 'POST' });
    const { producerId, producerEpoch } = (await issued.json()) as {
      readonly producerId: number;
      readonly producerEpoch: number;
    };
    return {
      'Producer-Id': String(producerId),
      'Producer-Epoch': String(producerEpoch),
      'Producer-Sequence': String(sequence),
    };
  }

  test('are one record batch, which is written once however often it is sent', async () => {
    const topic = await gateway.topic({ partitions: 2 });
    const headers = await producerHeaders(0);
    const sent = { headers, query: '&partition=1&key=k' };
    const expected = [
      { line: 1, partition: 1, offset: 0 },
      { line: 3, partition: 1, offset: 1 },
    ];
    expect(await lines(await post(topic, 'a\r\n\n{"b":2}', sent))).toEqual(expected);
    expect(await lines(await post(topic, 'a\r\n\n{"b":2}', sent))).toEqual(expected);
    const next = { ...sent, headers: { ...headers, 'Producer-Sequence': '2' } };
    const query = `${sent.query}&report=errors`;
    expect(await lines(await post(topic, 'c\nd\n', { ...next, query }))).toEqual([
      { count: 2, errors: 0 },
    ]);
    const gap = await post(topic, 'e\n', {
      ...sent,
      headers: { ...headers, 'Producer-Sequence': '9' },
    });
    expect(gap.status).toBe(409);
    expect(await gap.json()).toMatchObject({ code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' });
    expect(await records(topic, 1)).toMatchObject([
      { key: 'k', value: 'a' },
      { key: 'k', value: { b: 2 } },
      { key: 'k', value: 'c' },
      { key: 'k', value: 'd' },
    ]);
  });

  test('are all refused when one of them is too large', async () => {
    const topic = await gateway.topic({ configs: { 'max.message.bytes': 2000 } });
    const headers = await producerHeaders(0);
    const body = `ok\n${'x'.repeat(3000)}\n`;
    const refused = await post(topic, body, { headers, query: '&partition=0' });
    expect(refused.status).toBe(413);
    expect(await refused.json()).toMatchObject({ code: 'MESSAGE_TOO_LARGE', outcome: 'failed' });
    expect(await records(topic)).toEqual([]);
  });

  test.each([
    ['without a partition', '', 'a\n', /name it in \?partition=/],
    ['without a line', '&partition=0', '\n\r\n', /at least one that is not empty/],
  ])('are refused %s', async (_, query, body, sentence) => {
    const topic = await gateway.topic();
    const refused = await post(topic, body, { headers: await producerHeaders(0), query });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      code: 'INVALID_REQUEST',
      detail: expect.stringMatching(sentence),
    });
  });

  test('are acknowledged before they are written with acks=0', async () => {
    const topic = await gateway.topic();
    const sent = { headers: await producerHeaders(0), query: '&partition=0&acks=0' };
    expect((await post(topic, 'a\nb\n', sent)).status).toBe(202);
    await expect.poll(() => records(topic)).toHaveLength(2);
  });

  test('are values: a stream of records in JSON has no sequences', async () => {
    const topic = await gateway.topic();
    const url = `${gateway.url}/v1/topics/${topic}/records:ndjson?partition=0`;
    const headers = await producerHeaders(0);
    const refused = await fetch(url, { method: 'POST', headers, body: '{"value":1}\n' });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ detail: expect.stringContaining('?lines=') });
  });
});

test('lines=text takes lines that are JSON as text', async () => {
  const topic = await gateway.topic();
  const url = `${gateway.url}/v1/topics/${topic}/records?lines=text`;
  const headers = { 'Content-Type': 'text/plain' };
  const answer = await fetch(url, { method: 'POST', headers, body: '{"a":1}\n7\n' });
  expect(await lines(answer)).toHaveLength(2);
  expect((await records(topic)).map(({ value }) => value)).toEqual(['{"a":1}', '7']);
});
