import supertest from 'supertest';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Environment, GatewayProcess } from '../support/gateway.js';
import { RedisServer } from '../support/redis-server.js';
import { until } from '../support/until.js';

let redis: RedisServer;
let member: GatewayProcess;

function environment(brokerId: number, secret: string): Environment {
  return {
    SLUICE_BROKER_ID: String(brokerId),
    SLUICE_REDIS_URL: `redis://127.0.0.1:${redis.port}`,
    SLUICE_CLUSTER_SECRET: secret,
    SLUICE_LEASE_MS: '3000',
  };
}

beforeAll(async () => {
  redis = await RedisServer.start();
  member = await GatewayProcess.start(environment(1, 'the-secret-of-the-cluster'));
});

afterAll(async () => {
  await member.dispose();
  await redis.close();
});

const members = async (): Promise<number[]> => {
  const { body } = await supertest(member.url).get('/v1/cluster').expect(200);
  return body.brokers.map(({ id }: { readonly id: number }) => id);
};

test('a broker with another secret ends with 78 and is never registered', async () => {
  const stranger = await GatewayProcess.create(environment(2, 'another-secret-of-a-stranger'));
  const exit = await stranger.spawn();
  expect(exit.code).toBe(78);
  expect(stranger.log.at(-1)?.['msg']).toMatch(
    /^Broker 1 of this cluster is alive and has another secret: SLUICE_CLUSTER_SECRET/,
  );
  expect(stranger.logLines.join('\n')).not.toContain('another-secret-of-a-stranger');
  expect(await members()).toEqual([1]);
  await stranger.dispose();
});

test('a broker with a new secret joins if it accepts the one before', async () => {
  const renewed = await GatewayProcess.start({
    ...environment(3, 'the-next-secret-of-the-cluster'),
    SLUICE_CLUSTER_SECRET_PREVIOUS: 'the-secret-of-the-cluster',
  });
  await until('both brokers know each other', async () => (await members()).join() === '1,3');
  const topic = { name: 'orders', partitions: 4, replicationFactor: 2 };
  await supertest(member.url).post('/v1/topics').send(topic).expect(201);
  // Half of the partitions are led by the other broker, so that both call each other.
  for (const partition of [0, 1, 2, 3]) {
    const path = `/v1/topics/orders/partitions/${partition}/records`;
    const record = { records: [{ value: 'x', partition }] };
    for (const { url } of [member, renewed]) {
      await supertest(url).post('/v1/topics/orders/records').send(record).expect(200);
      await supertest(url).get(`${path}?offset=earliest`).expect(200);
    }
  }
  await renewed.dispose();
});
