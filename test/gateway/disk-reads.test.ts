import supertest from 'supertest';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { metricOf } from '../support/metric-of.js';

/** Bytes of a value; each record is a batch of its own. */
const VALUE_BYTES = 1000;

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start({ SLUICE_TAIL_CACHE_BYTES: '0' });
  await http().post('/v1/topics').send({ name: 'old', partitions: 1 }).expect(201);
  for (let count = 0; count < 40; count += 1) {
    const record = { value: 'x'.repeat(VALUE_BYTES) };
    await http().post('/v1/topics/old/records').send(record).expect(200);
  }
});

afterAll(() => gateway.dispose());

function http(): ReturnType<typeof supertest> {
  return supertest(gateway.url);
}

function bytesRead(): Promise<number> {
  return metricOf(gateway.url, 'sluice_log_read_from_disk_bytes_total');
}

test('a fetch reads no more from disk than the records that it answers with', async () => {
  const path = '/v1/topics/old/partitions/0/records';
  for (const limit of [1, 3, 40]) {
    const before = await bytesRead();
    const { body } = await http().get(path).query({ offset: 0, limit }).expect(200);
    expect((body as { readonly records: unknown[] }).records).toHaveLength(limit);
    const read = (await bytesRead()) - before;
    expect(read).toBeGreaterThan(limit * VALUE_BYTES);
    expect(read).toBeLessThan((limit + 1) * VALUE_BYTES * 1.1);
  }
});

test('a poll reads no more from disk than the records that it answers with', async () => {
  const member = { topics: ['old'], autoOffsetReset: 'earliest' };
  const joined = await http().post('/v1/groups/readers/members').send(member).expect(201);
  const { memberId } = joined.body as { readonly memberId: string };
  const before = await bytesRead();
  const path = `/v1/groups/readers/members/${memberId}/records`;
  const { body } = await http().get(path).query({ limit: 2, waitMs: 10_000 }).expect(200);
  expect((body as { readonly records: unknown[] }).records).toHaveLength(2);
  const read = (await bytesRead()) - before;
  expect(read).toBeGreaterThan(2 * VALUE_BYTES);
  expect(read).toBeLessThan(3 * VALUE_BYTES);
});
