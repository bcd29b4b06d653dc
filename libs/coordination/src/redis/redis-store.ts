/**
 * Coordination of a cluster through Redis (or Sentinels, or a Redis Cluster: see redis-url.ts).
 *
 * Every update is one Lua script that compares and sets: see lua/commit.lua. Reads answer from memory,
 * which RegistryFollower keeps current. While Redis is away, or has gone back to an earlier state, reads
 * go on and updates fail within two seconds.
 *
 * Updates may overlap: they are decided and committed one after the other, each in its own time.
 */
import { ProtocolError } from '#protocol';
import { SerialQueue } from '#runtime';
import {
  applyCommit,
  type ClusterState,
  EMPTY_CLUSTER,
  type MetadataCommit,
} from '../cluster-state.js';
import type {
  BrokerLease,
  CoordinationStore,
  Decision,
  MetadataListener,
} from '../coordination-store.js';
import { assertOwnDataDir, type DataDirIdentity, openIdentity } from '../data-dir-identity.js';
import { KnownState } from '../known-state.js';
import { findCluster } from './founding.js';
import { RedisAwayError, RedisConnection, RedisRefusedError } from './redis-connection.js';
import { RedisKeys } from './redis-keys.js';
import { type CommitReply, RedisRegistry, type RegisteredCluster } from './redis-registry.js';
import { warnOfUnsafeSettings } from './redis-settings.js';
import type { RedisStoreOptions } from './redis-store-options.js';
import { describeEndpoint, parseRedisUrl } from './redis-url.js';
import { COMMIT_WAIT_MS, RegistryFollower } from './registry-follower.js';

/** An update is answered within two seconds: what is left is for the answer's own way. */
const UPDATE_TIMEOUT_MS = 1800;
const CALL_TIMEOUT_MS = 1000;
const OPEN_TIMEOUT_MS = 2000;
/** Between attempts of a commit that Redis refused. */
const REFUSED_DELAY_MS = 100;

interface Connections {
  readonly commands: RedisConnection;
  readonly follower: RedisConnection;
  /** Set once there is somebody to be told. */
  onReady: () => void;
  onLost: () => void;
}

export class RedisStore implements CoordinationStore {
  readonly kind = 'redis';
  readonly clusterId: string;
  readonly clusterUuid: string;
  readonly dataDirUuid: string;
  readonly #options: RedisStoreOptions;
  readonly #cluster: RegisteredCluster;
  readonly #connections: Connections;
  readonly #registry: RedisRegistry;
  readonly #known: KnownState;
  readonly #follower: RegistryFollower;
  readonly #updates = new SerialQueue();
  #renewals = 0;
  #isClosed = false;

  private constructor(
    options: RedisStoreOptions,
    identity: DataDirIdentity,
    cluster: RegisteredCluster,
    connections: Connections,
    registry: RedisRegistry,
  ) {
    this.clusterId = identity.clusterId;
    this.clusterUuid = identity.clusterUuid;
    this.dataDirUuid = identity.dataDirUuid;
    this.#options = options;
    this.#cluster = cluster;
    this.#connections = connections;
    this.#registry = registry;
    this.#known = new KnownState(EMPTY_CLUSTER);
    this.#follower = new RegistryFollower({
      ...options,
      ...connections,
      registry,
      cluster,
      known: this.#known,
    });
    connections.onReady = () => this.#follower.connected();
    connections.onLost = () => this.#follower.disconnected();
  }

  /**
   * Opens the store of a data directory: joins the cluster in Redis, or founds one when Redis has none.
   * @throws RedisUrlError; DataDirError when the directory is another broker's or another cluster's;
   *   ProtocolError BROKER_NOT_AVAILABLE when Redis is away: try again
   */
  static async open(options: RedisStoreOptions): Promise<RedisStore> {
    await options.fileSystem.makeDirectory(options.dataDir);
    await assertOwnDataDir(options);
    const connections = connect(options);
    try {
      return await RedisStore.#openOn(connections, options);
    } catch (error) {
      closeAll(connections);
      throw asProtocolError(error, 'failed');
    }
  }

  static async #openOn(connections: Connections, options: RedisStoreOptions): Promise<RedisStore> {
    const { clusterId, clock, logger } = options;
    await connected(connections, clock.monotonicMs() + OPEN_TIMEOUT_MS, options);
    const redis = describeEndpoint(parseRedisUrl(options.url));
    await warnOfUnsafeSettings(connections.commands, redis, logger);
    const { commands, follower } = connections;
    const registry = new RedisRegistry(new RedisKeys(clusterId), commands, follower);
    const cluster = await findCluster(registry, redis, options);
    const clusterUuid = cluster.document.uuid;
    const identity = await openIdentity({ ...options, clusterUuid });
    const store = new RedisStore(options, identity, cluster, connections, registry);
    await store.#follower.start();
    if (store.isAvailable) return store;
    await store.close();
    throw new RedisAwayError(false, commands.lastError);
  }

  get state(): ClusterState {
    return this.#known.state;
  }

  get journaledVersion(): number {
    return this.#known.state.version;
  }

  get isAvailable(): boolean {
    return this.#follower.isAvailable;
  }

  update(decide: Decision): Promise<ClusterState> {
    const deadlineMs = this.#options.clock.monotonicMs() + UPDATE_TIMEOUT_MS;
    return this.#updates.run(() => this.#update(decide, deadlineMs));
  }

  onChange(listener: MetadataListener): () => void {
    return this.#known.onChange(listener);
  }

  async renewLease(lease: BrokerLease, timeoutMs: number): Promise<void> {
    const known = this.#known.state;
    this.#renewals += 1;
    const renewal = String(this.#renewals);
    const answer = await this.#registry
      .renewLease(lease, renewal, Math.min(timeoutMs, CALL_TIMEOUT_MS))
      .catch((error: unknown) => {
        throw asProtocolError(error, 'failed');
      });
    // Nobody waits for that: the lease is renewed.
    void this.#follower.check(answer.newest, known);
    if (answer.isRenewed) return;
    throw new ProtocolError(
      'BROKER_NOT_AVAILABLE',
      `A later process has broker id ${lease.brokerId}: the lease of this one is over.`,
      { retriable: false },
    );
  }

  async leases(timeoutMs: number): Promise<ReadonlyMap<number, string>> {
    const ids = [...this.#known.state.brokers.keys()];
    return this.#registry
      .leases(ids, Math.min(timeoutMs, CALL_TIMEOUT_MS))
      .catch((error: unknown) => {
        throw asProtocolError(error, 'failed');
      });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#updates.run(() => undefined);
    closeAll(this.#connections);
    await this.#follower.close();
  }

  async #update(decide: Decision, deadlineMs: number): Promise<ClusterState> {
    for (;;) {
      const before = this.#known.state;
      const changes = decide(before);
      if (changes.length === 0) return before;
      const commit = {
        version: before.version + 1,
        changeId: this.#options.random.uuid(),
        previousChangeId: before.changeId,
        changes,
      };
      const after = applyCommit(before, commit);
      const reply = await this.#commit(before, commit, deadlineMs);
      if (reply.kind === 'committed') {
        await this.#follower.takeCommits([commit]);
        return after;
      }
      if (reply.kind === 'conflict') await this.#follower.takeCommits(reply.missed);
      // It says that something changed; what it was is not among the commits that it brought.
      if (this.#known.state === before) await this.#follower.synchronize();
    }
  }

  /** Commits, and asks again when the reply is lost: a commit that was made once is not made twice. */
  async #commit(
    before: ClusterState,
    commit: MetadataCommit,
    deadlineMs: number,
  ): Promise<CommitReply> {
    const { clock, scheduler, logger } = this.#options;
    let outcome: 'failed' | 'unknown' = 'failed';
    let cause: unknown = this.#connections.commands.lastError;
    while (!this.#isClosed && (await this.#follower.whenAvailable(deadlineMs))) {
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0) break;
      try {
        const timeoutMs = Math.min(leftMs, CALL_TIMEOUT_MS);
        return await this.#registry.commit(this.#cluster, before, commit, timeoutMs);
      } catch (error) {
        cause = error;
        if (error instanceof RedisAwayError && error.wasSent) outcome = 'unknown';
        else if (error instanceof RedisRefusedError) {
          logger.warn({ err: error }, 'Redis refused a change of the metadata');
        } else if (!(error instanceof RedisAwayError)) throw error;
        await new Promise<void>((resolve) => scheduler.after(REFUSED_DELAY_MS, resolve));
      }
    }
    throw notAvailable(outcome, cause);
  }
}

function connect(options: RedisStoreOptions): Connections {
  const { clusterId, brokerId, random, scheduler, logger } = options;
  const endpoint = parseRedisUrl(options.url);
  const open = (purpose: string, callTimeoutMs: number): RedisConnection =>
    new RedisConnection({
      endpoint,
      name: `sluice-${clusterId}-${brokerId}-${purpose}`,
      callTimeoutMs,
      random,
      scheduler,
      logger,
      onReady: () => connections.onReady(),
      onLost: () => connections.onLost(),
    });
  const connections: Connections = {
    commands: open('commands', CALL_TIMEOUT_MS),
    follower: open('changes', COMMIT_WAIT_MS + CALL_TIMEOUT_MS),
    onReady: () => undefined,
    onLost: () => undefined,
  };
  return connections;
}

function closeAll({ commands, follower }: Connections): void {
  commands.close();
  follower.close();
}

/** @throws RedisAwayError when the connections are not made by that time */
async function connected(
  connections: Connections,
  deadlineMs: number,
  { clock, scheduler }: RedisStoreOptions,
): Promise<void> {
  const { commands, follower } = connections;
  while (!commands.isReady || !follower.isReady) {
    const leftMs = deadlineMs - clock.monotonicMs();
    if (leftMs <= 0) throw new RedisAwayError(false, commands.lastError);
    await new Promise<void>((resolve) => {
      const timer = scheduler.after(leftMs, resolve);
      connections.onReady = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

function asProtocolError(error: unknown, outcome: 'failed' | 'unknown'): unknown {
  const isRedis = error instanceof RedisAwayError || error instanceof RedisRefusedError;
  return isRedis ? notAvailable(outcome, error) : error;
}

function notAvailable(outcome: 'failed' | 'unknown', cause: unknown): ProtocolError {
  return new ProtocolError(
    'BROKER_NOT_AVAILABLE',
    "The cluster's metadata cannot be changed at present: Redis is away or not up to date.",
    { outcome, cause, retryAfterMs: 1000 },
  );
}
