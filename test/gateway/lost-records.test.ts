import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { loseFirstSegment, loseLastBatch, loseMiddleSegment } from '../support/lost-end.js';

const PARTITION = '/v1/topics/orders/partitions/0';
const LOST = { startOffset: 2, endOffset: 4 };

let gateway: GatewayProcess;

/** Starts a gateway without the last two of the four records it had at a clean stop. */
beforeAll(async () => {
  gateway = await GatewayProcess.start();
  await http().post('/v1/topics').send({ name: 'orders' }).expect(201);
  await produce(0, 1).expect(200);
  await produce(2, 3).expect(200);
  await http()
    .put('/v1/groups/billing/offsets')
    .send({ offsets: [{ topic: 'orders', partition: 0, offset: 4 }] })
    .expect(200);
  await http().post('/v1/topics').send({ name: 'pairs', partitions: 2 }).expect(201);
  await producePair().expect(200);
  await gateway.stop();
  await loseLastBatch(gateway.dataDir, 'orders-0');
  await loseLastBatch(gateway.dataDir, 'pairs-0');
  await gateway.start();
});

afterAll(() => gateway.dispose());

function http(): ReturnType<typeof supertest> {
  return supertest(gateway.url);
}

function produce(...values: number[]): supertest.Test {
  const records = values.map((value) => ({ value }));
  return http().post('/v1/topics/orders/records').send({ records });
}

/** Produces a record for each of two partitions. */
function producePair(): supertest.Test {
  const records = [0, 1].map((partition) => ({ value: partition, partition }));
  return http().post('/v1/topics/pairs/records').send({ records });
}

function fetchFrom(offset: number): supertest.Test {
  return http().get(`${PARTITION}/records?offset=${offset}`);
}

function acceptLoss(query: string): supertest.Test {
  return http().delete(`${PARTITION}/lost-records${query}`);
}

async function storageCheck(): Promise<unknown> {
  const { body } = await http().get('/health/ready').expect(200);
  return (body as { checks: { storage: unknown } }).checks.storage;
}

/** These tests run in order: each continues in the state that the previous one left. */
describe('a partition whose disk lost the end of its log', () => {
  test('it is read-only, and health has the missing records', async () => {
    expect(await storageCheck()).toMatchObject({
      status: 'degraded',
      readOnly: ['orders-0', 'pairs-0'],
      lost: [
        { partition: 'orders-0', ...LOST },
        { partition: 'pairs-0', startOffset: 0, endOffset: 1 },
      ],
    });
    const { body } = await produce(4).expect(507);
    expect(body).toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      outcome: 'failed',
      retriable: false,
      detail: expect.stringContaining('records 2 up to 4 are missing') as string,
    });
    expect((await fetchFrom(0).expect(200)).body).toMatchObject({ nextOffset: 2 });
    expect((await fetchFrom(2).expect(500)).body).toMatchObject({
      code: 'CORRUPT_MESSAGE',
      damagedStartOffset: 2,
      damagedEndOffset: 4,
    });
  });

  test('other partitions of a request are still written: 207', async () => {
    const { body } = await producePair().expect(207);
    expect(body).toMatchObject({
      offsets: [
        {
          partition: 0,
          error: { code: 'KAFKA_STORAGE_ERROR', status: 507, outcome: 'failed', retriable: false },
        },
        { partition: 1, offset: 1 },
      ],
    });
    const path = '/v1/topics/pairs/partitions/0/lost-records?startOffset=0&endOffset=1';
    await http().delete(path).expect(200);
    const both = await producePair().expect(200);
    expect(both.body).toMatchObject({ offsets: [{ offset: 1 }, { offset: 2 }] });
  });

  test.each([
    ['', ['?startOffset', '?endOffset']],
    ['?startOffset=2', ['?endOffset']],
    ['?startOffset=2&endOffset=-4', ['?endOffset']],
  ])('the loss is not accepted without both bounds: %j', async (query, pointers) => {
    const { body } = await acceptLoss(query).expect(400);
    expect(body).toMatchObject({
      code: 'INVALID_REQUEST',
      errors: pointers.map((pointer) => ({ pointer })),
    });
  });

  test('the loss is not accepted with other bounds: the answer has the right ones', async () => {
    const { body } = await acceptLoss('?startOffset=0&endOffset=4').expect(416);
    expect(body).toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      outcome: 'failed',
      detail: expect.stringContaining('those missing are 2 up to 4') as string,
      lostStartOffset: 2,
      lostEndOffset: 4,
      logStartOffset: 0,
      highWatermark: 4,
    });
    expect(await storageCheck()).toMatchObject({ status: 'degraded' });
  });

  test('it accepts writes again after the loss is accepted, after the lost offsets', async () => {
    const query = '?startOffset=2&endOffset=4';
    expect((await acceptLoss(query).expect(200)).body).toEqual(LOST);
    expect(await storageCheck()).toMatchObject({
      status: 'ok',
      readOnly: [],
      lost: [],
      damaged: [],
    });
    expect((await produce(4).expect(200)).body).toMatchObject({ offsets: [{ offset: 4 }] });
    expect((await acceptLoss(query).expect(200)).body).toEqual(LOST);
    expect((await acceptLoss('?startOffset=4&endOffset=5').expect(416)).body).toMatchObject({
      detail: expect.stringContaining('no records are missing there') as string,
    });
  });

  test('it is read past the hole, in pages and as a stream, also after a restart', async () => {
    for (const round of ['before', 'after a restart']) {
      const { body } = await fetchFrom(2).expect(200);
      expect(body, round).toMatchObject({ records: [{ offset: 4, value: 4 }], nextOffset: 5 });
      const page = await http().get(`${PARTITION}/records?offset=2&limit=1`).expect(200);
      expect(page.body, round).toMatchObject({ records: [{ offset: 4 }] });
      const stream = await fetchFrom(0).set('Accept', 'application/x-ndjson').expect(200);
      const lines = stream.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { offset?: number });
      expect(lines.map(({ offset }) => offset)).toEqual([0, 1, 4, undefined]);
      const committed = await http().get('/v1/groups/billing/offsets').expect(200);
      expect(committed.body).toMatchObject({ offsets: [{ offset: 4, lag: 1 }] });
      await gateway.kill();
      await gateway.start();
    }
    expect(await storageCheck()).toMatchObject({ status: 'ok' });
  });
});

/** These tests run in order, as above. */
describe('a partition whose disk lost the start of its log', () => {
  const PATH = '/v1/topics/aged/partitions/0';
  let lost: { readonly startOffset: number; readonly endOffset: number };

  beforeAll(async () => {
    const configs = { 'segment.bytes': 1024 };
    await http().post('/v1/topics').send({ name: 'aged', configs }).expect(201);
    for (let i = 0; i < 6; i += 1) {
      await http()
        .post('/v1/topics/aged/records')
        .send({ records: [{ value: 'x'.repeat(600) }] })
        .expect(200);
    }
    await gateway.stop();
    lost = { startOffset: 0, endOffset: await loseFirstSegment(gateway.dataDir, 'aged-0') };
    await gateway.start();
  });

  test('health and the metric report it, and missing offsets are damaged', async () => {
    expect(await storageCheck()).toMatchObject({
      status: 'degraded',
      readOnly: [],
      lost: [{ partition: 'aged-0', ...lost }],
    });
    const { text } = await http().get('/metrics').expect(200);
    expect(text).toContain(`sluice_log_lost_records ${lost.endOffset}`);
    const { body } = await http().get(`${PATH}/records?offset=earliest`).expect(500);
    expect(body).toMatchObject({
      code: 'CORRUPT_MESSAGE',
      damagedStartOffset: 0,
      damagedEndOffset: lost.endOffset,
    });
    await http().get(`${PATH}/records?offset=${lost.endOffset}`).expect(200);
  });

  test('it begins after the missing records once the loss is accepted', async () => {
    const query = `startOffset=0&endOffset=${lost.endOffset}`;
    await http().delete(`${PATH}/lost-records?${query}`).expect(200, lost);
    await http().delete(`${PATH}/lost-records?${query}`).expect(200, lost);
    expect(await storageCheck()).toMatchObject({ status: 'ok', lost: [] });
    await gateway.kill();
    await gateway.start();
    expect(await storageCheck()).toMatchObject({ status: 'ok', lost: [] });
    const { body } = await http().get(`${PATH}/records?offset=earliest`).expect(200);
    expect(body).toMatchObject({ logStartOffset: lost.endOffset });
  });
});

/** These tests run in order, as above. */
describe('a partition whose disk lost a segment in the middle of its log', () => {
  const PATH = '/v1/topics/holed/partitions/0';
  let lost: { readonly startOffset: number; readonly endOffset: number };

  beforeAll(async () => {
    const configs = { 'segment.bytes': 1024 };
    await http().post('/v1/topics').send({ name: 'holed', configs }).expect(201);
    for (let i = 0; i < 6; i += 1) {
      await http()
        .post('/v1/topics/holed/records')
        .send({ records: [{ value: 'x'.repeat(600) }] })
        .expect(200);
    }
    await gateway.stop();
    lost = await loseMiddleSegment(gateway.dataDir, 'holed-0');
    await gateway.start();
  });

  test('health reports it at every start, and missing offsets are damaged', async () => {
    for (const round of ['after a clean stop', 'after a kill']) {
      expect(await storageCheck(), round).toMatchObject({
        status: 'degraded',
        readOnly: [],
        lost: [{ partition: 'holed-0', ...lost }],
      });
      const at = `${PATH}/records?offset=${lost.startOffset}`;
      const { body } = await http().get(at).expect(500);
      expect(body).toMatchObject({
        code: 'CORRUPT_MESSAGE',
        damagedStartOffset: lost.startOffset,
        damagedEndOffset: lost.endOffset,
      });
      await gateway.kill();
      await gateway.start();
    }
  });

  test('it is read past the missing records once the loss is accepted', async () => {
    const query = `startOffset=${lost.startOffset}&endOffset=${lost.endOffset}`;
    await http().delete(`${PATH}/lost-records?${query}`).expect(200, lost);
    await http().delete(`${PATH}/lost-records?${query}`).expect(200, lost);
    for (const round of ['before', 'after a restart']) {
      expect(await storageCheck(), round).toMatchObject({ status: 'ok', lost: [] });
      const at = `${PATH}/records?offset=${lost.startOffset}`;
      const { body } = await http().get(at).expect(200);
      expect(body.records[0], round).toMatchObject({ offset: lost.endOffset });
      const stream = await http().get(at).set('Accept', 'application/x-ndjson').expect(200);
      const [first] = stream.text.split('\n');
      expect(JSON.parse(first ?? ''), round).toMatchObject({ offset: lost.endOffset });
      await gateway.kill();
      await gateway.start();
    }
  });
});
