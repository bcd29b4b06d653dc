import { describe, expect, test } from 'vitest';
import {
  checkedPeerHandlers,
  PEER_CALLS,
  type PeerHandlers,
  type PeerMessage,
  type PeerMethod,
} from '#replication';
import { KeptLog } from '#runtime/testing';
import { encodePeerMessage } from './peer-message-codec.js';
import { message, openListener } from './testing/peer-pair.js';
import { rawCall, rawHeaders, rawRequest } from './testing/raw-call.js';
import { rightValue, wrongValues } from './testing/shape-values.js';

const METHODS = Object.keys(PEER_CALLS) as PeerMethod[];

/** Handlers of all methods; `served` collects the messages that reached them. */
function servedBy(served: PeerMessage[]): PeerHandlers {
  const handler = (asked: PeerMessage): Promise<PeerMessage> => {
    served.push(asked);
    return Promise.resolve(message({}));
  };
  return checkedPeerHandlers(Object.fromEntries(METHODS.map((method) => [method, handler])));
}

function openChecked(served: PeerMessage[], log = new KeptLog()) {
  return openListener(servedBy(served), {}, log);
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

  test('a member that is missing, of a wrong type or out of range: 400', async () => {
    const served: PeerMessage[] = [];
    const log = new KeptLog();
    const listener = await openChecked(served, log);
    const { blobs } = rightMessage(method);
    const cases = wrongValues(PEER_CALLS[method].body);
    expect(cases.length).toBeGreaterThan(5);
    for (const { what, pointer, value } of cases) {
      const answer = await post(listener, method, { body: value, blobs });
      expect(answer, what).toMatch(/^HTTP\/1.1 400 /);
      expect(answer, what).toContain('"outcome":"failed","retriable":false');
      const member = pointer === '' ? 'the body' : `the member \\"${pointer}\\"`;
      expect(answer, what).toContain(`The call is malformed: ${member} of a ${method} call is not`);
      expect(answer, what).not.toContain('    at ');
    }
    expect(served).toEqual([]);
    expect(log.lines).toHaveLength(1);
    expect(JSON.stringify(log.lines)).not.toContain('    at ');
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
  const log = new KeptLog();
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
  const log = new KeptLog();
  const bug = new TypeError('a bug of this test');
  const listener = await openListener({ fetch: () => Promise.reject(bug) }, {}, log);
  for (let call = 0; call < 3; call += 1) {
    expect(await post(listener, 'fetch', message({}))).toMatch(/^HTTP\/1.1 500 /);
  }
  expect(log.lines).toMatchObject([{ level: 'error', fields: { err: bug } }]);
});
