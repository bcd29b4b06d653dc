import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { BrowserContextOptions, Locator, Page } from 'playwright-core';
import supertest from 'supertest';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type OpenApiDocument, operationsOf } from '#api/documents';
import { freePort } from '../support/free-port.js';
import { GatewayProcess } from '../support/gateway.js';
import { BrowserUnderTest, type WatchedPage } from './browser-under-test.js';

interface SeenRecord {
  readonly partition: number;
  readonly offset: number;
}

interface SeenRow extends SeenRecord {
  readonly key: string;
  readonly value: string;
}

interface Box {
  readonly name: string;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

interface Contrast {
  readonly what: string;
  readonly ratio: number;
}

let gateway: GatewayProcess;
let browser: BrowserUnderTest;
const open: WatchedPage[] = [];

beforeAll(async () => {
  // The gateway is started again on this port; one that the system gave it might be taken then.
  const port = String(await freePort());
  [gateway, browser] = await Promise.all([
    GatewayProcess.start({ SLUICE_PORT: port }),
    BrowserUnderTest.launch(),
  ]);
});

afterAll(async () => {
  await Promise.all([browser?.close(), gateway?.dispose()]);
});

afterEach(async () => {
  const pages = open.splice(0);
  await Promise.all(pages.map((page) => page.close()));
  for (const page of pages) expectOwn(page);
});

describe('/try', () => {
  test('creates the first topic and publishes its first record by keyboard alone', async () => {
    const name = topicName();
    const page = await visit('/try');
    await page.getByText('There is no topic yet. Create the first one.').waitFor();
    await page.getByLabel('Name').fill(name);
    await page.keyboard.press('Enter');
    await isLive(page);
    // The next field that a person needs has the focus.
    await page.keyboard.press('Control+Enter');
    await expect.poll(() => rowsOf(page)).toMatchObject([{ value: '{"hello": "world"}' }]);
    expect(await page.getByRole('status').allTextContents()).toContainEqual(
      expect.stringMatching(/^Stored: partition \d, offset 0, in \d+ ms\.$/),
    );
    expect(new URL(page.url()).searchParams.get('topic')).toBe(name);
  });

  test('shows records that are produced while it is open, as text and unchanged', async () => {
    const topic = await createTopic(1);
    const page = await visit(`/try?topic=${topic}`);
    await isLive(page);
    const sent = '{"n": 12345678901234567890, "2": 1.0, "1": "\\u00e9", "1": [1e2, {} ]}';
    await produceText(topic, sent, 'application/json');
    await produce(topic, [
      { value: '<img src="/nowhere" onerror="document.title = 1">', key: '<b>' },
      { value: null, key: 'gone' },
      { valueBase64: '3q2+7w==' },
    ]);
    await expect
      .poll(() => rowsOf(page))
      .toEqual([
        row(0, '–', sent),
        row(1, '<b>', '<img src="/nowhere" onerror="document.title = 1">'),
        row(2, 'gone', 'tombstonenull'),
        row(3, '–', 'base643q2+7w=='),
      ]);
    expect(await page.getByRole('region', { name: 'Records' }).locator('img').count()).toBe(0);
    await page.locator('#rows summary').first().click();
    await page.locator('#rows pre', { hasText: '3q2+7w==' }).waitFor();
    await page.locator('#rows summary').last().click();
    const shown = await page.locator('#rows tr').last().locator('pre').textContent();
    expect(shown?.split('\n')).toEqual([
      '{',
      '  "n": 12345678901234567890,',
      '  "2": 1.0,',
      '  "1": "\\u00e9",',
      '  "1": [',
      '    1e2,',
      '    {}',
      '  ]',
      '}',
    ]);
  });

  test('opens on the topic with the newest record, and shows its records', async () => {
    const [before, newest] = [await createTopic(2), await createTopic(2)];
    await createTopic(1);
    await produceTo(before, [0]);
    await produceTo(newest, [1, 0]);
    const page = await visit('/try');
    await isLive(page);
    await expect.poll(() => rowCount(page)).toBe(2);
    expect(new URL(page.url()).searchParams.get('topic')).toBe(newest);
    await produceTo(newest, [1]);
    await expect.poll(() => rowCount(page)).toBe(3);
  });

  test('shows the last of many records first, then new ones', async () => {
    const topic = await createTopic(1);
    const values = Array.from({ length: 250 }, (_, value) => ({ value }));
    await produce(topic, values);
    const page = await visit(`/try?topic=${topic}`);
    await expect.poll(() => rowCount(page)).toBe(100);
    expect(offsetsOf(await rowsOf(page), 0)).toEqual(range(250).slice(-100));
  });

  test('no part covers another at any width, with everything open', async () => {
    const topic = await createTopic(1);
    await produceText(topic, JSON.stringify({ text: 'long '.repeat(200) }), 'application/json');
    const page = await visit(`/try?topic=${topic}`);
    await expect.poll(() => rowCount(page)).toBe(1);
    await openEverything(page);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [375, 768, 1024, 1280, 1920]) {
        await page.setViewportSize({ width, height: 800 });
        const boxes = await page.evaluate<Box[]>(`boxesOf('.page-header, .card')`);
        const place = `${width} pixels, ${colorScheme}`;
        expect(boxes, place).toHaveLength(6);
        expect(overlapsOf(boxes), place).toEqual([]);
        const outside = boxes.filter(({ left, right }) => left < 0 || right > width);
        expect(outside, place).toEqual([]);
        const scrollWidth = await page.evaluate<number>('document.documentElement.scrollWidth');
        expect(scrollWidth, place).toBe(width);
      }
    }
  });

  test('publishes JSON as typed, text as its bytes, and to the requested partition', async () => {
    const topic = await createTopic(3);
    const page = await visit(`/try?topic=${topic}`);
    await isLive(page);
    await page.getByLabel('Value', { exact: true }).fill('{"b": 1.00,\n "a": [2]}');
    await page.getByLabel('Key').fill('ada');
    await page.getByLabel('Partition', { exact: true }).selectOption('2');
    await page.getByRole('button', { name: 'Publish' }).click();
    await expect.poll(() => rowsOf(page)).toHaveLength(1);
    await page.getByText('Text', { exact: true }).click();
    await page.getByLabel('Value', { exact: true }).fill('{"not JSON", grüße}');
    await page.getByRole('button', { name: 'Publish' }).click();
    await expect.poll(() => rowsOf(page)).toHaveLength(2);
    const path = `/v1/topics/${topic}/partitions/2/records?limit=1&format=raw`;
    const raw = async (offset: number): Promise<string> =>
      (await fetch(`${gateway.url}${path}&offset=${offset}`)).text();
    expect(await raw(0)).toBe('{"b": 1.00,\n "a": [2]}');
    expect(await raw(1)).toBe('{"not JSON", grüße}');
  });

  test('a pause loses nothing: the records wait, and appear in order afterwards', async () => {
    const topic = await createTopic(1);
    const page = await visit(`/try?topic=${topic}&from=earliest`);
    await isLive(page);
    const pause = page.getByRole('button', { name: 'Pause' });
    await pause.click();
    // Three times the number that the page receives before it has shown some.
    const count = 3000;
    await produce(
      topic,
      Array.from({ length: count }, (_, value) => ({ value })),
    );
    await page.getByText('3,000 records wait for you').waitFor();
    expect(await rowsOf(page)).toEqual([]);
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByText('3,000 records · newest 200 shown').waitFor();
    // The offsets rise, their number is right, and the last is the log's last: none is missed or
    // repeated.
    const offsets = offsetsOf(await rowsOf(page), 0);
    expect(offsets).toEqual([...new Set(offsets)].toSorted((a, b) => a - b));
    expect(offsets.slice(-200)).toEqual(range(count).slice(-200));
    expect(await page.locator('#rows tr').count()).toBe(200);
  });

  test('says which records were deleted before it could show them', async () => {
    const topic = await createTopic(1);
    const page = await visit(`/try?topic=${topic}`);
    await isLive(page);
    await page.getByRole('button', { name: 'Pause' }).click();
    await produce(
      topic,
      Array.from({ length: 1500 }, (_, value) => ({ value })),
    );
    // The page has the records of its credit; the next one that it needs is deleted.
    await page.getByText('1,500 records wait for you').waitFor();
    const records = `/v1/topics/${topic}/partitions/0/records?beforeOffset=1400`;
    await api().delete(records).expect(200);
    await page.getByRole('button', { name: 'Resume' }).click();
    await page
      .getByRole('alert')
      .getByText(/offset 1000 .* Continuing at offset 1400\.$/)
      .waitFor();
    await page.getByText('1,100 records').waitFor();
    expect(offsetsOf(await rowsOf(page), 0).at(-1)).toBe(1499);
  });

  test('continues after a restart of the gateway: no record is missed or shown twice', async () => {
    const topic = await createTopic(2);
    const page = await visit(`/try?topic=${topic}`);
    await isLive(page);
    await produceTo(topic, [0, 1, 0]);
    await expect.poll(() => rowCount(page)).toBe(3);
    await gateway.stop();
    await page.getByText(/Connection lost|Connecting again/).waitFor();
    await gateway.start();
    // This may happen before the page has reconnected.
    await produceTo(topic, [1, 1, 0]);
    await isLive(page);
    await produceTo(topic, [0, 1]);
    await expect.poll(() => rowCount(page)).toBe(8);
    const rows = await rowsOf(page);
    expect(offsetsOf(rows, 0)).toEqual(range(4));
    expect(offsetsOf(rows, 1)).toEqual(range(4));
  });

  test('follows a topic that gets more partitions', async () => {
    const topic = await createTopic(1);
    const page = await visit(`/try?topic=${topic}`);
    await isLive(page);
    await api().patch(`/v1/topics/${topic}`).send({ partitions: 3 }).expect(200);
    await produceTo(topic, [2, 1]);
    await expect.poll(() => rowCount(page)).toBe(2);
    const partitions = page.getByLabel('Partition', { exact: true }).locator('option');
    await expect.poll(() => partitions.allTextContents()).toEqual(['any', '0', '1', '2']);
  });

  test('two workers divide the partitions, and one continues alone for the other', async () => {
    const topic = await createTopic(4);
    const group = `g-${randomUUID()}`;
    const page = await visit(`/try?topic=${topic}`);
    await isLive(page);
    await page.getByText('Two workers share it').click();
    await page.getByLabel('Group', { exact: true }).fill(group);
    const [a, b] = ['Worker A', 'Worker B'].map((name) => page.getByRole('region', { name }));
    assert(a !== undefined && b !== undefined);
    await a.getByRole('button', { name: 'Start' }).click();
    await expect.poll(() => partitionsOf(a)).toEqual(['0', '1', '2', '3']);
    await b.getByRole('button', { name: 'Start' }).click();
    await expect.poll(() => partitionsOf(b)).toHaveLength(2);
    const divided = [...(await partitionsOf(a)), ...(await partitionsOf(b))];
    expect(divided.toSorted()).toEqual(['0', '1', '2', '3']);
    await produceTo(topic, [0, 1, 2, 3]);
    await a.getByText('2 records').waitFor();
    await b.getByText('2 records').waitFor();
    await a.getByRole('button', { name: 'Stop' }).click();
    await expect.poll(() => partitionsOf(b)).toEqual(['0', '1', '2', '3']);
    await produceTo(topic, [0, 1, 2, 3]);
    await b.getByText('6 records').waitFor();
    const described = await api().get(`/v1/groups/${group}`).expect(200);
    expect(described.body.members).toHaveLength(1);
  });

  test('shows errors in words', async () => {
    const topic = await createTopic(1);
    const page = await visit(`/try?topic=${topic}`);
    await isLive(page);
    await page.getByLabel('Value', { exact: true }).fill('{oops');
    await page.getByRole('button', { name: 'Publish' }).click();
    await page
      .getByText(/^The value is not JSON: .* Choose Text to send it unchanged\.$/)
      .waitFor();
    await api().delete(`/v1/topics/${topic}`).expect(204);
    await page.getByRole('alert').getByText(`The topic "${topic}" was deleted.`).waitFor();
  });

  test('is readable in light and dark, which differ, and fits a narrow screen', async () => {
    const topic = await createTopic(2);
    await produceTo(topic, [0, 1]);
    const page = await visit(`/try?topic=${topic}&from=earliest`, {
      reducedMotion: 'reduce',
      viewport: { width: 360, height: 740 },
    });
    await isLive(page);
    await expect.poll(() => rowCount(page)).toBe(2);
    await openEverything(page);
    await page.getByRole('button', { name: 'Pause' }).click();
    const pictures: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(tooFaint(await contrasts(page, 'text'), 4.5)).toEqual([]);
      expect(tooFaint(await contrasts(page, 'edge'), 3)).toEqual([]);
      const width = await page.evaluate<number>('document.documentElement.scrollWidth');
      expect(width).toBe(360);
      pictures.push((await page.screenshot({ fullPage: true })).toString('base64'));
    }
    expect(pictures[0]).not.toBe(pictures[1]);
  });
});

describe('/docs', () => {
  let watched: WatchedPage;
  let page: Page;

  beforeAll(async () => {
    watched = await browser.page({ locale: 'en-GB', colorScheme: 'dark' });
    page = watched.page;
    await page.goto(`${gateway.url}/docs`);
    await page.locator('.opblock-delete').first().waitFor();
  });

  afterAll(async () => {
    await watched.close();
    expectOwn(watched);
  });

  test('shows deleting operations last in each section', async () => {
    const sections = page.locator('.opblock-tag-section');
    for (const section of await sections.all()) {
      const methods = await section.locator('.opblock-summary-method').allTextContents();
      const firstDelete = methods.indexOf('DELETE');
      if (firstDelete >= 0)
        expect(new Set(methods.slice(firstDelete))).toEqual(new Set(['DELETE']));
    }
  });

  test('follows the colour scheme of the system, also when it changes', async () => {
    const background = (): Promise<string> =>
      page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor');
    const dark = await background();
    await page.emulateMedia({ colorScheme: 'light' });
    await expect.poll(background).not.toBe(dark);
  });

  test('shows every operation, and lets one be tried', async () => {
    const described = await fetch(`${gateway.url}/openapi.json`);
    const document = (await described.json()) as OpenApiDocument;
    const operations = page.locator('.opblock');
    expect(await operations.count()).toBe([...operationsOf(document)].length);
    const cluster = operations.filter({ hasText: '/v1/cluster' });
    await cluster.getByRole('button').first().click();
    await cluster.getByRole('button', { name: 'Execute' }).click();
    await cluster.locator('.live-responses-table').getByText('"clusterId"').waitFor();
    await page.getByRole('link', { name: 'asyncapi.json' }).waitFor();
  });
});

async function visit(path: string, options: BrowserContextOptions = {}): Promise<Page> {
  const watched = await browser.page({ locale: 'en-GB', ...options });
  open.push(watched);
  await watched.page.goto(`${gateway.url}${path}`);
  return watched.page;
}

/** Asserts that a page had no errors of its own and asked nobody but the gateway. */
function expectOwn(page: WatchedPage): void {
  expect(page.ownErrors).toEqual([]);
  expect(page.foreignAddresses(gateway.url)).toEqual([]);
}

/** Opens every part of the page /try that is closed at first. */
async function openEverything(page: Page): Promise<void> {
  await page.getByText('New topic').click();
  await page.getByText('Two workers share it').click();
  await page.getByText('The same in your code').click();
  await page.locator('#rows summary').first().click();
}

async function isLive(page: Page): Promise<void> {
  const state: Locator = page.locator('#connection[data-state="live"]');
  await state.waitFor();
}

/** Returns every row that was ever in the table, in order of arrival. */
function rowsOf(page: Page): Promise<SeenRow[]> {
  return page.evaluate<SeenRow[]>('seenRows');
}

/** Returns the numbers of the partitions that a worker shows as its own. */
function partitionsOf(worker: Locator): Promise<string[]> {
  return worker.getByRole('listitem').allTextContents();
}

async function rowCount(page: Page): Promise<number> {
  return (await rowsOf(page)).length;
}

function contrasts(page: Page, of: 'text' | 'edge'): Promise<Contrast[]> {
  return page.evaluate<Contrast[]>(`contrasts('${of}')`);
}

function tooFaint(found: readonly Contrast[], ratioMin: number): Contrast[] {
  // A check that finds nothing proves nothing.
  expect(found.length).toBeGreaterThan(5);
  return found.filter(({ ratio }) => ratio < ratioMin);
}

/** Returns the names of the pairs of boxes that overlap. */
function overlapsOf(boxes: readonly Box[]): string[] {
  return boxes.flatMap((a, index) =>
    boxes
      .slice(index + 1)
      .filter((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
      .map((b) => `${a.name} and ${b.name}`),
  );
}

function row(offset: number, key: string, value: string): SeenRow {
  return { partition: 0, offset, key, value };
}

function offsetsOf(records: readonly SeenRecord[], partition: number): number[] {
  return records.filter((each) => each.partition === partition).map(({ offset }) => offset);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function api(): ReturnType<typeof supertest> {
  return supertest(gateway.url);
}

function topicName(): string {
  return `t-${randomUUID()}`;
}

async function createTopic(partitions: number): Promise<string> {
  const name = topicName();
  await api().post('/v1/topics').send({ name, partitions }).expect(201);
  return name;
}

async function produce(topic: string, records: readonly object[]): Promise<void> {
  await api().post(`/v1/topics/${topic}/records`).send({ records }).expect(200);
}

/** Produces one record to each of the partitions, one after the other. */
async function produceTo(topic: string, partitions: readonly number[]): Promise<void> {
  for (const partition of partitions) await produce(topic, [{ value: { partition }, partition }]);
}

/** Produces one record whose value is the text, byte for byte. */
async function produceText(topic: string, text: string, type: string): Promise<void> {
  const path = `/v1/topics/${topic}/records?body=value`;
  await api().post(path).set('Content-Type', type).send(text).expect(200);
}
