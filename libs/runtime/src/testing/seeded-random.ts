import type { Random, SecretRandom } from '../clock.js';

/**
 * A generator that gives the same numbers for the same seed on every machine (xorshift, 32 bits of
 * state each).
 */
export class SeededRandom implements Random, SecretRandom {
  #state: number;

  /** @param seed any number; print it when a test with it fails */
  constructor(readonly seed: number) {
    // The generator never leaves the state 0, and its bits need to be spread.
    this.#state = Math.imul((seed | 0) ^ 0x9e3779b9, 0x85ebca6b) || 1;
  }

  below(bound: number): number {
    const fraction = this.#next32() * 2 ** 21 + (this.#next32() >>> 11);
    return Math.floor((fraction / 2 ** 53) * bound);
  }

  uuid(): string {
    const hex = Array.from({ length: 32 }, () => this.below(16).toString(16));
    hex[12] = '4';
    hex[16] = (8 + this.below(4)).toString(16);
    return hex.join('').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }

  bytes(sizeBytes: number): Buffer {
    return Buffer.from(Array.from({ length: sizeBytes }, () => this.below(256)));
  }

  #next32(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state >>> 0;
  }
}
