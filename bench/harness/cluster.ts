/**
 * Three brokers and a Redis on this machine, which they share with the load: no process is pinned
 * to a core.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { call } from './http.js';
import { freePort, type Server, startGateway, withTempDir } from './processes.js';

const SECRET = 'a-secret-of-this-benchmark';
const POLL_MS = 20;
const WAIT_MS_MAX = 300_000;

export interface PartitionState {
  readonly partition: number;
  readonly leader: number | null;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

export class BenchCluster {
  readonly #brokers = new Map<number, Server>();
  readonly #ports = new Map<number, number>();
  readonly #env: Readonly<Record<string, string>>;

  private constructor(
    readonly dir: string,
    readonly redisPort: number,
    env: Readonly<Record<string, string>>,
  ) {
    this.#env = env;
  }

  /** Runs `use` with a cluster of the brokers 1, 2 and 3, and stops it afterwards. */
  static run<T>(
    env: Readonly<Record<string, string>>,
    use: (cluster: BenchCluster) => Promise<T>,
  ): Promise<T> {
    return withTempDir(async (dir) => {
      const redisPort = await freePort();
      const redis = await startRedis(dir, redisPort);
      const cluster = new BenchCluster(dir, redisPort, env);
      try {
        for (const id of [1, 2, 3]) cluster.#ports.set(id, await freePort());
        await Promise.all([1, 2, 3].map((id) => cluster.start(id)));
        return await use(cluster);
      } finally {
        await Promise.all([...cluster.#brokers.values()].map((one) => one.stop('SIGKILL')));
        redis.kill('SIGKILL');
        await once(redis, 'exit');
      }
    });
  }

  broker(id: number): Server {
    const server = this.#brokers.get(id);
    if (server === undefined) throw new Error(`broker ${id} does not run`);
    return server;
  }

  get brokers(): readonly Server[] {
    return [...this.#brokers.values()];
  }

  /** A broker that is not one of these. */
  other(...ids: readonly number[]): Server {
    for (const [id, server] of this.#brokers) if (!ids.includes(id)) return server;
    throw new Error('no other broker runs');
  }

  async start(id: number): Promise<void> {
    const dataDir = join(this.dir, `broker-${id}`);
    await mkdir(dataDir, { recursive: true });
    const env = {
      SLUICE_BROKER_ID: String(id),
      SLUICE_REDIS_URL: `redis://127.0.0.1:${this.redisPort}`,
      SLUICE_CLUSTER_SECRET: SECRET,
      ...this.#env,
    };
    const port = this.#ports.get(id);
    if (port === undefined) throw new Error(`there is no broker ${id}`);
    this.#brokers.set(id, await startGateway({ dataDir, env, port, core: 'any' }));
  }

  async stop(id: number, signal: NodeJS.Signals): Promise<void> {
    const server = this.broker(id);
    this.#brokers.delete(id);
    await server.stop(signal);
  }

  /** Removes the data of a stopped broker. */
  removeData(id: number): Promise<void> {
    return rm(join(this.dir, `broker-${id}`), { recursive: true });
  }

  createTopic(name: string, more: object): Promise<unknown> {
    return call(this.other(), '/v1/topics', { name, replicationFactor: 3, ...more });
  }

  async partitions(topic: string): Promise<readonly PartitionState[]> {
    const response = await fetch(`${this.other().url}/v1/topics/${topic}`);
    if (!response.ok) throw new Error(`${topic}: ${response.status}`);
    return ((await response.json()) as { partitions: PartitionState[] }).partitions;
  }

  async leaderOf(topic: string): Promise<number> {
    const [first] = await this.partitions(topic);
    if (first?.leader == null) throw new Error(`${topic} has no leader`);
    return first.leader;
  }

  /** Waits until every partition has a leader and all replicas in sync. */
  untilInSync(topic: string): Promise<void> {
    return until(`${topic} in sync`, async () =>
      (await this.partitions(topic)).every(
        ({ leader, replicas, isr }) => leader !== null && isr.length === replicas.length,
      ),
    );
  }

  /** Number of commands that Redis has processed since it started. */
  async redisCommands(): Promise<number> {
    const info = await redisInfo(this.redisPort);
    return Number(/total_commands_processed:(\d+)/.exec(info)?.[1]);
  }
}

/** Repeats a check until it is true. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS_MAX;
  while (!(await isSo().catch(() => false))) {
    if (performance.now() > deadlineMs) throw new Error(`timed out waiting for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Processor time that a process has used, in seconds. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function startRedis(dir: string, port: number): Promise<ChildProcess> {
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', ''];
  const redis = spawn('redis-server', [...args, '--appendonly', 'yes'], { stdio: 'ignore' });
  await until('Redis answers', async () => (await redisInfo(port)).includes('redis_version'));
  return redis;
}

function redisInfo(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write('INFO\r\nQUIT\r\n'));
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}
