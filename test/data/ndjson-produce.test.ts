import { describe, expect, test } from 'vitest';
import { useGateway } from './gateway-under-test.js';
import { RawConnection, requestHead } from './raw-connection.js';

const gateway = useGateway({ SLUICE_REQUEST_BYTES_MAX: '65536' });
const NDJSON = { 'Content-Type': 'application/x-ndjson' };

async function post(topic: string, body: string, query = ''): Promise<Record<string, unknown>[]> {
  const response = await fetch(`${gateway.url}/v1/topics/${topic}/records${query}`, {
    method: 'POST',
    headers: NDJSON,
    body,
  });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/x-ndjson');
  const text = await response.text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Opens a stream of lines and reads the head of its answer. */
async function openStream(topic: string, query = ''): Promise<RawConnection> {
  const connection = await RawConnection.open(gateway.url);
  await connection.send(
    requestHead(`POST /v1/topics/${topic}/records${query}`, {
      ...NDJSON,
      'Transfer-Encoding': 'chunked',
    }),
  );
  return connection;
}

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

describe('NDJSON to produce', () => {
  test('answers each line with its place, in order', async () => {
    const topic = await gateway.topic();
    const lines = await post(topic, '{"value":1}\n{"value":{"a":"b"}}\r\n{"valueBase64":"/w=="}');
    expect(lines).toEqual([
      { line: 1, partition: 0, offset: 0 },
      { line: 2, partition: 0, offset: 1 },
      { line: 3, partition: 0, offset: 2 },
    ]);
  });

  test('goes on after a bad line, and says what was wrong with it', async () => {
    const topic = await gateway.topic({ partitions: 2, configs: { 'max.message.bytes': 2000 } });
    const body = [
      '{"value":1}',
      'not json',
      '',
      '   ',
      '{"value":2,"surprise":true}',
      '{"value":3,"partition":2}',
      `{"value":"${'x'.repeat(3000)}"}`,
      '{"key":"k"}',
      '{"value":4,"partition":1}',
    ].join('\n');
    const lines = await post(topic, body);
    const codes = lines.map(({ line, error }) => [line, (error as { code: string })?.code]);
    expect(codes).toEqual([
      [1, undefined],
      [2, 'INVALID_REQUEST'],
      [5, 'INVALID_RECORD'],
      [6, 'UNKNOWN_TOPIC_OR_PARTITION'],
      [7, 'MESSAGE_TOO_LARGE'],
      [8, 'INVALID_RECORD'],
      [9, undefined],
    ]);
    expect(lines.at(-1)).toEqual({ line: 9, partition: 1, offset: expect.any(Number) });
    expect(lines[1]).toMatchObject({ error: { outcome: 'failed', retriable: false, status: 400 } });
  });

  test('reports failed lines and a count when asked to', async () => {
    const topic = await gateway.topic();
    const lines = await post(topic, '{"value":1}\n{\n{"value":2}\n', '?report=errors');
    expect(lines).toEqual([
      { line: 2, error: expect.objectContaining({ code: 'INVALID_REQUEST' }) },
      { count: 3, errors: 1 },
    ]);
    expect(await gateway.values(topic)).toEqual([1, 2]);
  });

  test('answers lines while the request is still being sent', async () => {
    const topic = await gateway.topic();
    const stream = await openStream(topic);
    for (const line of [1, 2, 3]) {
      await stream.send(chunk(`{"value":${line}}\n`));
      expect(await stream.line()).toEqual({ line, partition: 0, offset: line - 1 });
    }
    await stream.send(chunk('{"value":4}'));
    await stream.send('0\r\n\r\n');
    expect(await stream.line()).toEqual({ line: 4, partition: 0, offset: 3 });
    stream.abort();
  });

  test('takes lines that are cut anywhere, within a character too', async () => {
    const topic = await gateway.topic();
    const stream = await openStream(topic);
    const bytes = Buffer.from('{"value":"é€😀"}\n{"value":"ü"}\n');
    for (const byte of bytes) {
      await stream.send(
        Buffer.concat([Buffer.from('1\r\n'), Buffer.of(byte), Buffer.from('\r\n')]),
      );
    }
    await stream.send('0\r\n\r\n');
    expect((await stream.answer()).status).toBe(200);
    expect(await gateway.values(topic)).toEqual(['é€😀', 'ü']);
    stream.abort();
  });

  test('refuses a line that is too long and takes the next', async () => {
    const topic = await gateway.topic();
    const lines = await post(topic, `{"value":"${'x'.repeat(100_000)}"}\n{"value":1}\n`);
    expect(lines).toEqual([
      { line: 1, error: expect.objectContaining({ status: 413 }) },
      { line: 2, partition: 0, offset: 0 },
    ]);
  });

  test('names the partition of all lines in the query', async () => {
    const topic = await gateway.topic({ partitions: 3 });
    const lines = await post(topic, '{"value":1}\n{"value":2,"partition":0}\n', '?partition=2');
    expect(lines).toEqual([
      { line: 1, partition: 2, offset: 0 },
      { line: 2, error: expect.objectContaining({ code: 'INVALID_REQUEST' }) },
    ]);
  });

  test('takes an empty stream', async () => {
    expect(await post(await gateway.topic(), '\n', '?report=errors')).toEqual([
      { count: 0, errors: 0 },
    ]);
  });

  test('reads no further while the client does not read the answers', async () => {
    const topic = await gateway.topic();
    const stream = await openStream(topic);
    await stream.send(chunk('{"value":0}\n'));
    await stream.line();
    stream.pause();
    const count = 400_000;
    const body = Array.from({ length: count }, (_, index) => `{"value":${index}}\n`).join('');
    const sent = stream.send(`${chunk(body)}0\r\n\r\n`);
    // With answers left in the way, the gateway holds no more than a window of lines.
    await expect
      .poll(() => gateway.metric('sluice_http_request_memory_used_bytes'))
      .toBeGreaterThan(0);
    expect(await gateway.metric('sluice_http_request_memory_used_bytes')).toBeLessThan(4_000_000);
    stream.resume();
    await sent;
    await stream.until(`{"line":${count + 1},`);
    stream.abort();
    await gateway.untilIdle();
  });

  test('frees all it held when the client goes away within a line', async () => {
    const topic = await gateway.topic();
    const stream = await openStream(topic);
    await stream.send(chunk('{"value":1}\n{"value":'));
    await stream.line();
    stream.abort();
    await gateway.untilIdle();
    expect(await gateway.values(topic)).toEqual([1]);
  });

  test('is refused with producer headers and for a topic that is not there', async () => {
    const topic = await gateway.topic();
    const headers = {
      ...NDJSON,
      'Producer-Id': '1',
      'Producer-Epoch': '0',
      'Producer-Sequence': '0',
    };
    const url = `${gateway.url}/v1/topics/${topic}/records`;
    const refused = await fetch(url, { method: 'POST', headers, body: '{"value":1}\n' });
    expect(refused.status).toBe(400);
    const missing = `${gateway.url}/v1/topics/missing/records`;
    const lost = await fetch(missing, { method: 'POST', headers: NDJSON, body: '{"value":1}\n' });
    expect(lost.status).toBe(404);
  });

  test('ends with the reason when the gateway stops', async () => {
    const topic = await gateway.topic();
    const stream = await openStream(topic);
    await stream.send(chunk('{"value":1}\n'));
    await stream.line();
    gateway.process.signal('SIGTERM');
    expect(await stream.line()).toMatchObject({
      line: 2,
      error: { code: 'BROKER_NOT_AVAILABLE', outcome: 'failed' },
    });
    await stream.closed();
    expect(await gateway.process.ended()).toEqual({ code: 0, signal: null });
    await gateway.process.start();
    expect(await gateway.values(topic)).toEqual([1]);
  });
});
