import { brotliCompressSync, deflateSync, gunzipSync, gzipSync } from 'node:zlib';
import supertest from 'supertest';
import { describe, expect, test } from 'vitest';
import { expectProblem } from '../conformance/target.js';
import { useGateway } from './gateway-under-test.js';
import { RawConnection } from './raw-connection.js';

const LIMIT_BYTES = 100_000;
const gateway = useGateway({
  SLUICE_REQUEST_BYTES_MAX: String(LIMIT_BYTES),
  SLUICE_COMPRESSION: 'all',
});

const CODINGS = [
  ['gzip', gzipSync],
  ['x-gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
  ['identity', (bytes: Buffer) => bytes],
] as const;

function post(topic: string, coding: string, body: Buffer, type = 'application/json') {
  return supertest(gateway.url)
    .post(`/v1/topics/${topic}/records`)
    .set('Content-Type', type)
    .set('Content-Encoding', coding)
    .serialize((data: unknown) => data as string)
    .send(body as unknown as string);
}

describe('a coded request body', () => {
  test.each(CODINGS)('of %s is unpacked', async (coding, pack) => {
    const topic = await gateway.topic();
    const body = Buffer.from('{"records":[{"value":"é"},{"value":2}]}');
    await post(topic, coding, pack(body)).expect(200);
    await post(topic, coding, pack(Buffer.from('text')), 'text/plain').expect(200);
    await post(topic, coding, pack(Buffer.from('{"value":3}\n')), 'application/x-ndjson').expect(
      200,
    );
    expect(await gateway.values(topic)).toEqual(['é', 2, 'text', 3]);
  });

  test('in a coding that is not known is 415, which lists those that are', async () => {
    const topic = await gateway.topic();
    const response = await post(topic, 'zstd', Buffer.from('x'));
    expect(expectProblem(response, 415, 'UNSUPPORTED_MEDIA_TYPE')['outcome']).toBe('failed');
    expect(response.headers['accept-encoding']).toBe('gzip, deflate, br');
  });

  test.each(CODINGS.slice(0, 4))('of %s that unpacks to too much is 413', async (coding, pack) => {
    const topic = await gateway.topic();
    const bomb = pack(Buffer.alloc(50 * LIMIT_BYTES));
    const response = await post(topic, coding, bomb, 'text/plain');
    expectProblem(response, 413, 'REQUEST_TOO_LARGE');
    await gateway.untilIdle();
  });

  test.each(CODINGS.slice(0, 4))('that is not %s, or not whole, is 400', async (coding, pack) => {
    const topic = await gateway.topic();
    const packed = pack(Buffer.from('{"value":"a text of some length, of some length"}'));
    for (const body of [Buffer.from('garbage'), packed.subarray(0, packed.length - 6)]) {
      const problem = expectProblem(await post(topic, coding, body), 400, 'INVALID_REQUEST');
      expect(problem.detail).toMatch(/Content-Encoding/);
    }
    expect(await gateway.values(topic)).toEqual([]);
  });

  test('streams NDJSON of any length, line by line', async () => {
    const topic = await gateway.topic();
    const lines = Array.from({ length: 20_000 }, (_, index) => `{"value":${index}}\n`).join('');
    const response = await post(topic, 'gzip', gzipSync(lines), 'application/x-ndjson')
      .query({ report: 'errors' })
      .buffer(true)
      .parse((incoming, done) => {
        let text = '';
        incoming.on('data', (chunk) => {
          text += String(chunk);
        });
        incoming.on('end', () => done(null, text));
      });
    expect(response.body).toBe('{"count":20000,"errors":0}\n');
    expect(lines.length).toBeGreaterThan(LIMIT_BYTES);
  });

  test('of NDJSON that breaks off says so in the last line', async () => {
    const topic = await gateway.topic();
    const packed = gzipSync('{"value":1}\n{"value":2}\n');
    const response = await fetch(`${gateway.url}/v1/topics/${topic}/records`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-ndjson', 'Content-Encoding': 'gzip' },
      body: packed.subarray(0, packed.length - 4),
    });
    const last = (await response.text()).trimEnd().split('\n').at(-1) ?? '';
    expect(JSON.parse(last)).toMatchObject({ error: { code: 'INVALID_REQUEST' } });
  });
});

describe('a coded answer', () => {
  test.each(['gzip', 'br', 'deflate;q=1, gzip;q=0.5'])(
    'of records is sent to who accepts %s',
    async (accepted) => {
      const topic = await gateway.topic();
      const value = 'x'.repeat(5000);
      await post(topic, 'identity', Buffer.from(value), 'text/plain').expect(200);
      const path = `/v1/topics/${topic}/partitions/0/records`;
      const response = await supertest(gateway.url).get(path).set('Accept-Encoding', accepted);
      expect(response.headers['content-encoding']).toBe(accepted === 'br' ? 'br' : 'gzip');
      expect(response.headers['vary']).toBe('Accept-Encoding');
      expect(Number(response.headers['content-length'])).toBeLessThan(1000);
      expect((response.body as { records: object[] }).records).toEqual([
        expect.objectContaining({ value }),
      ]);
    },
  );

  test('of a stream comes record by record', async () => {
    const topic = await gateway.topic();
    await post(topic, 'identity', Buffer.from('first'), 'text/plain').expect(200);
    const connection = await RawConnection.open(gateway.url);
    await connection.request(`GET /v1/topics/${topic}/partitions/0/records?follow=true`, {
      Accept: 'application/x-ndjson',
      'Accept-Encoding': 'gzip',
    });
    expect(await connection.until('\r\n\r\n')).toContain('Content-Encoding: gzip');
    // A flushed block of gzip ends so; what is not flushed would not have come.
    await connection.until('\0\0\xff\xff');
    await post(topic, 'identity', Buffer.from('second'), 'text/plain').expect(200);
    await connection.until('\0\0\xff\xff');
    connection.abort();
    await gateway.untilIdle();
  });

  test('of a stream is whole when it is read to its end', async () => {
    const topic = await gateway.topic();
    await post(topic, 'identity', Buffer.from('text'), 'text/plain').expect(200);
    const connection = await RawConnection.open(gateway.url);
    await connection.request(`GET /v1/topics/${topic}/partitions/0/records`, {
      Accept: 'application/x-ndjson',
      'Accept-Encoding': 'gzip',
    });
    const { latin1Body } = await connection.answer();
    const lines = gunzipSync(Buffer.from(latin1Body, 'latin1')).toString().trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
      expect.objectContaining({ value: 'text' }),
      { nextOffset: 1, highWatermark: 1 },
    ]);
    connection.abort();
  });
});
