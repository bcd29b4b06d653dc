import type { Partition } from './partition.js';
import {
  ReplicaFetcherConnection,
  type ReplicaFetcherConnectionOptions,
} from './replica-fetcher-connection.js';

/** Fetches the partitions that this broker follows, over one connection per leader. */
export class ReplicaFetcher {
  readonly #options: ReplicaFetcherConnectionOptions;
  /** Connections by id of the leader. */
  readonly #connections = new Map<number, ReplicaFetcherConnection>();
  readonly #connectionOf = new Map<Partition, ReplicaFetcherConnection>();
  #isClosed = false;

  constructor(options: ReplicaFetcherConnectionOptions) {
    this.#options = options;
  }

  /**
   * Fetches a partition from the leader that its metadata names, or stops fetching it when this
   * broker does not follow. Call it after every change of the metadata.
   */
  update(partition: Partition): void {
    const { leader } = partition.metadata;
    const isFollowing = partition.mayFetch && leader !== null && !this.#isClosed;
    const before = this.#connectionOf.get(partition);
    if (before !== undefined && (!isFollowing || before.leaderId !== leader)) {
      this.#unfollow(partition, before);
    }
    if (!isFollowing) return;
    let connection = this.#connections.get(leader);
    if (connection === undefined) {
      connection = new ReplicaFetcherConnection(leader, this.#options);
      this.#connections.set(leader, connection);
    }
    this.#connectionOf.set(partition, connection);
    connection.follow(partition);
  }

  /** Stops fetching and aborts the requests that wait at leaders. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
    this.#connectionOf.clear();
  }

  #unfollow(partition: Partition, connection: ReplicaFetcherConnection): void {
    this.#connectionOf.delete(partition);
    connection.unfollow(partition);
    if (connection.size > 0) return;
    connection.close();
    this.#connections.delete(connection.leaderId);
  }
}
