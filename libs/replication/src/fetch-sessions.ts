import type { ClusterState } from '#coordination';
import type { Clock, Scheduler } from '#runtime';
import { FetchSession, type ReplicaFetchAnswer } from './fetch-session.js';
import { FollowerFetchState } from './follower-fetch-state.js';
import type { Partition } from './partition.js';
import type {
  ReplicaFetchPosition,
  ReplicaFetchRefusal,
  ReplicaFetchRequest,
} from './replica-protocol.js';

export interface FetchSessionsOptions {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly state: () => ClusterState;
  readonly partition: (topic: string, partition: number) => Partition | undefined;
  /** Called when the log of a follower is a beginning of its leader's log. */
  readonly onFetched: (partition: Partition) => void;
  /** Called when a broker has a newer version of the metadata on its disk than before. */
  readonly onJournaled: (brokerId: number, version: number) => void;
}

/**
 * The leader's side of replication: the fetch sessions of all followers of partitions that this
 * broker leads. A follower has one session; a new session ends the one before.
 */
export class FetchSessions {
  readonly #options: FetchSessionsOptions;
  readonly #byReplica = new Map<number, FetchSession>();
  readonly #fetchStates = new Map<Partition, Map<FollowerFetchState, FetchSession>>();
  /** Newest version of the metadata on the disk of each broker, by broker id. */
  readonly #journaled = new Map<number, number>();

  constructor(options: FetchSessionsOptions) {
    this.#options = options;
  }

  fetch(request: ReplicaFetchRequest, signal: AbortSignal): Promise<ReplicaFetchAnswer> {
    const session = this.#sessionOf(request);
    if (typeof session === 'string') {
      return Promise.resolve({ response: { refusal: session, results: [] }, blobs: [] });
    }
    session.lastSeenMs = this.#options.clock.monotonicMs();
    this.#recordJournaled(request);
    for (const forgotten of request.forgotten) {
      const fetchState = session.forget(forgotten, request.sequence);
      if (fetchState !== undefined) this.#unwatch(fetchState);
    }
    for (const position of request.positions) this.#arm(session, position, request.sequence);
    return session.wait(request, signal);
  }

  /** Answers the followers of a partition that has changed. */
  wake(partition: Partition): void {
    const fetchStates = this.#fetchStates.get(partition);
    if (fetchStates === undefined) return;
    for (const [fetchState, session] of fetchStates) session.wake(fetchState);
  }

  /**
   * Monotonic time in ms at which a follower was last connected; undefined when it has no session.
   */
  seenMs(replicaId: number): number | undefined {
    const session = this.#byReplica.get(replicaId);
    return session?.isWaiting === true ? this.#options.clock.monotonicMs() : session?.lastSeenMs;
  }

  /** Answers all requests that wait. */
  end(): void {
    for (const session of this.#byReplica.values()) session.end();
    this.#byReplica.clear();
    this.#fetchStates.clear();
  }

  #sessionOf(request: ReplicaFetchRequest): FetchSession | ReplicaFetchRefusal {
    const { replicaId, brokerEpoch, sessionId, sequence } = request;
    const { state, scheduler } = this.#options;
    if (state().brokers.get(replicaId)?.brokerEpoch !== brokerEpoch) return 'OTHER_BROKER_EPOCH';
    const existing = this.#byReplica.get(replicaId);
    if (existing?.id === sessionId && existing.brokerEpoch === brokerEpoch) return existing;
    if (sequence !== 1) return 'UNKNOWN_SESSION';
    if (existing !== undefined) {
      for (const fetchState of existing.fetchStates()) this.#unwatch(fetchState);
      existing.end();
      if (existing.brokerEpoch !== brokerEpoch) this.#journaled.delete(replicaId);
    }
    const session = new FetchSession(replicaId, brokerEpoch, sessionId, scheduler);
    this.#byReplica.set(replicaId, session);
    return session;
  }

  #arm(session: FetchSession, position: ReplicaFetchPosition, sequence: number): void {
    if (!session.isNewer(position, sequence)) return;
    const { replicaId, brokerEpoch } = session;
    const partition = this.#options.partition(position.topic, position.partition);
    const fetchState = new FollowerFetchState(replicaId, partition, position, sequence);
    if (partition !== undefined && fetchState.continues) {
      const { fetchOffset: logEndOffset, syncedEndOffset } = position;
      partition.followerFetched(replicaId, { brokerEpoch, logEndOffset, syncedEndOffset });
      partition.metadataJournaled(replicaId, this.#journaled.get(replicaId) ?? -1);
      this.#options.onFetched(partition);
    }
    const before = session.arm(fetchState);
    if (before !== undefined) this.#unwatch(before);
    if (partition === undefined) return;
    // The follower could not apply the records of the last answer: the disk here may have returned
    // other bytes than were written.
    const isSame = before?.hasSentRecords === true && isSamePosition(before.position, position);
    if (isSame) partition.log.reader.recheck(position.fetchOffset);
    const watched = this.#fetchStates.get(partition);
    if (watched === undefined) this.#fetchStates.set(partition, new Map([[fetchState, session]]));
    else watched.set(fetchState, session);
  }

  #unwatch(fetchState: FollowerFetchState): void {
    const { partition } = fetchState;
    if (partition === undefined) return;
    const watched = this.#fetchStates.get(partition);
    watched?.delete(fetchState);
    if (watched?.size === 0) this.#fetchStates.delete(partition);
  }

  #recordJournaled({ replicaId, journaledVersion }: ReplicaFetchRequest): void {
    if (journaledVersion <= (this.#journaled.get(replicaId) ?? -1)) return;
    this.#journaled.set(replicaId, journaledVersion);
    this.#options.onJournaled(replicaId, journaledVersion);
  }
}

function isSamePosition(left: ReplicaFetchPosition, right: ReplicaFetchPosition): boolean {
  return (
    left.fetchOffset === right.fetchOffset &&
    left.leaderEpoch === right.leaderEpoch &&
    left.electionId === right.electionId
  );
}
