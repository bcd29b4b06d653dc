/**
 * Takes the README's pictures of /try, docs/images/try-light.png and try-dark.png, of its own
 * gateway and records.
 *
 * usage: node --import jiti/register scripts/screenshot-try.ts
 *
 * CHROMIUM is the browser's path (/usr/bin/chromium). On Debian the packages fonts-inter and
 * fonts-jetbrains-mono give the same pictures.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';

// jiti transforms what is imported, and playwright-core does not survive that; required, it is
// loaded by Node itself.
const { chromium } = createRequire(import.meta.url)(
  'playwright-core',
) as typeof import('playwright-core');

const root = fileURLToPath(new URL('..', import.meta.url));
const images = join(root, 'docs/images');
const DRINKS = ['oolong', 'espresso', 'matcha', 'chai', 'cocoa'];
const ORDERS = 17;
/** Displayed time between the arrivals of two rows, ms. */
const ROW_MS = 160;

execFileSync(process.execPath, [join(root, 'scripts/build-if-needed.mjs')], { stdio: 'inherit' });
const dataDir = mkdtempSync(join(tmpdir(), 'sluice-screenshot-'));
const gateway = spawn(process.execPath, [join(root, 'dist/apps/gateway/main.js')], {
  env: { ...process.env, SLUICE_PORT: '0', SLUICE_DATA_DIR: dataDir, SLUICE_LOG_FORMAT: 'json' },
  stdio: ['ignore', 'ignore', 'pipe'],
});
const ended = once(gateway, 'close');
try {
  const url = await serving();
  await takePictures(url);
} finally {
  gateway.kill('SIGTERM');
  await ended;
  rmSync(dataDir, { recursive: true, force: true });
}

/** The gateway's address, once it serves. */
async function serving(): Promise<string> {
  for await (const line of createInterface(gateway.stderr)) {
    const { msg, url = '' } = JSON.parse(line) as { readonly msg: string; readonly url?: string };
    if (msg === 'started') return url;
  }
  throw new Error('the gateway ended before it served');
}

/** Sends each order after the previous one is answered, so that they arrive one by one. */
async function produceOrders(url: string): Promise<void> {
  for (let order = 0; order < ORDERS; order += 1) {
    const key = `table-${(order * 7) % 9}`;
    const value = { drink: DRINKS[(order * 3) % DRINKS.length], cups: 1 + (order % 3) };
    const headers = { till: `till-${1 + (order % 2)}` };
    await post(`${url}/v1/topics/orders/records`, { records: [{ key, value, headers }] });
  }
}

async function post(url: string, body: object): Promise<void> {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
}

async function takePictures(url: string): Promise<void> {
  mkdirSync(images, { recursive: true });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
  try {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await browser.newPage({
        colorScheme,
        locale: 'en-GB',
        viewport: { width: 1180, height: 700 },
      });
      await post(`${url}/v1/topics`, { name: 'orders', partitions: 3 });
      await page.goto(`${url}/try?topic=orders`);
      await page.locator('#connection[data-state="live"]').waitFor();
      await produceOrders(url);
      await useThePage(page);
      await page.screenshot({ path: join(images, `try-${colorScheme}.png`) });
      await page.close();
      await fetch(`${url}/v1/topics/orders`, { method: 'DELETE' });
    }
  } finally {
    await browser.close();
  }
}

async function useThePage(page: Page): Promise<void> {
  await page.waitForFunction(`document.querySelectorAll('#rows tr').length === ${ORDERS}`);
  await page.getByLabel('Value', { exact: true }).fill('{"drink": "oolong", "cups": 2}');
  await page.getByLabel('Key').fill('table-4');
  await page.getByRole('button', { name: 'Publish' }).click();
  await page.getByText(/^Stored/).waitFor();
  await page.waitForFunction(`document.querySelectorAll('#rows tr').length === ${ORDERS + 1}`);
  await page.locator('#rows summary').nth(3).click();
  await page.mouse.move(0, 0);
  // Every picture shows the same moment: the newest row has just arrived, the rows before it
  // earlier.
  await page.evaluate(`
    for (const [index, row] of [...document.querySelectorAll('#rows tr')].entries()) {
      for (const arrival of row.getAnimations()) {
        arrival.pause();
        arrival.currentTime = Math.min(index * ${ROW_MS}, 1600);
      }
    }`);
}
