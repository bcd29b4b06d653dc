import supertest from 'supertest';
import { describe, expect, test } from 'vitest';
import { SocketClient } from '../ws/socket-client.js';
import { useGateway } from './gateway-under-test.js';

const gateway = useGateway();

const HOUR_MS = 3_600_000;
const HEADER = 'sluice.deliver.at';

interface Header {
  readonly key: string;
  readonly value: string;
}

async function headersOf(topic: string): Promise<Header[][]> {
  const response = await fetch(`${gateway.url}/v1/topics/${topic}/partitions/0/records`);
  const { records } = (await response.json()) as { records: { headers: Header[] }[] };
  return records.map(({ headers }) => headers);
}

async function postLines(topic: string, lines: readonly object[]): Promise<unknown[]> {
  const response = await fetch(`${gateway.url}/v1/topics/${topic}/records`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-ndjson' },
    body: lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
  });
  return (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

describe('a delayed record', () => {
  test('is seen at once by a fetch, with its time of delivery as a header', async () => {
    const topic = await gateway.topic();
    const beforeMs = Date.now();
    const records = [
      { value: 1, deliverAt: beforeMs + HOUR_MS, headers: { a: 'b' } },
      { value: 2, delayMs: 1000 },
      { value: 3 },
    ];
    await supertest(gateway.url).post(`/v1/topics/${topic}/records`).send({ records }).expect(200);
    const [first, second, third] = await headersOf(topic);
    expect(first).toEqual([
      { key: 'a', value: 'b' },
      { key: HEADER, value: String(beforeMs + HOUR_MS) },
    ]);
    expect(second?.[0]?.key).toBe(HEADER);
    expect(Number(second?.[0]?.value)).toBeGreaterThanOrEqual(beforeMs + 1000);
    expect(third).toEqual([]);
  });

  test('can be published over WebSocket and as a line', async () => {
    const topic = await gateway.topic();
    const client = await SocketClient.open(gateway.url);
    await client.request('publish', { topic, records: [{ value: 1, deliverAt: 5 }] });
    await client.close();
    expect(await postLines(topic, [{ value: 2 }, { value: 3, deliverAt: 6 }])).toHaveLength(2);
    expect(await headersOf(topic)).toEqual([
      [{ key: HEADER, value: '5' }],
      [],
      [{ key: HEADER, value: '6' }],
    ]);
  });

  test('is refused when it would be deleted before its time', async () => {
    const topic = await gateway.topic({ configs: { 'retention.ms': HOUR_MS } });
    const tooLate = { value: 1, delayMs: HOUR_MS + 60_000 };
    const records = [{ value: 0 }, tooLate, { value: 2, deliverAt: Date.now() + 2 * HOUR_MS }];
    const { body } = await supertest(gateway.url)
      .post(`/v1/topics/${topic}/records`)
      .send({ records })
      .expect(400);
    expect(body).toMatchObject({
      code: 'INVALID_TIMESTAMP',
      outcome: 'failed',
      errors: [{ pointer: '/records/1/delayMs' }, { pointer: '/records/2/deliverAt' }],
    });
    const lines = await postLines(topic, [tooLate, { value: 3, delayMs: 1000 }]);
    expect(lines).toMatchObject([
      { line: 1, error: { code: 'INVALID_TIMESTAMP', errors: [{ pointer: '/delayMs' }] } },
      { line: 2, offset: 0 },
    ]);
    expect(await gateway.values(topic)).toEqual([3]);
  });
});
