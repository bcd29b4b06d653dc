import type { ClusterState } from '#coordination';
import type { SeededRandom } from '#runtime/testing';
import type { MetadataCommit } from '../../libs/coordination/src/cluster-state.js';
import type {
  CommitReply,
  RegisteredCluster,
  Registry,
} from '../../libs/coordination/src/registry/registry.js';
import { RegistryAwayError } from '../../libs/coordination/src/registry-errors.js';
import { FakeRegistryCalls } from '../../libs/coordination/src/testing/fake-registry-calls.js';
import type { FakeRegistryData } from '../../libs/coordination/src/testing/fake-registry-data.js';
import type { SimulatedLinks } from './simulated-links.js';
import type { SimulatedProcess } from './simulated-process.js';
import type { SimulatedRedis } from './simulated-redis.js';

const CALL_TIMEOUT_MS = 1000;
const WAIT_MS_MAX = 5000;
const RECONNECT_MS_MIN = 10;
const RECONNECT_MS_MAX = 600;

interface RedisClientParts {
  readonly redis: SimulatedRedis;
  readonly links: SimulatedLinks;
  readonly random: SeededRandom;
  readonly process: SimulatedProcess;
  readonly brokerId: number;
}

/** A call without an answer yet. */
interface Pending {
  readonly fail: (error: RegistryAwayError) => void;
}

/**
 * The connection of one process to Redis, with the behaviour of the real client: it sends nothing
 * twice, a call that is not answered in time breaks it, and it reconnects with pauses.
 */
export class RedisClient extends FakeRegistryCalls implements Registry {
  readonly #parts: RedisClientParts;
  readonly #pending = new Set<Pending>();
  #listener: Parameters<Registry['listen']>[0] | undefined;
  #isReady = false;
  #isClosed = false;
  /** Number of the connection: events of earlier ones are ignored. */
  #connection = 0;

  constructor(parts: RedisClientParts) {
    super();
    this.#parts = parts;
    parts.process.onDeath(() => this.#abandon());
    this.#connect();
  }

  get brokerId(): number {
    return this.#parts.brokerId;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get lastError(): unknown {
    return this.#isReady ? undefined : new Error('the connection is refused');
  }

  /** Called when the server broke the connection. */
  reset(): void {
    const { links, brokerId, process } = this.#parts;
    const connection = this.#connection;
    links.send('redis', brokerId, () => process.deliver(() => this.#break(connection)));
  }

  listen(listener: { readonly onReady: () => void; readonly onLost: () => void }): void {
    this.#listener = listener;
  }

  commit(
    cluster: RegisteredCluster,
    before: ClusterState,
    commit: MetadataCommit,
    timeoutMs: number,
  ): Promise<CommitReply> {
    const { redis, brokerId } = this.#parts;
    const inFlight = { brokerId, commit };
    redis.commitsInFlight.add(inFlight);
    return this.call((data) => data.commit(cluster, before, commit), timeoutMs).finally(() =>
      redis.commitsInFlight.delete(inFlight),
    );
  }

  nextCommits(version: number, waitMs: number): Promise<MetadataCommit[]> {
    const { redis, brokerId } = this.#parts;
    const wait = { brokerId, version, waitMs: Math.min(waitMs, WAIT_MS_MAX) };
    return this.#send(WAIT_MS_MAX + CALL_TIMEOUT_MS, (_, reply) =>
      redis.waitForCommits(wait, (commits) => reply(structuredClone([...commits]))),
    );
  }

  close(): void {
    this.#isClosed = true;
    this.#parts.redis.forget(this);
    this.#break(this.#connection);
  }

  protected override call<T>(
    run: (data: FakeRegistryData) => T,
    timeoutMs = CALL_TIMEOUT_MS,
  ): Promise<T> {
    // Each reader gets its own copy, as from decoding.
    return this.#send(timeoutMs, (data, reply) => reply(structuredClone(run(data))));
  }

  /** @param run called on the server; it calls its argument once with the reply */
  #send<T>(
    timeoutMs: number,
    run: (data: FakeRegistryData, reply: (value: T) => void) => void,
  ): Promise<T> {
    if (!this.#isReady) return Promise.reject(new RegistryAwayError(false, this.lastError));
    const connection = this.#connection;
    const { redis, links, process, brokerId, random } = this.#parts;
    return new Promise((resolve, reject) => {
      const timer = process.ports.scheduler.after(timeoutMs, () => this.#break(connection));
      const pending = { fail: reject };
      this.#pending.add(pending);
      const settle = (value: T): void => {
        timer.cancel();
        if (this.#pending.delete(pending)) resolve(value);
      };
      const reply = (value: T): void => {
        if (redis.takesReply()) this.reset();
        else links.send('redis', brokerId, () => process.deliver(() => settle(value)));
      };
      links.send(brokerId, 'redis', () => {
        // A call may be executed after its sender has abandoned it, or never.
        if (connection !== this.#connection && random.below(2) === 0) return;
        if (!redis.execute((data) => run(data, reply))) this.reset();
      });
    });
  }

  /** Connects, and repeats it until it succeeds. */
  #connect(): void {
    if (this.#isClosed || this.#parts.process.isDead) return;
    const { redis, links, process, brokerId } = this.#parts;
    this.#connection += 1;
    const connection = this.#connection;
    const timer = process.ports.scheduler.after(CALL_TIMEOUT_MS, () =>
      this.#connectLater(connection),
    );
    const answered = (isThere: boolean): void => {
      links.send('redis', brokerId, () =>
        process.deliver(() => {
          if (connection !== this.#connection || this.#isClosed) return;
          timer.cancel();
          if (isThere) this.#becomeReady();
          else this.#connectLater(connection);
        }),
      );
    };
    links.send(brokerId, 'redis', () => {
      if (!redis.execute(() => answered(true))) answered(false);
    });
  }

  #connectLater(connection: number): void {
    if (connection !== this.#connection) return;
    this.#connection += 1;
    const { process, random } = this.#parts;
    const delayMs = RECONNECT_MS_MIN + random.below(RECONNECT_MS_MAX);
    process.ports.scheduler.after(delayMs, () => this.#connect());
  }

  #becomeReady(): void {
    this.#isReady = true;
    this.#listener?.onReady();
  }

  /** Breaks the connection: the outcome of pending calls is unknown. */
  #break(connection: number): void {
    if (connection !== this.#connection || !this.#isReady) return;
    this.#isReady = false;
    const pending = [...this.#pending];
    this.#pending.clear();
    this.#connectLater(connection);
    for (const { fail } of pending) {
      fail(new RegistryAwayError(true, new Error('the connection was broken')));
    }
    this.#listener?.onLost();
  }

  #abandon(): void {
    this.#isClosed = true;
    this.#isReady = false;
    this.#pending.clear();
    this.#parts.redis.forget(this);
  }
}
