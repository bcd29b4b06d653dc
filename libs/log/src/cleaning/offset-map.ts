import type { Offset } from '#protocol';
import { HalfSipHash } from './half-sip-hash.js';

const WORDS_PER_KEY = 4;
/** Bytes of a slot: 16 of hash, 8 of offset. */
const SLOT_BYTES = 4 * WORDS_PER_KEY + 8;
/** Share of used slots above which probing gets slow. */
const LOAD_MAX = 0.75;

/** 128 secret bits as four uint32: without them nobody can choose keys with equal hashes. */
export type HashKey = readonly [number, number, number, number];

/**
 * The last offset of each record key, for compaction: an open-addressed table of 16-byte key hashes
 * in a fixed amount of memory. The keys themselves are not kept: two different keys collide with a
 * probability of 2^-128, which Kafka accepts too.
 */
export class OffsetMap {
  readonly #slots: number;
  readonly #hashes: Int32Array;
  /** Offset + 1; 0 in an empty slot. */
  readonly #offsets: Float64Array;
  readonly #countMax: number;
  readonly #first: HalfSipHash;
  readonly #second: HalfSipHash;
  #count = 0;

  /**
   * @param bytesMax memory limit of the table
   * @param keysMax greatest possible number of keys: the table is smaller when they need less
   */
  constructor(hashKey: HashKey, bytesMax: number, keysMax: number) {
    const slotsMax = Math.floor(bytesMax / SLOT_BYTES);
    this.#slots = Math.max(2, Math.min(slotsMax, Math.ceil(keysMax / LOAD_MAX) + 1));
    this.#countMax = Math.max(1, Math.floor(this.#slots * LOAD_MAX));
    this.#hashes = new Int32Array(this.#slots * WORDS_PER_KEY);
    this.#offsets = new Float64Array(this.#slots);
    this.#first = new HalfSipHash(hashKey[0], hashKey[1]);
    this.#second = new HalfSipHash(hashKey[2], hashKey[3]);
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Sets the offset of the key `bytes[start, end)`.
   * @returns false without a change when the table is full and lacks the key
   */
  put(bytes: Uint8Array, start: number, end: number, offset: Offset): boolean {
    const slot = this.#slotOf(bytes, start, end);
    if (this.#offsets[slot] === 0) {
      if (this.#count >= this.#countMax) return false;
      this.#count += 1;
      const firstWord = slot * WORDS_PER_KEY;
      this.#hashes[firstWord] = this.#first.low;
      this.#hashes[firstWord + 1] = this.#first.high;
      this.#hashes[firstWord + 2] = this.#second.low;
      this.#hashes[firstWord + 3] = this.#second.high;
    }
    this.#offsets[slot] = offset + 1;
    return true;
  }

  /** Returns the offset of the key `bytes[start, end)`; -1 when it is not in the table. */
  get(bytes: Uint8Array, start: number, end: number): Offset {
    return (this.#offsets[this.#slotOf(bytes, start, end)] ?? 0) - 1;
  }

  /** Returns the slot of the key, or the empty slot for it; the hashers have its hash. */
  #slotOf(bytes: Uint8Array, start: number, end: number): number {
    this.#first.update(bytes, start, end);
    this.#second.update(bytes, start, end);
    const word0 = this.#first.low;
    const word1 = this.#first.high;
    const word2 = this.#second.low;
    const word3 = this.#second.high;
    const hashes = this.#hashes;
    let slot = (word0 >>> 0) % this.#slots;
    // The loop ends because a quarter of the slots is always empty.
    for (;;) {
      if (this.#offsets[slot] === 0) return slot;
      const firstWord = slot * WORDS_PER_KEY;
      const isSame =
        hashes[firstWord] === word0 &&
        hashes[firstWord + 1] === word1 &&
        hashes[firstWord + 2] === word2 &&
        hashes[firstWord + 3] === word3;
      if (isSame) return slot;
      slot = slot + 1 === this.#slots ? 0 : slot + 1;
    }
  }
}
