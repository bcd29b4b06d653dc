/**
 * The calls between brokers: what the message of each must look like. Every handler of the private
 * listener is behind this table (`checkedPeerHandlers`), and so reads what it is sent without checks
 * of its own.
 */
import {
  choice,
  either,
  flag,
  list,
  type MessageShape,
  nullable,
  object,
  shapeFault,
  text,
  whole,
} from './message-shape.js';
import {
  MalformedPeerMessageError,
  type PeerHandler,
  type PeerHandlers,
  type PeerMessage,
  type PeerMethod,
} from './peers.js';

/** What the message of a call must look like. */
interface PeerCall {
  readonly body: MessageShape;
  /** How many blobs belong to a body of that shape; left out where the call reads none. */
  readonly blobCount?: (body: unknown) => number;
}

const INT32_MAX = 2 ** 31 - 1;

const count = whole(0, Number.MAX_SAFE_INTEGER);
/** Clients may ask for any time of 16 digits. */
const timestampMs = whole(-(10 ** 16), 10 ** 16);
const epoch = whole(0, INT32_MAX);
const id = text(0, 255);
const group = text(1, 255);
/** Texts of clients: their own limits, which are settings, are checked elsewhere. */
const clientText = text(0, INT32_MAX);
const partition = { topic: text(1, 249), partition: whole(0, INT32_MAX) };

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

const append = object({
  ...partition,
  topicId: id,
  acks: choice('all', '1', '0'),
  batches: whole(0, INT32_MAX),
});

export const PEER_CALLS: Readonly<Record<PeerMethod, PeerCall>> = {
  'replica-fetch': {
    body: object({
      replicaId: whole(0, INT32_MAX),
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
  produce: { body: object({ appends: list(append) }), blobCount: batchesOf },
  fetch: {
    body: object(
      { ...partition, offset: count, maxBytes: count, minBytes: count, waitMs: count },
      { leaderEpoch: epoch, isFeed: flag, mayBeBehind: flag },
    ),
  },
  'list-offset': {
    body: object({
      ...partition,
      at: either(choice('earliest', 'latest'), object({ timestampMs })),
    }),
  },
  'delete-records': { body: object({ ...partition, beforeOffset: count }) },
  'give-up-lost-records': {
    body: object({ ...partition, lost: object({ startOffset: count, endOffset: count }) }),
  },
  'partition-status': {
    body: object({ partitions: list(object(partition)) }, { withReplicas: flag }),
  },
  'commit-offsets': {
    body: object({
      group,
      offsets: list(
        object({ ...partition, offset: count }, { leaderEpoch: epoch, metadata: clientText }),
      ),
    }),
  },
  'committed-offsets': { body: object({ group }, { topic: clientText }) },
};

/**
 * Handlers that see only messages of the table's shapes; others reject with MalformedPeerMessageError
 * before anything is done.
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

/** @throws MalformedPeerMessageError that names the wrong member and what is accepted there */
function assertPeerMessage(method: PeerMethod, { body, blobs }: PeerMessage): void {
  const { body: shape, blobCount } = PEER_CALLS[method];
  const fault = shapeFault(body, shape);
  if (fault !== undefined) {
    const { pointer, accepted } = fault;
    const member = pointer === '' ? 'the body' : `the member "${pointer}"`;
    throw new MalformedPeerMessageError(`${member} of a ${method} call is not ${accepted}`);
  }
  const wanted = blobCount?.(body);
  if (wanted !== undefined && wanted !== blobs.length) {
    const sizes = `its appends name ${wanted} batches, but it has ${blobs.length} blobs`;
    throw new MalformedPeerMessageError(`the body of a ${method} call does not fit: ${sizes}`);
  }
}

function batchesOf(body: unknown): number {
  let sum = 0;
  const { appends } = body as { readonly appends: readonly { readonly batches: number }[] };
  for (const { batches } of appends) sum += batches;
  return sum;
}
