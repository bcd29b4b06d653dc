import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ProtocolError } from '#protocol';
import { NotLeaderError, type PeerMessage, PeerUnreachableError } from '#replication';
import { silentLogger } from '#runtime';
import { FakeClock, FakeScheduler, RecordingLogger } from '#runtime/testing';
import {
  CALLEE_ID,
  Happening,
  message,
  openListener,
  openPair,
  openPeers,
  urlOf,
} from './testing/peer-pair.js';

const MIB = 1024 * 1024;
const TIMEOUT_MS = 20_000;
const PATIENT = { timeoutMs: TIMEOUT_MS };

/** Resolves with the error of a call. */
async function failureOf(call: Promise<unknown>): Promise<Error> {
  try {
    await call;
  } catch (error) {
    return error as Error;
  }
  throw new Error('the call was answered');
}

async function unreachable(call: Promise<unknown>): Promise<PeerUnreachableError> {
  const error = await failureOf(call);
  expect(error).toBeInstanceOf(PeerUnreachableError);
  return error as PeerUnreachableError;
}

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('a call', () => {
  test('carries a body and blobs there and back', async () => {
    const { peers } = await openPair({
      produce: ({ body, blobs }) =>
        Promise.resolve(message({ heard: body }, [...blobs].toReversed())),
    });
    const blobs = [Buffer.from('one'), Buffer.alloc(0), Buffer.from('two')];
    expect(await peers.call(CALLEE_ID, 'produce', message({ ä: [1] }, blobs), PATIENT)).toEqual({
      body: { heard: { ä: [1] } },
      blobs: blobs.toReversed(),
    });
    expect(peers.status()).toEqual({ callsInFlight: 0, callsAnswered: 1, callsUnreachable: 0 });
  });

  test('carries many megabytes unchanged, both ways and at once', async () => {
    const { peers, listener } = await openPair({
      'replica-fetch': ({ body, blobs }) => Promise.resolve(message(body, blobs)),
    });
    const sent = Array.from({ length: 4 }, () => [randomBytes(5 * MIB), randomBytes(3)]);
    const answers = await Promise.all(
      sent.map((blobs) => peers.call(CALLEE_ID, 'replica-fetch', message(1, blobs), PATIENT)),
    );
    const hash = (blob: Buffer): string => createHash('sha256').update(blob).digest('hex');
    expect(answers.map(({ blobs }) => blobs.map(hash))).toEqual(
      sent.map((blobs) => blobs.map(hash)),
    );
    await expect.poll(() => listener.status().heldBytes).toBe(0);
  });

  test('calls overlap and may overtake each other', async () => {
    const first = new Happening();
    const { peers } = await openPair({
      fetch: async ({ body }) => {
        if (body === 'first') await first.happened;
        else first.happen();
        return message(body);
      },
    });
    const calls = ['first', 'second'].map((name) =>
      peers.call(CALLEE_ID, 'fetch', message(name), PATIENT),
    );
    expect((await Promise.all(calls)).map(({ body }) => body)).toEqual(['first', 'second']);
  });

  test('hundreds of waiting fetches do not delay a produce', async () => {
    const released = new Happening();
    const { peers } = await openPair({
      fetch: async () => {
        await released.happened;
        return message(null);
      },
      produce: () => Promise.resolve(message('produced')),
    });
    const waiting = Array.from({ length: 300 }, () =>
      peers.call(CALLEE_ID, 'fetch', message(null), PATIENT),
    );
    const produced = await peers.call(CALLEE_ID, 'produce', message(null), PATIENT);
    expect(produced.body).toBe('produced');
    released.happen();
    await Promise.all(waiting);
  });
});

describe('an error of the other broker', () => {
  test('a ProtocolError arrives as the same ProtocolError', async () => {
    const { peers } = await openPair({
      produce: () =>
        Promise.reject(
          new ProtocolError('OFFSET_OUT_OF_RANGE', 'below the log start', {
            outcome: 'failed',
            members: { logStartOffset: 7 },
            faults: [{ pointer: '/offset', detail: 'too low' }],
            retryAfterMs: 5,
          }),
        ),
    });
    const error = await failureOf(peers.call(CALLEE_ID, 'produce', message(null), PATIENT));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      message: 'below the log start',
      members: { logStartOffset: 7 },
      faults: [{ pointer: '/offset', detail: 'too low' }],
      retryAfterMs: 5,
    });
  });

  test('a NotLeaderError arrives as the same NotLeaderError', async () => {
    const { peers } = await openPair({
      produce: () => Promise.reject(new NotLeaderError('NOT_LEADER_OR_FOLLOWER', 3, 9)),
    });
    const error = await failureOf(peers.call(CALLEE_ID, 'produce', message(null), PATIENT));
    expect(error).toBeInstanceOf(NotLeaderError);
    expect(error).toMatchObject({ fault: 'NOT_LEADER_OR_FOLLOWER', leader: 3, leaderEpoch: 9 });
  });

  test('a bug is logged by the other broker, and its details stay there', async () => {
    const log = new RecordingLogger();
    const listener = await openListener(
      { produce: () => Promise.reject(new TypeError('x is not a function')) },
      {},
      log,
    );
    const peers = openPeers(urlOf(listener));
    const error = await failureOf(peers.call(CALLEE_ID, 'produce', message(null), PATIENT));
    expect(error).toMatchObject({ code: 'UNKNOWN_SERVER_ERROR', outcome: 'unknown' });
    expect(error.message).not.toContain('function');
    expect(log.lines).toContainEqual(
      expect.objectContaining({
        level: 'error',
        fields: expect.objectContaining({ method: 'produce', err: expect.any(TypeError) }),
      }),
    );
  });

  test('a call of an unknown method is known not to be executed', async () => {
    const { peers } = await openPair({});
    const error = await failureOf(peers.call(CALLEE_ID, 'produce', message(null), PATIENT));
    expect(error).toMatchObject({ code: 'BROKER_NOT_AVAILABLE', outcome: 'failed' });
  });

  test('a message that is too large is not sent', async () => {
    const { listener } = await openPair({});
    const peers = openPeers(urlOf(listener), { messageBytesMax: 1000 });
    const large = message(null, [Buffer.alloc(1000)]);
    const error = await failureOf(peers.call(CALLEE_ID, 'produce', large, PATIENT));
    expect(error).toMatchObject({ code: 'REQUEST_TOO_LARGE', outcome: 'failed' });
  });
});

describe('a call without an answer', () => {
  test('a broker without an address: not sent', async () => {
    const peers = openPeers(undefined);
    const error = await unreachable(peers.call(CALLEE_ID, 'produce', message(null), PATIENT));
    expect(error).toMatchObject({ brokerId: CALLEE_ID, wasSent: false });
  });

  test('an address without a listener: not sent', async () => {
    const { listener, peers } = await openPair({});
    await listener.close(0);
    const error = await unreachable(peers.call(CALLEE_ID, 'produce', message(null), PATIENT));
    expect(error.wasSent).toBe(false);
    expect(error.cause).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('a host name that does not exist: not sent', async () => {
    const peers = openPeers('http://no-such-broker.invalid:1');
    const error = await unreachable(peers.call(CALLEE_ID, 'produce', message(null), PATIENT));
    expect(error.wasSent).toBe(false);
  });

  test('a connection reset by the other side: may have been sent', async () => {
    const server = createServer((socket) => socket.on('data', () => socket.resetAndDestroy()));
    const peers = openPeers(await listening(server), { isChannelSecure: true });
    const error = await unreachable(peers.call(CALLEE_ID, 'produce', message(null), PATIENT));
    expect(error.wasSent).toBe(true);
  });

  test('a timeout: may have been sent, and the other broker sees the abort', async () => {
    const gone = new Happening();
    const { peers, listener } = await openPair(
      {
        fetch: (_message, { signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              gone.happen();
              reject(signal.reason as Error);
            });
          }),
      },
      { isChannelSecure: true },
    );
    const error = await unreachable(
      peers.call(CALLEE_ID, 'fetch', message(null), { timeoutMs: 50 }),
    );
    expect(error).toMatchObject({ wasSent: true, cause: { message: 'no answer within 50 ms' } });
    await gone.happened;
    await expect.poll(() => listener.status().callsInFlight).toBe(0);
  });

  test('a broker that opens no session: not sent, long before the call times out', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined));
    const reached = once(silent, 'connection');
    const scheduler = new FakeScheduler(new FakeClock());
    const peers = openPeers(await listening(silent), {}, silentLogger, scheduler);
    const error = unreachable(peers.call(CALLEE_ID, 'produce', message(null), PATIENT));
    const [socket] = (await reached) as [Socket];
    await once(socket, 'data');
    await scheduler.advance(5000);
    expect(await error).toMatchObject({
      wasSent: false,
      cause: { message: 'no answer to a hello within 5000 ms' },
    });
  });

  test('the caller aborts: the other broker sees it', async () => {
    const began = new Happening();
    const gone = new Happening();
    const { peers } = await openPair({
      fetch: (_message, { signal }) =>
        new Promise((_resolve, reject) => {
          began.happen();
          signal.addEventListener('abort', () => {
            gone.happen();
            reject(signal.reason as Error);
          });
        }),
    });
    const caller = new AbortController();
    const options = { ...PATIENT, signal: caller.signal };
    const call = peers.call(CALLEE_ID, 'fetch', message(null), options);
    await began.happened;
    const reason = new Error('its own caller is gone');
    caller.abort(reason);
    const error = await unreachable(call);
    expect(error).toMatchObject({ wasSent: true, cause: reason });
    await gone.happened;
    const again = await unreachable(peers.call(CALLEE_ID, 'fetch', message(null), options));
    expect(again).toMatchObject({ wasSent: false, cause: reason });
  });

  test('no free connection in time: not sent, and no connection is lost to others', async () => {
    const released = new Happening();
    let served = 0;
    const { peers } = await openPair({
      'replica-fetch': async () => {
        served += 1;
        await released.happened;
        return message(null);
      },
    });
    const call = (timeoutMs: number): Promise<unknown> =>
      peers.call(CALLEE_ID, 'replica-fetch', message(null), { timeoutMs });
    const connectionsMax = 64;
    const holding = Array.from({ length: connectionsMax }, () => call(TIMEOUT_MS));
    await expect.poll(() => served).toBe(connectionsMax);
    const error = await unreachable(call(20));
    expect(error.wasSent).toBe(false);
    released.happen();
    await Promise.all(holding);
    await call(TIMEOUT_MS);
    expect(served).toBe(connectionsMax + 1);
  });

  test.each([
    ['another web server', 200, '<html>hello</html>'],
    ['a proxy', 502, 'bad gateway'],
  ])('an answer of %s: may have been sent', async (_name, status, body) => {
    const server = createHttpServer((_request, response) => {
      response.writeHead(status).end(body);
    });
    const peers = openPeers(await listening(server), { isChannelSecure: true });
    const error = await unreachable(peers.call(CALLEE_ID, 'produce', message(null), PATIENT));
    expect(error.wasSent).toBe(true);
  });

  test.each([true, false])(
    'an answer above the limit fails the call (announced: %s)',
    async (says) => {
      const server = createHttpServer((_request, response) => {
        if (says) response.setHeader('content-length', 3000);
        response.on('error', () => undefined);
        response.write(Buffer.alloc(1500));
        response.end(Buffer.alloc(1500));
      });
      const peers = openPeers(await listening(server), {
        messageBytesMax: 2000,
        isChannelSecure: true,
      });
      const error = await unreachable(peers.call(CALLEE_ID, 'produce', message(null), PATIENT));
      expect(error.wasSent).toBe(true);
      expect(error.cause).toMatchObject({ message: expect.stringContaining('2000') });
    },
  );

  test('this broker stops', async () => {
    const began = new Happening();
    const { peers } = await openPair({
      fetch: () => {
        began.happen();
        return new Promise(() => undefined);
      },
    });
    const call = unreachable(peers.call(CALLEE_ID, 'fetch', message(null), PATIENT));
    await began.happened;
    await peers.close();
    expect((await call).wasSent).toBe(true);
    const later = await unreachable(peers.call(CALLEE_ID, 'fetch', message(null), PATIENT));
    expect(later.wasSent).toBe(false);
  });
});

describe('the address of a broker', () => {
  test('the address is looked up for every call, because a broker may move', async () => {
    const before = await openListener({ produce: () => Promise.resolve(message('before')) });
    const after = await openListener({ produce: () => Promise.resolve(message('after')) });
    let listener = before;
    const peers = openPeers(() => urlOf(listener));
    const call = (): Promise<PeerMessage> =>
      peers.call(CALLEE_ID, 'produce', message(null), PATIENT);
    expect((await call()).body).toBe('before');
    listener = after;
    expect((await call()).body).toBe('after');
  });

  test('an address now used by another broker: not sent, and a warning is logged', async () => {
    const log = new RecordingLogger();
    const listener = await openListener(
      { produce: () => Promise.resolve(message(null)) },
      { brokerId: 3 },
    );
    const peers = openPeers(urlOf(listener), {}, log);
    for (let call = 0; call < 3; call += 1) {
      const error = await unreachable(peers.call(CALLEE_ID, 'produce', message(null), PATIENT));
      expect(error.wasSent).toBe(false);
    }
    expect(log.lines).toEqual([
      {
        level: 'warn',
        fields: { brokerId: CALLEE_ID },
        message:
          'broker 2 refuses the calls of this broker: The caller means broker 2; this is broker 3.',
      },
    ]);
  });
});
