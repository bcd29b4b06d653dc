import { afterAll, beforeAll, expect, test } from 'vitest';
import { AUTH_ON, ROOT_KEY } from '../security/keys.js';
import { GatewayProcess } from '../support/gateway.js';
import { BrowserUnderTest } from './browser-under-test.js';

/** The console's message about the answer to the call without a credential. */
const EXPECTED = /the server responded with a status of 401/;

let gateway: GatewayProcess;
let browser: BrowserUnderTest;

beforeAll(async () => {
  [gateway, browser] = await Promise.all([
    GatewayProcess.start(AUTH_ON),
    BrowserUnderTest.launch(),
  ]);
});

afterAll(async () => {
  await Promise.all([browser?.close(), gateway?.dispose()]);
});

test('the button of the documentation signs in, and keeps the key nowhere else', async () => {
  const watched = await browser.page({ locale: 'en-GB' });
  const { page } = watched;
  await page.goto(`${gateway.url}/docs`);
  const whoami = page.locator('#operations-security-whoami');
  await whoami.locator('.opblock-summary-control').click();
  const answer = whoami.locator('.live-responses-table');
  await whoami.getByRole('button', { name: 'Execute' }).click();
  await answer.getByText('SASL_AUTHENTICATION_FAILED').first().waitFor();

  await page.locator('.scheme-container .btn.authorize').click();
  const dialog = page.locator('.dialog-ux');
  const bearerForm = dialog.locator('form', { hasText: 'http, Bearer' });
  await bearerForm.locator('input').fill(ROOT_KEY);
  await bearerForm.locator('button[type=submit]').click();
  await dialog.locator('.close-modal').click();
  await whoami.getByRole('button', { name: 'Execute' }).click();
  await answer.getByText('key:root').first().waitFor();

  expect(watched.addresses.filter((address) => address.includes(ROOT_KEY))).toEqual([]);
  expect(await page.evaluate('localStorage.length + sessionStorage.length')).toBe(0);
  await watched.close();
  expect(watched.ownErrors.filter((error) => !EXPECTED.test(error))).toEqual([]);
});
