/** Limits of the memory for idempotent producers. Sizes in accounted bytes, times in ms. */
export interface ProducerMemoryLimits {
  /** Limit over all partitions of the broker. */
  readonly brokerBytes: number;
  readonly partitionBytes: number;
  /** Time after its last append during which a producer is not evicted for others. */
  readonly protectedMs: number;
}

/** Numbers for metrics. Totals count from the start. */
export interface ProducerMemoryStatus {
  /** Known producers, counted once per partition. */
  readonly producers: number;
  readonly usedBytes: number;
  /** Batches of new producers that were refused. */
  readonly refusedTotal: number;
  /** Producers that were evicted to make room. */
  readonly evictedTotal: number;
}

/** The producers of one partition, as seen by the memory of the broker. */
export interface PartitionProducers {
  /**
   * Evicts batches beyond the guaranteed ones of every producer; does nothing while a write is
   * in progress.
   */
  trim(): void;
  /** Evicts idle producers until `isEnough`; does nothing while a write is in progress. */
  evictIdle(nowMs: number, isEnough: () => boolean): void;
}

/**
 * Share of a limit that is in use after an eviction, at most, so that the next producers need no
 * further search.
 */
export const EVICTION_TARGET_SHARE = 0.9;
/** Time in ms after a fruitless search during which none is started. */
const FRUITLESS_WAIT_MS = 1000;

/**
 * The broker's memory for idempotent producers of all its partitions.
 *
 * Room is made in two steps. First each producer loses its remembered batches except the newest
 * five, which Kafka keeps too: a retry of a lost one is answered with DUPLICATE_SEQUENCE_NUMBER, so
 * that nothing is written twice. Then producers that have appended nothing for `protectedMs` are
 * evicted before they expire. When there is still no room, batches of *new* producers are refused;
 * known producers continue.
 */
export class ProducerMemory {
  readonly limits: ProducerMemoryLimits;
  readonly #partitions = new Set<PartitionProducers>();
  #usedBytes = 0;
  #producers = 0;
  #refusedTotal = 0;
  #evictedTotal = 0;
  /** Wall clock of the last search that found no room. */
  #fruitlessAtMs = Number.NEGATIVE_INFINITY;

  constructor(limits: ProducerMemoryLimits) {
    this.limits = limits;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get status(): ProducerMemoryStatus {
    return {
      producers: this.#producers,
      usedBytes: this.#usedBytes,
      refusedTotal: this.#refusedTotal,
      evictedTotal: this.#evictedTotal,
    };
  }

  add(partition: PartitionProducers): void {
    this.#partitions.add(partition);
  }

  remove(partition: PartitionProducers): void {
    this.#partitions.delete(partition);
  }

  /** Accounts for allocated memory (or freed, when negative) of this many producers. */
  take(bytes: number, producers: number): void {
    this.#usedBytes += bytes;
    this.#producers += producers;
  }

  refused(): void {
    this.#refusedTotal += 1;
  }

  evicted(): void {
    this.#evictedTotal += 1;
  }

  hasRoomFor(bytes: number): boolean {
    return this.#usedBytes + bytes <= this.limits.brokerBytes;
  }

  /**
   * Makes room over all partitions as far as possible.
   * @param nowMs wall clock
   */
  makeRoom(nowMs: number): void {
    if (Math.abs(nowMs - this.#fruitlessAtMs) < FRUITLESS_WAIT_MS) return;
    const enoughBytes = this.limits.brokerBytes * EVICTION_TARGET_SHARE;
    const isEnough = (): boolean => this.#usedBytes <= enoughBytes;
    for (const partition of this.#partitions) {
      if (isEnough()) return;
      partition.trim();
    }
    for (const partition of this.#partitions) {
      if (isEnough()) return;
      partition.evictIdle(nowMs, isEnough);
    }
    if (!isEnough()) this.#fruitlessAtMs = nowMs;
  }
}
