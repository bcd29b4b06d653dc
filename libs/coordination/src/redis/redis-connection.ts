/**
 * One connection to Redis whose calls are bounded in time and never repeated by themselves.
 *
 * ioredis runs without an offline queue and without resending: a call while Redis is away fails at
 * once, and one whose connection breaks fails with the note that Redis may have executed it. A call
 * that is not answered in time breaks the connection, so that later calls do not wait for it.
 * The client reconnects with growing pauses until this object is closed.
 *
 * Overlap: all calls may overlap; ioredis sends them in order over one connection.
 */
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { type Logger, type Random, RetryBackoff, type Scheduler } from '#runtime';
import { RegistryAwayError, RegistryRefusedError } from '../registry-errors.js';
import type { RedisEndpoint } from './redis-url.js';
import { SCRIPTS, type ScriptName } from './scripts.js';

const CONNECT_TIMEOUT_MS = 1000;
/** Time that a dropped connection gets to close cleanly. */
const DISCONNECT_TIMEOUT_MS = 100;
const HANDSHAKE_GRACE_MS = 500;

export interface RedisConnectionOptions {
  readonly endpoint: RedisEndpoint;
  /** Connection name shown by CLIENT LIST. */
  readonly name: string;
  /** Longest time of any call. */
  readonly callTimeoutMs: number;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly onReady: () => void;
  readonly onLost: () => void;
}

/** A client with the commands that `defineCommand` adds, one per script. */
type ScriptClient = (Redis | Cluster) &
  Record<ScriptName, (keyCount: number, ...keysAndValues: string[]) => Promise<unknown>>;

export class RedisConnection {
  readonly #options: RedisConnectionOptions;
  readonly #client: Redis | Cluster;
  #isReady = false;
  #isClosed = false;
  #lastError: unknown;

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
    this.#client = newClient(options);
    for (const [name, lua] of Object.entries(SCRIPTS)) this.#client.defineCommand(name, { lua });
    this.#client.on('ready', () => this.#becomeReady());
    this.#client.on('close', () => this.#lose());
    this.#client.on('end', () => this.#lose());
    this.#client.on('error', (error: unknown) => {
      this.#lastError = error;
      options.logger.debug({ err: error, connection: options.name }, 'redis connection');
    });
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Error of the last attempt to connect. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /**
   * Sends one command.
   * @param timeoutMs at most the connection's `callTimeoutMs`
   * @throws RegistryAwayError, RegistryRefusedError
   */
  async call<T>(
    send: (client: Redis | Cluster) => Promise<unknown>,
    timeoutMs = this.#options.callTimeoutMs,
  ): Promise<T> {
    if (!this.#isReady) throw new RegistryAwayError(false, this.#lastError);
    let isLate = false;
    const timer = this.#options.scheduler.after(timeoutMs, () => {
      isLate = true;
      this.#client.disconnect(true);
    });
    try {
      return (await send(this.#client)) as T;
    } catch (error) {
      if (isReplyError(error) && !isLate) {
        throw new RegistryRefusedError(error.message, { cause: error });
      }
      throw new RegistryAwayError(true, error);
    } finally {
      timer.cancel();
    }
  }

  /**
   * Runs a Lua script. Its text travels once per connection; later calls send its hash (EVALSHA).
   * @throws RegistryAwayError, RegistryRefusedError
   */
  script<T>(
    name: ScriptName,
    keys: readonly string[],
    values: readonly string[],
    timeoutMs?: number,
  ): Promise<T> {
    return this.call<T>(
      (client) => (client as ScriptClient)[name](keys.length, ...keys, ...values),
      timeoutMs,
    );
  }

  close(): void {
    this.#isClosed = true;
    this.#client.disconnect();
  }

  #becomeReady(): void {
    if (this.#isClosed || this.#isReady) return;
    this.#isReady = true;
    this.#lastError = undefined;
    this.#options.onReady();
  }

  #lose(): void {
    if (!this.#isReady) return;
    this.#isReady = false;
    this.#options.onLost();
  }
}

function newClient(options: RedisConnectionOptions): Redis | Cluster {
  const { endpoint, random } = options;
  const { nodes, db, tls, masterName, sentinelUsername, sentinelPassword } = endpoint;
  const backoff = new RetryBackoff(random);
  const delayMs = (times: number): number => {
    if (times === 1) backoff.reset();
    return backoff.nextDelayMs();
  };
  const common = commonOptions(options);
  if (endpoint.mode === 'cluster') {
    return new Cluster([...nodes], {
      clusterRetryStrategy: delayMs,
      enableOfflineQueue: false,
      redisOptions: { ...common, ...(tls ? { tls: {} } : {}) },
    });
  }
  const single = { ...common, db, enableOfflineQueue: false, retryStrategy: delayMs };
  if (endpoint.mode === 'sentinel') {
    return new Redis({
      ...single,
      sentinels: [...nodes],
      name: masterName,
      sentinelUsername,
      sentinelPassword,
      sentinelRetryStrategy: delayMs,
      enableTLSForSentinelMode: tls,
      ...(tls ? { tls: {}, sentinelTLS: {} } : {}),
    });
  }
  return new Redis({ ...single, ...nodes[0], ...(tls ? { tls: {} } : {}) });
}

function commonOptions({ endpoint, name, callTimeoutMs }: RedisConnectionOptions) {
  const { username, password } = endpoint;
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    connectionName: name,
    protocol: 2,
    disableClientInfo: true,
    // For what ioredis sends itself; calls are timed here.
    commandTimeout: callTimeoutMs + HANDSHAKE_GRACE_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // A master that was demoted answers so: another connection finds the new one.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  } satisfies RedisOptions;
}

function isReplyError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}
