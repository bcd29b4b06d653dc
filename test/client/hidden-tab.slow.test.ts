import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BrowserUnderTest, type WatchedPage } from '../browser/browser-under-test.js';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';

/** A browser on a busy machine may not run for a second or two. */
const SESSION_MS = 5000;

let folder: string;
let gateway: GatewayProcess;
let files: Server;
let browser: BrowserUnderTest;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-tab-'));
  const bundle = ['--import', 'jiti/register', 'scripts/bundle-client.ts', folder];
  await promisify(execFile)(process.execPath, bundle);
  const started = GatewayProcess.start({ SLUICE_CORS_ORIGINS: '*' });
  [gateway, browser] = await Promise.all([started, BrowserUnderTest.launch()]);
  files = createServer((request, response) => {
    const name = request.url === '/' ? undefined : request.url;
    response.setHeader('Content-Type', name === undefined ? 'text/html' : 'text/javascript');
    if (name === undefined) response.end(PAGE);
    else createReadStream(join(folder, name)).pipe(response);
  }).listen(0, '127.0.0.1');
  await until('the server of files', () => files.listening);
});

afterAll(async () => {
  files?.close();
  await Promise.all([gateway?.dispose(), browser?.close()]);
  await rm(folder, { recursive: true, force: true });
});

test('the timers of a hidden tab cost it no session and delay no record', async () => {
  const page = await open('hidden');
  await page.page.addInitScript(`
    const { setTimeout: timeout, setInterval: interval } = globalThis;
    const delayed = (ms) => (ms > 0 ? Math.ceil(ms / 60000) * 60000 : ms);
    globalThis.setTimeout = (task, ms, ...more) => timeout(task, delayed(ms), ...more);
    globalThis.setInterval = (task, ms, ...more) => interval(task, delayed(ms), ...more);
  `);
  await start(page, 'hidden');
  // The page sends each number when it was given the one before.
  await reach(page, 5);
  const startMs = Date.now();
  await until('twice a session', () => Date.now() - startMs > 2 * SESSION_MS);
  await page.page.evaluate('globalThis.sendOne()');
  await reach(page, 6);
  expect(await page.page.evaluate('globalThis.seen.lost')).toBe(0);
  await page.close();
});

test('a page that is frozen for longer than its session goes on where it was', async () => {
  const page = await open('frozen');
  await start(page, 'frozen');
  await reach(page, 5);
  const devtools = await page.page.context().newCDPSession(page.page);
  await devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
  // Records that arrive meanwhile are read afterwards, in their order.
  const body = JSON.stringify({ records: [{ value: 5 }, { value: 6 }] });
  const headers = { 'Content-Type': 'application/json' };
  await fetch(`${gateway.url}/v1/topics/frozen/records`, { method: 'POST', headers, body });
  const startMs = Date.now();
  await until('twice a session', () => Date.now() - startMs > 2 * SESSION_MS);
  await devtools.send('Page.setWebLifecycleState', { state: 'active' });
  await reach(page, 7);
  await page.page.evaluate('globalThis.sendOne()');
  await reach(page, 8);
  await page.close();
});

async function open(topic: string): Promise<WatchedPage> {
  const body = JSON.stringify({ name: topic, partitions: 1 });
  const headers = { 'Content-Type': 'application/json' };
  await fetch(`${gateway.url}/v1/topics`, { method: 'POST', headers, body });
  return browser.page();
}

async function start(page: WatchedPage, topic: string): Promise<void> {
  await page.page.goto(`http://127.0.0.1:${(files.address() as AddressInfo).port}/`);
  await page.page.waitForFunction('globalThis.begin !== undefined');
  await page.page.evaluate(`globalThis.begin('${gateway.url}', '${topic}', ${SESSION_MS})`);
}

/** Waits until the page has been given so many numbers, each once and in order, by both readers. */
async function reach(page: WatchedPage, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, number) => number);
  await until(`${count} numbers`, async () => {
    const seen = await page.page.evaluate('[globalThis.seen.read, globalThis.seen.consumed]');
    const [read = [], consumed = []] = seen as number[][];
    return read.length >= count && new Set(consumed).size >= count;
  });
  expect(await page.page.evaluate('globalThis.seen.read')).toEqual(numbers);
}

const PAGE = `<!doctype html><link rel="icon" href="data:,"><script type="module">
  import { Sluice } from './index.js';
  const seen = { read: [], consumed: [], lost: 0 };
  globalThis.seen = seen;
  globalThis.begin = (url, topic, sessionTimeoutMs) => {
    const sluice = new Sluice({ url });
    const producer = sluice.producer();
    let number = 0;
    globalThis.sendOne = async () => {
      await producer.send({ topic, value: Math.max(number, seen.read.length) });
      number += 1;
    };
    const subscription = sluice.subscribe(topic, { from: 'earliest' });
    void (async () => {
      for await (const { value } of subscription) {
        seen.read.push(value);
        if (seen.read.length < 5) void globalThis.sendOne();
      }
    })();
    const consumer = sluice.consumer({
      group: topic,
      topics: [topic],
      autoOffsetReset: 'earliest',
      sessionTimeoutMs,
      onLost: () => { seen.lost += 1; },
    });
    void (async () => {
      for await (const { records } of consumer) {
        for (const { value } of records) seen.consumed.push(value);
      }
    })();
    void globalThis.sendOne();
  };
</script>`;
