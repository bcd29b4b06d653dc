/**
 * Brings commits of the security metadata from the other brokers, while this one is cut off from
 * the registry and they are not: a removed rule is then obeyed here as well.
 *
 * Overlap: all methods may overlap.
 */
import type { Clock, Logger } from '#runtime';
import type { SecurityDisk, SecurityPosition } from '#security';
import type { RevocationPeers } from './revocation-exchange.js';
import type { SecurityFollower } from './security-follower.js';
import type { StoredCommit } from './security-registry.js';

/** Time that another broker has to answer, ms. */
const ANSWER_TIMEOUT_MS = 800;

/** The answer of a broker that is asked for the commits after a position. */
export interface CommitAnswer {
  /** The newest commit of the broker that answers. */
  readonly position: SecurityPosition;
  /** The first commits after the position in the question; none if it does not remember them. */
  readonly commits: readonly StoredCommit[];
}

/** The other brokers, as those that have commits. */
export interface CommitPeers {
  /** @throws when the broker gives no answer */
  commitsAfter(
    brokerId: number,
    position: SecurityPosition,
    timeoutMs: number,
  ): Promise<CommitAnswer>;
}

export interface CommitExchangeOptions {
  readonly disk: SecurityDisk;
  readonly follower: SecurityFollower;
  readonly peers: CommitPeers & Pick<RevocationPeers, 'ids'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class CommitExchange {
  readonly #options: CommitExchangeOptions;
  readonly #asking = new Set<number>();
  /** Brokers that have newer commits than this one could get from them. */
  readonly #ahead = new Set<number>();
  #upToDateMs = Number.POSITIVE_INFINITY;

  constructor(options: CommitExchangeOptions) {
    this.#options = options;
  }

  /**
   * Monotonic time until which this broker had all commits of those that it reaches; Infinity while
   * it has.
   */
  get upToDateMs(): number {
    return this.#upToDateMs;
  }

  /** Takes what the other brokers have and this one has not. Never rejects. */
  async takeFromPeers(): Promise<void> {
    const { peers, clock } = this.#options;
    const askedMs = clock.monotonicMs();
    await Promise.all(peers.ids().map((id) => this.#ask(id)));
    if (this.#ahead.size === 0) this.#upToDateMs = Number.POSITIVE_INFINITY;
    else this.#upToDateMs = Math.min(this.#upToDateMs, askedMs);
  }

  /** The registry was read: it has all commits. */
  registryFollowed(): void {
    this.#ahead.clear();
    this.#upToDateMs = Number.POSITIVE_INFINITY;
  }

  /** Answers a broker that asks for the commits after a position. */
  handle(position: SecurityPosition): CommitAnswer {
    const { disk, follower } = this.#options;
    return { position: disk.position, commits: follower.recent.after(position) };
  }

  async #ask(id: number): Promise<void> {
    if (this.#asking.has(id)) return;
    this.#asking.add(id);
    try {
      if (await this.#takeAll(id)) this.#ahead.delete(id);
      else this.#ahead.add(id);
    } catch (error) {
      this.#options.logger.debug({ err: error, brokerId: id }, 'a broker sent no commits');
    } finally {
      this.#asking.delete(id);
    }
  }

  /** @returns true when this broker has all commits of the other one */
  async #takeAll(id: number): Promise<boolean> {
    const { disk, follower, peers } = this.#options;
    for (;;) {
      const before = disk.position;
      const { position, commits } = await peers.commitsAfter(id, before, ANSWER_TIMEOUT_MS);
      if (position.version <= disk.position.version) return true;
      await follower.take(commits);
      if (position.version <= disk.position.version) return true;
      if (disk.position.version === before.version) return false;
    }
  }
}
