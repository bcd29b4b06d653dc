import type { SeededRandom } from '#runtime/testing';
import type { Revocation, SecurityPosition } from '#security';
import type {
  RebuildRound,
  RebuildRounds,
} from '../../../libs/coordination/src/registry/rebuild-rounds.js';
import { RegistryAwayError } from '../../../libs/coordination/src/registry-errors.js';
import type {
  SecurityCommitReply,
  SecurityRead,
  SecurityRegistry,
  StoredCommit,
  StoredRevocation,
} from '../../../libs/coordination/src/security/security-registry.js';
import type { SimulatedLinks } from '../simulated-links.js';
import type { SimulatedProcess } from '../simulated-process.js';
import type { SecurityRedis } from './security-redis.js';

const CALL_TIMEOUT_MS = 1000;
/** Pause between attempts to connect, ms. */
const RECONNECT_MS = 100;

interface ClientParts {
  readonly redis: SecurityRedis;
  readonly links: SimulatedLinks;
  readonly random: SeededRandom;
  readonly process: SimulatedProcess;
  readonly brokerId: number;
}

/**
 * The connection of one process to the Redis of the security metadata. A call that is not answered
 * in time may have been executed, and breaks the connection.
 */
export class SecurityRedisClient implements SecurityRegistry {
  readonly rebuilds: RebuildRounds<string> = {
    current: () => this.#call((redis) => redis.currentRound()),
    begin: (before, confirmedBefore, round) =>
      this.#call((redis) => redis.beginRound(before, confirmedBefore, round)),
    publish: (round, brokerId, view) =>
      this.#call((redis) => redis.publishView(round, brokerId, view)),
    views: (round) => this.#call((redis) => redis.views(round)),
    givenUpBrokers: () => Promise.resolve([]),
  };
  readonly #parts: ClientParts;
  #onReady: (() => void) | undefined;
  #isReady = false;
  #isClosed = false;

  constructor(parts: ClientParts) {
    this.#parts = parts;
    this.#connect();
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get lastError(): unknown {
    return this.#isReady ? undefined : new Error('Redis is out of reach');
  }

  listen(onReady: () => void): void {
    this.#onReady = onReady;
  }

  read(knownVersion: number): Promise<SecurityRead> {
    return this.#call((redis) => redis.read(knownVersion));
  }

  commit(
    before: SecurityPosition,
    commit: StoredCommit,
    timeoutMs: number,
  ): Promise<SecurityCommitReply> {
    return this.#call((redis) => redis.commit(before, commit), timeoutMs);
  }

  putChunks(changeId: string, firstIndex: number, chunks: readonly string[]): Promise<void> {
    return this.#call((redis) => redis.putChunks(changeId, firstIndex, chunks));
  }

  chunks(
    changeId: string,
    firstIndex: number,
    count: number,
  ): Promise<readonly (string | undefined)[]> {
    return this.#call((redis) => redis.chunks(changeId, firstIndex, count));
  }

  removeChunks(changeId: string): Promise<void> {
    return this.#call((redis) => redis.removeChunks(changeId));
  }

  installSnapshot(position: SecurityPosition, snapshot: string): Promise<boolean> {
    return this.#call((redis) => redis.installSnapshot(position, snapshot));
  }

  revocations(): Promise<readonly StoredRevocation[]> {
    return this.#call((redis) => redis.revocations());
  }

  putRevocations(revocations: readonly StoredRevocation[]): Promise<void> {
    return this.#call((redis) => redis.putRevocations(revocations));
  }

  removeRevocations(subjects: readonly Revocation['subject'][]): Promise<void> {
    return this.#call((redis) => redis.removeRevocations(subjects));
  }

  publishJournaled(brokerId: number, version: number): Promise<void> {
    return this.#call((redis) => redis.publishJournaled(brokerId, version));
  }

  journaledVersions(brokerIds: readonly number[]): Promise<readonly number[]> {
    return this.#call((redis) => redis.journaledVersions(brokerIds));
  }

  installRebuilt(
    round: RebuildRound,
    position: SecurityPosition,
    snapshot: string,
  ): Promise<boolean> {
    return this.#call((redis) => redis.installRebuilt(round, position, snapshot));
  }

  close(): void {
    this.#isClosed = true;
    this.#isReady = false;
  }

  #call<T>(run: (redis: SecurityRedis) => T, timeoutMs = CALL_TIMEOUT_MS): Promise<T> {
    if (!this.#isReady) return Promise.reject(new RegistryAwayError(false, this.lastError));
    const { redis, links, process, brokerId } = this.#parts;
    return new Promise((resolve, reject) => {
      const timer = process.ports.scheduler.after(timeoutMs, () => {
        this.#break();
        reject(new RegistryAwayError(true, new Error('no answer in time')));
      });
      links.send(brokerId, 'redis', () => {
        if (!redis.isUp) return;
        // Each reader gets its own copy, as from decoding.
        const answer = structuredClone(run(redis));
        if (redis.takesReply()) return;
        links.send('redis', brokerId, () =>
          process.deliver(() => {
            timer.cancel();
            resolve(answer);
          }),
        );
      });
    });
  }

  #break(): void {
    if (!this.#isReady) return;
    this.#isReady = false;
    this.#connect();
  }

  #connect(): void {
    const { redis, links, process, brokerId, random } = this.#parts;
    const again = process.ports.scheduler.after(CALL_TIMEOUT_MS, () => this.#connect());
    links.send(brokerId, 'redis', () => {
      if (!redis.isUp) return;
      links.send('redis', brokerId, () =>
        process.deliver(() => {
          again.cancel();
          if (this.#isClosed || this.#isReady) return;
          process.ports.scheduler.after(random.below(RECONNECT_MS), () => {
            this.#isReady = !this.#isClosed;
            if (this.#isReady) this.#onReady?.();
          });
        }),
      );
    });
  }
}
