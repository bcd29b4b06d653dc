/**
 * A cluster as a user runs it: brokers in processes of their own, and one real Redis. With relays,
 * tests can break the network between them.
 */
import { freePort } from './free-port.js';
import { type Environment, type Exit, GatewayProcess } from './gateway.js';
import { RedisServer } from './redis-server.js';
import { type Cut, TcpRelay } from './tcp-relay.js';
import { until } from './until.js';

/** The secret that the brokers share. */
export const CLUSTER_SECRET = 'secret-of-a-test-cluster';
/**
 * Lease, ms: short, so that deaths are noticed soon, and long enough for four processes on two
 * cores.
 */
const LEASE_MS = 2000;

export interface ClusterOptions {
  /** Number of brokers; default 3. */
  readonly brokers?: number;
  /** Environment of every broker. */
  readonly environment?: Environment;
  /** Puts a relay before every private listener, and one between every broker and Redis. */
  readonly withRelays?: boolean;
  /** Settings of Redis, in addition to those that make it durable. */
  readonly redis?: readonly string[];
}

interface PartitionView {
  readonly partition: number;
  readonly leader: number | null;
  readonly leaderEpoch: number | null;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly logStartOffset: number | null;
  readonly highWatermark: number | null;
  readonly logEndOffset: number | null;
}

export interface TopicView {
  readonly name: string;
  readonly configs: Readonly<Record<string, string>>;
  readonly partitions: readonly PartitionView[];
}

export interface ClusterView {
  readonly clusterId: string;
  readonly controller: number | null;
  readonly brokers: readonly {
    readonly id: number;
    readonly url: string | null;
    readonly alive: boolean;
  }[];
}

/** The status and the parsed JSON of an answer. */
export interface Answer<Body = unknown> {
  readonly status: number;
  readonly body: Body;
}

/** One broker of the cluster, running or not. */
export class ClusterBroker {
  /** False after it was killed, stopped or paused: it gets no calls then. */
  isUp = false;

  constructor(
    readonly id: number,
    readonly process: GatewayProcess,
    /** URL for clients; the same over restarts. */
    readonly url: string,
    readonly callsRelay: TcpRelay | undefined,
    readonly redisRelay: TcpRelay | undefined,
  ) {}

  async start(overrides: Environment = {}): Promise<void> {
    await this.process.start(overrides);
    this.isUp = true;
  }

  /** Kills the process (kill -9). */
  kill(): Promise<Exit> {
    this.isUp = false;
    return this.process.kill();
  }

  /** Stops the process (SIGTERM). */
  stop(): Promise<Exit> {
    this.isUp = false;
    return this.process.stop();
  }

  /** Pauses the process (SIGSTOP): it keeps its connections and does nothing. */
  pause(): void {
    this.isUp = false;
    this.process.signal('SIGSTOP');
  }

  resume(): void {
    this.process.signal('SIGCONT');
    this.isUp = true;
  }

  /** Sends a request as a client; throws when the connection breaks. */
  async call<Body = unknown>(path: string, init: RequestInit = {}): Promise<Answer<Body>> {
    const response = await fetch(`${this.url}${path}`, init);
    const text = await response.text();
    const body = (text === '' ? undefined : JSON.parse(text)) as Body;
    return { status: response.status, body };
  }

  send<Body = unknown>(path: string, method: string, body: unknown): Promise<Answer<Body>> {
    const headers = { 'Content-Type': 'application/json' };
    return this.call(path, { method, headers, body: JSON.stringify(body) });
  }
}

export class ClusterProcesses {
  private constructor(
    readonly redis: RedisServer,
    readonly brokers: readonly ClusterBroker[],
  ) {}

  /** Starts Redis and all brokers, and waits until all brokers see each other. */
  static async start(options: ClusterOptions = {}): Promise<ClusterProcesses> {
    const durable = ['--appendonly', 'yes', '--appendfsync', 'always'];
    const redis = await RedisServer.start([...durable, ...(options.redis ?? [])]);
    const count = options.brokers ?? 3;
    const brokers: ClusterBroker[] = [];
    const cluster = new ClusterProcesses(redis, brokers);
    try {
      for (let id = 1; id <= count; id += 1) brokers.push(await createBroker(id, redis, options));
      await Promise.all(brokers.map((broker) => broker.start()));
      await cluster.untilAllSeeAlive(brokers.map(({ id }) => id));
    } catch (error) {
      await cluster.dispose();
      throw error;
    }
    return cluster;
  }

  broker(id: number): ClusterBroker {
    const broker = this.brokers.find((one) => one.id === id);
    if (broker === undefined) throw new Error(`there is no broker ${id}`);
    return broker;
  }

  get running(): readonly ClusterBroker[] {
    return this.brokers.filter(({ isUp }) => isUp);
  }

  /** A running broker. */
  get any(): ClusterBroker {
    const [first] = this.running;
    if (first === undefined) throw new Error('no broker runs');
    return first;
  }

  async describe(broker: ClusterBroker = this.any): Promise<ClusterView> {
    return (await broker.call<ClusterView>('/v1/cluster')).body;
  }

  /** @throws when the broker does not know the topic */
  async topic(name: string, broker: ClusterBroker = this.any): Promise<TopicView> {
    const { status, body } = await broker.call<TopicView>(`/v1/topics/${name}`);
    if (status !== 200) throw new Error(`${name} at broker ${broker.id}: ${status}`);
    return body;
  }

  /** Creates a topic at any broker, and waits until all brokers see all replicas in sync. */
  async createTopic(name: string, partitions: number, more: object = {}): Promise<TopicView> {
    const wanted = { name, partitions, replicationFactor: this.brokers.length, ...more };
    const created = await this.any.send<TopicView>('/v1/topics', 'POST', wanted);
    if (created.status !== 201) throw new Error(JSON.stringify(created));
    return this.untilInSync(name);
  }

  /** The running leader of a partition, once there is one. */
  async leaderOf(topic: string, partition: number): Promise<ClusterBroker> {
    return until(`a leader of ${topic}-${partition}`, async () => {
      const { partitions } = await this.topic(topic);
      const leader = partitions[partition]?.leader;
      return this.running.find(({ id }) => id === leader);
    });
  }

  /**
   * Waits until all running brokers describe the topic alike, with a leader and all replicas in
   * sync.
   */
  untilInSync(name: string): Promise<TopicView> {
    return until(`all replicas of ${name} in sync`, async () => {
      const views = await Promise.all(this.running.map((broker) => this.topic(name, broker)));
      const isWhole = views.every(({ partitions }) =>
        partitions.every(({ leader, isr, replicas }) => {
          return leader !== null && isr.length === replicas.length;
        }),
      );
      return isWhole && areAlike(views.map(placementOf)) ? views[0] : undefined;
    });
  }

  /**
   * Waits until every running broker sees exactly these brokers as alive, and the same controller.
   */
  async untilAllSeeAlive(ids: readonly number[]): Promise<void> {
    await until(`brokers ${ids.join(', ')} alive`, async () => {
      const views = await Promise.all(this.running.map((broker) => this.describe(broker)));
      const controllers = new Set(views.map(({ controller }) => controller));
      return (
        controllers.size === 1 &&
        !controllers.has(null) &&
        views.every(({ brokers }) => {
          const alive = brokers.filter((broker) => broker.alive).map(({ id }) => id);
          return inOrder(alive) === inOrder(ids);
        })
      );
    });
  }

  /** Silently drops calls of `from` to `to`. */
  cutCalls(from: number, to: number, cut: Omit<Cut, 'caller'> = {}): void {
    relayOf(this.broker(to).callsRelay).cut({ ...cut, caller: from });
  }

  /** Cuts a broker from all others, both ways, and from Redis. */
  isolate(id: number): void {
    for (const { id: other } of this.brokers) {
      if (other === id) continue;
      this.cutCalls(id, other);
      this.cutCalls(other, id);
    }
    relayOf(this.broker(id).redisRelay).cut();
  }

  /** Cuts a broker from Redis alone. */
  isolateFromRedis(id: number): void {
    relayOf(this.broker(id).redisRelay).cut();
  }

  /** Restores all relays. */
  heal(): void {
    for (const { callsRelay, redisRelay } of this.brokers) {
      callsRelay?.heal();
      redisRelay?.heal();
    }
  }

  /** Restarts Redis without its data. */
  async emptyRedis(): Promise<void> {
    await this.redis.cli('FLUSHALL');
  }

  async dispose(): Promise<void> {
    await Promise.all(this.brokers.map(({ process }) => process.dispose()));
    const relays = this.brokers.flatMap(({ callsRelay, redisRelay }) => [callsRelay, redisRelay]);
    for (const relay of relays) await relay?.close();
    await this.redis.close();
  }
}

async function createBroker(
  id: number,
  redis: RedisServer,
  { environment = {}, withRelays = false }: ClusterOptions,
): Promise<ClusterBroker> {
  const port = await freePort();
  const clusterPort = await freePort();
  const callsRelay = withRelays ? await TcpRelay.start(clusterPort) : undefined;
  const redisRelay = withRelays ? await TcpRelay.start(redis.port) : undefined;
  const relayed =
    callsRelay === undefined
      ? undefined
      : { SLUICE_CLUSTER_URL: `http://127.0.0.1:${callsRelay.port}` };
  const process = await GatewayProcess.create({
    SLUICE_PORT: String(port),
    SLUICE_BROKER_ID: String(id),
    SLUICE_REDIS_URL: `redis://127.0.0.1:${redisRelay?.port ?? redis.port}`,
    SLUICE_CLUSTER_SECRET: CLUSTER_SECRET,
    SLUICE_CLUSTER_PORT: String(clusterPort),
    SLUICE_LEASE_MS: String(LEASE_MS),
    ...relayed,
    ...environment,
  });
  return new ClusterBroker(id, process, `http://127.0.0.1:${port}`, callsRelay, redisRelay);
}

function relayOf(relay: TcpRelay | undefined): TcpRelay {
  if (relay === undefined) throw new Error('the cluster was started without relays');
  return relay;
}

/** Leader, replicas and ISR of each partition; watermarks change all the time. */
function placementOf({ partitions }: TopicView): unknown {
  return partitions.map(({ partition, leader, leaderEpoch, replicas, isr }) => {
    return { partition, leader, leaderEpoch, replicas, isr: inOrder(isr) };
  });
}

function inOrder(ids: readonly number[]): string {
  return ids.toSorted((left, right) => left - right).join();
}

function areAlike(values: readonly unknown[]): boolean {
  return new Set(values.map((value) => JSON.stringify(value))).size === 1;
}
