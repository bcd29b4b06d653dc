import type { SharedAccount } from './byte-account.js';

/**
 * Counts bytes in memory that many holders share, up to a bound. Bytes are counted as they arrive,
 * not by an announced size, so that a slow sender uses only the memory that it needs.
 */
export class MemoryBudget implements SharedAccount {
  #heldBytes = 0;
  readonly #bytesMax: number;
  readonly #exhausted: () => Error;

  /** @param exhausted creates the error of bytes for which there is no room */
  constructor(bytesMax: number, exhausted: () => Error) {
    this.#bytesMax = bytesMax;
    this.#exhausted = exhausted;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  hasRoomFor(sizeBytes: number): boolean {
    return this.#heldBytes + sizeBytes <= this.#bytesMax;
  }

  /** @throws Error of `exhausted` if there is no room; then nothing was counted */
  hold(sizeBytes: number): void {
    if (!this.hasRoomFor(sizeBytes)) throw this.#exhausted();
    this.#heldBytes += sizeBytes;
  }

  /**
   * Counts bytes that already exist and will be released soon; other holders are refused meanwhile.
   */
  holdAnyway(sizeBytes: number): void {
    this.#heldBytes += sizeBytes;
  }

  release(sizeBytes: number): void {
    this.#heldBytes -= sizeBytes;
  }
}
