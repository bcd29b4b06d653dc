/**
 * `replica-fetch` as peer messages. A request is checked before its handler is called
 * (peer-calls.ts), an answer here, before anything is made of it: the version of the other broker
 * may be another one.
 */
import { ProtocolError } from '#protocol';
import type { ReplicaFetchAnswer } from './fetch-session.js';
import type { PeerMessage } from './peers.js';
import type {
  EpochEnd,
  ReplicaFetchFault,
  ReplicaFetchRecords,
  ReplicaFetchRefusal,
  ReplicaFetchRequest,
  ReplicaFetchResponse,
  ReplicaFetchResult,
} from './replica-protocol.js';

export function encodeReplicaFetchRequest(request: ReplicaFetchRequest): PeerMessage {
  return { body: request, blobs: [] };
}

/** @param message one that has the shape of the call (peer-calls.ts) */
export function decodeReplicaFetchRequest({ body }: PeerMessage): ReplicaFetchRequest {
  return body as ReplicaFetchRequest;
}

export function encodeReplicaFetchAnswer({ response, blobs }: ReplicaFetchAnswer): PeerMessage {
  return { body: response, blobs };
}

/** @throws ProtocolError INVALID_REQUEST when it is not an answer */
export function decodeReplicaFetchResponse({ body, blobs }: PeerMessage): ReplicaFetchResponse {
  const response = new Fields(body);
  const refusal = response.choice('refusal', REFUSALS);
  const results = response.list('results', (fields) => resultOf(fields, blobs.length));
  return refusal === undefined ? { results } : { refusal, results };
}

const REFUSALS: Record<ReplicaFetchRefusal, true> = {
  UNKNOWN_SESSION: true,
  OTHER_BROKER_EPOCH: true,
};

const FAULTS: Record<ReplicaFetchFault, true> = {
  NOT_LEADER_OR_FOLLOWER: true,
  FENCED_LEADER_EPOCH: true,
  UNKNOWN_LEADER_EPOCH: true,
  UNKNOWN_TOPIC_ID: true,
  OFFSET_OUT_OF_RANGE: true,
  KAFKA_STORAGE_ERROR: true,
};

function resultOf(fields: Fields, blobs: number): ReplicaFetchResult {
  const fault = fields.choice('fault', FAULTS);
  const diverging = fields.part('diverging', epochEndOf);
  const records = fields.part('records', (part) => recordsOf(part, blobs));
  return {
    topic: fields.text('topic'),
    partition: fields.count('partition'),
    sequence: fields.count('sequence'),
    highWatermark: fields.count('highWatermark'),
    logStartOffset: fields.count('logStartOffset'),
    ...(fault === undefined ? undefined : { fault }),
    ...(diverging === undefined ? undefined : { diverging }),
    ...(records === undefined ? undefined : { records }),
  };
}

function epochEndOf(fields: Fields): EpochEnd {
  return {
    epoch: fields.whole('epoch', -1),
    electionId: fields.isNull('electionId') ? null : fields.text('electionId'),
    endOffset: fields.count('endOffset'),
  };
}

function recordsOf(fields: Fields, blobs: number): ReplicaFetchRecords {
  const firstBlob = fields.count('firstBlob');
  const blobCount = fields.count('blobCount');
  if (firstBlob + blobCount > blobs) throw malformed('blobCount');
  return {
    firstBlob,
    blobCount,
    compactedEndOffset: fields.count('compactedEndOffset'),
    elections: fields.list('elections', (election) => ({
      epoch: election.count('epoch'),
      electionId: election.text('electionId'),
    })),
  };
}

/** The members of a JSON object, each checked before it is used. */
class Fields {
  readonly #members: Readonly<Record<string, unknown>>;

  constructor(value: unknown) {
    if (typeof value !== 'object' || value === null) throw malformed('the object');
    this.#members = value as Record<string, unknown>;
  }

  isNull(name: string): boolean {
    return this.#members[name] === null;
  }

  text(name: string): string {
    const value = this.#members[name];
    if (typeof value !== 'string') throw malformed(name);
    return value;
  }

  /** A whole number that is not negative. */
  count(name: string): number {
    return this.whole(name, 0);
  }

  whole(name: string, min: number): number {
    const value = this.#members[name];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min) {
      throw malformed(name);
    }
    return value;
  }

  list<T>(name: string, item: (fields: Fields) => T): T[] {
    const value = this.#members[name];
    if (!Array.isArray(value)) throw malformed(name);
    return value.map((body) => item(new Fields(body)));
  }

  part<T>(name: string, read: (fields: Fields) => T): T | undefined {
    const value = this.#members[name];
    return value === undefined ? undefined : read(new Fields(value));
  }

  choice<Choice extends string>(name: string, choices: Record<Choice, true>): Choice | undefined {
    const value = this.#members[name];
    if (value === undefined) return undefined;
    if (typeof value !== 'string' || !Object.hasOwn(choices, value)) throw malformed(name);
    return value as Choice;
  }
}

function malformed(name: string): ProtocolError {
  return new ProtocolError('INVALID_REQUEST', `A message of another broker is malformed: ${name}.`);
}
