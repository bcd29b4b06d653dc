import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { until } from '../support/until.js';

const MAIN = 'dist/apps/gateway/main.js';
const START = 'scripts/start.cjs';
const running: ChildProcess[] = [];
const directories: string[] = [];

afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  for (const directory of directories) await rm(directory, { recursive: true, force: true });
});

interface Started {
  readonly child: ChildProcess;
  readonly output: () => string;
}

async function startWith(descriptors: number, program = MAIN): Promise<Started> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-descriptors-'));
  directories.push(directory);
  const child = spawn('sh', ['-c', `ulimit -n ${descriptors}; exec node ${program}`], {
    env: { ...process.env, SLUICE_PORT: '0', SLUICE_DATA_DIR: directory },
  });
  running.push(child);
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, output: () => text };
}

test.each([
  [24, MAIN],
  [40, MAIN],
  [255, MAIN],
  [24, START],
  [255, START],
])('a limit of %i ends the process with one sentence and code 71: %s', async (n, program) => {
  const { child, output } = await startWith(n, program);
  const [code] = (await once(child, 'exit')) as [number];
  expect(code).toBe(71);
  expect(output()).toBe(
    'The limit of open files (ulimit -n) is too low to run: at least 256 are needed. ' +
      `It is ${n}.\n`,
  );
});

test('idle connections never use the descriptors that a roll needs', async () => {
  const { output } = await startWith(512);
  await until('the gateway listens', () => /127\.0\.0\.1:\d+/.test(output()));
  const url = `http://${/127\.0\.0\.1:\d+/.exec(output())?.[0]}`;
  expect(output()).toContain('connections are accepted instead of the');
  const port = Number(new URL(url).port);
  const configs = { 'segment.bytes': 1024 };
  await post(`${url}/v1/topics`, { name: 'rolls', partitions: 8, configs });
  const many = { name: 'many', partitions: 400 };
  const refused = await fetch(`${url}/v1/topics`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(many),
  });
  expect([refused.status, await refused.json()]).toMatchObject([
    409,
    { code: 'POLICY_VIOLATION', detail: expect.stringContaining('(ulimit -n)') },
  ]);
  expect(await (await fetch(`${url}/metrics`)).text()).toContain(
    'sluice_bound_refusals_total{bound="ulimit -n"} 1',
  );
  const sockets: Socket[] = [];
  for (let i = 0; i < 600; i += 1) {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    sockets.push(socket);
  }
  await Promise.all(
    sockets.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])),
  );
  for (const socket of sockets) socket.destroy();
  const records = Array.from({ length: 64 }, (_, i) => ({
    value: 'x'.repeat(500),
    partition: i % 8,
  }));
  for (let round = 0; round < 3; round += 1) {
    await until('all records are taken', async () => {
      return (await post(`${url}/v1/topics/rolls/records`, { records })) === 200;
    });
  }
  const health = (await (await fetch(`${url}/health/ready`)).json()) as {
    checks: { storage: { readOnly: string[] }; descriptors: { limit: number } };
  };
  expect(health.checks.storage.readOnly).toEqual([]);
  expect(health.checks.descriptors.limit).toBe(512);
});

async function post(url: string, body: unknown): Promise<number> {
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  await response.text();
  return response.status;
}
