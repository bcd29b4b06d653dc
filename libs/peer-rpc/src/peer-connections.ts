import { type Dispatcher, Pool } from 'undici';
import type { PeerMethod } from '#replication';
import type { PeerTls } from './peer-tls.js';

/**
 * Calls that may wait for long, and calls that others wait for, use separate connections: a
 * thousand fetches that wait for records must not delay one produce.
 */
type Lane = 'replication' | 'requests' | 'waiting';

const LANE_OF = {
  hello: 'requests',
  'replica-fetch': 'replication',
  produce: 'requests',
  fetch: 'waiting',
  'list-offset': 'requests',
  'list-delayed': 'requests',
  'delete-records': 'requests',
  'exchange-revocations': 'requests',
  'security-commits': 'requests',
  'redeem-ticket': 'requests',
  'give-up-lost-records': 'requests',
  'partition-status': 'requests',
  'apply-metadata': 'requests',
  'commit-offsets': 'requests',
  'committed-offsets': 'requests',
  'group-join': 'requests',
  'group-heartbeat': 'requests',
  'group-heartbeats': 'requests',
  'group-poll': 'requests',
  'group-waiting-view': 'requests',
  'group-member-commit': 'requests',
  'group-leave': 'requests',
  'group-describe': 'requests',
  'group-delete': 'requests',
  'group-configs': 'requests',
  'group-alter-configs': 'requests',
  'group-list': 'requests',
  'group-watch': 'waiting',
  'queue-poll': 'requests',
  'queue-delivery': 'requests',
  'queue-acks': 'requests',
  'queue-records': 'requests',
  'queue-purge': 'requests',
  'queue-reset': 'requests',
  'queue-cancel': 'requests',
  'queue-redrive': 'requests',
  'queue-redrive-progress': 'requests',
  'queue-floors': 'requests',
} as const satisfies Record<PeerMethod | 'hello', Lane>;

/** A connection carries one call at a time; connections are opened on demand. */
const CONNECTIONS_MAX: Readonly<Record<Lane, number>> = {
  replication: 64,
  requests: 128,
  waiting: 1024,
};

/** The listener keeps idle connections for longer, and announces it. */
const KEEP_ALIVE_TIMEOUT_MS = 60_000;

export interface PeerConnectionsOptions {
  readonly tls: PeerTls | undefined;
  readonly connectTimeoutMs: number;
}

/**
 * The connections to one address of one broker.
 *
 * Overlap: calls are dispatched at any time until `retire` or `destroy`, of which one is called
 * once.
 */
export class PeerConnections {
  readonly #pools = new Map<Lane, Pool>();
  readonly #options: PeerConnectionsOptions;

  /** @param url URL of the broker's private listener */
  constructor(
    readonly url: string,
    options: PeerConnectionsOptions,
  ) {
    this.#options = options;
  }

  dispatch(
    method: PeerMethod | 'hello',
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ): void {
    this.#pool(LANE_OF[method]).dispatch(options, handler);
  }

  /** Closes the connections, each when its call has ended. */
  retire(): void {
    for (const pool of this.#pools.values()) void pool.close();
  }

  /** Ends all calls and connections. */
  async destroy(reason: Error): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy(reason)));
  }

  #pool(lane: Lane): Pool {
    const open = this.#pools.get(lane);
    if (open !== undefined) return open;
    const { tls, connectTimeoutMs } = this.#options;
    const pool = new Pool(this.url, {
      connections: CONNECTIONS_MAX[lane],
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      // A call has a timeout of its own.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: connectTimeoutMs, ...tls },
    });
    this.#pools.set(lane, pool);
    return pool;
  }
}
