import supertest from 'supertest';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';

const LONG_POLLS_MAX = 2;
const RECORDS = '/v1/topics/orders/partitions/0/records';

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start({ SLUICE_LONG_POLLS_MAX: String(LONG_POLLS_MAX) });
  await http().post('/v1/topics').send({ name: 'orders' }).expect(201);
});

afterAll(() => gateway.dispose());

function http(): ReturnType<typeof supertest> {
  return supertest(gateway.url);
}

/** Sends a fetch from the end of the log, which waits. */
function poll(signal?: AbortSignal): Promise<Response> {
  const init = signal === undefined ? {} : { signal };
  return fetch(`${gateway.url}${RECORDS}?offset=latest&waitMs=60000`, init);
}

async function waiting(): Promise<string | undefined> {
  const { text } = await http().get('/metrics').expect(200);
  return /^kafka_server_delayedoperationpurgatory_fetch_purgatorysize (\d+)$/m.exec(text)?.[1];
}

async function untilWaiting(count: number): Promise<void> {
  await expect.poll(waiting).toBe(String(count));
}

test('one long poll above the limit is 429 with Retry-After; the others continue, and a place becomes free again', async () => {
  const gone = new AbortController();
  const abandoned = poll(gone.signal).catch((error: unknown) => error);
  const answered = poll();
  await untilWaiting(LONG_POLLS_MAX);

  const refused = await poll();
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(await refused.json()).toMatchObject({
    code: 'THROTTLING_QUOTA_EXCEEDED',
    retriable: true,
    status: 429,
    detail: '2 fetches wait already, which is the limit of this broker.',
  });
  // A fetch without a wait is not refused.
  await http().get(`${RECORDS}?offset=earliest`).expect(200);
  expect((await http().get('/metrics')).text).toContain('sluice_fetch_waits_refused_total 1\n');

  gone.abort();
  await abandoned;
  await untilWaiting(LONG_POLLS_MAX - 1);
  const next = poll();
  await untilWaiting(LONG_POLLS_MAX);
  await http().post('/v1/topics/orders/records').send({ value: 'woken' }).expect(200);
  for (const response of [await answered, await next]) {
    expect(await response.json()).toMatchObject({ records: [{ value: 'woken' }] });
  }
  await untilWaiting(0);
});
