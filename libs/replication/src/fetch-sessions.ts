/**
 * The leader's side of replication: the sessions of all followers of what this broker leads.
 *
 * One session a follower; a new one takes the place of the one before.
 */
import type { ClusterState } from '#coordination';
import type { Clock, Scheduler } from '#runtime';
import { FetchSession, type ReplicaFetchAnswer } from './fetch-session.js';
import { FollowedPartition } from './followed-partition.js';
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
  /** Told when a follower's position continues its leader's log. */
  readonly onFetched: (partition: Partition) => void;
  /** Told when a broker has more of the metadata on its disk than before. */
  readonly onJournaled: (brokerId: number, version: number) => void;
}

export class FetchSessions {
  readonly #options: FetchSessionsOptions;
  readonly #byReplica = new Map<number, FetchSession>();
  readonly #followed = new Map<Partition, Map<FollowedPartition, FetchSession>>();
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
    this.#takeJournaled(request);
    for (const forgotten of request.forgotten) {
      const followed = session.forget(forgotten, request.sequence);
      if (followed !== undefined) this.#unwatch(followed);
    }
    for (const position of request.positions) this.#arm(session, position, request.sequence);
    return session.wait(request, signal);
  }

  /** Something about a partition has changed: its followers are told. */
  wake(partition: Partition): void {
    const followed = this.#followed.get(partition);
    if (followed === undefined) return;
    for (const [one, session] of followed) session.wake(one);
  }

  /** When a follower was there for the last time, monotonic; undefined when it never was. */
  seenMs(replicaId: number): number | undefined {
    const session = this.#byReplica.get(replicaId);
    return session?.isWaiting === true ? this.#options.clock.monotonicMs() : session?.lastSeenMs;
  }

  /** Answers all requests that wait. */
  end(): void {
    for (const session of this.#byReplica.values()) session.end();
    this.#byReplica.clear();
    this.#followed.clear();
  }

  #sessionOf(request: ReplicaFetchRequest): FetchSession | ReplicaFetchRefusal {
    const { replicaId, brokerEpoch, sessionId, sequence } = request;
    const { state, scheduler } = this.#options;
    if (state().brokers.get(replicaId)?.brokerEpoch !== brokerEpoch) return 'OTHER_BROKER_EPOCH';
    const present = this.#byReplica.get(replicaId);
    if (present?.id === sessionId && present.brokerEpoch === brokerEpoch) return present;
    if (sequence !== 1) return 'UNKNOWN_SESSION';
    if (present !== undefined) {
      for (const followed of present.followed()) this.#unwatch(followed);
      present.end();
      if (present.brokerEpoch !== brokerEpoch) this.#journaled.delete(replicaId);
    }
    const session = new FetchSession(replicaId, brokerEpoch, sessionId, scheduler);
    this.#byReplica.set(replicaId, session);
    return session;
  }

  #arm(session: FetchSession, position: ReplicaFetchPosition, sequence: number): void {
    if (!session.isNews(position, sequence)) return;
    const { replicaId, brokerEpoch } = session;
    const partition = this.#options.partition(position.topic, position.partition);
    const followed = new FollowedPartition(replicaId, partition, position, sequence);
    if (partition !== undefined && followed.continues) {
      const { fetchOffset: logEndOffset, syncedEndOffset } = position;
      partition.followerFetched(replicaId, { brokerEpoch, logEndOffset, syncedEndOffset });
      partition.metadataJournaled(replicaId, this.#journaled.get(replicaId) ?? -1);
      this.#options.onFetched(partition);
    }
    const before = session.arm(followed);
    if (before !== undefined) this.#unwatch(before);
    if (partition === undefined) return;
    // It could not take what it was handed: maybe the disk has given other bytes than were written.
    const isSame = before?.hasHandedRecords === true && isSamePosition(before.position, position);
    if (isSame) partition.log.recheck(position.fetchOffset);
    const watched = this.#followed.get(partition);
    if (watched === undefined) this.#followed.set(partition, new Map([[followed, session]]));
    else watched.set(followed, session);
  }

  #unwatch(followed: FollowedPartition): void {
    const { partition } = followed;
    if (partition === undefined) return;
    const watched = this.#followed.get(partition);
    watched?.delete(followed);
    if (watched?.size === 0) this.#followed.delete(partition);
  }

  #takeJournaled({ replicaId, journaledVersion }: ReplicaFetchRequest): void {
    if (journaledVersion <= (this.#journaled.get(replicaId) ?? -1)) return;
    this.#journaled.set(replicaId, journaledVersion);
    this.#options.onJournaled(replicaId, journaledVersion);
  }
}

function isSamePosition(one: ReplicaFetchPosition, other: ReplicaFetchPosition): boolean {
  return (
    one.fetchOffset === other.fetchOffset &&
    one.leaderEpoch === other.leaderEpoch &&
    one.electionId === other.electionId
  );
}
