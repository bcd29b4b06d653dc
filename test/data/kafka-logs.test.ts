import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EventClient } from '../sse/event-client.js';
import { GatewayProcess } from '../support/gateway.js';
import { SocketClient } from '../ws/socket-client.js';

const FIXTURES = 'test/interop/kafka/fixtures/kafka';
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
const COMMITTED = [
  [0, 'plain 1'],
  [2, 'committed 1'],
  [4, 'plain 2'],
  [6, 'committed 2'],
  [8, 'committed 3'],
  [14, 'plain 3'],
];
/** The damage in the topic `torn`: offsets 0 to 2 and 6 to 8 can be read. */
const UNREADABLE = { code: 'CORRUPT_MESSAGE', damagedStartOffset: 3, damagedEndOffset: 6 };

let gateway: GatewayProcess;

/** A gateway that finds logs of Kafka's broker in the place of its own. */
beforeAll(async () => {
  gateway = await GatewayProcess.start();
  const topics = [...CODECS.map((codec) => `codec-${codec}`), 'transactions', 'torn'];
  for (const name of topics) {
    const configs = { 'retention.ms': -1 };
    await http().post('/v1/topics').send({ name, configs }).expect(201);
  }
  await gateway.stop();
  for (const topic of topics) await placeFixture(topic, topic === 'torn' ? 'codec-lz4' : topic);
  await makeSecondBatchUnreadable(join(gateway.dataDir, 'torn-0', '00000000000000000000.log'));
  await gateway.start();
});

afterAll(() => gateway.dispose());

function http(): ReturnType<typeof supertest> {
  return supertest(gateway.url);
}

async function placeFixture(topic: string, fixture: string): Promise<void> {
  const directory = join(gateway.dataDir, `${topic}-0`);
  const metadata = await readFile(join(directory, 'partition.metadata'));
  await rm(directory, { recursive: true });
  await cp(join(FIXTURES, `${fixture}-0`), directory, { recursive: true });
  await writeFile(join(directory, 'partition.metadata'), metadata);
}

/**
 * Leaves the checksum right: the bytes are stored as they were sent. A copy of the first batch
 * follows.
 */
async function makeSecondBatchUnreadable(path: string): Promise<void> {
  const log = await readFile(path);
  const firstBytes = log.readInt32BE(8) + 12;
  const second = log.subarray(firstBytes);
  second.fill(0xff, 61);
  second.writeUInt32BE(crc32c(second.subarray(21)), 17);
  const third = Buffer.from(log.subarray(0, firstBytes));
  third.writeBigInt64BE(6n, 0);
  await writeFile(path, Buffer.concat([log, third]));
}

async function fetchPage(topic: string, query = ''): Promise<Page> {
  const path = `/v1/topics/${topic}/partitions/0/records?limit=1000&maxBytes=10000000${query}`;
  return (await http().get(path).expect(200)).body as Page;
}

interface Page {
  readonly records: readonly { readonly offset: number; readonly value: string }[];
  readonly nextOffset: number;
}

function shown({ records }: Pick<Page, 'records'>): [number, string][] {
  return records.map(({ offset, value }) => [offset, value]);
}

async function lines(topic: string): Promise<Record<string, unknown>[]> {
  const { text } = await http()
    .get(`/v1/topics/${topic}/partitions/0/records`)
    .set('Accept', 'application/x-ndjson')
    .buffer(true)
    .parse((response, done) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => done(null, Buffer.concat(chunks)));
    })
    .then(({ body }) => ({ text: String(body) }));
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("a log that Kafka's producer compressed", () => {
  test.each(CODECS)('is read with the codec %s: page, lines, raw, by time', async (codec) => {
    const topic = `codec-${codec}`;
    const page = await fetchPage(topic);
    expect(page.records.slice(0, 3)).toMatchObject(
      [0, 1, 2].map((number) => ({
        offset: number,
        key: `k${number}`,
        value: JSON.stringify({ codec, number }),
        timestamp: 1_700_000_000_000 + number,
        headers: [{ key: 'trace', value: `t-${number}` }],
      })),
    );
    expect(page.nextOffset).toBe(codec === 'none' ? 3 : 6);
    expect((await lines(topic)).slice(0, -1)).toEqual(page.records);
    const raw = await http()
      .get(`/v1/topics/${topic}/partitions/0/records?format=raw&limit=1&offset=2`)
      .expect(200);
    expect(raw.headers['sluice-offset']).toBe('2');
    const time = 1_700_000_000_002;
    const found = await http().get(`/v1/topics/${topic}/partitions/0/offsets?at=${time}`);
    expect(found.body).toMatchObject({ offset: 2, timestamp: time });
  });
});

describe('a batch that cannot be read', () => {
  test('comes after the records before it have been answered: page, lines, raw', async () => {
    const prefix = await fetchPage('torn');
    expect(shown(prefix).map(([offset]) => offset)).toEqual([0, 1, 2]);
    expect(prefix.nextOffset).toBe(3);
    const path = '/v1/topics/torn/partitions/0/records';
    expect((await http().get(`${path}?offset=3`).expect(500)).body).toMatchObject(UNREADABLE);
    const raw = await http().get(`${path}?offset=4&format=raw&limit=1`).expect(500);
    expect(raw.body).toMatchObject(UNREADABLE);
    const streamed = await lines('torn');
    expect(streamed.map(({ offset }) => offset)).toEqual([0, 1, 2, undefined]);
    expect(streamed.at(-1)).toMatchObject({ error: UNREADABLE, nextOffset: 3 });
    expect((await fetchPage('torn', '&offset=6')).nextOffset).toBe(9);
  });

  test('stops a WebSocket subscription after those records, until it seeks further', async () => {
    const client = await SocketClient.open(gateway.url);
    await client.subscribe({ subscription: 's', topic: 'torn', from: 'earliest' });
    await client.until(() => client.of('error').length > 0);
    expect(client.records('s').map(({ offset }) => offset)).toEqual([0, 1, 2]);
    expect(client.of('error')[0]?.data).toMatchObject({ subscription: 's', ...UNREADABLE });
    await client.request('seek', { subscription: 's', topic: 'torn', partition: 0, offset: 6 });
    expect((await client.recordsOf('s', 6)).map(({ offset }) => offset).slice(3)).toEqual([
      6, 7, 8,
    ]);
    await client.close();
  });

  test('ends an event stream after those records', async () => {
    const client = await EventClient.open(gateway.url, 'torn/events?from=earliest');
    const records = await client.records(3);
    expect(records.map(({ offset }) => offset)).toEqual([0, 1, 2]);
    const { type, data } = await client.next();
    expect(type).toBe('error');
    expect(JSON.parse(data)).toMatchObject(UNREADABLE);
    client.abort();
  });
});

describe('a log with transactions', () => {
  test('shows what was committed: page, lines, raw, by time', async () => {
    // A page reads one segment; the log has two.
    const pages = [await fetchPage('transactions'), await fetchPage('transactions', '&offset=5')];
    expect(pages.flatMap(shown)).toEqual(COMMITTED);
    expect(pages.map(({ nextOffset }) => nextOffset)).toEqual([5, 15]);
    const streamed = await lines('transactions');
    expect(streamed.slice(0, -1).map(({ offset, value }) => [offset, value])).toEqual(COMMITTED);
    const path = '/v1/topics/transactions/partitions/0';
    const raw = await http().get(`${path}/records?offset=1&format=raw&limit=1`).expect(200);
    expect(raw.headers['sluice-offset']).toBe('2');
    const last = await http().get(`${path}/records?offset=13&format=raw&limit=1`).expect(200);
    expect(last.headers['sluice-offset']).toBe('14');
  });

  test('shows the same to subscriptions and event streams', async () => {
    const client = await SocketClient.open(gateway.url);
    await client.subscribe({ subscription: 's', topic: 'transactions', from: 'earliest' });
    const records = await client.recordsOf('s', COMMITTED.length);
    expect(records.map(({ offset, value }) => [offset, value])).toEqual(COMMITTED);
    await client.close();
    const events = await EventClient.open(gateway.url, 'transactions/events?from=earliest');
    const seen = await events.records(COMMITTED.length);
    expect(seen.map(({ offset, value }) => [offset, value])).toEqual(COMMITTED);
    events.abort();
  });

  test('goes on with records that are produced here', async () => {
    const { body } = await http()
      .post('/v1/topics/transactions/records')
      .send({ records: [{ value: 'new' }] })
      .expect(200);
    expect(body).toMatchObject({ offsets: [{ partition: 0, offset: 15 }] });
    const page = await fetchPage('transactions', '&offset=9');
    expect(shown(page).map(([offset]) => offset)).toEqual([14, 15]);
  });
});
