import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import supertest from 'supertest';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';

interface Fetched {
  readonly records: readonly { readonly key: string | null; readonly value: unknown }[];
}

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start();
});

afterAll(() => gateway.dispose());

test('read-process-write writes each record once, although it is killed in between', async () => {
  const [from, to, partitions] = ['inputs', 'outputs', [0, 1]];
  const topic = { partitions: partitions.length };
  for (const name of [from, to])
    await http()
      .post('/v1/topics')
      .send({ name, ...topic });
  const values = Array.from({ length: 60 }, (_, n) => n);
  for (const partition of partitions) {
    const records = values.map((value) => ({ value, partition, key: `k${value}` }));
    await http().post(`/v1/topics/${from}/records`).send({ records }).expect(200);
  }
  for (const count of [5, 20, 45]) {
    const program = run('read-process-write.mjs', gateway.url, from, to);
    await until(`${count} records`, async () => (await fetched(to, 0)).length >= count);
    await kill(program);
  }
  run('read-process-write.mjs', gateway.url, from, to);
  for (const partition of partitions) {
    await until('the last record', async () => (await fetched(to, partition)).length >= 60);
    expect(await fetched(to, partition)).toEqual(
      values.map((value) => expect.objectContaining({ key: `k${value}`, value: { seen: value } })),
    );
  }
});

test('the saga completes every order, and refunds those that cannot be shipped', async () => {
  run('saga.mjs', gateway.url);
  await until('the topics', () => http().get('/v1/topics/results').expect(200));
  const orders = [
    { id: 1, item: 'tea', amount: 10 },
    { id: 2, item: 'tea', amount: 1000 },
    { id: 3, item: 'cocoa', amount: 10 },
  ];
  const records = orders.map((value) => ({ value, partition: 0 }));
  await http().post('/v1/topics/orders/records').send({ records }).expect(200);
  await until('the results', async () => (await fetched('results', 0)).length >= orders.length);
  expect(await fetched('results', 0)).toMatchObject([
    { value: { id: 1, state: 'shipped' } },
    { value: { id: 2, state: 'payment refused' } },
    { value: { id: 3, state: 'paid back' } },
  ]);
});

function http(): ReturnType<typeof supertest> {
  return supertest(gateway.url);
}

async function fetched(topic: string, partition: number): Promise<Fetched['records']> {
  const path = `/v1/topics/${topic}/partitions/${partition}/records?limit=1000`;
  const { body } = await http().get(path).expect(200);
  return (body as Fetched).records;
}

/** Runs a program of examples/ until it is killed, or the test is over. */
function run(name: string, ...args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [`examples/${name}`, ...args], { stdio: 'inherit' });
  onTestFinished(() => kill(child));
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
