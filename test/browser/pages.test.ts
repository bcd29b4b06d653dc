import { afterAll, beforeAll, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { BrowserUnderTest, type WatchedPage } from './browser-under-test.js';

let gateway: GatewayProcess;
let browser: BrowserUnderTest;

beforeAll(async () => {
  [gateway, browser] = await Promise.all([GatewayProcess.start(), BrowserUnderTest.launch()]);
});

afterAll(async () => {
  await Promise.all([browser?.close(), gateway?.dispose()]);
});

test('/try shows the first topic and its first record', async () => {
  const watched = await browser.page({ locale: 'en-GB' });
  const { page } = watched;
  await page.goto(`${gateway.url}/try`);
  await page.getByLabel('Name').fill('orders');
  await page.keyboard.press('Enter');
  await page.locator('#connection[data-state="live"]').waitFor();
  await page.keyboard.press('Control+Enter');
  await page.locator('#rows', { hasText: '{"hello": "world"}' }).waitFor();
  await expectOwn(watched);
});

test('/docs shows the operations', async () => {
  const watched = await browser.page({ locale: 'en-GB' });
  await watched.page.goto(`${gateway.url}/docs`);
  await watched.page.locator('.opblock', { hasText: '/v1/cluster' }).first().waitFor();
  await expectOwn(watched);
});

/** Asserts that a page had no errors of its own and asked nobody but the gateway. */
async function expectOwn(page: WatchedPage): Promise<void> {
  await page.close();
  expect(page.ownErrors).toEqual([]);
  expect(page.foreignAddresses(gateway.url)).toEqual([]);
}
