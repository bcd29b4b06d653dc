import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { useGateway } from './gateway-under-test.js';
import { RawConnection, requestHead } from './raw-connection.js';

const gateway = useGateway({
  // A client that does not run for a while must still be served.
  SLUICE_FIRST_BYTE_TIMEOUT_MS: '1200',
  SLUICE_HEAD_TIMEOUT_MS: '1200',
  SLUICE_KEEP_ALIVE_TIMEOUT_MS: '1200',
});

describe('a connection', () => {
  test('on which nothing comes is closed without a word', async () => {
    const connection = await RawConnection.open(gateway.url);
    await connection.closed();
    expect(connection.received).toBe('');
  });

  test.each([
    ['a request', 'GET /v1/topics HTTP/1.1\r\nHost: 127.0.0.1\r\nX-'],
    [
      'an upgrade',
      'GET /v1/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n',
    ],
  ])('on which the head of %s trickles is told so and closed', async (_, head) => {
    const connection = await RawConnection.open(gateway.url);
    await connection.send(head);
    const trickle = setInterval(() => void connection.send('x'), 20);
    const answer = await connection.answer();
    clearInterval(trickle);
    expect(answer).toMatchObject({ status: 408, headers: { connection: 'close' } });
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'REQUEST_TIMED_OUT', outcome: 'failed' });
    await connection.closed();
  });

  test('that is kept without another request is closed', async () => {
    const connection = await RawConnection.open(gateway.url);
    await connection.request('GET /health/live');
    expect(await connection.answer()).toMatchObject({ status: 200 });
    await connection.closed();
  });
});

describe('the head of a request', () => {
  test.each([
    ['no Host', 'GET /health/live HTTP/1.1\r\n\r\n', 400],
    ['two Hosts', 'GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: localhost\r\n\r\n', 400],
    ['a foreign authority in its target', requestHead('GET http://evil.example/health/live'), 403],
    [
      'a coding of its transfer that is not served',
      requestHead('POST /v1/topics', { 'Transfer-Encoding': 'gzip, chunked' }),
      501,
    ],
    ['CONNECT', requestHead('CONNECT example.com:443'), 405],
  ])('with %s is refused with a problem', async (_, head, status) => {
    const connection = await RawConnection.open(gateway.url);
    await connection.send(head);
    const answer = await connection.answer();
    expect(answer).toMatchObject({
      status,
      headers: { 'content-type': 'application/problem+json', 'x-content-type-options': 'nosniff' },
    });
    connection.abort();
  });

  test.each([
    ['POST /nowhere', {}, 404],
    ['PUT /v1/topics', {}, 405],
    ['POST /v1/topics', { 'Content-Type': 'text/csv' }, 415],
  ])(
    'of %s that expects to be asked for a body of %j is refused first',
    async (line, headers, status) => {
      const connection = await RawConnection.open(gateway.url);
      const head = {
        'Content-Type': 'application/json',
        'Content-Length': '5',
        Expect: '100-continue',
      };
      await connection.send(requestHead(line, { ...head, ...headers }));
      expect(await connection.answer()).toMatchObject({ status });
      connection.abort();
    },
  );
});

test('a foreign origin is warned of once, with the setting to change', async () => {
  for (let tries = 0; tries < 3; tries += 1) {
    const headers = { Origin: 'http://app.example' };
    expect((await fetch(`${gateway.url}/v1/topics`, { headers })).status).toBe(403);
  }
  const lines = gateway.process.log.filter(({ origin }) => origin === 'http://app.example');
  expect(lines.map(({ msg }) => msg)).toEqual([
    expect.stringMatching(/http:\/\/app\.example.*SLUICE_CORS_ORIGINS/),
  ]);
});

test('files of the data directory are readable by their owner alone', async () => {
  await gateway.topic();
  const { dataDir } = gateway.process;
  const names = await readdir(dataDir, { recursive: true });
  expect(names.some((name) => name.endsWith('.log'))).toBe(true);
  for (const name of names) {
    const entry = await stat(join(dataDir, name)).catch(() => undefined);
    if (entry !== undefined) expect([name, entry.mode & 0o077]).toEqual([name, 0]);
  }
});
