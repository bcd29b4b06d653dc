import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClusterSecurity, RedisSecurity, type RedisSecurityOptions } from '#coordination';
import {
  type Logger,
  NodeFileSystem,
  SystemClock,
  SystemRandom,
  SystemScheduler,
  silentLogger,
} from '#runtime';
import type { RevocationResult } from '#security';
import { exampleKey, SMALL_LIMITS } from '../../libs/security/src/testing/examples.js';
import { until } from '../support/until.js';

let clusters = 0;

const SECRET = 'a secret of this cluster for tests';

/** The security metadata of some brokers on one Redis, each with its own data directory. */
export class SecurityBrokers {
  /** Messages of lines of the levels `warn` and `error`. */
  readonly logged: string[] = [];
  readonly clusterId: string;
  readonly #url: string;
  readonly #ids: readonly number[];
  readonly #open = new Map<number, ClusterSecurity>();
  readonly #dirs = new Map<number, string>();
  /** Brokers that no other one reaches. */
  readonly #cutOff = new Set<number>();

  /** The brokers belong to a cluster of their own; none of them is open yet. */
  constructor(url: string, ids: readonly number[]) {
    clusters += 1;
    this.#url = url;
    this.clusterId = `security-${clusters}`;
    this.#ids = ids;
  }

  /** The open brokers, in the order of their ids. */
  get all(): ClusterSecurity[] {
    return [...this.#open].toSorted(([left], [right]) => left - right).map(([, broker]) => broker);
  }

  /** Name of a key of the security metadata in Redis. */
  key(name: string): string {
    return `{${this.clusterId}}:security:${name}`;
  }

  /** Waits until the condition holds for every open broker, and each is available. */
  async everyone(isTrue: (broker: ClusterSecurity) => boolean): Promise<void> {
    await until('every broker', () =>
      this.all.every((broker) => broker.isAvailable && isTrue(broker)),
    );
  }

  async open(
    brokerId: number,
    options: Partial<RedisSecurityOptions> = {},
  ): Promise<ClusterSecurity> {
    const security = await RedisSecurity.open({
      url: this.#url,
      clusterId: this.clusterId,
      clusterUuid: `uuid of ${this.clusterId}`,
      clusterSecrets: [SECRET],
      brokerId,
      dataDirUuid: `disk-${brokerId}`,
      dataDir: await this.dataDir(brokerId),
      members: () => new Map(this.#ids.map((id) => [id, { dataDirUuid: `disk-${id}` }])),
      peers: {
        ids: () => this.#ids.filter((id) => id !== brokerId),
        exchange: async (id, message) => this.#reached(brokerId, id).handleRevocations(message),
        commitsAfter: async (id, position) => this.#reached(brokerId, id).handleCommits(position),
      },
      limits: SMALL_LIMITS,
      fileSystem: new NodeFileSystem(),
      clock: new SystemClock(),
      random: new SystemRandom(),
      scheduler: new SystemScheduler(),
      logger: this.#logger(),
      ...options,
    });
    this.#open.set(brokerId, security);
    return security;
  }

  /** Opens all brokers at the same time: only a majority can found a cluster. */
  openAll(options: Partial<RedisSecurityOptions> = {}): Promise<ClusterSecurity[]> {
    return Promise.all(this.#ids.map((id) => this.open(id, options)));
  }

  async stop(brokerId: number): Promise<void> {
    await this.#open.get(brokerId)?.close();
    this.#open.delete(brokerId);
  }

  /** @throws unless the one broker reaches the other */
  #reached(from: number, to: number): ClusterSecurity {
    const other = this.#open.get(to);
    const isReached = !this.#cutOff.has(to) && !this.#cutOff.has(from);
    if (other === undefined || !isReached) throw new Error('out of reach');
    return other;
  }

  cutOff(brokerId: number): void {
    this.#cutOff.add(brokerId);
  }

  connect(brokerId: number): void {
    this.#cutOff.delete(brokerId);
  }

  async dataDir(brokerId: number): Promise<string> {
    const dir = this.#dirs.get(brokerId) ?? (await mkdtemp(join(tmpdir(), 'sluice-security-')));
    this.#dirs.set(brokerId, dir);
    return dir;
  }

  /** Stops all brokers and removes their directories. */
  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((id) => this.stop(id)));
    for (const dir of this.#dirs.values()) await rm(dir, { recursive: true, force: true });
  }

  #logger(): Logger {
    const log = (_fields: unknown, message: string): void => void this.logged.push(message);
    return { ...silentLogger, warn: log, error: log };
  }
}

/** Adds the example key with this id. */
export function addKey(broker: ClusterSecurity, id: string): Promise<void> {
  return broker.update(() => [{ kind: 'key', key: exampleKey(id) }]);
}

/** Revokes the key with this id for good. */
export function revokeKey(broker: ClusterSecurity, id: string): Promise<RevocationResult> {
  return broker.revoke([{ subject: `key:${id}`, keptUntilMs: null }]);
}
