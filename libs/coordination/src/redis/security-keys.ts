import { RedisKeys } from './redis-keys.js';

/**
 * The keys of the security metadata of one cluster in Redis, in the same slot of a Redis Cluster as
 * its other keys. Brokers verify signed values with the cluster secret: a user of Redis who does
 * not know the secret can remove such values, but cannot add any.
 */
export class SecurityKeys {
  /** `<version> <change id>` of the newest commit. */
  readonly version: string;
  /** Stream of the commits since the snapshot, with the ids `<version>-0`; signed. */
  readonly commits: string;
  /** Run id of the Redis process that the metadata was installed in. */
  readonly confirmation: string;
  /** JSON: the description of the snapshot; signed. */
  readonly snapshot: string;
  /** Hash by subject: `<signature> <time until which it is kept, or nothing>`. */
  readonly revocations: string;
  /** The rebuild in progress: `<number> <id> <run id>`. */
  readonly rebuild: string;
  /** Hash by broker id: the views that brokers have published to that rebuild; signed. */
  readonly rebuildViews: string;
  /** Set of broker ids, written by an operator: no rebuild waits for these. */
  readonly givenUp: string;
  readonly #prefix: string;

  /** @param clusterId without braces */
  constructor(clusterId: string) {
    const prefix = `{${clusterId}}:security:`;
    this.#prefix = prefix;
    this.version = `${prefix}version`;
    this.commits = `${prefix}commits`;
    this.confirmation = `${prefix}confirmed-by`;
    this.snapshot = `${prefix}snapshot`;
    this.revocations = `${prefix}revocations`;
    this.rebuild = `${prefix}rebuild`;
    this.rebuildViews = `${prefix}rebuild:views`;
    this.givenUp = new RedisKeys(clusterId).givenUp;
  }

  /** Hash by number: the chunks of a snapshot; signed. */
  chunks(changeId: string): string {
    return `${this.snapshot}:${changeId}`;
  }

  /** Newest version that the broker has on its disk. */
  journaled(brokerId: number): string {
    return `${this.#prefix}journaled:${brokerId}`;
  }
}
