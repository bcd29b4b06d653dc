/**
 * A registry in Redis: each method is one script or command, on keys that people can read (see
 * redis-keys.ts). Two connections: one waits for changes, the other does everything else.
 *
 * Overlap: all calls may overlap; Redis runs each script or command as one atomic step.
 */

import {
  type ClusterState,
  type CommitName,
  EMPTY_CLUSTER,
  type MetadataCommit,
} from '../cluster-state.js';
import type { BrokerLease, LeaseReply } from '../lease/lease-renewer.js';
import type { RebuildRound, RebuildRounds } from '../registry/rebuild-rounds.js';
import type {
  ClusterDocument,
  CommitReply,
  RebuildView,
  RegisteredCluster,
  Registry,
  RegistrySnapshot,
} from '../registry/registry.js';
import { type StateDocument, stateDocument, stateOf } from '../state-document.js';
import { RedisConnection, type RedisConnectionOptions } from './redis-connection.js';
import { RedisKeys } from './redis-keys.js';
import { renewLease } from './redis-lease.js';
import { RedisRebuildRounds, roundText, type ViewCodec } from './redis-rebuild-rounds.js';
import {
  changesFromEmpty,
  commitOf,
  parseVersion,
  type RedisWrite,
  type SnapshotReply,
  type StreamEntry,
  stateOfSnapshot,
  writesFor,
} from './registry-codec.js';
import type { ScriptName } from './scripts.js';

/** Length of the stream. A broker that missed more commits reads everything. */
const STREAM_LENGTH = 10_000;
const COMMITS_PER_READ = 200;
const CALL_TIMEOUT_MS = 1000;
/** Longest wait for changes. */
const WAIT_MS_MAX = 5000;

interface ViewDocument {
  readonly broker_id: number;
  readonly data_dir_uuid: string;
  readonly broker_epoch: number;
  readonly state: StateDocument;
}

const VIEWS: ViewCodec<RebuildView> = {
  encode: (view) =>
    JSON.stringify({
      broker_id: view.brokerId,
      data_dir_uuid: view.dataDirUuid,
      broker_epoch: view.brokerEpoch,
      state: stateDocument(view.state),
    } satisfies ViewDocument),
  decode: (text) => {
    const document = JSON.parse(text) as ViewDocument;
    return {
      brokerId: document.broker_id,
      dataDirUuid: document.data_dir_uuid,
      brokerEpoch: document.broker_epoch,
      state: stateOf(document.state),
    };
  },
};

export interface RedisRegistryOptions
  extends Pick<RedisConnectionOptions, 'endpoint' | 'random' | 'scheduler' | 'logger'> {
  readonly clusterId: string;
  readonly brokerId: number;
}

export class RedisRegistry implements Registry {
  readonly rebuilds: RebuildRounds<RebuildView>;
  readonly #keys: RedisKeys;
  readonly #commands: RedisConnection;
  readonly #follower: RedisConnection;
  #listener: Parameters<Registry['listen']>[0] | undefined;

  constructor(options: RedisRegistryOptions) {
    const { clusterId, brokerId } = options;
    this.#keys = new RedisKeys(clusterId);
    const connect = (purpose: string, callTimeoutMs: number): RedisConnection =>
      new RedisConnection({
        ...options,
        callTimeoutMs,
        name: `sluice-${clusterId}-${brokerId}-${purpose}`,
        onReady: () => {
          if (this.isReady) this.#listener?.onReady();
        },
        onLost: () => this.#listener?.onLost(),
      });
    this.#commands = connect('commands', CALL_TIMEOUT_MS);
    this.#follower = connect('changes', WAIT_MS_MAX + CALL_TIMEOUT_MS);
    this.rebuilds = new RedisRebuildRounds(this.#commands, this.#keys, VIEWS);
  }

  get isReady(): boolean {
    return this.#commands.isReady && this.#follower.isReady;
  }

  get lastError(): unknown {
    return this.#commands.lastError ?? this.#follower.lastError;
  }

  /** The connection for calls that do not concern the metadata. */
  get connection(): RedisConnection {
    return this.#commands;
  }

  listen(listener: { readonly onReady: () => void; readonly onLost: () => void }): void {
    this.#listener = listener;
  }

  async cluster(): Promise<RegisteredCluster | undefined> {
    const text = await this.#get(this.#keys.cluster);
    return text === null ? undefined : registered(text);
  }

  async found(
    document: ClusterDocument,
    state: ClusterState,
  ): Promise<RegisteredCluster | undefined> {
    const { cluster, version, changes, confirmation, rebuild } = this.#keys;
    const text = await this.#commit<string | null>(
      'sluiceFoundCluster',
      [cluster, version, changes, confirmation, rebuild],
      [JSON.stringify(document), versionText(state)],
      writesFor(this.#keys, EMPTY_CLUSTER, changesFromEmpty(state)),
    );
    return text === null ? undefined : registered(text);
  }

  async snapshot(knownVersion: number): Promise<RegistrySnapshot | undefined> {
    const keys = this.#keys;
    const reply = await this.#commands.script<SnapshotReply>(
      'sluiceSnapshot',
      [
        keys.cluster,
        keys.version,
        keys.changes,
        keys.controller,
        keys.brokerIds,
        keys.topicNames,
        keys.deletedTopics,
        keys.confirmation,
      ],
      [String(knownVersion)],
    );
    const [text, , , , , , knownChangeId, isConfirmed] = reply;
    if (text === null) return undefined;
    return {
      cluster: registered(text),
      isConfirmed: isConfirmed === 1,
      state: stateOfSnapshot(reply),
      knownChangeId,
    };
  }

  async commit(
    cluster: RegisteredCluster,
    before: ClusterState,
    commit: MetadataCommit,
    timeoutMs: number,
  ): Promise<CommitReply> {
    const { cluster: clusterKey, version, changes, confirmation } = this.#keys;
    const [kind, missed = []] = await this.#commit<[CommitReply['kind'], StreamEntry[]?]>(
      'sluiceCommit',
      [clusterKey, version, changes, confirmation],
      [
        cluster.text,
        String(before.version),
        before.changeId,
        String(commit.version),
        commit.changeId,
        JSON.stringify(commit.changes),
        String(STREAM_LENGTH),
        String(COMMITS_PER_READ),
      ],
      writesFor(this.#keys, before, commit.changes),
      timeoutMs,
    );
    return kind === 'conflict' ? { kind, missed: missed.map(commitOf) } : { kind };
  }

  async newest(): Promise<CommitName | undefined> {
    const text = await this.#get(this.#keys.version);
    return text === null ? undefined : parseVersion(text);
  }

  async nextCommits(version: number, waitMs: number): Promise<MetadataCommit[]> {
    const after = `${version}-0`;
    const block = Math.min(waitMs, WAIT_MS_MAX);
    const streams = await this.#follower.call<[string, StreamEntry[]][] | null>((client) =>
      client.xread('COUNT', COMMITS_PER_READ, 'BLOCK', block, 'STREAMS', this.#keys.changes, after),
    );
    return streams?.[0]?.[1].map(commitOf) ?? [];
  }

  renewLease(lease: BrokerLease, renewal: string, timeoutMs: number): Promise<LeaseReply> {
    return renewLease(this.#commands, this.#keys, { lease, renewal, timeoutMs });
  }

  leases(brokerIds: readonly number[], timeoutMs: number): Promise<ReadonlyMap<number, string>> {
    return this.#ofBrokers(brokerIds, (id) => this.#keys.lease(id), timeoutMs);
  }

  async publishJournaled(brokerId: number, version: number): Promise<void> {
    const key = this.#keys.journaled(brokerId);
    await this.#commands.call((client) => client.set(key, String(version)));
  }

  async journaledVersions(brokerIds: readonly number[]): Promise<ReadonlyMap<number, number>> {
    const texts = await this.#ofBrokers(brokerIds, (id) => this.#keys.journaled(id));
    return new Map(Array.from(texts, ([id, text]) => [id, Number(text)]));
  }

  async confirmedBy(): Promise<string | undefined> {
    return (await this.#get(this.#keys.confirmation)) ?? undefined;
  }

  async installRebuilt(
    round: RebuildRound,
    document: ClusterDocument,
    state: ClusterState,
  ): Promise<boolean> {
    const keys = this.#keys;
    const isInstalled = await this.#commit<number>(
      'sluiceInstallRebuilt',
      [
        keys.cluster,
        keys.version,
        keys.changes,
        keys.confirmation,
        keys.rebuild,
        keys.rebuildViews,
        keys.brokerIds,
        keys.topicNames,
        keys.deletedTopics,
        keys.controller,
      ],
      [roundText(round), JSON.stringify(document), versionText(state)],
      writesFor(keys, EMPTY_CLUSTER, changesFromEmpty(state)),
    );
    return isInstalled === 1;
  }

  close(): void {
    this.#commands.close();
    this.#follower.close();
  }

  /** Runs a script that ends with `apply_writes`: each write has a key, a verb and a value. */
  #commit<T>(
    script: ScriptName,
    keys: readonly string[],
    values: readonly string[],
    writes: readonly RedisWrite[],
    timeoutMs?: number,
  ): Promise<T> {
    return this.#commands.script<T>(
      script,
      [...keys, ...writes.map(({ key }) => key)],
      [...values, ...writes.flatMap(({ verb, value }) => [verb, value])],
      timeoutMs,
    );
  }

  #get(key: string): Promise<string | null> {
    return this.#commands.call<string | null>((client) => client.get(key));
  }

  async #ofBrokers(
    brokerIds: readonly number[],
    keyOf: (id: number) => string,
    timeoutMs?: number,
  ): Promise<ReadonlyMap<number, string>> {
    const valuesById = new Map<number, string>();
    if (brokerIds.length === 0) return valuesById;
    const values = await this.#commands.call<(string | null)[]>(
      (client) => client.mget(...brokerIds.map(keyOf)),
      timeoutMs,
    );
    for (const [brokerIndex, id] of brokerIds.entries()) {
      const value = values[brokerIndex];
      if (value !== null && value !== undefined) valuesById.set(id, value);
    }
    return valuesById;
  }
}

function registered(text: string): RegisteredCluster {
  return { document: JSON.parse(text) as ClusterDocument, text };
}

function versionText({ version, changeId }: CommitName): string {
  return `${version} ${changeId}`;
}
