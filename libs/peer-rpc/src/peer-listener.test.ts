import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type PeerMessage, PeerUnreachableError } from '#replication';
import { SystemScheduler, silentLogger } from '#runtime';
import { RecordingLogger } from '#runtime/testing';
import { PeerSecrets } from './authentication/peer-secrets.js';
import { PeerListenError, PeerListener } from './peer-listener.js';
import { encodePeerMessage } from './peer-message-codec.js';
import {
  CALLEE_ID,
  CLUSTER_SECRET,
  CLUSTER_UUID,
  Happening,
  LISTENER,
  message,
  openListener,
  openPair,
  openPeers,
  openRawListener,
  urlOf,
} from './testing/peer-pair.js';
import { rawCall, rawHeaders, rawRequest, receivedBy } from './testing/raw-call.js';

const TIMEOUT_MS = 20_000;
const PATIENT = { timeoutMs: TIMEOUT_MS };
const PRODUCE = 'POST /cluster/v1/produce';
const NOTHING = Buffer.alloc(0);
const echo = { produce: () => Promise.resolve(message('served')) };

async function unreachable(call: Promise<unknown>): Promise<PeerUnreachableError> {
  const outcome = await call.then(
    () => 'an answer',
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(PeerUnreachableError);
  return outcome as PeerUnreachableError;
}

describe('admission', () => {
  test('a caller with another secret is refused, and both sides log it', async () => {
    const log = new RecordingLogger();
    const listener = await openListener(echo, {}, log);
    const peers = openPeers(urlOf(listener), { secrets: new PeerSecrets(['another one']) }, log);
    const error = await unreachable(peers.call(CALLEE_ID, 'produce', message(null), PATIENT));
    expect(error).toMatchObject({
      wasSent: false,
      cause: {
        code: 'SASL_AUTHENTICATION_FAILED',
        message: 'The caller does not know the cluster secret of broker 2 (SLUICE_CLUSTER_SECRET).',
      },
    });
    expect(log.lines.map(({ message: line }) => line)).toEqual([
      expect.stringMatching(/^a call of another broker is refused: .*SLUICE_CLUSTER_SECRET/),
      expect.stringMatching(/^broker 2 refuses the calls of this broker: .*SLUICE_CLUSTER_SECRET/),
    ]);
    expect(JSON.stringify(log.lines)).not.toContain(CLUSTER_SECRET);
    expect(listener.status().callsRefused).toBe(1);
  });

  test('a caller of another cluster is refused', async () => {
    const listener = await openListener(echo);
    const other = '00000000-0000-4000-8000-000000000000';
    const peers = openPeers(urlOf(listener), { clusterUuid: other });
    const error = await unreachable(peers.call(CALLEE_ID, 'produce', message(null), PATIENT));
    expect(error).toMatchObject({
      wasSent: false,
      cause: { code: 'CLUSTER_AUTHORIZATION_FAILED', message: expect.stringContaining(other) },
    });
  });

  test.each([
    ['no authorization', { authorization: undefined }, '401'],
    ['an authorization that begins right', { authorization: 'Sluice ' }, '401'],
    ['no protocol version', { 'sluice-protocol': undefined }, '403'],
    ['only a later protocol version', { 'sluice-protocol': '2' }, '403'],
    ['only later protocol versions', { 'sluice-protocol': '2-3' }, '403'],
    ['only an earlier protocol version', { 'sluice-protocol': '0' }, '403'],
    ['a range that ends before it begins', { 'sluice-protocol': '3-1' }, '403'],
    ['no cluster', { 'sluice-cluster': undefined }, '403'],
    ['the id of another broker as callee', { 'sluice-callee': '9' }, '421'],
    ['no callee', { 'sluice-callee': undefined }, '421'],
  ])('a caller with %s is refused', async (_name, changes, status) => {
    const listener = await openRawListener(echo);
    const headers = rawHeaders({ ...changes, 'content-length': '0', connection: 'close' });
    const answer = await rawCall(listener, rawRequest(PRODUCE, headers, NOTHING));
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toContain('"kind":"refused"');
  });

  test.each([
    ['the previous version as well', '0-1'],
    ['the next version as well', '1-2'],
  ])('a broker that speaks %s is served', async (_name, versions) => {
    const listener = await openRawListener({
      'list-offset': ({ body }) => {
        const { topic } = body as { readonly topic: string };
        return Promise.resolve(message({ offset: topic.length }));
      },
    });
    const body = { topic: 'orders', partition: 0, at: 'latest', isOfALaterVersion: true };
    const bytes = Buffer.concat(encodePeerMessage(message(body)).chunks);
    const changes = { 'sluice-protocol': versions, connection: 'close' };
    const headers = rawHeaders({ ...changes, 'content-length': String(bytes.length) });
    const request = rawRequest('POST /cluster/v1/list-offset', headers, bytes);
    const answer = await rawCall(listener, request);
    expect(answer).toMatch(/^HTTP\/1.1 200 /);
    expect(answer).toContain('"offset":6');
  });

  test('every caller is refused until the broker has joined its cluster', async () => {
    const log = new RecordingLogger();
    const listener = new PeerListener(LISTENER, { logger: log, scheduler: new SystemScheduler() });
    await listener.listen();
    onTestFinished(() => listener.close(0));
    const peers = openPeers(urlOf(listener), {}, log);
    const error = await unreachable(peers.call(CALLEE_ID, 'produce', message(null), PATIENT));
    expect(error).toMatchObject({ wasSent: false, cause: { code: 'BROKER_NOT_AVAILABLE' } });
    // Every start begins like this, so that nothing is logged.
    expect(log.lines).toEqual([]);
    listener.serve(CLUSTER_UUID, echo);
    const answer = await peers.call(CALLEE_ID, 'produce', message(null), PATIENT);
    expect(answer.body).toBe('served');
  });

  test('a caller of large messages receives the reason of its refusal', async () => {
    const listener = await openListener(echo);
    const peers = openPeers(urlOf(listener), { secrets: new PeerSecrets(['another one']) });
    const large = message(null, [Buffer.alloc(20_000_000)]);
    const error = await unreachable(peers.call(CALLEE_ID, 'produce', large, PATIENT));
    expect(error.cause).toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED' });
  });
});

describe('a caller that violates the protocol', () => {
  test.each([
    ['a body that is not a message', PRODUCE, 'not a message', '400'],
    ['an empty body', PRODUCE, '', '400'],
    ['invalid JSON', PRODUCE, '\0\0\0\x01\0\0\0\0x', '400'],
    ['a blob that is longer than the body', PRODUCE, '\0\0\0\x01\0\0\0\x01\0\0\0\xff1', '400'],
    ['a method that does not exist', 'POST /cluster/v1/drop-all', '', '404'],
    ['the name of a member of every object', 'POST /cluster/v1/constructor', '', '404'],
    ['another path', 'POST /v1/topics', '', '404'],
    ['GET', 'GET /cluster/v1/produce', '', '404'],
  ])('%s', async (_name, requestLine, body, status) => {
    const listener = await openRawListener(echo);
    const bytes = Buffer.from(body, 'latin1');
    const lengths = { 'content-length': String(bytes.length), connection: 'close' };
    const answer = await rawCall(listener, rawRequest(requestLine, rawHeaders(lengths), bytes));
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toContain('"outcome":"failed"');
    expect(listener.status()).toMatchObject({ callsInFlight: 0, heldBytes: 0 });
  });

  test('a body of unknown length is refused', async () => {
    const listener = await openRawListener(echo);
    const headers = rawHeaders({ 'transfer-encoding': 'chunked' });
    const body = Buffer.from('0\r\n\r\n');
    const answer = await rawCall(listener, rawRequest(PRODUCE, headers, body));
    expect(answer).toMatch(/^HTTP\/1.1 411 /);
  });

  test('a body above the limit is refused by its head', async () => {
    const listener = await openRawListener(echo, { messageBytesMax: 1000, arrivalTimeoutMs: 100 });
    const headers = rawHeaders({ 'content-length': '1001' });
    const answer = await rawCall(listener, rawRequest(PRODUCE, headers, NOTHING));
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    expect(answer).toContain('REQUEST_TOO_LARGE');
  });

  test('a connection without a call, or with an unfinished head, is closed in time', async () => {
    const listener = await openListener(echo, { arrivalTimeoutMs: 100 });
    for (const bytes of ['', 'POST /peer HTTP/1.1\r\nHost: ']) {
      const socket = connect(listener.port, '127.0.0.1');
      onTestFinished(() => {
        socket.destroy();
      });
      socket.write(bytes);
      socket.resume();
      await once(socket, 'end');
    }
  });

  test('a body that stops arriving is abandoned, and its memory is freed', async () => {
    const listener = await openRawListener(echo, { arrivalTimeoutMs: 100 });
    const headers = rawHeaders({ 'content-length': '5000' });
    const half = rawRequest(PRODUCE, headers, Buffer.from('half of it'));
    const answer = await rawCall(listener, half);
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
    await expect.poll(() => listener.status()).toMatchObject({ callsInFlight: 0, heldBytes: 0 });
  });

  test('memory of a call counts until its handler has ended, even without a caller', async () => {
    const begun = new Happening();
    const end = new Happening();
    const produce = async () => {
      begun.happen();
      await end.happened;
      return message('done');
    };
    const listener = await openRawListener({ produce });
    const body = encodePeerMessage(message(null, [Buffer.alloc(100_000)]));
    const headers = rawHeaders({ 'content-length': String(body.sizeBytes) });
    const socket = connect(listener.port, '127.0.0.1');
    socket.write(rawRequest(PRODUCE, headers, Buffer.concat(body.chunks)));
    await begun.happened;
    socket.destroy();
    await expect.poll(() => listener.status().callsInFlight).toBe(0);
    expect(listener.status().heldBytes).toBe(body.sizeBytes);
    end.happen();
    await expect.poll(() => listener.status().heldBytes).toBe(0);
  });

  test('a stranger with a large body gets an error and is cut off; nothing is kept', async () => {
    const listener = await openRawListener(echo);
    const headers = rawHeaders({
      authorization: 'none',
      'content-length': String(64 * 1024 * 1024),
    });
    const socket = connect(listener.port, '127.0.0.1');
    socket.write(rawRequest(PRODUCE, headers, NOTHING));
    let received = '';
    socket.on('data', (chunk) => {
      received += String(chunk);
    });
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => {
      socket.on('close', resolve);
    });
    const block = Buffer.alloc(1024 * 1024);
    let sentBytes = 0;
    while (socket.writable && sentBytes < 60 * block.length) {
      sentBytes += block.length;
      if (!socket.write(block)) {
        await new Promise<void>((resolve) => {
          socket.once('drain', resolve).once('close', resolve);
        });
      }
      expect(listener.status().heldBytes).toBe(0);
    }
    await closed;
    expect(received).toMatch(/^HTTP\/1\.1 401 .*connection: close/is);
    expect(sentBytes).toBeLessThan(60 * block.length);
  });

  test('a caller that disconnects in the middle leaves nothing behind', async () => {
    const listener = await openRawListener(echo);
    const socket = connect(listener.port, '127.0.0.1');
    const headers = rawHeaders({ 'content-length': '5000' });
    socket.write(rawRequest(PRODUCE, headers, Buffer.from('half')));
    await expect.poll(() => listener.status().callsInFlight).toBe(1);
    socket.resetAndDestroy();
    await expect.poll(() => listener.status()).toMatchObject({ callsInFlight: 0, heldBytes: 0 });
    const peers = openPeers(urlOf(listener), { isChannelSecure: true });
    const answer = await peers.call(CALLEE_ID, 'produce', message(null), PATIENT);
    expect(answer.body).toBe('served');
  });
});

describe('bounds', () => {
  test('calls above the limit are refused as retriable and not executed', async () => {
    const released = new Happening();
    const { peers, listener } = await openPair(
      {
        produce: async () => {
          await released.happened;
          return message(null);
        },
      },
      { callsMax: 2 },
    );
    const call = (): Promise<unknown> => peers.call(CALLEE_ID, 'produce', message(null), PATIENT);
    const holding = [call(), call()];
    await expect.poll(() => listener.status().callsInFlight).toBe(2);
    await expect(call()).rejects.toMatchObject({
      code: 'BROKER_NOT_AVAILABLE',
      outcome: 'failed',
      retriable: true,
    });
    released.happen();
    await Promise.all(holding);
  });

  test('messages above the shared memory are refused, until memory is free again', async () => {
    const released = new Happening();
    const { peers, listener } = await openPair(
      {
        produce: async () => {
          await released.happened;
          return message(null);
        },
      },
      { memoryBytesMax: 250_000 },
    );
    const call = (): Promise<unknown> =>
      peers.call(CALLEE_ID, 'produce', message(null, [Buffer.alloc(100_000)]), PATIENT);
    const holding = [call(), call()];
    await expect.poll(() => listener.status().heldBytes).toBeGreaterThan(200_000);
    await expect(call()).rejects.toMatchObject({ code: 'BUFFER_EXHAUSTED', outcome: 'failed' });
    released.happen();
    await Promise.all(holding);
    await expect.poll(() => listener.status().heldBytes).toBe(0);
    await call();
  });
});

describe('closing the listener', () => {
  test('calls in flight are answered, and later ones are refused', async () => {
    const [began, released] = [new Happening(), new Happening()];
    const produce = async (): Promise<PeerMessage> => {
      began.happen();
      await released.happened;
      return message('in time');
    };
    const { peers, listener } = await openPair({ produce }, { isChannelSecure: true });
    const call = peers.call(CALLEE_ID, 'produce', message(null), PATIENT);
    await began.happened;
    const closed = listener.close(TIMEOUT_MS);
    const late = await unreachable(peers.call(CALLEE_ID, 'produce', message(null), PATIENT));
    expect(late.wasSent).toBe(false);
    released.happen();
    expect((await call).body).toBe('in time');
    await closed;
  });

  test('a call that arrives on an open connection is not started', async () => {
    const [began, released] = [new Happening(), new Happening()];
    let served = 0;
    const listener = await openRawListener({
      produce: async () => {
        served += 1;
        began.happen();
        await released.happened;
        return message('in time');
      },
    });
    const socket = connect(listener.port, '127.0.0.1');
    const received = receivedBy(socket);
    const body = Buffer.concat(encodePeerMessage(message(null)).chunks);
    const headers = rawHeaders({ 'content-length': String(body.length) });
    const request = rawRequest(PRODUCE, headers, body);
    socket.write(request);
    await began.happened;
    const closed = listener.close(TIMEOUT_MS);
    socket.write(request);
    released.happen();
    await closed;
    expect(await received).toMatch(/^HTTP\/1.1 200 [^]*connection: close[^]*"in time"/i);
    expect(served).toBe(1);
  });

  test('a call that exceeds the grace period is aborted, and its caller is notified', async () => {
    const [began, gone] = [new Happening(), new Happening()];
    const { peers, listener } = await openPair({
      fetch: (_message, { signal }) => {
        signal.addEventListener('abort', () => {
          gone.happen();
        });
        began.happen();
        return new Promise(() => undefined);
      },
    });
    const call = unreachable(peers.call(CALLEE_ID, 'fetch', message(null), PATIENT));
    await began.happened;
    await listener.close(10);
    expect((await call).wasSent).toBe(true);
    await gone.happened;
  });

  test('an idle listener closes at once, with its kept connections', async () => {
    const { peers, listener } = await openPair(echo);
    await peers.call(CALLEE_ID, 'produce', message(null), PATIENT);
    await listener.close(TIMEOUT_MS);
  });
});

test('an address in use is an error that names the settings', async () => {
  const listener = await openListener(echo);
  const ports = { logger: silentLogger, scheduler: new SystemScheduler() };
  const second = new PeerListener({ ...LISTENER, port: listener.port }, ports);
  await expect(second.listen()).rejects.toThrow(PeerListenError);
  await expect(second.listen()).rejects.toThrow(/SLUICE_CLUSTER_PORT/);
});
