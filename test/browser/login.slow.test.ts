import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { AUTH_ON, asRoot, bearer, keyWith, ROOT_KEY } from '../security/keys.js';
import { GatewayProcess } from '../support/gateway.js';
import { BrowserUnderTest, type WatchedPage } from './browser-under-test.js';

/** The console's message about an answer that the page expects. */
const EXPECTED = /the server responded with a status of (401|403)/;

let gateway: GatewayProcess;
let browser: BrowserUnderTest;
let watched: WatchedPage;

beforeAll(async () => {
  [gateway, browser] = await Promise.all([
    GatewayProcess.start(AUTH_ON),
    BrowserUnderTest.launch(),
  ]);
  await asRoot(gateway, 'POST', '/v1/topics', { name: 'orders', partitions: 1 });
  await fetch(`${gateway.url}/v1/topics/orders/records`, {
    method: 'POST',
    headers: bearer(ROOT_KEY),
    body: 'tea',
  });
});

afterAll(async () => {
  await Promise.all([browser?.close(), gateway?.dispose()]);
});

afterEach(async () => {
  await watched.close();
  expect(watched.ownErrors.filter((error) => !EXPECTED.test(error))).toEqual([]);
  // A credential never stands in an address, which proxies and histories keep.
  for (const address of watched.addresses) expect(address).not.toContain('Bearer');
});

async function visit(): Promise<Page> {
  watched = await browser.page({ locale: 'en-GB' });
  await watched.page.goto(`${gateway.url}/try?topic=orders`);
  return watched.page;
}

async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel('Credential').fill(key);
  await page.keyboard.press('Enter');
}

function untilLive(page: Page): Promise<void> {
  return page.locator('#connection[data-state="live"]').waitFor();
}

test('the page asks for a key, refuses a wrong one, and reads over the WebSocket', async () => {
  const page = await visit();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.keyboard.press('Escape');
  await signIn(page, 'root.wrong');
  await page.getByText('The credential is not accepted.').waitFor();
  await signIn(page, ROOT_KEY);
  await untilLive(page);
  await page.locator('#rows').getByText('tea').first().waitFor();
  expect(watched.addresses.filter((address) => address.includes(ROOT_KEY))).toEqual([]);
});

test('the tab keeps the key until the visitor signs out', async () => {
  const page = await visit();
  await signIn(page, ROOT_KEY);
  await untilLive(page);
  await page.reload();
  await untilLive(page);
  await page.getByRole('button', { name: 'Sign out key:root' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  expect(await page.evaluate('sessionStorage.length')).toBe(0);
});

test('the page asks again when the key is revoked', async () => {
  const rule = { resourceType: 'topic', resourceName: 'orders', operation: 'Read' } as const;
  const key = await keyWith(gateway, [rule]);
  const page = await visit();
  await signIn(page, key.key);
  await untilLive(page);
  await asRoot(gateway, 'DELETE', `/v1/api-keys/${key.id}`);
  await page.getByText('The credential is not accepted.').waitFor();
  await signIn(page, ROOT_KEY);
  await untilLive(page);
});
