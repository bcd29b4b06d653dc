import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RawConnection, requestHead } from '../data/raw-connection.js';
import { EventClient } from '../sse/event-client.js';

import { GatewayProcess } from '../support/gateway.js';
import { SocketClient } from '../ws/socket-client.js';
import { LineStream } from './line-stream.js';
import {
  CADDY,
  documentedConfiguration,
  ENVOY,
  HAPROXY,
  isProxyInstalled,
  NGINX,
  type ProxyProgram,
  proxyPort,
  ReverseProxy,
} from './reverse-proxy.js';

const PREFIX = '/sluice';
const NDJSON = { Accept: 'application/x-ndjson', 'Content-Type': 'application/x-ndjson' };

/** The configuration of users who change nothing but compression: it buffers answers. */
const NGINX_DEFAULTS = `
server {
  listen 80;
  location ${PREFIX}/ {
    proxy_pass http://127.0.0.1:8080/;
    gzip on;
    gzip_proxied any;
    gzip_types text/event-stream application/x-ndjson;
  }
}`;

const CADDY_DEFAULTS = `:80 {
  handle_path ${PREFIX}/* {
    reverse_proxy 127.0.0.1:8080
  }
}`;

/** A gateway behind a proxy that adds a path prefix. */
class ProxiedGateway {
  static async start(program: ProxyProgram, text: string): Promise<ProxiedGateway> {
    const port = await proxyPort();
    const url = `http://127.0.0.1:${port}${PREFIX}`;
    const gateway = await GatewayProcess.start({ SLUICE_PUBLIC_URL: url });
    const gatewayPort = Number(new URL(gateway.url).port);
    try {
      const proxy = await ReverseProxy.start(program, text, { port, gatewayPort });
      return new ProxiedGateway(url, gateway, proxy);
    } catch (error) {
      await gateway.dispose();
      throw error;
    }
  }

  #topics = 0;

  private constructor(
    readonly url: string,
    readonly gateway: GatewayProcess,
    readonly proxy: ReverseProxy,
  ) {}

  get http(): ReturnType<typeof supertest> {
    return supertest(this.url);
  }

  async topic(): Promise<string> {
    const name = `t-${this.#topics}`;
    this.#topics += 1;
    await this.http.post('/v1/topics').send({ name }).expect(201);
    return name;
  }

  async produce(topic: string, value: unknown): Promise<void> {
    await this.http.post(`/v1/topics/${topic}/records`).send({ value }).expect(200);
  }

  /**
   * Opens a request that a test writes and reads piece by piece. @param path path after the prefix
   */
  async open(method: string, path: string, headers = {}): Promise<RawConnection> {
    const connection = await RawConnection.open(this.url);
    await connection.send(requestHead(`${method} ${PREFIX}${path}`, { ...NDJSON, ...headers }));
    return connection;
  }

  async dispose(): Promise<void> {
    await this.proxy.dispose();
    await this.gateway.dispose();
  }
}

const PROGRAMS = [
  ['nginx', NGINX],
  ['HAProxy', HAPROXY],
  ['Caddy', CADDY],
  ['Envoy', ENVOY],
] as const;

for (const [name, program] of PROGRAMS) {
  describe.skipIf(!isProxyInstalled(program))(`behind ${name} as documented`, () => {
    let proxied: ProxiedGateway;

    beforeAll(async () => {
      proxied = await ProxiedGateway.start(program, await documentedConfiguration(program));
    });

    afterAll(() => proxied.dispose());

    test('links carry the prefix of the public URL', async () => {
      const created = await proxied.http.post('/v1/topics').send({ name: 'orders' }).expect(201);
      expect(created.headers['location']).toBe(`${PREFIX}/v1/topics/orders`);
      const document = await proxied.http.get('/openapi.json').expect(200);
      expect(document.body).toMatchObject({ servers: [{ url: proxied.url }] });
      const list = await proxied.http.get('/').expect(200);
      expect(list.body).toMatchObject({ links: { docs: `${PREFIX}/docs` } });
      const page = await proxied.http.get('/').set('Accept', 'text/html').expect(302);
      expect(page.headers['location']).toBe(`${PREFIX}/try`);
    });

    test('a server-sent event arrives when its record is stored', async () => {
      const topic = await proxied.topic();
      const events = await EventClient.open(proxied.url, `${topic}/events`);
      await expectEachRecord(proxied, topic, async () => (await events.record()).value);
      events.abort();
    });

    test('a line of an NDJSON tail arrives when its record is stored', async () => {
      const topic = await proxied.topic();
      const path = `/v1/topics/${topic}/partitions/0/records?follow=true`;
      const tail = await proxied.open('GET', path);
      await expectEachRecord(proxied, topic, async () => valueOf(await tail.line()));
      tail.abort();
    });

    // Caddy answers a request of HTTP/1.1 only after it has read all of it, unless configured
    // otherwise, which Debian's version does not support.
    const answersEarly = program !== CADDY;
    test.runIf(answersEarly)('a line is answered while the client is still sending', async () => {
      const topic = await proxied.topic();
      const stream = await proxied.open('POST', `/v1/topics/${topic}/records`, {
        'Transfer-Encoding': 'chunked',
      });
      for (const line of [1, 2, 3]) {
        await stream.send('c\r\n{"value":1}\n\r\n');
        expect(await stream.line()).toMatchObject({ line, offset: line - 1 });
      }
      stream.abort();
    });

    test('a WebSocket of a page at the public URL is upgraded, and records arrive', async () => {
      const topic = await proxied.topic();
      const { origin } = new URL(proxied.url);
      const client = await SocketClient.open(proxied.url, { origin });
      await client.subscribe({ subscription: 's', topic, from: 'latest' });
      let seen = 0;
      await expectEachRecord(proxied, topic, async () => {
        seen += 1;
        return (await client.recordsOf('s', seen)).at(-1)?.value;
      });
      await client.close();
    });

    test('a long poll is answered when a record is stored', async () => {
      const topic = await proxied.topic();
      const path = `/v1/topics/${topic}/partitions/0/records?waitMs=60000`;
      const waiting = proxied.http.get(path).then(({ body }) => body as { records: unknown[] });
      await proxied.produce(topic, 'a');
      expect((await waiting).records).toMatchObject([{ value: 'a' }]);
    });
  });
}

const DEFAULTS = [
  ['nginx with its defaults, and gzip', NGINX, NGINX_DEFAULTS],
  ['Caddy with its defaults', CADDY, CADDY_DEFAULTS],
] as const;

for (const [name, program, text] of DEFAULTS) {
  describe.skipIf(!isProxyInstalled(program))(`behind ${name}`, () => {
    let proxied: ProxiedGateway;

    beforeAll(async () => {
      proxied = await ProxiedGateway.start(program, text);
    });

    afterAll(() => proxied.dispose());

    test.each(['a stream that may be coded as %s is not buffered', 'gzip'])(
      'a stream that may be coded as %s is not held back',
      async (coding) => {
        const topic = await proxied.topic();
        const path = `/v1/topics/${topic}`;
        const streams = [
          await LineStream.open(`${proxied.url}${path}/events`, coding),
          await LineStream.open(`${proxied.url}${path}/partitions/0/records?follow=true`, coding),
        ];
        for (const value of ['a', 'b', 'c']) {
          await proxied.produce(topic, value);
          for (const stream of streams) await stream.untilLine(`"value":"${value}"`);
        }
        for (const stream of streams) stream.close();
      },
    );
  });
}

/** Produces one record after the other, each after the previous one has arrived. */
async function expectEachRecord(
  proxied: ProxiedGateway,
  topic: string,
  next: () => Promise<unknown>,
): Promise<void> {
  for (const value of ['a', 'b', 'c']) {
    await proxied.produce(topic, value);
    expect(await next()).toBe(value);
  }
}

function valueOf(line: unknown): unknown {
  return (line as { value: unknown }).value;
}
