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
