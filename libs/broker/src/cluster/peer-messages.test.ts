import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { BatchUnpacker, RECORD_BATCH_HEADER_BYTES } from '#log';
import { ProtocolError } from '#protocol';
import { MalformedPeerMessageError, NotLeaderError, type PeerMessage } from '#replication';
import type { Requester } from '../requester.js';
import {
  type AppendAnswer,
  appendAnswersMessage,
  appendAnswersOf,
  fetchedOf,
  fetchMessage,
  fetchOf,
  produceMessage,
  produceOf,
} from './peer-messages.js';

describe('a fetch', () => {
  it('brings its position and all its bounds to the leader', () => {
    const bounds = { maxBytes: 1000, recordsMax: 5, minBytes: 1, waitMs: 20 };
    const request = { topic: 'orders', partition: 2, offset: 7, leaderEpoch: 3, ...bounds };
    expect(fetchOf(overTheWire(fetchMessage(request)))).toEqual(request);
  });
});

describe('a produce call', () => {
  const append = { topic: 'orders', topicId: 'id', partition: 0, acks: 'all' } as const;

  it('brings the callers of each append, and each caller once', () => {
    const credential = { kind: 'token' } as const;
    const [ada, eve] = ['user:ada', 'user:eve'].map((principal): Requester => {
      return { principal, groups: [], isSuperUser: false, credential, expiresAtMs: null };
    }) as [Requester, Requester];
    const appends = [[ada], [eve, ada], ['broker' as const]].map((callers, index) => {
      return { ...append, batches: [Buffer.from([index])], callers };
    });
    const message = overTheWire(produceMessage(appends));
    expect((message.body as { readonly callers: object[] }).callers).toEqual([ada, eve, 'broker']);
    expect(produceOf(message)).toEqual(appends);
  });

  it('without authentication names nobody', () => {
    const appends = [{ ...append, batches: [Buffer.from('batch')] }];
    const message = overTheWire(produceMessage(appends));
    expect(Object.keys(message.body as object)).toEqual(['appends']);
    expect(produceOf(message)).toEqual(appends);
  });

  it('with a place outside of its list of callers is malformed', () => {
    const body = { appends: [{ ...append, batches: 0, callers: [0] }] };
    expect(() => produceOf({ body, blobs: [] })).toThrow(MalformedPeerMessageError);
  });
});

describe('the answer to a produce call', () => {
  it('brings results, refusals and the fault of a broker that does not lead', () => {
    const result = { baseOffset: 3, lastOffset: 4, logAppendTimeMs: null, isDuplicate: false };
    const refusal = new ProtocolError('MESSAGE_TOO_LARGE', 'The batch is too large.', {
      outcome: 'unknown',
      members: { maxBytes: 1000 },
    });
    const [appended, refused, elsewhere] = sent([
      { appended: [{ result }, { error: refusal }] },
      { error: refusal },
      { error: new NotLeaderError('FENCED_LEADER_EPOCH', 2, 7) },
    ]);
    expect(appended?.appended).toMatchObject([
      { result },
      { error: { code: 'MESSAGE_TOO_LARGE' } },
    ]);
    expect(errorOf(refused)).toBeInstanceOf(ProtocolError);
    expect(errorOf(refused)).toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      message: 'The batch is too large.',
      outcome: 'unknown',
      members: { maxBytes: 1000 },
    });
    expect(errorOf(elsewhere)).toBeInstanceOf(NotLeaderError);
    expect(errorOf(elsewhere)).toMatchObject({
      fault: 'FENCED_LEADER_EPOCH',
      leader: 2,
      leaderEpoch: 7,
    });
  });

  it('reports that the leader has a bug, without its details', () => {
    const [answer] = sent([{ error: new RangeError('a secret of the leader') }]);
    expect(errorOf(answer)).toMatchObject({
      code: 'UNKNOWN_SERVER_ERROR',
      message: 'The leader met a fault.',
    });
  });

  it('is refused when it answers fewer appends than the call has', () => {
    const message = appendAnswersMessage([{ appended: [] }]);
    expect(() => appendAnswersOf(message, 2)).toThrow('answered in part');
  });

  it('is refused when an append has neither results nor an error', () => {
    const message: PeerMessage = { body: { answers: [{}] }, blobs: [] };
    expect(() => appendAnswersOf(message, 1)).toThrow('neither appended nor refused');
  });
});

it('bytes that are not a whole record batch are refused as a fetch result', () => {
  const body = { highWatermark: 1, logStartOffset: 0, logEndOffset: 1, leaderEpoch: 0 };
  const longerThanItSays = Buffer.alloc(100);
  // The length that a batch of 99 bytes declares, at its place.
  longerThanItSays.writeInt32BE(99 - 12, 8);
  const refused = (bytes: Buffer) => () => fetchedOf({ body, blobs: [bytes] }, new BatchUnpacker());
  const error = { code: 'CORRUPT_MESSAGE' };
  expect(refused(Buffer.alloc(100))).toThrow(expect.objectContaining(error));
  const message = 'Another broker sent bytes that are not a record batch.';
  for (const bytes of [longerThanItSays, Buffer.alloc(3)]) {
    expect(refused(bytes)).toThrow(expect.objectContaining({ ...error, message }));
  }
});

it('batches of a fetch result unpack within the bound of the broker that asked', async () => {
  const body = { highWatermark: 1, logStartOffset: 0, logEndOffset: 1, leaderEpoch: 0 };
  const filler = Buffer.alloc(5000);
  const packed = Buffer.concat([Buffer.alloc(RECORD_BATCH_HEADER_BYTES), gzipSync(filler)]);
  packed.writeInt32BE(packed.length - 12, 8);
  // Magic 2, and the attribute of gzip.
  packed.writeUInt8(2, 16);
  packed.writeInt16BE(1, 21);
  const [batch] = fetchedOf({ body, blobs: [packed] }, new BatchUnpacker(4000)).batches;
  const bound = 'SLUICE_UNPACKED_BATCH_BYTES_MAX';
  await expect(batch?.recordsPiecesOnThread()).rejects.toMatchObject({ bound });
});

/** The answers as the caller reads them, after a way through JSON. */
function sent(answers: readonly AppendAnswer[]): AppendAnswer[] {
  const { body } = appendAnswersMessage(answers);
  const received: unknown = JSON.parse(JSON.stringify(body));
  return appendAnswersOf({ body: received, blobs: [] }, answers.length);
}

function errorOf(answer: AppendAnswer | undefined): unknown {
  return answer?.appended === undefined ? answer?.error : undefined;
}

function overTheWire({ body, blobs }: PeerMessage): PeerMessage {
  return { body: JSON.parse(JSON.stringify(body)) as unknown, blobs };
}
