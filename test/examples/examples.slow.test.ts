/** Runs the numbered examples as a person does, with a bundle of the client in a scratch folder. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, parse, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import supertest from 'supertest';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { BrowserUnderTest } from '../browser/browser-under-test.js';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';

const execute = promisify(execFile);

let gateway: GatewayProcess;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-examples-'));
  const modules = join(folder, 'node_modules');
  const client = join(folder, 'libs/client');
  await Promise.all([modules, client].map((path) => mkdir(path, { recursive: true })));
  await cp('examples', join(folder, 'examples'), { recursive: true });
  await cp('libs/client/package.json', join(client, 'package.json'));
  await symlink(client, join(modules, 'sluice-client'));
  await symlink(resolve('node_modules/ws'), join(modules, 'ws'));
  const bundle = ['--import', 'jiti/register', 'scripts/bundle-client.ts', join(client, 'dist')];
  await execute(process.execPath, bundle);
  gateway = await GatewayProcess.start({ SLUICE_CORS_ORIGINS: '*' });
});

afterAll(async () => {
  await gateway?.dispose();
  await rm(folder, { recursive: true, force: true });
});

test('each numbered example has fewer than 50 lines, a test and a row of the table', async () => {
  const names = (await readdir('examples')).filter((name) => /^\d\d-/.test(name));
  const tests = await readFile('test/examples/examples.slow.test.ts', 'utf8');
  const table = await readFile('examples/README.md', 'utf8');
  expect(names).toHaveLength(12);
  for (const name of names) {
    expect((await readFile(`examples/${name}`, 'utf8')).trimEnd().split('\n').length).toBeLessThan(
      50,
    );
    expect(tests).toContain(`test('${parse(name).name} `);
    expect(table).toContain(`(${name})`);
  }
});

test('01-produce writes in three ways', async () => {
  expect(await linesOf('01-produce.mjs')).toEqual([
    'awaited: partition 0, offset 0',
    'at once: 3 records, the last at offset 3',
    'callback: offset 4',
    'written: 5',
  ]);
});

test('02-subscribe reads from the first record on', async () => {
  const lines = ['0/0 count: one', '0/1 count: two', '0/2 count: last'];
  expect(await linesOf('02-subscribe.mjs')).toEqual(lines);
});

test('03-resume-where-you-stopped continues after its last run', async () => {
  const file = join(folder, 'position.json');
  const run = (): Promise<string[]> => linesOf('03-resume-where-you-stopped.mjs', file);
  expect(await run()).toEqual(['offset 0: a', 'offset 1: b']);
  expect(await run()).toEqual(['offset 2: c', 'offset 3: a']);
});

test('04-worker-pool handles each job once', async () => {
  const lines = await linesOf('04-worker-pool.mjs');
  expect(lines.pop()).toBe('all jobs are done');
  const jobs = lines.map((line) => Number(/^worker [ab]: job (\d+)$/.exec(line)?.[1]));
  expect(jobs.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n));
});

test('05-commit-yourself reads again what is not committed', async () => {
  expect(await linesOf('05-commit-yourself.mjs')).toEqual([
    'not committed: a b c',
    'again: a b c',
    'committed: offset 3',
  ]);
});

test('06-queue-with-retries delivers a job that fails again, and a rejected one once', async () => {
  const lines = await linesOf('06-queue-with-retries.mjs');
  expect(lines.pop()).toBe('all jobs are settled');
  expect(lines.toSorted()).toEqual([
    'bad: delivery 1',
    'flaky: delivery 1',
    'flaky: delivery 2',
    'flaky: delivery 3',
    'good: delivery 1',
  ]);
});

test('07-delayed-jobs delivers jobs in the order of their times, none of them early', async () => {
  const lines = ['first: on time', 'second: on time', 'last: on time'];
  expect(await linesOf('07-delayed-jobs.mjs')).toEqual(lines);
});

test('08-exactly-once-copy copies each record once, although it is killed in between', async () => {
  const { child, lines } = start('08-exactly-once-copy.mjs');
  await until('some copies', () => lines.includes('copied 5'));
  await kill(child);
  await linesOf('08-exactly-once-copy.mjs');
  const path = '/v1/topics/copy-output/partitions/0/records?limit=1000';
  const { body } = await supertest(gateway.url).get(path).expect(200);
  const { records } = body as { records: { value: { source: number } }[] };
  const sources = records.map(({ value }) => value.source);
  expect(sources).toEqual(Array.from({ length: 40 }, (_, n) => n));
});

test('09-saga pays back the order that cannot be shipped', async () => {
  const lines = await linesOf('09-saga.mjs');
  const ends = ['order a: shipped', 'order b: payment refused', 'order c: paid back'];
  expect(lines.toSorted()).toEqual(ends);
});

test('10-browser-page shows the text that it sends', async () => {
  const files = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const type = path.endsWith('.js') ? 'text/javascript' : 'text/html';
    response.setHeader('content-type', type);
    createReadStream(join(folder, path)).pipe(response);
  }).listen(0, '127.0.0.1');
  await once(files, 'listening');
  const browser = await BrowserUnderTest.launch();
  onTestFinished(async () => {
    await browser.close();
    files.close();
  });
  const { port } = files.address() as AddressInfo;
  const watched = await browser.page();
  const { page } = watched;
  const address = `http://127.0.0.1:${port}/examples/10-browser-page.html`;
  await page.goto(`${address}?gateway=${gateway.url}`);
  await page.getByLabel('Text').fill('hello');
  await page.getByText('connected', { exact: true }).waitFor();
  await page.getByRole('button').click();
  await page.getByText('0: hello').waitFor();
  expect(watched.errors).toEqual([]);
  expect(watched.addresses).toContainEqual(expect.stringMatching(/^ws:/));
});

test('11-webhook-in-websocket-out sends a webhook to each WebSocket', async () => {
  const { lines } = start('11-webhook-in-websocket-out.mjs', '0');
  await until('the server', () => lines.length > 0);
  const host = `localhost:${lines[0]?.split(' ').at(-1)}`;
  const sockets = [new WebSocket(`ws://${host}`), new WebSocket(`ws://${host}`)];
  onTestFinished(() => {
    for (const socket of sockets) socket.terminate();
  });
  await Promise.all(sockets.map((socket) => once(socket, 'open')));
  const messages = sockets.map((socket) => once(socket, 'message'));
  const hook = supertest(`http://${host}`);
  await hook.post('/').send('no JSON').expect(400);
  await hook.post('/').send({ event: 'paid' }).expect(202);
  const texts = (await Promise.all(messages)).map(([data]) => String(data));
  const text = '{"offset":0,"value":{"event":"paid"}}';
  expect(texts).toEqual([text, text]);
});

test('12-serializers-and-interceptors reads back what it wrote', async () => {
  expect(await linesOf('12-serializers-and-interceptors.mjs')).toEqual([
    'INVALID_RECORD',
    '17 (t-17): 2030-01-01T00:00:00.000Z',
    '18 (t-18): 2031-01-01T00:00:00.000Z',
    'acknowledged: 2',
  ]);
});

/** Returns the lines that an example prints until it ends by itself. */
async function linesOf(name: string, ...args: readonly string[]): Promise<string[]> {
  const program = [join(folder, 'examples', name), gateway.url, ...args];
  const { stdout } = await execute(process.execPath, program, { timeout: 120_000 });
  return stdout.trimEnd().split('\n');
}

/** Starts an example that runs until it is killed, or the test is over. */
function start(name: string, ...args: readonly string[]): { child: ChildProcess; lines: string[] } {
  const program = [join(folder, 'examples', name), gateway.url, ...args];
  const child = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  createInterface(child.stdout).on('line', (line) => lines.push(line));
  onTestFinished(() => kill(child));
  return { child, lines };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
