/** Runs the programs of docs/guide/subscribing-from-a-browser.md unchanged in a real browser. */
import { readFileSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumPath } from '../browser/chromium.js';
import { freePort } from '../support/free-port.js';
import { GatewayProcess } from '../support/gateway.js';

const GUIDE = readFileSync('docs/guide/subscribing-from-a-browser.md', 'utf8');
const PROGRAMS = [...GUIDE.matchAll(/^```js\n(.*?)^```$/gms)].map(([, program]) => program ?? '');
const RECORDS = { 'Content-Type': 'application/json' };

let gateway: GatewayProcess;
let browser: Browser;

beforeAll(async () => {
  // The gateway is started again on this port; one that the system gave it might be taken then.
  const port = String(await freePort());
  gateway = await GatewayProcess.start({ SLUICE_EVENT_RETRY_MS: '100', SLUICE_PORT: port });
  const headers = RECORDS;
  const body = JSON.stringify({ name: 'orders', partitions: 2 });
  await fetch(`${gateway.url}/v1/topics`, { method: 'POST', headers, body });
  // Chromium refuses to run its sandbox as root.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  browser = await chromium.launch({ executablePath: chromiumPath(), args });
});

afterAll(async () => {
  await browser.close();
  await gateway.dispose();
});

/** Opens a page of the gateway's own origin that runs a program of the guide. */
async function pageWith(program: string): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`${gateway.url}/v1/cluster`);
  const source = program.replaceAll('localhost:8080', new URL(gateway.url).host);
  await page.addScriptTag({
    content: `
      window.shown = [];
      window.reported = [];
      function show(record) { window.shown.push(record.value); }
      function report(problem) { window.reported.push(problem.code); }
      ${source}`,
  });
  return page;
}

function valuesOn(page: Page, list: 'shown' | 'reported'): Promise<unknown[]> {
  return page.evaluate(
    (name) => (globalThis as unknown as Record<string, unknown[]>)[name] ?? [],
    list,
  );
}

async function produce(values: readonly unknown[]): Promise<void> {
  const body = JSON.stringify({ records: values.map((value) => ({ value, partition: 0 })) });
  const url = `${gateway.url}/v1/topics/orders/records`;
  const response = await fetch(url, { method: 'POST', headers: RECORDS, body });
  expect(response.status).toBe(200);
}

async function untilSubscribed(count: number): Promise<void> {
  const shown = async (): Promise<boolean> =>
    (await (await fetch(`${gateway.url}/metrics`)).text()).includes(
      `\nsluice_delivery_subscriptions ${count}\n`,
    );
  await expect.poll(shown).toBe(true);
}

test('the guide has a program for each way of subscribing', () => {
  expect(PROGRAMS.map((program) => /EventSource|WebSocket/.exec(program)?.[0])).toEqual([
    'EventSource',
    'WebSocket',
  ]);
  for (const program of PROGRAMS)
    expect(program.trimEnd().split('\n').length).toBeLessThanOrEqual(20);
});

describe.each([
  ['EventSource', PROGRAMS[0] ?? ''],
  ['WebSocket', PROGRAMS[1] ?? ''],
])('the program with %s', (_, program) => {
  test('it shows records once and in order, across a restart of the gateway', async () => {
    const page = await pageWith(program);
    await untilSubscribed(1);
    const values = Array.from({ length: 60 }, (__, index) => index);
    await produce(values.slice(0, 20));
    await expect.poll(() => valuesOn(page, 'shown')).toHaveLength(20);
    await gateway.kill();
    await gateway.start();
    await produce(values.slice(20, 40));
    await expect.poll(() => valuesOn(page, 'shown')).toHaveLength(40);
    await produce(values.slice(40));
    await expect.poll(() => valuesOn(page, 'shown')).toHaveLength(60);
    expect(await valuesOn(page, 'shown')).toEqual(values);
    await page.close();
    await untilSubscribed(0);
  });
});

test('EventSource remembers the start of an empty stream, and resumes there', async () => {
  const page = await pageWith(PROGRAMS[0] ?? '');
  await untilSubscribed(1);
  // The record is produced before the browser reconnects: from `latest` it would be missed.
  await page.context().setOffline(true);
  await gateway.stop();
  await gateway.start();
  await produce(['while away']);
  await page.context().setOffline(false);
  await expect.poll(() => valuesOn(page, 'shown')).toEqual(['while away']);
  await page.close();
});

test('the program with EventSource reports a deleted topic, and does not reconnect', async () => {
  const page = await pageWith(PROGRAMS[0] ?? '');
  await untilSubscribed(1);
  await fetch(`${gateway.url}/v1/topics/orders`, { method: 'DELETE' });
  await expect.poll(() => valuesOn(page, 'reported')).toEqual(['UNKNOWN_TOPIC_OR_PARTITION']);
  await untilSubscribed(0);
  await page.close();
});
