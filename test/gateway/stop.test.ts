import supertest from 'supertest';
import { afterEach, describe, expect, test } from 'vitest';
import { RawConnection, requestHead } from '../data/raw-connection.js';
import { type Environment, GatewayProcess } from '../support/gateway.js';

const RECORDS = '/v1/topics/orders/records';
const JSON_TYPE = { 'Content-Type': 'application/json' };

let gateway: GatewayProcess;
const connections: RawConnection[] = [];

afterEach(async () => {
  for (const connection of connections.splice(0)) connection.abort();
  await gateway.dispose();
});

describe('a stop is clean and soon, whatever clients leave open:', () => {
  test.each([RECORDS, '/v1/topics'])('a body that does not arrive at %s', async (path) => {
    await start();
    const client = await open();
    await client.send(requestHead(`POST ${path}`, { ...JSON_TYPE, 'Content-Length': '100' }));
    await client.send('{"value":');
    await untilInFlight(2);
    const exit = gateway.stop();
    const answer = await client.answer();
    expect(answer).toMatchObject({ status: 503, headers: { connection: 'close' } });
    expect(JSON.parse(answer.body)).toMatchObject({
      code: 'BROKER_NOT_AVAILABLE',
      outcome: 'failed',
      retriable: true,
    });
    expect(await exit).toEqual({ code: 0, signal: null });
  });

  test('a head that does not end', async () => {
    await start();
    await (await open()).send('POST /v1/topics/ord');
    await untilConnected();
    expect(await gateway.stop()).toEqual({ code: 0, signal: null });
  });

  test('an endless stream of lines', async () => {
    await start();
    const client = await open();
    const headers = { 'Content-Type': 'application/x-ndjson', 'Transfer-Encoding': 'chunked' };
    await client.send(requestHead(`POST ${RECORDS}`, headers));
    await client.send('c\r\n{"value":1}\n\r\n');
    await client.until('"line":1');
    expect(await gateway.stop()).toEqual({ code: 0, signal: null });
    expect(client.received).toContain('"line":2,"error"');
  });

  test('a stream of records that nobody reads', async () => {
    // The stop waits for the client for half of this time.
    await start({ SLUICE_STOP_TIMEOUT_MS: '4000' });
    const value = 'x'.repeat(900_000);
    for (let sent = 0; sent < 24; sent += 1) {
      await supertest(gateway.url).post(RECORDS).type('text/plain').send(value).expect(200);
    }
    const client = await open();
    client.pause();
    await client.request('GET /v1/topics/orders/partitions/0/records', {
      Accept: 'application/x-ndjson',
    });
    await untilInFlight(2);
    expect(await gateway.stop()).toEqual({ code: 0, signal: null });
  });
});

async function start(environment: Environment = {}): Promise<void> {
  gateway = await GatewayProcess.start({ SLUICE_STOP_TIMEOUT_MS: '8000', ...environment });
  await supertest(gateway.url).post('/v1/topics').send({ name: 'orders' }).expect(201);
}

async function open(): Promise<RawConnection> {
  const connection = await RawConnection.open(gateway.url);
  connections.push(connection);
  return connection;
}

/** Resolves when this many requests are in flight, including the one that asks. */
function untilInFlight(count: number): Promise<void> {
  return untilMetric('sluice_http_requests_in_flight', count);
}

/** Resolves when the gateway has another connection besides the one that asks. */
function untilConnected(): Promise<void> {
  return untilMetric('kafka_server_socketservermetrics_connection_count', 2);
}

async function untilMetric(name: string, value: number): Promise<void> {
  const line = `${name} ${value}`;
  const shown = async (): Promise<string[]> =>
    (await supertest(gateway.url).get('/metrics')).text.split('\n');
  await expect.poll(shown, { interval: 20 }).toContain(line);
}
