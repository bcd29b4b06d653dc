/**
 * The bodies of the peer methods by which brokers forward what clients ask. The listener has
 * checked who calls, and PEER_CALLS of libs/replication that a request has the shape of its call.
 */
import { type AppendResult, type BatchUnpacker, batchSizeAt, RecordBatch } from '#log';
import { type LeaderEpoch, type Offset, ProtocolError } from '#protocol';
import { MalformedPeerMessageError, NotLeaderError, type PeerMessage } from '#replication';
import type { FetchRequest, FetchResult } from '../broker.js';
import type { Requester } from '../requester.js';
import type { BatchAppended, LeaderAppend } from './leader-transport.js';

/** An append as JSON: its batches are the next `batches` blobs. */
interface AppendBody extends Omit<LeaderAppend, 'batches' | 'callers'> {
  readonly batches: number;
  /** Places of its callers in the list of the call. */
  readonly callers?: readonly number[];
}

/** The body of a produce call. */
interface ProduceBody {
  readonly appends: readonly AppendBody[];
  /** The callers of all appends, each once; absent while authentication is off. */
  readonly callers?: readonly Requester[];
}

export function produceMessage(appends: readonly LeaderAppend[]): PeerMessage {
  const places = new Map<Requester, number>();
  const placeOf = (caller: Requester): number => {
    const place = places.get(caller) ?? places.size;
    places.set(caller, place);
    return place;
  };
  const bodies = appends.map((append): AppendBody => {
    const { topic, topicId, partition, acks, batches, callers } = append;
    const body = { topic, topicId, partition, acks, batches: batches.length };
    return callers === undefined ? body : { ...body, callers: callers.map(placeOf) };
  });
  const blobs = appends.flatMap(({ batches }) => batches);
  if (places.size === 0) return { body: { appends: bodies }, blobs };
  return { body: { appends: bodies, callers: [...places.keys()] }, blobs };
}

export function produceOf({ body, blobs }: PeerMessage): LeaderAppend[] {
  let position = 0;
  const { appends, callers = [] } = body as ProduceBody;
  return appends.map(({ callers: places, ...append }) => {
    const batches = blobs.slice(position, position + append.batches);
    position += append.batches;
    if (places === undefined) return { ...append, batches };
    return { ...append, batches, callers: callersAt(places, callers) };
  });
}

/** @throws MalformedPeerMessageError for a place outside of the list */
function callersAt(places: readonly number[], callers: readonly Requester[]): Requester[] {
  return places.map((place) => {
    const caller = callers[place];
    if (caller !== undefined) return caller;
    throw new MalformedPeerMessageError('an append of a produce call names no caller of its list');
  });
}

/** The outcome of one append of a call. */
export type AppendAnswer =
  | { readonly appended: readonly BatchAppended[] }
  | { readonly appended?: undefined; readonly error: unknown };

interface AnswerBody {
  readonly batches?: readonly AppendedBody[];
  readonly notLeader?: Pick<NotLeaderError, 'fault' | 'leader' | 'leaderEpoch'>;
  readonly error?: ErrorBody;
}

/** The outcome of one batch, as JSON. */
interface AppendedBody {
  readonly result?: AppendResult;
  readonly error?: ErrorBody;
}

export type ErrorBody = Pick<
  ProtocolError,
  'code' | 'message' | 'outcome' | 'retriable' | 'members'
>;

export function appendAnswersMessage(answers: readonly AppendAnswer[]): PeerMessage {
  return { body: { answers: answers.map(answerBody) }, blobs: [] };
}

/** @param count how many appends the call had */
export function appendAnswersOf({ body }: PeerMessage, count: number): AppendAnswer[] {
  const { answers } = body as { readonly answers: readonly AnswerBody[] };
  if (answers.length !== count) throw new TypeError('a produce call was answered in part');
  return answers.map(({ batches, notLeader, error }) => {
    if (batches !== undefined) return { appended: batches.map(appendedOf) };
    if (notLeader !== undefined) {
      const { fault, leader, leaderEpoch } = notLeader;
      return { error: new NotLeaderError(fault, leader, leaderEpoch) };
    }
    return { error: errorOf(error) };
  });
}

function answerBody(answer: AppendAnswer): AnswerBody {
  if (answer.appended !== undefined) {
    return {
      batches: answer.appended.map((appended) =>
        appended.error === undefined
          ? { result: appended.result }
          : { error: errorBody(appended.error) },
      ),
    };
  }
  const { error } = answer;
  if (error instanceof NotLeaderError) {
    const { fault, leader, leaderEpoch } = error;
    return { notLeader: { fault, leader, leaderEpoch } };
  }
  if (error instanceof ProtocolError) return { error: errorBody(error) };
  // Nothing more: this broker's log has the details.
  return {
    error: errorBody(new ProtocolError('UNKNOWN_SERVER_ERROR', 'The leader met a fault.')),
  };
}

export function errorBody({
  code,
  message,
  outcome,
  retriable,
  members,
}: ProtocolError): ErrorBody {
  return { code, message, outcome, retriable, members };
}

export function errorOf(body: ErrorBody | undefined): ProtocolError {
  if (body === undefined) throw new TypeError('a batch was neither appended nor refused');
  return new ProtocolError(body.code, body.message, body);
}

function appendedOf({ result, error }: AppendedBody): BatchAppended {
  return result === undefined ? { error: errorOf(error) } : { result };
}

/** The members of a fetch that are sent to the leader. */
type FetchBody = Pick<
  FetchRequest,
  | 'topic'
  | 'partition'
  | 'offset'
  | 'maxBytes'
  | 'recordsMax'
  | 'minBytes'
  | 'waitMs'
  | 'leaderEpoch'
  | 'isFeed'
  | 'mayBeBehind'
>;

/** @param requester undefined while authentication is off */
export function fetchMessage(request: FetchRequest, requester?: Requester): PeerMessage {
  const { topic, partition, offset, maxBytes, recordsMax, minBytes, waitMs } = request;
  const { leaderEpoch, isFeed, mayBeBehind } = request;
  const bounds = { maxBytes, recordsMax, minBytes, waitMs };
  const position = { topic, partition, offset, leaderEpoch };
  const body = { ...position, ...bounds, isFeed, mayBeBehind, caller: requester };
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

/**
 * @param unpacker unpacks the batches
 * @throws ProtocolError CORRUPT_MESSAGE on bytes that are not a whole batch
 */
export function fetchedOf({ body, blobs }: PeerMessage, unpacker: BatchUnpacker): FetchResult {
  const { highWatermark, logStartOffset, logEndOffset, leaderEpoch } = body as FetchedBody;
  const batches = blobs.map((bytes) => {
    if (batchSizeAt(bytes, 0) === bytes.length) return new RecordBatch(bytes, unpacker);
    throw new ProtocolError(
      'CORRUPT_MESSAGE',
      'Another broker sent bytes that are not a record batch.',
    );
  });
  return { batches, highWatermark, logStartOffset, logEndOffset, leaderEpoch };
}
