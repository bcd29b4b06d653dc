import supertest from 'supertest';
import { describe, expect, test } from 'vitest';
import { SocketClient } from '../ws/socket-client.js';
import { useGateway } from './gateway-under-test.js';

const gateway = useGateway();

const HOUR_MS = 3_600_000;

function post(topic: string, body: object, query = ''): supertest.Test {
  return supertest(gateway.url).post(`/v1/topics/${topic}/records${query}`).send(body);
}

describe('a timestamp that the topic does not take', () => {
  test('refuses a JSON body as a whole, with pointers', async () => {
    const topic = await gateway.topic({ partitions: 2 });
    const timestamp = Date.now() + 2 * HOUR_MS;
    const records = [
      { value: 1, partition: 0 },
      { value: 2, partition: 1, timestamp },
      { value: 3, timestamp: Number.MAX_SAFE_INTEGER },
    ];
    const { body } = await post(topic, { records }).expect(400);
    expect(body).toMatchObject({
      code: 'INVALID_TIMESTAMP',
      outcome: 'failed',
      errors: [{ pointer: '/records/1/timestamp' }, { pointer: '/records/2/timestamp' }],
    });
    expect(await gateway.values(topic)).toEqual([]);
  });

  test('refuses a line alone', async () => {
    const topic = await gateway.topic();
    const lines = [{ value: 1 }, { value: 2, timestamp: Date.now() + 2 * HOUR_MS }, { value: 3 }];
    const { text } = await supertest(gateway.url)
      .post(`/v1/topics/${topic}/records`)
      .set('Content-Type', 'application/x-ndjson')
      .send(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
      .buffer(true)
      .parse((response, done) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => done(null, Buffer.concat(chunks)));
      })
      .then(({ body }) => ({ text: String(body) }));
    const answers = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(answers).toMatchObject([
      { line: 1, offset: 0 },
      { line: 2, error: { code: 'INVALID_TIMESTAMP', errors: [{ pointer: '/timestamp' }] } },
      { line: 3, offset: 1 },
    ]);
  });

  test('refuses what a socket publishes', async () => {
    const topic = await gateway.topic({ configs: { 'message.timestamp.before.max.ms': HOUR_MS } });
    const client = await SocketClient.open(gateway.url);
    const answer = await client.request('publish', {
      topic,
      records: [{ value: 1, timestamp: 5 }],
    });
    expect(answer).toMatchObject({ event: 'error', data: { code: 'INVALID_TIMESTAMP' } });
    await client.close();
  });

  test('is taken once the topic allows it', async () => {
    const topic = await gateway.topic();
    const timestamp = Date.now() + 2 * HOUR_MS;
    const body = { records: [{ value: 1, timestamp }] };
    await post(topic, body).expect(400);
    const configs = { 'message.timestamp.after.max.ms': '9223372036854775807' };
    const patched = await supertest(gateway.url).patch(`/v1/topics/${topic}`).send({ configs });
    expect((patched.body as { configs: object }).configs).toMatchObject(configs);
    await post(topic, body).expect(200);
  });

  test('does not matter where the broker stamps records', async () => {
    const topic = await gateway.topic({ configs: { 'message.timestamp.type': 'LogAppendTime' } });
    await post(topic, { records: [{ value: 1, timestamp: Number.MAX_SAFE_INTEGER }] }).expect(200);
  });
});
