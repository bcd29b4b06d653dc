/** Reads that begin where compaction removed the last records of a segment. */
import supertest from 'supertest';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';

const RECORDS = '/v1/topics/names/partitions/0/records';
const FILLER = 'x'.repeat(900);

interface Page {
  readonly records: readonly { readonly offset: number; readonly key: string }[];
  readonly nextOffset: number;
}

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start({ SLUICE_COMPACTION_CHECK_INTERVAL_MS: '50' });
  const configs = {
    'cleanup.policy': 'compact',
    'segment.bytes': 1024,
    'min.cleanable.dirty.ratio': 0,
  };
  await api().post('/v1/topics').send({ name: 'names', configs }).expect(201);
  // One batch, of which compaction removes the second record; then segments of one record each.
  await produce({ key: 'kept', value: 1 }, { key: 'replaced', value: 1 });
  await produce({ key: 'replaced', value: FILLER });
  await produce({ key: 'last', value: FILLER });
  await until('the first segment is compacted', async () => {
    const { records } = await page('offset=0&limit=2');
    return records.length === 1;
  });
});

afterAll(() => gateway?.dispose());

function api(): ReturnType<typeof supertest> {
  return supertest(gateway.url);
}

async function produce(...records: readonly object[]): Promise<void> {
  await api().post('/v1/topics/names/records').send({ records }).expect(200);
}

async function page(query: string): Promise<Page> {
  const { body } = await api().get(`${RECORDS}?${query}`).expect(200);
  return body as Page;
}

test.each(['offset=1&limit=1', 'offset=1&limit=1&waitMs=60000'])(
  'a page from a removed record has the records after it (%s)',
  async (query) => {
    const { records, nextOffset } = await page(query);
    expect(records).toMatchObject([{ offset: 2, key: 'replaced' }]);
    expect(nextOffset).toBe(3);
  },
);

test.each(['', '&waitMs=60000'])(
  'a poll from a removed record has those after it (%s)',
  async (wait) => {
    const group = `/v1/groups/from-the-gap${wait.length}`;
    const offsets = [{ topic: 'names', partition: 0, offset: 1 }];
    await api().put(`${group}/offsets`).send({ offsets }).expect(200);
    const joined = await api()
      .post(`${group}/members`)
      .send({ topics: ['names'] })
      .expect(201);
    const { memberId } = joined.body as { memberId: string };
    const records = `${group}/members/${memberId}/records`;
    const { body } = await api().get(`${records}?limit=1${wait}`).expect(200);
    const { records: polled, cursor } = body as Page & { cursor: string };
    expect(polled).toMatchObject([{ offset: 2, key: 'replaced' }]);

    const next = await api().get(`${records}?limit=1&cursor=${cursor}`).expect(200);
    expect((next.body as Page).records).toMatchObject([{ offset: 3, key: 'last' }]);
  },
);
