import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { PeerUnreachableError } from '#replication';
import type { PeerListener } from '../peer-listener.js';
import {
  CALLEE_ID,
  CLUSTER_SECRET,
  message,
  openListener,
  openPeers,
  urlOf,
} from '../testing/peer-pair.js';
import { PeerSecrets } from './peer-secrets.js';

const PATIENT = { timeoutMs: 20_000 };

interface RelayedCall {
  readonly url: string;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

interface RelayedAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

async function bodyOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Somebody between two brokers who reads everything, and may change or repeat it. */
class Relay {
  readonly calls: RelayedCall[] = [];
  readonly answers: RelayedAnswer[] = [];
  changeCall: (call: RelayedCall) => void = () => undefined;
  changeAnswer: (answer: RelayedAnswer) => void = () => undefined;
  url = '';
  #port = 0;

  /** Calls to `url` go to the listener from now on. */
  to(listener: PeerListener): void {
    this.#port = listener.port;
  }

  async open(): Promise<void> {
    const server = createServer((incoming, response) => {
      void (async () => {
        const { url = '', headers } = incoming;
        const call = { url, headers: { ...headers }, body: await bodyOf(incoming) };
        if (url.endsWith('produce')) {
          this.calls.push({ ...call });
          this.changeCall(call);
        }
        const answer = await this.send(call);
        if (url.endsWith('produce')) {
          this.answers.push({ ...answer });
          this.changeAnswer(answer);
        }
        response.writeHead(answer.status, {
          ...answer.headers,
          'content-length': answer.body.length,
        });
        response.end(answer.body);
      })();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async send({ url, headers, body }: RelayedCall): Promise<RelayedAnswer> {
    const call = request({ host: '127.0.0.1', port: this.#port, path: url, method: 'POST' });
    for (const [name, value] of Object.entries(headers)) {
      if (name !== 'connection' && value !== undefined) call.setHeader(name, value);
    }
    call.setHeader('content-length', body.length);
    call.end(body);
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    return { status: answer.statusCode ?? 0, headers: answer.headers, body: await bodyOf(answer) };
  }
}

/** A listener that counts what it did, and a caller that reaches it through a relay. */
async function relayed() {
  const done: unknown[] = [];
  const relay = new Relay();
  await relay.open();
  const produce = ({ body }: { readonly body: unknown }) => {
    done.push(body);
    return Promise.resolve(message(`did ${String(body)}`));
  };
  const listener = await openListener({ produce });
  relay.to(listener);
  const peers = openPeers(relay.url);
  const call = (body: string) => peers.call(CALLEE_ID, 'produce', message(body), PATIENT);
  return { done, relay, call, produce };
}

async function unreachable(call: Promise<unknown>): Promise<PeerUnreachableError> {
  const error = await call.catch((failure: unknown) => failure);
  expect(error).toBeInstanceOf(PeerUnreachableError);
  return error as PeerUnreachableError;
}

describe('calls without TLS', () => {
  test('each call and each answer has a seal of its own', async () => {
    const { relay, call } = await relayed();
    expect((await call('a')).body).toBe('did a');
    expect((await call('a')).body).toBe('did a');
    const [first, second] = relay.calls;
    expect(first?.body).toEqual(second?.body);
    expect(first?.headers['authorization']).not.toBe(second?.headers['authorization']);
    expect(JSON.stringify(relay.calls)).not.toContain(CLUSTER_SECRET);
  });

  test('a repeated call is refused and not done again', async () => {
    const { relay, call, done } = await relayed();
    await call('a');
    const [seen] = relay.calls;
    const answer = await relay.send(seen as RelayedCall);
    expect(answer).toMatchObject({ status: 401 });
    expect(done).toEqual(['a']);
  });

  test.each<[string, (call: RelayedCall) => void]>([
    ['another body', (call) => (call.body = Buffer.from(String(call.body).replace('"a"', '"b"')))],
    ['another method', (call) => Object.assign(call, { url: '/cluster/v1/fetch' })],
    [
      'another number',
      (call) => {
        call.headers['authorization'] = String(call.headers['authorization']).replace('.1.', '.2.');
      },
    ],
    [
      'no seal',
      (call) => {
        call.headers['authorization'] = String(call.headers['authorization']).replace(
          /\.[^.]*$/,
          '',
        );
      },
    ],
    ['the id of another caller', (call) => (call.headers['sluice-caller'] = '7')],
  ])('a call that got %s on its way is not done', async (_what, change) => {
    const { relay, call, done } = await relayed();
    relay.changeCall = change;
    await expect(call('a')).rejects.toThrow();
    expect(done).toEqual([]);
  });

  test.each<[string, (answer: RelayedAnswer) => void]>([
    [
      'another body',
      (answer) => (answer.body = Buffer.from(String(answer.body).replace('a', 'b'))),
    ],
    ['another status', (answer) => (answer.status = 503)],
    ['no seal', (answer) => delete answer.headers['sluice-seal']],
  ])('an answer that got %s on its way is not believed', async (_what, change) => {
    const { relay, call } = await relayed();
    relay.changeAnswer = change;
    expect(await unreachable(call('a'))).toMatchObject({ wasSent: true });
  });

  test('the answer to another call is not believed', async () => {
    const { relay, call } = await relayed();
    await call('a');
    relay.changeAnswer = (answer) => Object.assign(answer, relay.answers[0]);
    expect(await unreachable(call('a'))).toMatchObject({ wasSent: true });
  });

  test('a made-up refusal is not taken for one of the called broker', async () => {
    const { relay, call, done } = await relayed();
    await call('a');
    relay.changeAnswer = (answer) => {
      Object.assign(answer, { status: 401, headers: {}, body: Buffer.from('{"kind":"refused"}') });
    };
    expect(await unreachable(call('b'))).toMatchObject({ wasSent: true });
    expect(done).toEqual(['a', 'b']);
  });

  test('a call to an earlier process of the called broker is not done by the next', async () => {
    const { relay, call, done, produce } = await relayed();
    await call('a');
    relay.to(await openListener({ produce }));
    expect(await relay.send(relay.calls[0] as RelayedCall)).toMatchObject({ status: 401 });
    expect(done).toEqual(['a']);
    // The caller learns that its session is gone, and opens another one for the next call.
    expect(await unreachable(call('b'))).toMatchObject({ wasSent: false });
    expect((await call('c')).body).toBe('did c');
  });

  test('nothing is sent to a listener that does not know the secret', async () => {
    const listener = await openListener({}, { secrets: new PeerSecrets(['another secret']) });
    const peers = openPeers(urlOf(listener));
    const error = await unreachable(peers.call(CALLEE_ID, 'produce', message('a'), PATIENT));
    expect(error).toMatchObject({ wasSent: false, cause: { code: 'SASL_AUTHENTICATION_FAILED' } });
  });

  test.each<[string, number, Buffer, RegExp]>([
    ['is not a broker', 502, Buffer.from('<h1>Bad Gateway</h1>'), /status 502/],
    ['answers too much', 200, Buffer.alloc(2 * 1024 * 1024), /too large/],
  ])('nothing is sent to a listener that %s', async (_what, status, body, why) => {
    const paths: (string | undefined)[] = [];
    const server = createServer((incoming, response) => {
      paths.push(incoming.url);
      response.on('error', () => undefined);
      response.writeHead(status).end(body);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const peers = openPeers(`http://127.0.0.1:${port}`);
    const error = await unreachable(peers.call(CALLEE_ID, 'produce', message(null), PATIENT));
    expect(error).toMatchObject({ wasSent: false, cause: { message: expect.stringMatching(why) } });
    expect(paths.some((path) => path?.endsWith('produce'))).toBe(false);
  });

  test('nothing is sent to a listener that repeats the welcome of another session', async () => {
    const { relay, call } = await relayed();
    await call('a');
    const other = createServer((_call, response) => {
      response.writeHead(200, { 'sluice-session': 'A'.repeat(22), 'sluice-proof': 'A'.repeat(43) });
      response.end();
    });
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    onTestFinished(() => {
      other.close();
      other.closeAllConnections();
    });
    const peers = openPeers(`http://127.0.0.1:${(other.address() as AddressInfo).port}`);
    const error = await unreachable(peers.call(CALLEE_ID, 'produce', message('a'), PATIENT));
    expect(error).toMatchObject({ wasSent: false, cause: { code: 'SASL_AUTHENTICATION_FAILED' } });
    expect(relay.calls).toHaveLength(1);
  });

  test('many calls at once share one session', async () => {
    const { call, done } = await relayed();
    const names = Array.from({ length: 200 }, (_, index) => `call ${index}`);
    const answers = await Promise.all(names.map((name) => call(name)));
    expect(answers.map(({ body }) => body)).toEqual(names.map((name) => `did ${name}`));
    expect(new Set(done).size).toBe(200);
  });
});

describe('replacing the secret', () => {
  const produce = () => Promise.resolve(message('served'));
  const callWith = async (caller: PeerSecrets, callee: PeerSecrets) => {
    const peers = openPeers(urlOf(await openListener({ produce }, { secrets: callee })), {
      secrets: caller,
    });
    return peers.call(CALLEE_ID, 'produce', message(null), PATIENT);
  };
  const before = new PeerSecrets(['before']);
  const both = new PeerSecrets(['after', 'before']);
  const after = new PeerSecrets(['after']);

  test.each([
    ['an old one to a new one', before, both],
    ['a new one to an old one', both, before],
    ['a new one to a new one', both, both],
    ['a finished one to a new one', after, both],
    ['a new one to a finished one', both, after],
  ])('a broker calls: %s', async (_who, caller, callee) => {
    expect((await callWith(caller, callee)).body).toBe('served');
  });

  test('a broker that skipped the step between is refused', async () => {
    await expect(callWith(before, after)).rejects.toThrow(PeerUnreachableError);
  });
});
