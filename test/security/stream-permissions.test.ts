import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ALL_OPERATIONS, type Operation } from '#api';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';
import { type Allowed, AUTH_ON, asRoot, bearer, keyWith, type TestKey } from './keys.js';

const TOPIC = 'orders';
const RECORDS = `/v1/topics/${TOPIC}/partitions/0/records`;
const READ: Allowed = { resourceType: 'topic', resourceName: TOPIC, operation: 'Read' };
const READ_GROUP: Allowed = { ...READ, resourceType: 'group', resourceName: '{group}' };

/** A request that stays open until there is a record; each of its callers has a `{group}`. */
interface StreamCase {
  readonly path: string;
  readonly needs: readonly Allowed[];
}

/** The cases of every operation of the data plane that reads: it may last. */
const STREAM_CASES: Readonly<Record<string, readonly StreamCase[]>> = {
  fetch: [{ path: `${RECORDS}?offset=latest&waitMs=20000`, needs: [READ] }],
  fetchValue: [{ path: `${RECORDS}:raw?offset=latest&waitMs=20000`, needs: [READ] }],
  fetchLines: [
    { path: `${RECORDS}:ndjson?offset=latest&waitMs=20000`, needs: [READ] },
    { path: `${RECORDS}:ndjson?offset=latest&follow=true`, needs: [READ] },
  ],
  subscribeToEvents: [{ path: `/v1/topics/${TOPIC}/events`, needs: [READ] }],
  pollRecords: [
    { path: '/v1/groups/{group}/members/m/records?waitMs=20000', needs: [READ_GROUP, READ] },
  ],
};

const READING = ALL_OPERATIONS.filter(
  ({ plane, method }: Operation) => plane === 'data' && method === 'GET',
).map(({ id }) => id);
const CASES = READING.flatMap((id) =>
  (STREAM_CASES[id] ?? []).map((each) => [each.path, each.needs] as const),
);

let gateway: GatewayProcess;
let expired: TestKey;
let readers = 0;

beforeAll(async () => {
  gateway = await GatewayProcess.start(AUTH_ON);
  await asRoot(gateway, 'POST', '/v1/topics', { name: TOPIC, partitions: 1 });
  expired = await keyWith(gateway, [READ, READ_GROUP], { expiresAt: Date.now() + 2000 });
  await until('the key has expired', async () => {
    const { status } = await get('/v1/whoami', bearer(expired.key));
    return status === 401;
  });
});

afterAll(() => gateway.dispose());

test.each(READING)('%s has a case', (id) => {
  expect(STREAM_CASES[id]).not.toBeUndefined();
});

describe('every request that may last', () => {
  test.each(CASES)('%s ends at once without a valid credential', async (path) => {
    for (const headers of [{}, bearer(`nobody.${'x'.repeat(43)}`), bearer(expired.key)]) {
      const answer = await get(path, headers);
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
        401,
        'Bearer realm="sluice"',
      ]);
      await answer.text();
    }
  });

  test.each(CASES)('%s is refused if a permission is missing', async (openPath, needs) => {
    for (const [index] of needs.entries()) {
      const reader = await readerOf({ path: openPath, needs });
      const missing = reader.needs[index] as Allowed;
      await forbid(reader, missing);
      // A member learns with its first poll which topics it was given.
      const path = reader.path.replace('waitMs=20000', 'waitMs=100');
      let answer = await get(path, bearer(reader.key));
      // A member that may no longer read its topic leaves: it is gone already, or is refused now.
      if (answer.status === 404 && missing.resourceType === 'topic') answer = await join(reader);
      expect(answer.status).toBe(403);
      expect(await answer.text()).toContain(
        `${missing.resourceType.toUpperCase()}_AUTHORIZATION_FAILED`,
      );
    }
  });

  test.each(CASES)(
    '%s brings a record to a caller with exactly its permissions',
    async (path, needs) => {
      const reader = await readerOf({ path, needs });
      const ended = new AbortController();
      const opened = get(reader.path, bearer(reader.key), ended.signal);
      const text = await untilText(opened, 'a record of the test');
      expect(text).toContain('a record of the test');
      expect((await opened).status).toBe(200);
      ended.abort();
    },
  );
});

function get(
  path: string,
  headers: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(gateway.url + path, { headers, ...(signal === undefined ? {} : { signal }) });
}

/** A caller, with the path and the permissions of a case for its own group. */
interface Reader extends TestKey, StreamCase {}

/** Creates a key with the permissions; it joins its group if the path is one of a member. */
async function readerOf({ path, needs }: StreamCase): Promise<Reader> {
  readers += 1;
  const group = `readers-${readers}`;
  const own = needs.map((need) => ({
    ...need,
    resourceName: need.resourceName.replace('{group}', group),
  }));
  const created = await keyWith(gateway, own);
  const reader = { ...created, path: path.replace('{group}', group), needs: own };
  if (path.includes('{group}')) {
    const joined = await join(reader);
    expect(joined.status, await joined.text()).toBe(201);
  }
  return reader;
}

function join({ key, path }: Reader): Promise<Response> {
  return fetch(gateway.url + path.slice(0, path.indexOf('/m/records')), {
    method: 'POST',
    headers: { ...bearer(key), 'Content-Type': 'application/json' },
    body: JSON.stringify({ memberId: 'm', topics: [TOPIC] }),
  });
}

function forbid({ id }: TestKey, { resourceType, resourceName }: Allowed): Promise<unknown> {
  const query = `principal=key:${id}&resourceType=${resourceType}&resourceName=${resourceName}`;
  return asRoot(gateway, 'DELETE', `/v1/acls?${query}`);
}

/** Reads the answer until it has the value, which is produced until then. */
async function untilText(opened: Promise<Response>, value: string): Promise<string> {
  const seen = { text: '', isOver: false };
  const read = async (): Promise<void> => {
    for await (const chunk of (await opened).body ?? []) {
      seen.text += Buffer.from(chunk).toString();
      if (seen.text.includes(value)) break;
    }
    seen.isOver = true;
  };
  const produce = () =>
    until('the record arrives', async () => {
      if (!seen.isOver) await asRoot(gateway, 'POST', `/v1/topics/${TOPIC}/records`, { value });
      return seen.isOver;
    });
  await Promise.all([read(), produce()]);
  return seen.text;
}
