import { readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import supertest from 'supertest';
import { afterEach, describe, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';

let gateway: GatewayProcess;

afterEach(() => gateway.dispose());

describe('a start', () => {
  test('it prints the URL, the data directory, the durability and three commands', async () => {
    gateway = await GatewayProcess.start();
    const output = gateway.outputLines.join('\n');
    expect(output).toContain(gateway.url);
    expect(output).toContain(gateway.dataDir);
    expect(output).toContain('fsync');
    expect(gateway.outputLines.filter((line) => /^\s*curl /.test(line))).toHaveLength(3);
  });

  test('a data directory in use by another process is refused with 73 and one line', async () => {
    gateway = await GatewayProcess.start();
    const second = await GatewayProcess.create();
    try {
      const exit = await second.spawn({ SLUICE_DATA_DIR: gateway.dataDir });
      expect(exit.code).toBe(73);
      expect(second.log).toEqual([
        expect.objectContaining({
          level: 'fatal',
          msg: expect.stringContaining('in use by another process'),
        }),
      ]);
    } finally {
      await second.dispose();
    }
    await supertest(gateway.url).get('/health/ready').expect(200);
  });

  test('a data directory of another broker is refused with 74', async () => {
    gateway = await GatewayProcess.start();
    await gateway.stop();
    expect(await gateway.spawn({ SLUICE_BROKER_ID: '7' })).toMatchObject({ code: 74 });
  });

  test('a data directory that cannot be created is refused with 74', async () => {
    gateway = await GatewayProcess.create();
    const exit = await gateway.spawn({ SLUICE_DATA_DIR: '/dev/null/data' });
    expect(exit.code).toBe(74);
    expect(gateway.log.at(-1)).toMatchObject({ level: 'fatal' });
  });

  test('a start that waits for Redis logs the reason, and is interrupted by SIGTERM', async () => {
    gateway = await GatewayProcess.create({
      SLUICE_BROKER_ID: '1',
      // This is the discard port, where nothing listens.
      SLUICE_REDIS_URL: 'redis://127.0.0.1:9',
      SLUICE_CLUSTER_PORT: '0',
      SLUICE_CLUSTER_SECRET: 'secret-of-a-test-cluster',
    });
    const exit = gateway.spawn();
    const line = await until('the line about Redis', () => {
      return gateway.log.find(({ msg }) => msg === 'the start waits for Redis');
    });
    expect(line['reason']).toMatch(/ECONNREFUSED/);
    gateway.signal('SIGTERM');
    expect(await exit).toEqual({ code: 0, signal: null });
  });

  test('a port in use is refused with 69, and the log is closed cleanly', async () => {
    const taken = createServer();
    taken.listen(0, '127.0.0.1');
    try {
      gateway = await GatewayProcess.create();
      const { port } = taken.address() as AddressInfo;
      expect(await gateway.spawn({ SLUICE_PORT: String(port) })).toMatchObject({ code: 69 });
      expect(await readdir(gateway.dataDir)).toContain('.kafka_cleanshutdown');
      const forHealth = await gateway.spawn({
        SLUICE_AUTH: 'off',
        SLUICE_HEALTH_PORT: String(port),
      });
      expect(forHealth).toMatchObject({ code: 69 });
      expect(gateway.log.at(-1)?.['msg']).toContain(`${port} (SLUICE_HEALTH_PORT)`);
      const forPeers = await gateway.spawn({
        SLUICE_BROKER_ID: '0',
        SLUICE_REDIS_URL: 'redis://127.0.0.1:9',
        SLUICE_CLUSTER_PORT: String(port),
        SLUICE_CLUSTER_SECRET: 'secret-of-a-test-cluster',
      });
      expect(forPeers).toMatchObject({ code: 69 });
      expect(gateway.log.at(-1)?.['msg']).toContain(String(port));
    } finally {
      await promisify(taken.close.bind(taken))();
    }
  });
});

describe('a stop', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'a stop by %s is clean: 0',
    async (signal) => {
      gateway = await GatewayProcess.start();
      await supertest(gateway.url).post('/v1/topics').send({ name: 'orders' }).expect(201);
      gateway.signal(signal);
      expect(await gateway.ended()).toEqual({ code: 0, signal: null });
      expect(await readdir(gateway.dataDir)).toContain('.kafka_cleanshutdown');
    },
  );

  test('a stop by SIGQUIT is not clean: it logs, ends with 1, and recovery follows', async () => {
    gateway = await GatewayProcess.start();
    gateway.signal('SIGQUIT');
    expect(await gateway.ended()).toEqual({ code: 1, signal: null });
    expect(gateway.log.at(-1)).toMatchObject({ level: 'fatal', signal: 'SIGQUIT' });
    expect(await readdir(gateway.dataDir)).not.toContain('.kafka_cleanshutdown');
  });

  test('SIGUSR1, SIGUSR2 and SIGPIPE do not stop it, and no debugger is opened', async () => {
    gateway = await GatewayProcess.start();
    for (const signal of ['SIGPIPE', 'SIGUSR1', 'SIGUSR2'] as const) gateway.signal(signal);
    await until('the lines about the signals', () => {
      const signals = gateway.log.map(({ signal }) => signal);
      return signals.includes('SIGUSR1') && signals.includes('SIGUSR2') ? true : undefined;
    });
    await supertest(gateway.url).get('/health/ready').expect(200);
    expect(gateway.logLines.join('\n')).not.toContain('Debugger');
    expect(await gateway.stop()).toEqual({ code: 0, signal: null });
  });

  test('a stop answers a long poll at once, with the records that exist', async () => {
    gateway = await GatewayProcess.start();
    await supertest(gateway.url).post('/v1/topics').send({ name: 'orders' }).expect(201);
    const poll = fetch(`${gateway.url}/v1/topics/orders/partitions/0/records?waitMs=60000`);
    await waitFor(async () => {
      const { text } = await supertest(gateway.url).get('/metrics');
      return /^sluice_http_long_polls 1$/m.test(text);
    });
    const exit = gateway.stop();
    const answer = await poll;
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ records: [], nextOffset: 0 });
    expect(await exit).toEqual({ code: 0, signal: null });
  });

  test('ends with 1 when it takes longer than SLUICE_STOP_TIMEOUT_MS', async () => {
    gateway = await GatewayProcess.start({ SLUICE_STOP_TIMEOUT_MS: '0' });
    expect(await gateway.stop()).toEqual({ code: 1, signal: null });
    expect(gateway.log.at(-1)).toMatchObject({ level: 'error' });
  });

  test('a stop is cut short by a second signal, with 1', async () => {
    gateway = await GatewayProcess.start();
    await supertest(gateway.url).post('/v1/topics').send({ name: 'orders' }).expect(201);
    const client = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    try {
      client.write('POST /v1/topics/orders/records HTTP/1.1\r\nHost: 127.0.0.1\r\n');
      client.write('Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhe');
      await waitFor(async () => {
        const { text } = await supertest(gateway.url).get('/metrics');
        return /^sluice_http_requests_in_flight 2$/m.test(text);
      });
      const end = gateway.ended();
      let hasEnded = false;
      void end.finally(() => {
        hasEnded = true;
      });
      // Signals in quick succession count as one: the loop ends with one that is late enough.
      await waitFor(async () => {
        gateway.signal('SIGTERM');
        await nextTurn();
        return hasEnded;
      });
      expect(await end).toEqual({ code: 1, signal: null });
    } finally {
      client.destroy();
    }
  });

  test('a stop keeps topics, records and committed offsets for the next start', async () => {
    gateway = await GatewayProcess.start();
    await fill(gateway);
    await gateway.stop();
    await gateway.start();
    await expectFilled(gateway);
  });

  test('kill -9 loses no acknowledged record', async () => {
    gateway = await GatewayProcess.start();
    await fill(gateway);
    await gateway.kill();
    await gateway.start();
    await expectFilled(gateway);
  });
});

async function fill({ url }: GatewayProcess): Promise<void> {
  const http = supertest(url);
  await http.post('/v1/topics').send({ name: 'orders', partitions: 2 }).expect(201);
  await http
    .post('/v1/topics/orders/records')
    .send({
      records: [
        { value: 1, partition: 0 },
        { value: { a: 2 }, partition: 0 },
      ],
    })
    .expect(200);
  await http
    .put('/v1/groups/billing/offsets')
    .send({ offsets: [{ topic: 'orders', partition: 0, offset: 1, metadata: 'm' }] })
    .expect(200);
}

async function expectFilled({ url }: GatewayProcess): Promise<void> {
  const http = supertest(url);
  const topic = await http.get('/v1/topics/orders').expect(200);
  expect(topic.body.partitions).toHaveLength(2);
  const fetched = await http.get('/v1/topics/orders/partitions/0/records').expect(200);
  expect(fetched.body.records.map((record: { value: unknown }) => record.value)).toEqual([
    1,
    { a: 2 },
  ]);
  const committed = await http.get('/v1/groups/billing/offsets').expect(200);
  expect(committed.body.offsets).toEqual([
    { topic: 'orders', partition: 0, offset: 1, highWatermark: 2, lag: 1, metadata: 'm' },
  ]);
}

/** Repeats the check until it is true; the test's timeout ends it. */
async function waitFor(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue()));
}
