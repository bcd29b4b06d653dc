/**
 * Reads of partitions, whose leaders may be any brokers. The leader answers single requests, so
 * that a client sees every record acknowledged before. A stream continues from this broker's own
 * replica while it is in sync, up to the high watermark known here.
 */
import type { CoordinationStore } from '#coordination';
import type { DueAnswer, DueQuestion } from '#groups';
import type { BatchUnpacker, OffsetRange } from '#log';
import { type Offset, ProtocolError, type TopicPartition } from '#protocol';
import type { PeerMessage, PeerMethod, Peers, ReplicaManager } from '#replication';
import type { Clock } from '#runtime';
import type { FetchRequest, FetchResult, ListedOffset, OffsetSpec } from '../broker.js';
import type { DelayedRecords } from '../delayed-records.js';
import type { Requester } from '../requester.js';
import type { LeaderCalls } from './leader-calls.js';
import { fetchAtLeader } from './leader-fetch.js';
import type { LeadershipCheck } from './leadership-check.js';
import { fetchedOf, fetchMessage } from './peer-messages.js';

interface PartitionAccessOptions {
  readonly store: CoordinationStore;
  readonly replicas: ReplicaManager;
  readonly delayed: DelayedRecords;
  readonly peers: Peers;
  readonly leaders: LeaderCalls;
  readonly leadership: LeadershipCheck;
  readonly clock: Clock;
  readonly brokerId: number;
  /** Unpacks the batches that other brokers answer. */
  readonly unpacker: BatchUnpacker;
  /** Time that a client waits for a leader, in ms, in addition to its wait for records. */
  readonly leaderWaitMs: number;
}

/**
 * Requests for one partition other than writes. See `Broker`.
 *
 * A request that is sent to the leader names its requester, about whom the leader decides again.
 */
export class PartitionAccess {
  readonly #options: PartitionAccessOptions;

  constructor(options: PartitionAccessOptions) {
    this.#options = options;
  }

  fetch(request: FetchRequest, requester?: Requester): Promise<FetchResult> {
    if (!this.#isAnsweredHere(request)) return this.#fetchFromLeader(request, requester);
    return this.#options.replicas.fetch(request, request).catch((error: unknown) => {
      // The leader has the records that this replica cannot read, such as damaged ones, and it
      // confirms that a position does not exist.
      if (!isAnsweredByLeader(error)) throw error;
      return this.#fetchFromLeader(request, requester);
    });
  }

  listOffset(
    target: TopicPartition,
    spec: OffsetSpec,
    requester?: Requester,
  ): Promise<ListedOffset> {
    const { replicas } = this.#options;
    return this.#call(target, {
      method: 'list-offset',
      message: () => ({ body: { ...target, at: spec, caller: requester }, blobs: [] }),
      here: () => {
        replicas.table.leaderOrThrow(target);
        return replicas.listOffset(target, spec);
      },
      there: ({ body }) => body as ListedOffset,
    });
  }

  /** Lists delayed records that are due; see `DelayedIndex.list`. */
  listDelayed(target: TopicPartition, question: DueQuestion): Promise<DueAnswer> {
    const { delayed } = this.#options;
    return this.#call(target, {
      method: 'list-delayed',
      message: () => ({ body: { ...target, question }, blobs: [] }),
      here: () => delayed.list(target, question),
      there: ({ body }) => body as DueAnswer,
    });
  }

  deleteRecords(
    target: TopicPartition,
    beforeOffset: Offset,
    requester?: Requester,
  ): Promise<Offset> {
    const { replicas, leadership } = this.#options;
    return this.#call(target, {
      method: 'delete-records',
      message: () => ({ body: { ...target, beforeOffset, caller: requester }, blobs: [] }),
      here: () => leadership.atLeader(target, () => replicas.deleteRecords(target, beforeOffset)),
      there: ({ body }) => (body as { readonly logStartOffset: Offset }).logStartOffset,
    });
  }

  acceptDataLoss(target: TopicPartition, lost: OffsetRange, requester?: Requester): Promise<void> {
    const { replicas } = this.#options;
    return this.#call(target, {
      method: 'give-up-lost-records',
      message: () => ({ body: { ...target, lost, caller: requester }, blobs: [] }),
      here: () => {
        replicas.table.leaderOrThrow(target);
        return replicas.acceptDataLoss(target, lost);
      },
      there: () => undefined,
    });
  }

  #fetchFromLeader(request: FetchRequest, requester: Requester | undefined): Promise<FetchResult> {
    const { replicas, leadership, unpacker } = this.#options;
    const { signal, leaderWaitMs } = request;
    return this.#call(request, {
      method: 'fetch',
      message: () => fetchMessage(request, requester),
      here: () => fetchAtLeader(replicas, leadership, request),
      there: (message) => fetchedOf(message, unpacker),
      waitMs: request.waitMs,
      ...(leaderWaitMs === undefined ? {} : { leaderWaitMs }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /**
   * True when this broker's replica may answer: it leads, or it is in sync and the fetch belongs to
   * a stream.
   */
  #isAnsweredHere(request: FetchRequest): boolean {
    const { topic, partition, offset, leaderEpoch = 0, mayBeBehind } = request;
    const { store, replicas, brokerId } = this.#options;
    const replica = replicas.table.partition(topic, partition);
    if (replica === undefined) return false;
    if (mayBeBehind !== true) return replica.isLeader;
    // In sync, and as far as the reader.
    const metadata = store.state.topics.get(topic)?.partitions[partition];
    return (
      metadata?.isr.includes(brokerId) === true &&
      offset <= replica.log.offsets.logEnd &&
      leaderEpoch <= replica.leaderEpoch
    );
  }

  #call<T>({ topic, partition }: TopicPartition, call: ForwardedCall<T>): Promise<T> {
    const { clock, peers, leaders } = this.#options;
    const { method, message, waitMs = 0, signal } = call;
    const { leaderWaitMs = this.#options.leaderWaitMs } = call;
    const deadlineMs = clock.monotonicMs() + waitMs + leaderWaitMs;
    return leaders.call(
      { topic, partition },
      {
        // An error thrown synchronously must reject the promise, too.
        here: async () => call.here(),
        there: async (brokerId, timeoutMs) => {
          const options = signal === undefined ? { timeoutMs } : { timeoutMs, signal };
          return call.there(await peers.call(brokerId, method, message(), options));
        },
      },
      { deadlineMs, isAbandoned: () => signal?.aborted === true },
    );
  }
}

function isAnsweredByLeader(error: unknown): boolean {
  if (!(error instanceof ProtocolError)) return false;
  return error.code === 'LEADER_NOT_AVAILABLE' || error.code === 'OFFSET_OUT_OF_RANGE';
}

/** A request that is done here or sent to the leader. */
interface ForwardedCall<T> {
  readonly method: PeerMethod;
  readonly message: () => PeerMessage;
  readonly here: () => Promise<T>;
  readonly there: (answer: PeerMessage) => T;
  /** Time that the leader itself may wait, in ms. */
  readonly waitMs?: number;
  /** Time that the leader has to answer, in addition to that, in ms; a setting by default. */
  readonly leaderWaitMs?: number;
  readonly signal?: AbortSignal;
}
