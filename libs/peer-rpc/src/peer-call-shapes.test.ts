import { describe, expect, test } from 'vitest';
import {
  checkedPeerHandlers,
  MalformedPeerMessageError,
  PEER_CALLS,
  type PeerHandlers,
  type PeerMessage,
  type PeerMethod,
} from '#replication';
import { RecordingLogger } from '#runtime/testing';
import { encodePeerMessage } from './peer-message-codec.js';
import { message, openRawListener } from './testing/peer-pair.js';
import { rawCall, rawHeaders, rawRequest } from './testing/raw-call.js';
import { rightValue, wrongValues } from './testing/shape-values.js';

const CONTEXT = { signal: new AbortController().signal };
const METHODS = Object.keys(PEER_CALLS) as PeerMethod[];

/** Handlers of all methods; `served` collects the messages that reached them. */
function servedBy(served: PeerMessage[]): PeerHandlers {
  const handler = (asked: PeerMessage): Promise<PeerMessage> => {
    served.push(asked);
    return Promise.resolve(message({}));
  };
  return checkedPeerHandlers(Object.fromEntries(METHODS.map((method) => [method, handler])));
}

function openChecked(served: PeerMessage[], log = new RecordingLogger()) {
  return openRawListener(servedBy(served), {}, log);
}

type Listener = Awaited<ReturnType<typeof openChecked>>;

function post(
  listener: Listener,
  method: PeerMethod,
  asked: PeerMessage,
  caller = '1',
): Promise<string> {
  const bytes = Buffer.concat(encodePeerMessage(asked).chunks);
  const lengths = { 'content-length': String(bytes.length), connection: 'close' };
  const headers = rawHeaders({ ...lengths, 'sluice-caller': caller });
  return rawCall(listener, rawRequest(`POST /cluster/v1/${method}`, headers, bytes));
}

function rightMessage(method: PeerMethod): PeerMessage {
  const { body, blobCount } = PEER_CALLS[method];
  const right = rightValue(body);
  const blobs = Array.from({ length: blobCount?.(right) ?? 0 }, () => Buffer.from('batch'));
  return message(right, blobs);
}

describe.each(METHODS)('a %s call', (method) => {
  test('a body of the right shape is served, also with members of a later version', async () => {
    const served: PeerMessage[] = [];
    const listener = await openChecked(served);
    const { body, blobs } = rightMessage(method);
    const later = { ...(body as object), isOfALaterVersion: { any: ['thing'] } };
    expect(await post(listener, method, { body, blobs })).toMatch(/^HTTP\/1.1 200 /);
    expect(await post(listener, method, { body: later, blobs })).toMatch(/^HTTP\/1.1 200 /);
    expect(served).toEqual([
      { body, blobs },
      { body: later, blobs },
    ]);
  });

  test('a body of a wrong type: 400, and one line in the log', async () => {
    const served: PeerMessage[] = [];
    const log = new RecordingLogger();
    const listener = await openChecked(served, log);
    const { blobs } = rightMessage(method);
    const answer = await post(listener, method, { body: ['not an object'], blobs });
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain('"outcome":"failed","retriable":false');
    expect(answer).toContain(`The call is malformed: the body of a ${method} call is not`);
    expect(answer).not.toContain('    at ');
    expect(served).toEqual([]);
    expect(log.lines).toHaveLength(1);
    expect(JSON.stringify(log.lines)).not.toContain('    at ');
  });

  test('every wrong value is refused before its handler is called', async () => {
    const served: PeerMessage[] = [];
    const handler = servedBy(served)[method];
    const { blobs } = rightMessage(method);
    const cases = wrongValues(PEER_CALLS[method].body);
    expect(cases.length).toBeGreaterThan(5);
    for (const { what, pointer, value } of cases) {
      const error: unknown = await handler?.(message(value, blobs), CONTEXT).catch(
        (cause) => cause,
      );
      expect(error, what).toBeInstanceOf(MalformedPeerMessageError);
      const member = pointer === '' ? 'the body' : `the member "${pointer}"`;
      expect(String(error), what).toContain(`${member} of a ${method} call is not`);
    }
    expect(served).toEqual([]);
  });
});

test.each([
  ['fewer blobs than batches', 0],
  ['more blobs than batches', 2],
])('a produce call with %s: 400', async (_what, blobCount) => {
  const served: PeerMessage[] = [];
  const listener = await openChecked(served);
  const { body } = rightMessage('produce');
  const blobs = Array.from({ length: blobCount }, () => Buffer.from('batch'));
  const answer = await post(listener, 'produce', { body, blobs });
  expect(answer).toMatch(/^HTTP\/1.1 400 /);
  expect(answer).toContain(`its appends name 1 batches, but it has ${blobCount} blobs`);
  expect(served).toEqual([]);
});

test('malformed calls are logged once for each caller', async () => {
  const log = new RecordingLogger();
  const listener = await openChecked([], log);
  for (const caller of ['1', '1', '3', '1', '3']) {
    await post(listener, 'fetch', message({ topic: 1 }), caller);
  }
  expect(log.lines).toMatchObject([
    { level: 'warn', fields: { caller: '1', method: 'fetch' } },
    { level: 'warn', fields: { caller: '3', method: 'fetch' } },
  ]);
});

test('a bug that many calls run into is logged once', async () => {
  const log = new RecordingLogger();
  const bug = new TypeError('a bug of this test');
  const listener = await openRawListener({ fetch: () => Promise.reject(bug) }, {}, log);
  for (let call = 0; call < 3; call += 1) {
    expect(await post(listener, 'fetch', message({}))).toMatch(/^HTTP\/1.1 500 /);
  }
  expect(log.lines).toMatchObject([{ level: 'error', fields: { err: bug } }]);
});
