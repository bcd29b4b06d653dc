import type { TopicMetadata } from '#coordination';

/**
 * The replicas whose logs this broker has never made, as far as its metadata proves it: the
 * partition appeared while this process followed the metadata, and no log was opened since. All
 * metadata that a broker followed is on its disk before it makes a log, so no earlier process on
 * this disk knew the partition either.
 *
 * A broker that was cut off reads the whole metadata at once. A partition that was created
 * meanwhile is then no longer new, but a log that never existed cannot have been lost.
 */
export class UnmadeLogs {
  readonly #brokerId: number;
  /** False until the metadata at the start is known: nothing is proven then. */
  #isStarted = false;
  /** Number of the partitions that this process knows, by topic id. */
  readonly #counts = new Map<string, number>();
  /** Numbers of the partitions whose logs were never made, by topic id. */
  readonly #unmade = new Map<string, Set<number>>();

  constructor(brokerId: number) {
    this.#brokerId = brokerId;
  }

  /** Records the topics of the metadata with which this process started on its registered disk. */
  startWith(topics: Iterable<TopicMetadata>): void {
    for (const { id, partitions } of topics) this.#counts.set(id, partitions.length);
    this.#isStarted = true;
  }

  /** Records the metadata of a topic that this process follows. */
  seen({ id, partitions }: TopicMetadata): void {
    const known = this.#counts.get(id) ?? 0;
    if (!this.#isStarted || partitions.length <= known) return;
    this.#counts.set(id, partitions.length);
    const unmade = this.#unmade.get(id) ?? new Set();
    for (const [number, { replicas }] of partitions.entries()) {
      if (number >= known && replicas.includes(this.#brokerId)) unmade.add(number);
    }
    if (unmade.size > 0) this.#unmade.set(id, unmade);
  }

  /** Records that a log exists. */
  made(topicId: string, partition: number): void {
    const unmade = this.#unmade.get(topicId);
    unmade?.delete(partition);
    if (unmade?.size === 0) this.#unmade.delete(topicId);
  }

  has(topicId: string, partition: number): boolean {
    return this.#unmade.get(topicId)?.has(partition) === true;
  }

  /** Forgets a deleted topic. */
  removed(topicId: string): void {
    this.#counts.delete(topicId);
    this.#unmade.delete(topicId);
  }
}
