/** Fetches for the partitions that this broker follows, over one link for each leader. */
import { LeaderLink, type LeaderLinkOptions } from './leader-link.js';
import type { Partition } from './partition.js';

export class ReplicaFetcher {
  readonly #options: LeaderLinkOptions;
  readonly #links = new Map<number, LeaderLink>();
  readonly #linkOf = new Map<Partition, LeaderLink>();
  #isClosed = false;

  constructor(options: LeaderLinkOptions) {
    this.#options = options;
  }

  /**
   * Fetches a partition from the leader that its metadata names, or from nobody when it does not
   * follow; to be called after every change of the metadata.
   */
  update(partition: Partition): void {
    const { leader } = partition.metadata;
    const isFollowing = partition.mayFetch && leader !== null && !this.#isClosed;
    const before = this.#linkOf.get(partition);
    if (before !== undefined && (!isFollowing || before.leaderId !== leader)) {
      this.#unfollow(partition, before);
    }
    if (!isFollowing) return;
    let link = this.#links.get(leader);
    if (link === undefined) {
      link = new LeaderLink(leader, this.#options);
      this.#links.set(leader, link);
    }
    this.#linkOf.set(partition, link);
    link.follow(partition);
  }

  /** Fetches nothing any more, and gives up the requests that wait. */
  close(): void {
    this.#isClosed = true;
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#linkOf.clear();
  }

  #unfollow(partition: Partition, link: LeaderLink): void {
    this.#linkOf.delete(partition);
    link.unfollow(partition);
    if (link.size > 0) return;
    link.close();
    this.#links.delete(link.leaderId);
  }
}
