import { once } from 'node:events';
import { connect } from 'node:net';
import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';
import { AUTH_ON, bearer, ROOT_KEY } from './keys.js';

const PARTITION = '/v1/topics/orders/partitions/0';

/** Requests for what moves to the operators' listener, and the answer of the public one. */
const MOVED = [
  ['GET', '/metrics', 404],
  ['GET', '/docs', 404],
  ['GET', '/docs/start.js', 404],
  ['GET', '/try', 404],
  ['GET', '/openapi.json', 404],
  ['GET', '/asyncapi.json', 404],
  ['POST', `${PARTITION}/leader-election`, 404],
  ['PUT', `${PARTITION}/replicas`, 405],
  ['DELETE', `${PARTITION}/lost-records`, 404],
  ['POST', '/v1/api-keys', 404],
  ['POST', '/v1/acls', 405],
  ['PUT', '/v1/quotas/key:a', 404],
] as const;

/** Returns the URL of the operators' listener. */
function adminUrlOf(gateway: GatewayProcess): string {
  return String(gateway.log.find(({ msg }) => msg === 'started')?.['adminUrl']);
}

/** Sends a request in one write, and returns the whole answer once the gateway ends it. */
async function answerTo(url: string, ...lines: string[]): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  await once(socket, 'close');
  return text;
}

/** Sends a request without a body. */
async function send(
  url: string,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(url + path, { method, headers });
  return { status: response.status, text: await response.text() };
}

describe('with a port for operators', () => {
  let gateway: GatewayProcess;
  let adminUrl: string;

  beforeAll(async () => {
    gateway = await GatewayProcess.start({ ...AUTH_ON, SLUICE_ADMIN_PORT: '0' });
    adminUrl = adminUrlOf(gateway);
    const created = await supertest(gateway.url)
      .post('/v1/topics')
      .set(bearer(ROOT_KEY))
      .send({ name: 'orders' });
    expect(created.status).toBe(201);
  });

  afterAll(() => gateway?.dispose());

  test.each(MOVED)('%s %s is answered there, and not by the public listener', async (...row) => {
    const [method, path, status] = row;
    const refused = await send(gateway.url, method, path, bearer(ROOT_KEY));
    expect(refused.status).toBe(status);
    expect(refused.text).not.toContain('/docs lists');
    const served = await send(adminUrl, method, path, bearer(ROOT_KEY));
    expect([404, 405]).not.toContain(served.status);
  });

  test('operators need the same credentials and permissions there', async () => {
    await supertest(adminUrl).get('/metrics').expect(401);
    await supertest(adminUrl).get('/v1/topics').expect(401);
    await supertest(adminUrl).get('/metrics').set(bearer('root.wrong')).expect(401);
    await supertest(adminUrl).get('/metrics').set(bearer(ROOT_KEY)).expect(200);
  });

  test('both listeners serve health and the rest of the API', async () => {
    for (const url of [gateway.url, adminUrl]) {
      await supertest(url).get('/health/ready').expect(200);
      await supertest(url).get('/v1/topics').set(bearer(ROOT_KEY)).expect(200);
      await supertest(url).get(`${PARTITION}/replicas`).set(bearer(ROOT_KEY)).expect(200);
    }
  });

  test.each([
    '/%6Detrics',
    '/metrics/',
    '/METRICS',
    '//metrics',
    '/./metrics',
    '/v1/../metrics',
    '/metrics;a=b',
    '/metrics%2F',
    '/metrics%00',
  ])('the public listener does not serve metrics as %s either', async (path) => {
    const lines = ['Host: 127.0.0.1', `Authorization: Bearer ${ROOT_KEY}`, 'Connection: close'];
    const answer = await answerTo(gateway.url, `GET ${path} HTTP/1.1`, ...lines);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(answer).not.toContain('kafka_server');
  });

  test('each listener lists what it serves, and leads a browser to its own pages', async () => {
    const ofClients = await supertest(gateway.url).get('/').set('Accept', 'text/html').expect(200);
    expect(Object.keys(ofClients.body.links)).toEqual([
      'topics',
      'groups',
      'cluster',
      'live',
      'ready',
      'webSocket',
    ]);
    const ofOperators = await supertest(adminUrl).get('/').set('Accept', 'text/html').expect(302);
    expect(ofOperators.headers['location']).toBe('/try');
  });

  test('the banner names the pages where they are', () => {
    expect(gateway.outputLines.join('\n')).toContain(`docs: ${adminUrl}/docs`);
  });
});

describe('without authentication', () => {
  test('what is off is served by no listener', async () => {
    const gateway = await GatewayProcess.start({
      SLUICE_AUTH: 'off',
      SLUICE_ADMIN_PORT: '0',
      SLUICE_METRICS: 'off',
      SLUICE_HEALTH: 'off',
      SLUICE_PAGES: 'off',
      SLUICE_ADMINISTRATION: 'off',
    });
    try {
      for (const url of [gateway.url, adminUrlOf(gateway)]) {
        for (const [method, path, status] of MOVED) {
          expect((await send(url, method, path)).status, `${method} ${path}`).toBe(status);
        }
        await supertest(url).get('/health/live').expect(404);
        await supertest(url).get('/health/ready').expect(404);
        await supertest(url).get('/v1/topics').expect(200);
      }
      expect(gateway.outputLines.join('\n')).not.toContain('/docs');
    } finally {
      await gateway.dispose();
    }
  });
});

describe('a page in the browser of an operator', () => {
  const EVIL = 'evil.example:9090';
  const UPGRADE = [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol: other',
  ];
  let gateway: GatewayProcess;
  let adminUrl: string;

  beforeAll(async () => {
    gateway = await GatewayProcess.start({
      SLUICE_AUTH: 'off',
      SLUICE_ADMIN_PORT: '0',
      SLUICE_ALLOWED_HOSTS: 'queue.test',
      SLUICE_PUBLIC_URL: 'http://public.test/sluice',
      SLUICE_CORS_ORIGINS: 'https://app.example',
    });
    adminUrl = adminUrlOf(gateway);
  });

  afterAll(() => gateway?.dispose());

  test.each([
    ['GET /metrics HTTP/1.1', 'Connection: close'],
    ['DELETE /v1/topics/orders HTTP/1.1', 'Connection: close'],
    ['GET /v1/ws HTTP/1.1', ...UPGRADE],
  ])('whose name points to the listener of operators gets nothing by %s', async (...lines) => {
    const [head, ...headers] = lines;
    const answer = await answerTo(adminUrl, head, `Host: ${EVIL}`, ...headers);
    expect(answer).toMatch(/^HTTP\/1\.1 403 [^]*SLUICE_ALLOWED_HOSTS/);
  });

  test.each(['127.0.0.1', 'queue.test', 'public.test:9090'])(
    'is served if it comes from the listener itself, by the name %s',
    async (host) => {
      const headers = [`Host: ${host}`, `Origin: http://${host}`, 'Connection: close'];
      const answer = await answerTo(adminUrl, 'GET /metrics HTTP/1.1', ...headers);
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    },
  );

  test.each(['https://app.example', 'http://public.test'])(
    'of an application at %s may call the public listener alone',
    async (origin) => {
      await supertest(gateway.url).get('/v1/topics').set('Origin', origin).expect(200);
      await supertest(adminUrl).get('/v1/topics').set('Origin', origin).expect(403);
      const headers = ['Host: 127.0.0.1', `Origin: ${origin}`, ...UPGRADE];
      expect(await answerTo(adminUrl, 'GET /v1/ws HTTP/1.1', ...headers)).toMatch(
        /^HTTP\/1\.1 403 /,
      );
    },
  );

  test('finds links of the listener that it calls, without the path of another one', async () => {
    const document = await supertest(adminUrl).get('/openapi.json').expect(200);
    expect(document.body.servers).toEqual([{ url: '/' }]);
    const topic = await supertest(adminUrl).post('/v1/topics').send({ name: 'a' }).expect(201);
    expect(topic.headers['location']).toBe('/v1/topics/a');
    const other = await supertest(gateway.url).post('/v1/topics').send({ name: 'b' }).expect(201);
    expect(other.headers['location']).toBe('/sluice/v1/topics/b');
    const missing = await supertest(adminUrl).get('/v1/topics/c').expect(404);
    expect(missing.body.instance).toBe('/v1/topics/c');
    const records = await supertest(adminUrl).get('/v1/topics/c/partitions/0/records').expect(404);
    expect(records.body.instance).toBe('/v1/topics/c/partitions/0/records');
  });
});

test('operators are served while clients use all connections', async () => {
  const gateway = await GatewayProcess.start({
    SLUICE_CONNECTIONS_MAX: '3',
    SLUICE_ADMIN_PORT: '0',
  });
  try {
    await supertest(gateway.url).post('/v1/topics').send({ name: 'quiet' }).expect(201);
    const path = '/v1/topics/quiet/partitions/0/records?offset=0&waitMs=20000';
    const sockets = Array.from({ length: 3 }, () => {
      const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
      return socket;
    });
    await until('all of them are in use', async () => {
      const { status } = await fetch(`${gateway.url}/health/live`);
      return status === 503;
    });
    await supertest(adminUrlOf(gateway)).get('/metrics').expect(200);
    for (const socket of sockets) socket.destroy();
  } finally {
    await gateway.dispose();
  }
});

test('a port that is taken ends the start with one sentence', async () => {
  const gateway = await GatewayProcess.start();
  const second = await GatewayProcess.create({ SLUICE_ADMIN_PORT: new URL(gateway.url).port });
  try {
    expect(await second.spawn()).toMatchObject({ code: 69 });
    expect(second.logLines.join('\n')).toContain('(SLUICE_ADMIN_PORT)');
  } finally {
    await second.dispose();
    await gateway.dispose();
  }
});
