import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start({ SLUICE_RACK: 'r1', SLUICE_BROKER_ID: '3' });
});

afterAll(() => gateway.dispose());

function http(): ReturnType<typeof supertest> {
  return supertest(gateway.url);
}

/** Returns the samples of /metrics by name and labels. */
async function samples(): Promise<ReadonlyMap<string, number>> {
  const { text } = await http().get('/metrics').expect(200);
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line): [string, number] => {
      const valueAt = line.lastIndexOf(' ');
      return [line.slice(0, valueAt), Number(line.slice(valueAt + 1))];
    }),
  );
}

describe('the address without a path', () => {
  test('a program gets the entry points, and each of them answers', async () => {
    const { body, text } = await http().get('/').set('Accept', '*/*').expect(200);
    expect(text.endsWith('}\n')).toBe(true);
    const { webSocket, ...links } = (body as { links: Record<string, string> }).links;
    for (const path of Object.values(links)) await http().get(path).expect(200);
    await http().get(String(webSocket)).expect(426);
  });

  test('a browser is redirected to the page', async () => {
    const accept = 'text/html,application/xhtml+xml,*/*;q=0.8';
    const { headers } = await http().get('/').set('Accept', accept).expect(302);
    expect(headers).toMatchObject({ location: '/try', vary: 'Accept' });
  });
});

describe('health', () => {
  test('the gateway is live and ready, and reports its checks', async () => {
    expect((await http().get('/health/live').expect(200)).body).toEqual({ status: 'ok' });
    const ready = await http().get('/health/ready').expect(200);
    expect(ready.body).toMatchObject({
      status: 'ok',
      checks: { storage: { status: 'ok', offline: [], readOnly: [], damaged: [] } },
    });
    expect(ready.headers['cache-control']).toBe('no-store');
  });
});

describe('the cluster', () => {
  test('it is this broker alone, with its settings', async () => {
    const { body } = await http().get('/v1/cluster').expect(200);
    expect(body).toMatchObject({
      coordination: 'embedded',
      controller: 3,
      brokers: [{ id: 3, url: gateway.url, rack: 'r1', alive: true }],
    });
  });
});

describe('metrics', () => {
  test('metrics count input, output, syncs, batches and requests', async () => {
    await http().post('/v1/topics').send({ name: 'orders' }).expect(201);
    const before = await samples();
    await http()
      .post('/v1/topics/orders/records')
      .send({ records: [{ value: 1 }, { value: 2 }, { value: 3 }] })
      .expect(200);
    await http().get('/v1/topics/orders/partitions/0/records').expect(200);
    const after = await samples();
    const grown = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    expect(grown('kafka_server_brokertopicmetrics_messagesin_total')).toBe(3);
    expect(grown('kafka_server_brokertopicmetrics_bytesin_total')).toBeGreaterThan(60);
    expect(grown('sluice_fetch_records_out_total')).toBe(3);
    expect(grown('kafka_server_brokertopicmetrics_bytesout_total')).toBeGreaterThan(60);
    expect(grown('kafka_log_logflushstats_logflush_seconds_count')).toBeGreaterThan(0);
    expect(grown('kafka_producer_producermetrics_batch_size_bytes_count')).toBe(1);
    const requests = 'kafka_network_requestmetrics_totaltime_seconds_count';
    expect(grown(`${requests}{request="POST /v1/topics/{topic}/records"}`)).toBe(1);
    expect(
      grown(`${requests}{request="GET /v1/topics/{topic}/partitions/{partition}/records"}`),
    ).toBe(1);
    expect(grown(`${requests}{request="GET /metrics"}`)).toBe(1);
    expect(after.get('kafka_log_log_size_bytes{topic="orders"}')).toBeGreaterThan(60);
    expect(after.get('kafka_controller_kafkacontroller_globaltopiccount')).toBe(1);
    expect(after.get('kafka_server_replicamanager_partitioncount')).toBe(1);
  });
});

describe.each([
  { name: '/docs', files: 4 },
  { name: '/try', files: 2 },
])('the page $name', ({ name, files }) => {
  test('loads everything from the gateway, and runs nothing that is inline', async () => {
    const page = await http().get(name).expect(200);
    expect(page.headers['content-type']).toMatch(/^text\/html/);
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self';");
    expect(policy).not.toMatch(/http|unsafe/);
    expect(page.text).not.toMatch(/<style|<script[^>]*>[^<]|@import|\son[a-z]+="/);
    const addresses = [...page.text.matchAll(/<(?:script|link)[^>]*(?:src|href)="([^"]+)"/g)];
    const loaded = addresses
      .map(([, path]) => String(path))
      .filter((path) => !path.startsWith('data:'));
    expect(loaded).toHaveLength(files);
    for (const path of loaded) {
      const asset = await fetch(new URL(path, `${gateway.url}${name}`));
      expect(asset.status, path).toBe(200);
      expect(asset.headers.get('content-type'), path).toMatch(
        /^(text\/(css|javascript)|image\/png)/,
      );
      expect((await asset.arrayBuffer()).byteLength, path).toBeGreaterThan(100);
    }
  });

  test('serves no other file', async () => {
    for (const file of ['package.json', '..%2fpackage.json', 'swagger-ui.css.map', 'toString']) {
      await http().get(`${name}/${file}`).expect(404);
    }
  });
});
