/**
 * HalfSipHash-2-4 with 64 bits of output (Aumasson and Bernstein): a keyed hash that uses 32-bit
 * arithmetic only, so that it is fast in JavaScript. Without the key nobody can construct two
 * inputs with the same hash, which matters because clients choose the inputs (record keys).
 */
export class HalfSipHash {
  /** Lower half of the last hash. */
  low = 0;
  high = 0;
  readonly #key0: number;
  readonly #key1: number;

  /** @param key0 @param key1 the 64 bits of the key, as int32 or uint32 */
  constructor(key0: number, key1: number) {
    this.#key0 = key0;
    this.#key1 = key1;
  }

  /** Hashes `bytes[start, end)` into `low` and `high`, as int32. */
  update(bytes: Uint8Array, start: number, end: number): void {
    const key0 = this.#key0;
    const key1 = this.#key1;
    let v0 = key0;
    let v1 = key1 ^ 0xee;
    let v2 = 0x6c796765 ^ key0;
    let v3 = 0x74656462 ^ key1;
    const wordsEnd = end - ((end - start) & 3);
    // The loop reads one word more than there are: the last holds the remaining bytes and the
    // length. The finish is 4 rounds, the first output, 4 rounds, the second output.
    for (let position = start; position <= wordsEnd; position += 4) {
      const word =
        position < wordsEnd
          ? (bytes[position] as number) |
            ((bytes[position + 1] as number) << 8) |
            ((bytes[position + 2] as number) << 16) |
            ((bytes[position + 3] as number) << 24)
          : lastWord(bytes, start, wordsEnd, end);
      v3 ^= word;
      for (let round = 0; round < 2; round += 1) {
        v0 = (v0 + v1) | 0;
        v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
        v0 = (v0 << 16) | (v0 >>> 16);
        v2 = (v2 + v3) | 0;
        v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
        v0 = (v0 + v3) | 0;
        v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
        v2 = (v2 + v1) | 0;
        v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
        v2 = (v2 << 16) | (v2 >>> 16);
      }
      v0 ^= word;
    }
    v2 ^= 0xee;
    for (let round = 0; round < 8; round += 1) {
      if (round === 4) {
        this.low = v1 ^ v3;
        v1 ^= 0xdd;
      }
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    this.high = v1 ^ v3;
  }
}

function lastWord(bytes: Uint8Array, start: number, from: number, end: number): number {
  let word = (end - start) << 24;
  for (let position = from; position < end; position += 1)
    word |= (bytes[position] as number) << (8 * (position - from));
  return word;
}
