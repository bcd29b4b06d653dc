/** What a store asks of Redis: each method is one script or command. */
import { type ClusterState, EMPTY_CLUSTER, type MetadataCommit } from '../cluster-state.js';
import type { BrokerLease } from '../coordination-store.js';
import type { MetadataChange } from '../metadata.js';
import type { RedisConnection } from './redis-connection.js';
import type { RedisKeys } from './redis-keys.js';
import {
  commitOf,
  type SnapshotReply,
  type StreamEntry,
  stateOfSnapshot,
  writesOf,
} from './registry-codec.js';
import {
  COMMIT_SCRIPT,
  FOUND_CLUSTER_SCRIPT,
  RENEW_LEASE_SCRIPT,
  SNAPSHOT_SCRIPT,
} from './scripts.js';

/** Commits that brokers which were away can catch up with; beyond they read everything. */
const STREAM_LENGTH = 10_000;
const COMMITS_A_READ = 200;

/** Version of what stands in Redis. A later one that cannot be read by this program has a higher number. */
export const PROTOCOL_VERSION = 1;

/** The value of the cluster's key. */
export interface ClusterDocument {
  readonly uuid: string;
  readonly protocol_version: number;
  /** Random, of the founding or the last rebuild. */
  readonly incarnation: string;
}

/** A cluster's document, and its text as it stands in Redis: scripts compare that. */
export interface RegisteredCluster {
  readonly document: ClusterDocument;
  readonly text: string;
}

export interface RegistrySnapshot {
  readonly cluster: RegisteredCluster;
  readonly state: ClusterState;
  /** Change id of the version that was asked for; null when the stream has it no more. */
  readonly knownChangeId: string | null;
}

export type CommitReply =
  | { readonly kind: 'committed' }
  /** The key of the cluster is gone, or another cluster's or incarnation's. */
  | { readonly kind: 'other-cluster' }
  | {
      readonly kind: 'conflict';
      /** `<version> <change id>`; empty when there is none. */
      readonly newest: string;
      /** The first of the commits that came meanwhile, as far as Redis has them. */
      readonly missed: readonly MetadataCommit[];
    };

export class RedisRegistry {
  readonly #keys: RedisKeys;
  readonly #commands: RedisConnection;
  readonly #follower: RedisConnection;

  /** @param follower the connection that waits for changes */
  constructor(keys: RedisKeys, commands: RedisConnection, follower: RedisConnection) {
    this.#keys = keys;
    this.#commands = commands;
    this.#follower = follower;
  }

  /** @param before what the commit was decided on */
  async commit(
    cluster: RegisteredCluster,
    before: ClusterState,
    commit: MetadataCommit,
    timeoutMs: number,
  ): Promise<CommitReply> {
    const { cluster: clusterKey, version, changes } = this.#keys;
    const writes = writesOf(this.#keys, before, commit.changes);
    const [kind, newest = '', missed = []] = await this.#commands.script<
      [CommitReply['kind'], string?, StreamEntry[]?]
    >(
      COMMIT_SCRIPT,
      [clusterKey, version, changes, ...writes.map(({ key }) => key)],
      [
        cluster.text,
        String(before.version),
        before.changeId,
        String(commit.version),
        commit.changeId,
        JSON.stringify(commit.changes),
        String(STREAM_LENGTH),
        String(COMMITS_A_READ),
        ...writes.flatMap(({ verb, value }) => [verb, value]),
      ],
      timeoutMs,
    );
    return kind === 'conflict' ? { kind, newest, missed: missed.map(commitOf) } : { kind };
  }

  /** The cluster that Redis has; undefined when it has none. */
  async cluster(): Promise<RegisteredCluster | undefined> {
    const text = await this.#commands.call<string | null>((client) =>
      client.get(this.#keys.cluster),
    );
    return text === null ? undefined : registered(text);
  }

  /**
   * Founds a cluster that has this state, unless there is one.
   * @returns the one that is there now
   */
  async found(document: ClusterDocument, state: ClusterState): Promise<RegisteredCluster> {
    const { cluster, version, changes } = this.#keys;
    const writes = writesOf(this.#keys, EMPTY_CLUSTER, wholeOf(state));
    const text = await this.#commands.script<string>(
      FOUND_CLUSTER_SCRIPT,
      [cluster, version, changes, ...writes.map(({ key }) => key)],
      [
        JSON.stringify(document),
        `${state.version} ${state.changeId}`,
        ...writes.flatMap(({ verb, value }) => [verb, value]),
      ],
    );
    return registered(text);
  }

  /**
   * Everything at one moment; undefined when Redis has no cluster.
   * @param knownVersion whose change id is asked for
   * @throws IncompleteRegistryError
   */
  async snapshot(knownVersion: number): Promise<RegistrySnapshot | undefined> {
    const { cluster, version, changes, controller, brokerIds, topicNames, deletedTopics } =
      this.#keys;
    const reply = await this.#commands.script<SnapshotReply>(
      SNAPSHOT_SCRIPT,
      [cluster, version, changes, controller, brokerIds, topicNames, deletedTopics],
      [String(knownVersion)],
    );
    const [text, , , , , , knownChangeId] = reply;
    if (text === null) return undefined;
    return { cluster: registered(text), state: stateOfSnapshot(reply), knownChangeId };
  }

  /** Waits for commits after a version; none when none came in that time. */
  async nextCommits(version: number, waitMs: number): Promise<MetadataCommit[]> {
    const streams = await this.#follower.call<[string, StreamEntry[]][] | null>((client) =>
      client.xread(
        'COUNT',
        COMMITS_A_READ,
        'BLOCK',
        waitMs,
        'STREAMS',
        this.#keys.changes,
        `${version}-0`,
      ),
    );
    return streams?.[0]?.[1].map(commitOf) ?? [];
  }

  /** `<version> <change id>`; null when there is none. */
  newest(): Promise<string | null> {
    return this.#commands.call((client) => client.get(this.#keys.version));
  }

  /** @returns whether it was renewed (false: a later process has the broker id), and as `newest` */
  async renewLease(
    { brokerId, brokerEpoch }: BrokerLease,
    renewal: string,
    timeoutMs: number,
  ): Promise<{ isRenewed: boolean; newest: string | null }> {
    const [isRenewed, newest] = await this.#commands.script<[number, string | null]>(
      RENEW_LEASE_SCRIPT,
      [this.#keys.lease(brokerId), this.#keys.version],
      [String(brokerEpoch), renewal],
      timeoutMs,
    );
    return { isRenewed: isRenewed === 1, newest };
  }

  async leases(
    brokerIds: readonly number[],
    timeoutMs: number,
  ): Promise<ReadonlyMap<number, string>> {
    if (brokerIds.length === 0) return new Map();
    const keys = brokerIds.map((id) => this.#keys.lease(id));
    const values = await this.#commands.call<(string | null)[]>(
      (client) => client.mget(...keys),
      timeoutMs,
    );
    const leases = new Map<number, string>();
    for (const [at, id] of brokerIds.entries()) {
      const value = values[at];
      if (value !== null && value !== undefined) leases.set(id, value);
    }
    return leases;
  }
}

function registered(text: string): RegisteredCluster {
  return { document: JSON.parse(text) as ClusterDocument, text };
}

/** The changes that make this state of an empty one. */
function wholeOf(state: ClusterState): MetadataChange[] {
  const { brokers, controller, topics, deletedTopics } = state;
  return [
    ...Array.from(brokers.values(), (broker) => ({ kind: 'broker' as const, broker })),
    ...(controller === null ? [] : [{ kind: 'controller' as const, controller }]),
    // Before the topics: one of them may have the name of one that was deleted.
    ...Array.from(deletedTopics.values(), (topic) => ({ kind: 'topic-deleted' as const, topic })),
    ...Array.from(topics.values(), (topic) => ({ kind: 'topic' as const, topic })),
  ];
}
