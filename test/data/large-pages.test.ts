/** Large pages are rendered one after the other when there is memory for only one of them. */
import { beforeAll, expect, test } from 'vitest';
import { metricOf } from '../support/metric-of.js';
import { until } from '../support/until.js';
import { useGateway } from './gateway-under-test.js';

const RECORDS = 300;
const VALUE = 'x'.repeat(10_000);

// Any page of more than 1 MiB is larger than this, and so each of them is rendered alone.
const gateway = useGateway({ SLUICE_LARGE_PAGES_BYTES: '1' });
let topic: string;

beforeAll(async () => {
  topic = await gateway.topic();
  const records = Array.from({ length: RECORDS }, () => ({ value: VALUE }));
  const response = await fetch(`${gateway.url}/v1/topics/${topic}/records`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ records }),
  });
  expect(response.status).toBe(200);
});

test('concurrent pages of several MiB are all answered', async () => {
  const pages = await Promise.all(
    ['offset=earliest', 'offset=10', 'offset=0', 'timestamp=0', 'offset=1'].map((position) =>
      readPage(position),
    ),
  );
  expect(pages.map(({ first, count }) => [first, count])).toEqual([
    [0, RECORDS],
    [10, RECORDS - 10],
    [0, RECORDS],
    [0, RECORDS],
    [1, RECORDS - 1],
  ]);
});

test('a page is not rendered for a client that goes away while it waits', async () => {
  const aborted = new AbortController();
  const pages = Array.from({ length: 4 }, () => readPage('offset=0', aborted.signal));
  const settled = Promise.allSettled(pages);
  const kept = readPage('offset=5');
  aborted.abort();
  await settled;
  expect(await kept).toEqual({ first: 5, count: RECORDS - 5 });
  await until('no page to wait', async () => {
    return (await metricOf(gateway.url, 'sluice_fetch_large_pages_waiting')) === 0;
  });
});

async function readPage(
  position: string,
  signal?: AbortSignal,
): Promise<{ first: number | undefined; count: number }> {
  const path = `/v1/topics/${topic}/partitions/0/records?${position}&maxBytes=9000000&limit=1000`;
  const response = await fetch(`${gateway.url}${path}`, signal === undefined ? {} : { signal });
  expect(response.status).toBe(200);
  const { records } = (await response.json()) as { records: { offset: number; value: string }[] };
  expect(records.every(({ value }) => value === VALUE)).toBe(true);
  return { first: records[0]?.offset, count: records.length };
}
