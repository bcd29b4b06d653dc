/**
 * The bodies of the peer methods by which brokers forward what clients ask. Both ends are this code,
 * or a neighbouring version of it; the listener has checked who calls.
 */
import { type AppendResult, batchSizeAt, RecordBatch } from '#log';
import { type LeaderEpoch, type Offset, ProtocolError } from '#protocol';
import type { PeerMessage } from '#replication';
import type { Acks, FetchRequest, FetchResult } from '../broker.js';
import type { BatchAppended, LeaderAppend } from './leader-append.js';

export function produceMessage({ batches, ...body }: LeaderAppend): PeerMessage {
  return { body, blobs: batches };
}

export function produceOf({ body, blobs }: PeerMessage): LeaderAppend {
  const { topic, topicId, partition, acks } = body as Omit<LeaderAppend, 'batches'>;
  return { topic, topicId, partition, acks: acks satisfies Acks, batches: blobs };
}

/** What became of a batch, as JSON. */
interface AppendedBody {
  readonly result?: AppendResult;
  readonly error?: ErrorBody;
}

type ErrorBody = Pick<ProtocolError, 'code' | 'message' | 'outcome' | 'retriable' | 'members'>;

export function appendedMessage(appended: readonly BatchAppended[]): PeerMessage {
  const batches = appended.map(({ result, error }): AppendedBody => {
    if (error === undefined) return { result };
    const { code, message, outcome, retriable, members } = error;
    return { error: { code, message, outcome, retriable, members } };
  });
  return { body: { batches }, blobs: [] };
}

export function appendedOf({ body }: PeerMessage): BatchAppended[] {
  const { batches } = body as { readonly batches: readonly AppendedBody[] };
  return batches.map(({ result, error }): BatchAppended => {
    if (result !== undefined) return { result };
    if (error === undefined) throw new TypeError('a batch was neither appended nor refused');
    return { error: new ProtocolError(error.code, error.message, error) };
  });
}

/** What of a fetch goes to the leader. */
type FetchBody = Pick<
  FetchRequest,
  'topic' | 'partition' | 'offset' | 'maxBytes' | 'minBytes' | 'waitMs' | 'leaderEpoch' | 'isFeed'
>;

export function fetchMessage(request: FetchRequest): PeerMessage {
  const { topic, partition, offset, maxBytes, minBytes, waitMs, leaderEpoch, isFeed } = request;
  const body = { topic, partition, offset, maxBytes, minBytes, waitMs, leaderEpoch, isFeed };
  return { body, blobs: [] };
}

export function fetchOf({ body }: PeerMessage): FetchBody {
  return body as FetchBody;
}

interface FetchedBody {
  readonly highWatermark: Offset;
  readonly logStartOffset: Offset;
  readonly logEndOffset: Offset;
  readonly leaderEpoch: LeaderEpoch;
}

export function fetchedMessage({ batches, ...body }: FetchResult): PeerMessage {
  return { body, blobs: batches.map(({ bytes }) => bytes) };
}

/** @throws ProtocolError CORRUPT_MESSAGE on bytes that are no whole batch */
export function fetchedOf({ body, blobs }: PeerMessage): FetchResult {
  const { highWatermark, logStartOffset, logEndOffset, leaderEpoch } = body as FetchedBody;
  const batches = blobs.map((bytes) => {
    if (batchSizeAt(bytes, 0) === bytes.length) return new RecordBatch(bytes);
    throw new ProtocolError('CORRUPT_MESSAGE', 'Another broker sent what is no record batch.');
  });
  return { batches, highWatermark, logStartOffset, logEndOffset, leaderEpoch };
}
