import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { chromiumPath } from './chromium.js';

/** Scripts that tests call in the page. */
const IN_PAGE = new URL('in-page/', import.meta.url);

/** Time that a browser on a busy machine may need for one step, ms. */
const PATIENCE_MS = 60_000;

/**
 * The browser's message about a refused connection while a gateway is down; no page can suppress
 * it.
 */
const REFUSED = /ERR_CONNECTION_(REFUSED|RESET)|ERR_EMPTY_RESPONSE|WebSocket connection to/;

/** One Chromium for the tests of a file. */
export class BrowserUnderTest {
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async launch(): Promise<BrowserUnderTest> {
    // Chromium refuses to run its sandbox as root.
    const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    const options = { executablePath: chromiumPath(), args, timeout: PATIENCE_MS };
    return new BrowserUnderTest(await chromium.launch(options));
  }

  /** Opens a page in a context of its own, so that tests share nothing. */
  async page(options: BrowserContextOptions = {}): Promise<WatchedPage> {
    const context = await this.#browser.newContext(options);
    context.setDefaultTimeout(PATIENCE_MS);
    for (const script of ['boxes.js', 'contrast.js', 'seen-rows.js']) {
      await context.addInitScript({ path: fileURLToPath(new URL(script, IN_PAGE)) });
    }
    return new WatchedPage(await context.newPage());
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}

/** A page, and the errors on it. */
export class WatchedPage {
  /** Errors of scripts, of the console and of the Content-Security-Policy. */
  readonly errors: string[] = [];
  /** Every requested address, including WebSockets. */
  readonly addresses: string[] = [];

  constructor(readonly page: Page) {
    page.on('pageerror', (error) => this.errors.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') this.errors.push(message.text());
    });
    page.on('request', (request) => this.addresses.push(request.url()));
    page.on('websocket', (socket) => this.addresses.push(socket.url()));
  }

  /** Errors other than those of a gateway that is down. */
  get ownErrors(): string[] {
    return this.errors.filter((error) => !REFUSED.test(error));
  }

  /** Returns addresses at another host or port than that of `url`. */
  foreignAddresses(url: string): string[] {
    const { host } = new URL(url);
    return this.addresses.filter(
      (address) => !address.startsWith('data:') && new URL(address).host !== host,
    );
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }
}
