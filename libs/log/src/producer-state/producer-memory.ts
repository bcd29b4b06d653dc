/** Limits of the memory for idempotent producers. Sizes in bytes as counted, times in ms. */
export interface ProducerMemoryLimits {
  /** All partitions of the broker together. */
  readonly brokerBytes: number;
  readonly partitionBytes: number;
  /** A producer that appended within this time is not evicted to make room for others. */
  readonly protectedMs: number;
}

/** Numbers for metrics. Totals count from the start. */
export interface ProducerMemoryStatus {
  /** One per producer and partition. */
  readonly producers: number;
  readonly usedBytes: number;
  /** Batches of new producers that were refused. */
  readonly refusedTotal: number;
  /** Producers that were forgotten to make room. */
  readonly evictedTotal: number;
}

/** The producers of one partition, as the memory of the broker sees them. */
export interface PartitionProducers {
  /**
   * Forgets batches beyond those that every producer may have; nothing while a write is under way.
   */
  trim(): void;
  /** Evicts producers that may be evicted until `isEnough`; nothing while a write is under way. */
  evictSilent(nowMs: number, isEnough: () => boolean): void;
}

/** Room is made down to this part of a limit, so that it is not made for each producer again. */
export const ROOM_MADE_TO = 0.9;
/** After a search for room that found none the next one waits so long, in ms. */
const FRUITLESS_WAIT_MS = 1000;

/**
 * The memory that a broker has for idempotent producers of all its partitions.
 *
 * Room is made in two steps. Producers first lose remembered batches beyond Kafka's five: a retry
 * of one of those is answered with DUPLICATE_SEQUENCE_NUMBER, so that nothing is written twice.
 * Then producers that have appended nothing for `protectedMs` are evicted, as they would be after
 * their expiration. When there is still no room, batches of *new* producers are refused; known
 * producers go on.
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

  /** Counts memory that is taken (or given back, when negative), and by how many producers. */
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
   * Makes room over all partitions, as far as that goes.
   * @param nowMs wall clock
   */
  makeRoom(nowMs: number): void {
    if (Math.abs(nowMs - this.#fruitlessAtMs) < FRUITLESS_WAIT_MS) return;
    const enoughBytes = this.limits.brokerBytes * ROOM_MADE_TO;
    const isEnough = (): boolean => this.#usedBytes <= enoughBytes;
    for (const partition of this.#partitions) {
      if (isEnough()) return;
      partition.trim();
    }
    for (const partition of this.#partitions) {
      if (isEnough()) return;
      partition.evictSilent(nowMs, isEnough);
    }
    if (!isEnough()) this.#fruitlessAtMs = nowMs;
  }
}

/** A memory without limits that matter: for logs of a test, or alone. */
export function largeProducerMemory(): ProducerMemory {
  const bytes = Number.MAX_SAFE_INTEGER;
  return new ProducerMemory({ brokerBytes: bytes, partitionBytes: bytes, protectedMs: 0 });
}
