/**
 * The keys of one cluster, in the shapes of Kafka's registry. The braces make them one slot of a
 * Redis Cluster, so that one script reads and writes them all.
 */
export class RedisKeys {
  /** JSON: who the cluster is, see `ClusterDocument`. */
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
  /** List of JSON, the oldest first. */
  readonly deletedTopics: string;
  /** Which Redis process founded or rebuilt the cluster: its run id. */
  readonly confirmation: string;
  /** The rebuild that is under way: `<number> <id> <run id>`. */
  readonly rebuild: string;
  /** Hash of JSON by broker id: what the brokers brought to that rebuild. */
  readonly rebuildViews: string;
  /** Set of broker ids, made by an operator: a rebuild does not wait for these. */
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

  /** What the broker last renewed its lease with: `<broker epoch> <renewal>`. */
  lease(id: number): string {
    return `${this.#prefix}brokers:leases:${id}`;
  }

  /** Up to which version the broker has commits on its disk. */
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
