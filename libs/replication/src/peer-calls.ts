/**
 * The shapes of the calls between brokers. Every handler of the private listener is behind this
 * table (`checkedPeerHandlers`), so that handlers read messages without checks of their own.
 */

import type { Clock, Logger } from '#runtime';
import { callerShape, requesterShape } from './caller-shape.js';
import { delayedCursor, delayedRecord, GROUP_PEER_CALLS } from './group-peer-calls.js';
import {
  anyOf,
  choice,
  flag,
  list,
  type MessageShape,
  nullable,
  object,
  shapeFault,
  text,
  wholeNumber,
} from './message-shape.js';
import {
  MalformedPeerMessageError,
  type PeerHandler,
  type PeerHandlers,
  type PeerMessage,
  type PeerMethod,
  type Peers,
  PeerUnreachableError,
} from './peers.js';

/** The shapes of the messages of one call. */
interface PeerCall {
  readonly body: MessageShape;
  /**
   * Shape of the answer's body; left out where the caller's decoder checks it
   * (replica-fetch-codec.ts).
   */
  readonly answer?: MessageShape;
  /** Number of blobs that belong to a body; absent when the call reads none. */
  readonly blobCount?: (body: unknown) => number;
}

const INT32_MAX = 2 ** 31 - 1;

const count = wholeNumber(0, Number.MAX_SAFE_INTEGER);
/** Clients may ask for any time of 16 digits. */
const timestampMs = wholeNumber(-(10 ** 16), 10 ** 16);
const epoch = wholeNumber(0, INT32_MAX);
const id = text(0, 255);
const group = text(1, 255);
/** Texts of clients: their own limits, which are settings, are checked elsewhere. */
const clientText = text(0, INT32_MAX);
const partition = { topic: text(1, 249), partition: wholeNumber(0, INT32_MAX) };

const replicaPosition = object({
  ...partition,
  topicId: id,
  leaderEpoch: epoch,
  electionId: id,
  fetchOffset: count,
  lastFetchedEpoch: nullable(epoch),
  lastElectionId: nullable(id),
  syncedEndOffset: count,
  highWatermark: count,
  logStartOffset: count,
  maxBytes: count,
});

const append = object(
  {
    ...partition,
    topicId: id,
    acks: choice('all', '1', '0'),
    batches: wholeNumber(0, INT32_MAX),
  },
  { callers: list(wholeNumber(0, INT32_MAX)) },
);

const failure = object({
  code: text(1, 100),
  message: clientText,
  outcome: choice('failed', 'unknown'),
  retriable: flag,
});
const notLeader = object({
  fault: choice('NOT_LEADER_OR_FOLLOWER', 'FENCED_LEADER_EPOCH', 'UNKNOWN_LEADER_EPOCH'),
  leader: nullable(wholeNumber(0, INT32_MAX)),
  leaderEpoch: wholeNumber(-1, INT32_MAX),
});
const anyInt64 = wholeNumber(-(2 ** 63), 2 ** 63);
const appended = anyOf(
  object({
    result: object({
      baseOffset: count,
      lastOffset: count,
      logAppendTimeMs: nullable(anyInt64),
      isDuplicate: flag,
    }),
  }),
  object({ error: failure }),
);
const appendAnswer = anyOf(
  object({ batches: list(appended) }),
  object({ notLeader }),
  object({ error: failure }),
);
const logEnds = { logStartOffset: count, highWatermark: count, logEndOffset: count };
const status = object(
  { ...partition, ...logEnds, sizeBytes: count },
  {
    replicas: list(object({ broker: wholeNumber(0, INT32_MAX), logEndOffset: count })),
    nextEpochStartOffset: count,
  },
);
const committed = object({
  ...partition,
  offset: nullable(count),
  highWatermark: nullable(count),
  lag: nullable(anyInt64),
  metadata: nullable(clientText),
});
const nothing = object({});
const digest = text(1, 100);
const revocations = list(object({ subject: text(1, 1000), keptUntilMs: nullable(timestampMs) }));
const securityPosition = { version: count, changeId: id };
/** Commits as they are stored; their signatures are checked by the broker that takes them. */
const securityCommits = list(
  object({ ...securityPosition, previousChangeId: id, changes: clientText, signature: id }),
);

export const PEER_CALLS: Readonly<Record<PeerMethod, PeerCall>> = {
  'replica-fetch': {
    body: object({
      replicaId: wholeNumber(0, INT32_MAX),
      brokerEpoch: count,
      journaledVersion: count,
      sessionId: id,
      sequence: count,
      maxWaitMs: count,
      maxBytes: count,
      positions: list(replicaPosition),
      forgotten: list(object(partition)),
    }),
  },
  produce: {
    body: object({ appends: list(append) }, { callers: list(requesterShape) }),
    blobCount: batchesOf,
    answer: object({ answers: list(appendAnswer) }),
  },
  fetch: {
    body: object(
      { ...partition, offset: count, maxBytes: count, minBytes: count, waitMs: count },
      { leaderEpoch: epoch, isFeed: flag, mayBeBehind: flag, caller: requesterShape },
    ),
    answer: object({ ...logEnds, leaderEpoch: wholeNumber(-1, INT32_MAX) }),
  },
  'list-offset': {
    body: object(
      { ...partition, at: anyOf(choice('earliest', 'latest'), object({ timestampMs })) },
      { caller: requesterShape },
    ),
    answer: object({
      offset: nullable(count),
      timestamp: nullable(anyInt64),
      leaderEpoch: nullable(wholeNumber(-1, INT32_MAX)),
    }),
  },
  'list-delayed': {
    body: object({
      ...partition,
      question: object({
        from: delayedCursor,
        pendingFrom: count,
        untilMs: count,
        recordsMax: count,
      }),
    }),
    answer: object(
      {
        from: delayedCursor,
        to: delayedCursor,
        records: list(delayedRecord),
        indexedTo: count,
        nextAtMs: nullable(count),
      },
      { leaderEpoch: wholeNumber(0, INT32_MAX) },
    ),
  },
  'delete-records': {
    body: object({ ...partition, beforeOffset: count }, { caller: requesterShape }),
    answer: object({ logStartOffset: count }),
  },
  'give-up-lost-records': {
    body: object(
      { ...partition, lost: object({ startOffset: count, endOffset: count }) },
      { caller: requesterShape },
    ),
    answer: nothing,
  },
  'partition-status': {
    body: object(
      { partitions: list(object(partition, { afterEpoch: epoch })) },
      { withReplicas: flag, metadataVersion: count },
    ),
    answer: object({ partitions: list(status) }),
  },
  'apply-metadata': {
    body: object({ version: count }),
    answer: nothing,
  },
  'commit-offsets': {
    body: object(
      {
        group,
        offsets: list(
          object({ ...partition, offset: count }, { leaderEpoch: epoch, metadata: clientText }),
        ),
      },
      { caller: requesterShape },
    ),
    answer: nothing,
  },
  'committed-offsets': {
    body: object({ group }, { topic: clientText, caller: requesterShape }),
    answer: object({ offsets: list(committed) }),
  },
  'exchange-revocations': {
    body: object({ revocations, digest, from: count }),
    answer: object({ revocations, digest }),
  },
  'security-commits': {
    body: object(securityPosition),
    answer: object({ position: object(securityPosition), commits: securityCommits }),
  },
  'redeem-ticket': {
    body: object({ ticket: text(1, 100) }),
    answer: object({ caller: nullable(callerShape) }),
  },
  ...GROUP_PEER_CALLS,
};

/**
 * Handlers that see only messages of the table's shapes; others reject with
 * MalformedPeerMessageError before anything is done.
 */
export function checkedPeerHandlers(handlers: PeerHandlers): PeerHandlers {
  const checked: Partial<Record<PeerMethod, PeerHandler>> = {};
  for (const [name, handler] of Object.entries(handlers)) {
    const method = name as PeerMethod;
    checked[method] = async (message, context) => {
      assertPeerMessage(method, message);
      return handler(message, context);
    };
  }
  return checked;
}

/** Time between two log lines about malformed answers. */
const MALFORMED_LOG_INTERVAL_MS = 10_000;

/**
 * Peers whose answers have the shapes of the table. A wrong answer is a failure of its call like a
 * lost one: PeerUnreachableError, which callers retry, and a line in the log now and then.
 */
export function checkedPeers(
  peers: Peers,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Peers {
  let loggedMs = Number.NEGATIVE_INFINITY;
  return {
    call: async (brokerId, method, message, options) => {
      const answer = await peers.call(brokerId, method, message, options);
      const shape = PEER_CALLS[method].answer;
      const fault = shape === undefined ? undefined : shapeFault(answer.body, shape);
      if (fault === undefined) return answer;
      const { pointer, accepted } = fault;
      const member = pointer === '' ? 'the body' : `the member "${pointer}"`;
      const error = new MalformedPeerMessageError(
        `${member} of the answer to a ${method} call is not ${accepted}`,
      );
      if (clock.monotonicMs() - loggedMs >= MALFORMED_LOG_INTERVAL_MS) {
        loggedMs = clock.monotonicMs();
        logger.warn({ err: error, brokerId, method }, 'the answer of another broker is malformed');
      }
      throw new PeerUnreachableError(brokerId, true, error);
    },
  };
}

/** @throws MalformedPeerMessageError that names the wrong member and what is accepted there */
function assertPeerMessage(method: PeerMethod, { body, blobs }: PeerMessage): void {
  const { body: shape, blobCount } = PEER_CALLS[method];
  const fault = shapeFault(body, shape);
  if (fault !== undefined) {
    const { pointer, accepted } = fault;
    const member = pointer === '' ? 'the body' : `the member "${pointer}"`;
    throw new MalformedPeerMessageError(`${member} of a ${method} call is not ${accepted}`);
  }
  const expectedCount = blobCount?.(body);
  if (expectedCount !== undefined && expectedCount !== blobs.length) {
    const sizes = `its appends name ${expectedCount} batches, but it has ${blobs.length} blobs`;
    throw new MalformedPeerMessageError(`the body of a ${method} call does not fit: ${sizes}`);
  }
}

function batchesOf(body: unknown): number {
  let sum = 0;
  const { appends } = body as { readonly appends: readonly { readonly batches: number }[] };
  for (const { batches } of appends) sum += batches;
  return sum;
}
