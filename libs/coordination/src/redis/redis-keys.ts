/**
 * The keys of one cluster in Redis, in the shapes of Kafka's registry. The braces put them into one
 * slot of a Redis Cluster, so that one script can read and write them all.
 */
export class RedisKeys {
  /** JSON: the identity of the cluster, see `ClusterDocument`. */
  readonly cluster: string;
  /** `<version> <change id>` of the newest commit. */
  readonly version: string;
  /** Stream of the newest commits, with the ids `<version>-0`. */
  readonly changes: string;
  /** JSON: `{"id":1,"epoch":7}`. */
  readonly controller: string;
  /** Set of broker ids. */
  readonly brokerIds: string;
  /** Set of topic names. */
  readonly topicNames: string;
  /** List of JSON, oldest first. */
  readonly deletedTopics: string;
  /** Run id of the Redis process that founded or rebuilt the cluster. */
  readonly confirmation: string;
  /** The rebuild in progress: `<number> <id> <run id>`. */
  readonly rebuild: string;
  /** Hash of JSON by broker id: the views that brokers have published to that rebuild. */
  readonly rebuildViews: string;
  /** Set of broker ids, written by an operator: a rebuild does not wait for these. */
  readonly givenUp: string;
  readonly #prefix: string;

  /** @param clusterId without braces */
  constructor(clusterId: string) {
    const prefix = `{${clusterId}}:`;
    this.#prefix = prefix;
    this.cluster = `${prefix}cluster`;
    this.version = `${prefix}version`;
    this.changes = `${prefix}changes`;
    this.controller = `${prefix}controller`;
    this.brokerIds = `${prefix}brokers:ids`;
    this.topicNames = `${prefix}brokers:topics`;
    this.deletedTopics = `${prefix}deleted-topics`;
    this.confirmation = `${prefix}confirmed-by`;
    this.rebuild = `${prefix}rebuild`;
    this.rebuildViews = `${prefix}rebuild:views`;
    this.givenUp = `${prefix}rebuild:given-up`;
  }

  broker(id: number): string {
    return `${this.brokerIds}:${id}`;
  }

  /** Value of the broker's last lease renewal: `<broker epoch> <renewal>`. */
  lease(id: number): string {
    return `${this.#prefix}brokers:leases:${id}`;
  }

  /** Newest version that the broker has on its disk. */
  journaled(id: number): string {
    return `${this.#prefix}brokers:journaled:${id}`;
  }

  topic(name: string): string {
    return `${this.topicNames}:${name}`;
  }

  partition(topic: string, partition: number): string {
    return `${this.topic(topic)}:partitions:${partition}:state`;
  }
}
