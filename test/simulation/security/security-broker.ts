import { FakeDisk, type SeededRandom } from '#runtime/testing';
import { ClusterSecurity } from '../../../libs/coordination/src/security/cluster-security.js';
import { SimulatedProcess } from '../simulated-process.js';
import { SecurityRedisClient } from './security-redis-client.js';
import type { SecurityWorld } from './security-world.js';

const DATA_DIR = '/data';
const SECRET = 'a secret of a simulated cluster';
const LIMITS = { apiKeysMax: 1000, aclsMax: 1000, quotasMax: 100, aclsPerChangeMax: 100 };

/** One broker of the simulation: a disk, and from time to time a process with the metadata. */
export class SecurityBroker {
  readonly id: number;
  readonly #world: SecurityWorld;
  readonly #random: SeededRandom;
  readonly #disk: FakeDisk;
  #process: SimulatedProcess | undefined;
  #security: ClusterSecurity | undefined;
  #lives = 0;

  constructor(id: number, world: SecurityWorld) {
    this.id = id;
    this.#world = world;
    this.#random = world.randomOf(`broker ${id}`);
    this.#disk = new FakeDisk({ random: this.#random });
  }

  /** The metadata of the running process; undefined while there is none, or it still opens. */
  get security(): ClusterSecurity | undefined {
    return this.#security;
  }

  get process(): SimulatedProcess | undefined {
    return this.#process;
  }

  /** Starts a process; resolves when it has opened the metadata, or has ended before. */
  async start(): Promise<void> {
    if (this.#process !== undefined) return;
    this.#lives += 1;
    const process = new SimulatedProcess(this.#world, {
      name: `broker ${this.id}.${this.#lives}`,
      random: this.#random,
      wallOffsetMs: () => 0,
      log: (_level, fields, message) => this.#world.logged(this.id, message, fields['err']),
    });
    this.#process = process;
    const fileSystem = this.#disk.mount();
    await fileSystem.makeDirectory(DATA_DIR).catch(() => undefined);
    const security = await this.#open(process).catch((error: unknown) => {
      if (!process.isDead) this.#world.violated(`broker ${this.id} did not open: ${String(error)}`);
      return undefined;
    });
    if (!process.isDead) this.#security = security;
  }

  /** Ends the process as a power loss does: what was not synced may be lost. */
  crash(): void {
    this.#process?.kill();
    this.#process = undefined;
    this.#security = undefined;
    this.#disk.crash();
  }

  #open(process: SimulatedProcess): Promise<ClusterSecurity> {
    const { redis, links, ids } = this.#world;
    const members = new Map(ids.map((id) => [id, { dataDirUuid: `disk ${id}` }]));
    const clientParts = { redis, links, random: this.#random, process, brokerId: this.id };
    return ClusterSecurity.open({
      registry: new SecurityRedisClient(clientParts),
      peers: {
        ids: () => ids.filter((id) => id !== this.id),
        exchange: (to, message, timeoutMs) =>
          this.#world.call({ from: this.id, to, process, timeoutMs }, message, (other, received) =>
            other.handleRevocations(received),
          ),
        commitsAfter: (to, position, timeoutMs) =>
          this.#world.call({ from: this.id, to, process, timeoutMs }, position, (other, received) =>
            Promise.resolve(other.handleCommits(received)),
          ),
      },
      clusterUuid: 'simulated',
      clusterSecrets: [SECRET],
      brokerId: this.id,
      dataDirUuid: `disk ${this.id}`,
      members: () => members,
      limits: LIMITS,
      fileSystem: this.#disk.mount(),
      dataDir: DATA_DIR,
      ...process.ports,
    });
  }
}
