/**
 * The choice of a partition for records whose producer named none: by key exactly as Kafka's
 * default partitioner, otherwise sticky (KIP-794) or in turns.
 */

const MURMUR2_SEED = 0x9747b28c;
const MURMUR2_M = 0x5bd1e995;
const MURMUR2_R = 24;

/** A source of random whole numbers in [0, bound); `Random` of libs/runtime implements it. */
export interface RandomBelow {
  below(bound: number): number;
}

/**
 * Kafka's 32-bit murmur2 of `bytes[start, end)`.
 * @returns a signed 32-bit number
 */
export function murmur2(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const length = end - start;
  let hash = MURMUR2_SEED ^ length;
  let position = start;
  for (; position + 4 <= end; position += 4) {
    let word =
      byteAt(bytes, position) |
      (byteAt(bytes, position + 1) << 8) |
      (byteAt(bytes, position + 2) << 16) |
      (byteAt(bytes, position + 3) << 24);
    word = Math.imul(word, MURMUR2_M);
    word ^= word >>> MURMUR2_R;
    word = Math.imul(word, MURMUR2_M);
    hash = Math.imul(hash, MURMUR2_M) ^ word;
  }
  const tail = end - position;
  if (tail >= 3) hash ^= byteAt(bytes, position + 2) << 16;
  if (tail >= 2) hash ^= byteAt(bytes, position + 1) << 8;
  if (tail >= 1) hash = Math.imul(hash ^ byteAt(bytes, position), MURMUR2_M);
  hash = Math.imul(hash ^ (hash >>> 13), MURMUR2_M);
  return hash ^ (hash >>> 15);
}

/** The partition of a key (also of an empty one) among all `partitionCount` partitions. */
export function partitionForKey(
  bytes: Uint8Array,
  partitionCount: number,
  start = 0,
  end = bytes.length,
): number {
  return (murmur2(bytes, start, end) & 0x7fffffff) % partitionCount;
}

/**
 * Keeps one partition until `batchSizeBytes` were produced to it, then takes a random one: records
 * without a key fill batches instead of spreading over all partitions. One instance per topic.
 */
export class StickyPartitioner {
  readonly #batchSizeBytes: number;
  readonly #random: RandomBelow;
  #partition = -1;
  #producedBytes = 0;

  constructor(batchSizeBytes: number, random: RandomBelow) {
    this.#batchSizeBytes = batchSizeBytes;
    this.#random = random;
  }

  /** The partition for a record of `recordBytes`, which counts as produced there. */
  next(partitionCount: number, recordBytes: number): number {
    if (partitionCount === 1) return 0;
    if (this.#partition < 0 || this.#producedBytes >= this.#batchSizeBytes) {
      this.#partition = this.#random.below(partitionCount);
      this.#producedBytes = 0;
    }
    this.#producedBytes += recordBytes;
    return this.#partition;
  }
}

/** Takes the partitions in turns. One instance per topic. */
export class RoundRobinPartitioner {
  #next: number;

  /** Starts at a random partition, so that topics and brokers do not all begin with partition 0. */
  constructor(random: RandomBelow) {
    this.#next = random.below(0x7fffffff);
  }

  next(partitionCount: number): number {
    const partition = this.#next % partitionCount;
    this.#next = partition + 1;
    return partition;
  }
}

function byteAt(bytes: Uint8Array, position: number): number {
  return bytes[position] as number;
}
